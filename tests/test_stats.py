"""Intervals cover, tests keep their error rate, and nothing has width 0."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch import stats

scores = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def test_wilson_known_values():
    low, high = stats.wilson(8, 10)
    assert (low, high) == pytest.approx((0.49016, 0.94330), abs=1e-4)
    assert stats.wilson(0, 0) == (0.0, 1.0)
    assert stats.wilson(0, 10)[0] == 0.0
    assert stats.wilson(10, 10)[1] == 1.0


@pytest.mark.parametrize(
    ("freedom", "value"), [(1, 12.7062), (2, 4.3027), (3, 3.1824), (8, 2.3060), (100, 1.9840)]
)
def test_t_quantile_against_tables(freedom, value):
    assert stats.t_quantile(0.975, freedom) == pytest.approx(value, abs=5e-3)


@given(scores, st.floats(0.5, 0.999))
def test_mean_lies_inside_its_interval(values, level):
    found = stats.mean_estimate(values, level=level)
    assert found.mean is not None
    assert 0 <= found.low <= found.mean <= found.high <= 1
    assert found.high > found.low


@given(scores)
def test_groups_of_one_change_nothing(values):
    alone = stats.mean_estimate(values)
    assert stats.mean_estimate(values, [f"g{i}" for i in range(len(values))]) == alone
    assert stats.mean_estimate(values, [None] * len(values)) == alone


@given(st.lists(st.sampled_from([0.0, 1.0]), min_size=4, max_size=20))
def test_copies_of_an_item_in_its_group_bring_no_knowledge(values):
    copied = [value for value in values for _ in range(5)]
    groups = [f"g{i}" for i in range(len(values)) for _ in range(5)]
    clustered = stats.mean_estimate(copied, groups)
    honest = stats.mean_estimate(values)
    assert clustered.n == 5 * len(values)
    assert clustered.groups == len(values)
    width = clustered.high - clustered.low
    assert width > 0.9 * (honest.high - honest.low)


@given(scores, st.randoms(use_true_random=False))
def test_paired_difference_is_antisymmetric_and_never_certain(values, rng):
    other = [rng.random() for _ in values]
    groups = [f"g{i // 3}" for i in range(len(values))]
    one, two = (
        stats.paired_difference(values, other, groups),
        stats.paired_difference(other, values, groups),
    )
    assert one.mean == pytest.approx(-two.mean)
    assert (one.low, one.high) == pytest.approx((-two.high, -two.low))
    assert stats.paired_difference(values, values).high > 0


def test_nothing_known_is_the_whole_range():
    assert stats.mean_estimate([]).mean is None
    assert stats.paired_difference([], []).interval == (-1.0, 1.0)


def test_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        stats.paired_difference([1.0], [1.0, 0.0])


def _clustered_pairs(rng, groups, gain):
    first, second, names = [], [], []
    for group in range(groups):
        hard = rng.random()
        for _ in range(4):
            first.append(float(rng.random() < min(1.0, hard + gain)))
            second.append(float(rng.random() < hard))
            names.append(f"g{group}")
    return first, second, names


def test_intervals_cover_on_clustered_items():
    rng = random.Random(5)
    covered = {"mean": 0, "difference": 0}
    runs = 400
    for _ in range(runs):
        first, second, names = _clustered_pairs(rng, 40, 0.0)
        mean = stats.mean_estimate(first, names)
        covered["mean"] += mean.low <= 0.5 <= mean.high
        difference = stats.paired_difference(first, second, names)
        covered["difference"] += difference.low <= 0 <= difference.high
    assert covered["mean"] >= 0.92 * runs
    assert 0.92 * runs <= covered["difference"] < runs


def test_an_interval_blind_to_groups_would_be_too_narrow():
    rng = random.Random(6)
    first, _, names = _clustered_pairs(rng, 60, 0.0)
    aware, blind = stats.mean_estimate(first, names), stats.mean_estimate(first)
    assert aware.high - aware.low > 1.05 * (blind.high - blind.low)


@settings(max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_evidence_does_not_depend_on_order(values, rng):
    mixed = values[:]
    rng.shuffle(mixed)
    assert stats.log_evidence_above_zero(mixed) == pytest.approx(
        stats.log_evidence_above_zero(values), abs=1e-9
    )


def test_no_difference_is_no_evidence():
    assert stats.log_evidence_above_zero([]) == 0.0
    assert stats.log_evidence_above_zero([0.0] * 50) == pytest.approx(0.0)
    assert stats.log_evidence_above_zero([-1.0] * 50) < -1


def test_looking_after_every_item_keeps_the_error_rate():
    """A fixed-size test looked at 200 times errs far more often than in 5 % of the runs."""
    rng = np.random.default_rng(3)
    values = rng.choice([-1.0, 0.0, 1.0], size=(2000, 200), p=[0.2, 0.6, 0.2])
    bets = np.array(stats.BETS)[:, None, None]
    capital = np.cumsum(np.log1p(bets * values), axis=2)
    mixture = np.logaddexp.reduce(capital, axis=0) - math.log(len(stats.BETS))
    assert mixture[0, -1] == pytest.approx(stats.log_evidence_above_zero(values[0]))
    rate = (mixture.max(axis=1) >= math.log(1 / 0.05)).mean()
    assert 0 < rate <= 0.05


def test_a_clear_winner_is_found_soon():
    rng = np.random.default_rng(4)
    values = rng.choice([-1.0, 0.0, 1.0], size=(200, 56), p=[0.05, 0.5, 0.45])
    found = sum(stats.evidence_above_zero(list(row), alpha=0.01) for row in values)
    assert found >= 180


def test_a_group_is_one_bet():
    values, groups = [1.0] * 40, ["same"] * 40
    assert stats.log_evidence_above_zero(values, groups) == pytest.approx(
        stats.log_evidence_above_zero([1.0])
    )
