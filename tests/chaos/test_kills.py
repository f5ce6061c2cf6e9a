"""A search over HTTP that is killed; `python -m benchmarks.kills` does it two hundred times."""

from benchmarks import kills
from tests.chaos.test_disk import TINY


def test_a_killed_search_ends_the_same_and_pays_nothing_twice():
    seen = kills.measure(2, side_by_side=1, settings=TINY)
    assert seen["kills"] == 2
    assert seen["results_that_differ"] == 0
    assert seen["requests_too_many"] == 0
    assert seen["repeated_though_not_in_flight"] == 0
    assert seen["ledgers_that_differ_in_calls"] == 0
    assert seen["ledgers_that_differ_in_tokens"] == 0
    assert seen["in_flight_at_most"] <= 128
