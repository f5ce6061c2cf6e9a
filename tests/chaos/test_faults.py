"""Whole searches against a server that fails: the same end, every token booked.

`python -m benchmarks.faults` does the same with processes, real time and more faults.
"""

import pytest

from benchmarks import faults
from benchmarks._world import answer, faltering
from graphsearch.testing import StubServer, run_virtual

RATES = {kind.value: 0.3 / len(faults.KINDS) for kind in faults.KINDS}

SMALL = faults.SETTINGS.model_copy(
    update={
        "rounds": 2,
        "blocks": (4, 8),
        "search_items": 24,
        "selection_items": 10,
        "test_items": 20,
    }
)


def search(folder, answers=answer, **options):
    """A search against a server in this process, in virtual time."""

    async def main():
        async with StubServer(answers, **options) as server:
            error = await faults.study(folder, server.base_url, SMALL)
            return error, server.served.to_json()

    folder.mkdir()
    error, served = run_virtual(main())
    return {**faults.read(folder / "run"), "served": served, "error": error, "s": 0.0, "cpu": 0.0}


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    return search(tmp_path_factory.mktemp("faults") / "calm")


def test_without_faults_the_server_and_the_books_agree(calm):
    facts = faults.facts(calm)
    assert facts["ended"]
    assert (facts["booked_less_sent"], facts["calls_booked_less_requests"]) == (0, 0)
    assert "waste" not in facts["booked"]


def test_faults_change_neither_winner_nor_score_and_every_token_is_booked(calm, tmp_path):
    options = {"rates": RATES, "retry_after": "0.1", "slow_s": 0.2, "most_per_request": 3}
    rough = search(tmp_path / "rough", **options)
    facts, differs = faults.facts(rough), faults.against(calm, rough)
    assert facts["ended"], facts["error"]
    assert set(facts["faults"]) == set(RATES)
    assert differs["share_of_faults"] > 0.25
    assert not differs["winner_differs"]
    assert differs["scores_that_differ"] == 0
    assert not differs["evidence_differs"]
    assert not differs["tokens_differ"]
    assert (facts["failures_graded"], facts["not_evaluated"]) == (0, 0)
    assert (facts["booked_less_sent"], facts["calls_booked_less_requests"]) == (0, 0)
    assert differs["maybe_made"] > 0
    assert differs["maybe_made_less_booked_at_worst"] == 0
    assert differs["waste_below_lost"] == 0


def test_what_the_model_does_wrong_by_itself_is_its_own_outcome(tmp_path):
    seen = search(tmp_path / "frail", faltering)
    facts, own = faults.facts(seen), faults.own_outcomes(seen)
    assert own["empty"] > 0
    assert own["truncated"] > 0
    assert own["miscounted"] == 0
    assert own["answers_empty_or_truncated"] > 0
    assert own["of_them_not_scored_0"] == 0
    assert facts["booked_less_sent"] == 0
    assert facts["not_evaluated"] == 0


def test_a_difference_would_be_seen(calm, tmp_path):
    other = search(tmp_path / "other", lambda asked: "Answer: 7")
    differs = faults.against(calm, other)
    assert differs["scores_that_differ"] > 0
    assert differs["evidence_differs"]
