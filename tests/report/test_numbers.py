import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphsearch.report import numbers

SPACE = "\u00a0"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.00213, "0.00213"),
        (0.5, "0.5"),
        (16.34, "16.3"),
        (9.999, "10"),
        (99.96, "100"),
        (18.0, "18"),
        (123.4, "123"),
        (1240.4, "1,240"),
        (9.71e11, "9.71e11"),
        (2e-7, "2.00e−7"),
        (-2.5, "−2.5"),
    ],
)
def test_numbers_keep_three_digits(value, written):
    assert numbers.number(value) == written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "–"),
        (0.0, "0"),
        (0.5, "0.500"),
        (0.0361, "0.0361"),
        (1.0, "1.00"),
        (9.999, "10.0"),
        (15.0, "15.0"),
        (99.96, "100"),
        (1240.4, "1,240"),
        (-2.5, "−2.50"),
    ],
)
def test_numbers_of_a_column_keep_their_zeros(value, written):
    assert numbers.measured(value) == written


@given(st.floats(1e-9, 1e15))
def test_a_written_number_is_within_one_percent_of_the_value(value):
    written = float(numbers.number(value).replace(",", "").replace("−", "-"))
    assert written == pytest.approx(value, rel=0.0051)


def test_unknown_is_a_dash_and_never_zero():
    writers = [numbers.percent, numbers.interval, numbers.points, numbers.points_interval]
    assert [write(None) for write in [*writers, numbers.count]] == ["–"] * 5
    assert numbers.amount(None, "usd") == "–"


def test_shares_points_and_amounts():
    assert numbers.percent(0.7123) == f"71.2{SPACE}%"
    assert numbers.interval((0.67, 0.751)) == f"67.0 to 75.1{SPACE}%"
    assert numbers.points(-0.0312) == "−3.1"
    assert numbers.points(0.0) == "0.0"
    assert numbers.points(0.0001) == "+0.01", "what is not 0 never reads as 0"
    assert numbers.points_interval((-0.0004, 0.03)) == "−0.04 to +3.0"
    assert numbers.interval((0.0003, 0.99996)) == f"0.03 to 99.996{SPACE}%"
    assert numbers.points_interval((-0.012, 0.07)) == "−1.2 to +7.0"
    assert numbers.amount(0.0021, "usd") == f"0.0021{SPACE}USD"
