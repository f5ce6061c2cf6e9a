"""A grader that changes its mind changes no study: what it said first is on disk."""

import dataclasses
from collections import Counter
from typing import ClassVar

import pytest

from graphsearch.records.events import BlockDone
from graphsearch.records.tasks import Verdict
from graphsearch.study.study import Study
from tests.study.world import SumGrader, make_parts


class Fickle(SumGrader):
    """Says the opposite every second time that it is asked about a text, in whatever life."""

    name = "fickle"
    blocking: ClassVar[bool] = True
    asked: ClassVar[Counter] = Counter()

    def grade(self, item, text):
        self.asked[item.id, text] += 1
        found = super().grade(item, text)
        even = self.asked[item.id, text] % 2 == 0
        return Verdict(1 - found.score, parsed=found.parsed) if even and found.parsed else found


class Killed(Exception):
    """Raised when a block is done."""


@pytest.fixture
def afresh(monkeypatch):
    def forget():
        monkeypatch.setattr(Fickle, "asked", Counter())

    forget()
    return forget


async def run(folder, listener=None):
    parts = make_parts(searcher="reinforce")
    parts = dataclasses.replace(parts, task=dataclasses.replace(parts.task, grader=Fickle()))
    async with Study.open(parts, folder, listener=listener) as study:
        return await study.run()


async def test_killed_after_any_block_it_ends_with_the_same_verdicts(tmp_path, afresh):
    blocks = []
    await run(tmp_path / "whole", lambda e: blocks.append(e) if isinstance(e, BlockDone) else None)
    assert set(Fickle.asked.values()) == {1}
    whole = (tmp_path / "whole" / "result.json").read_bytes()
    asked = dict(Fickle.asked)
    afresh()
    lives = 0
    for killed_at in sorted({1, 2, len(blocks) // 3, len(blocks) // 2, len(blocks)}):
        seen = []

        def listener(event, seen=seen, killed_at=killed_at):
            if isinstance(event, BlockDone):
                seen.append(event)
                if len(seen) == killed_at:
                    raise Killed

        try:
            await run(tmp_path / "cut", listener)
        except Killed:
            lives += 1
    assert lives >= 3
    await run(tmp_path / "cut")
    assert dict(Fickle.asked) == asked
    assert (tmp_path / "cut" / "result.json").read_bytes() == whole
