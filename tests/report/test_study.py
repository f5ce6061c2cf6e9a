"""Reports of real studies: whatever a study writes down, the page can show."""

import pytest

from graphsearch.agents.search.rules import RulesAgent
from graphsearch.report import write_report
from graphsearch.study import Study
from tests.report.test_page import Page
from tests.study.world import make_parts


async def studied(folder, **changes):
    async with Study.open(make_parts(**changes), folder) as study:
        return await study.run()


@pytest.mark.parametrize("searcher", ["random", "agent-reinforce"])
async def test_a_whole_study_is_shown(tmp_path, searcher):
    agent = (lambda complete: RulesAgent()) if searcher == "agent-reinforce" else None
    result = await studied(tmp_path / "run", searcher=searcher, agent=agent)
    page = Page(write_report(tmp_path / "run").read_text())
    assert page.unbalanced == []
    claim = result.verdict.split(" a question; ")[1].replace("->", "→")
    assert f"{claim[0].upper()}{claim[1:]}" in page.text.replace("\u2212", "-")
    for row in result.baselines:
        assert row.name.replace("->", "→") in page.text
    assert ("After round" in page.text) == (agent is not None)
    assert ("keeps no probabilities" in page.text) == (searcher == "random")
    again = write_report(result, tmp_path / "other.html")
    assert "A graph of" in again.read_text() or "One call of" in again.read_text()


async def test_a_study_with_a_tiny_budget_is_shown(tmp_path):
    await studied(tmp_path, search_budget="260 units", min_test_items=1)
    assert write_report(tmp_path).is_file()
