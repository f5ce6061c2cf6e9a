"""What goes between the judge and a program: every value comes back as it was, and nothing runs."""

import array
import collections
import contextlib
import datetime
import json
import marshal
import math
import os
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.evaluators.sandbox.inside.candidate import to_json
from graphsearch.evaluators.sandbox.inside.wire import FRAME, Broken, Closed, Codec, Pipe, TooMuch


def refuse(*_):
    raise Broken("no plain data")


CODEC = Codec(refuse, refuse)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.complex_numbers(allow_nan=False)
)
KEYS = st.integers() | st.text() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.sets(KEYS)
        | st.frozensets(KEYS)
        | st.dictionaries(KEYS, inner)
    ),
    max_leaves=20,
)


def there_and_back(value):
    """By JSON, as from the program, and by marshal, as to it; both must agree."""
    tree = CODEC.pack(value)
    by_json = CODEC.unpack(json.loads(to_json(tree)))
    by_marshal = CODEC.unpack(marshal.loads(marshal.dumps(tree)))
    assert exactly(by_json, by_marshal)
    return by_json


def exactly(one, other):
    """Equal in value and in kind, all the way down."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, list | tuple):
        return all(map(exactly, one, other))
    if isinstance(one, dict):
        return all(map(exactly, one.items(), other.items()))
    return True


@settings(max_examples=40)
@given(VALUES)
def test_plain_values_come_back_as_they_were(value):
    assert exactly(there_and_back(value), value)


@pytest.mark.parametrize(
    "value",
    [
        Fraction(1, 3),
        Decimal("1.50"),
        datetime.date(2026, 11, 21),
        datetime.datetime(2026, 11, 21, 1, 2, 3, 4),
        datetime.time(1, 2),
        datetime.timedelta(1, 2, 3),
        range(1, 2**70, 3),
        collections.deque([1, 2], 3),
        collections.OrderedDict(a=1),
        collections.Counter("aab"),
        array.array("d", [1.5]),
        bytearray(b"x"),
        {1: 2}.keys(),
        {1: 2}.items(),
        ...,
        float("inf"),
        2**63,
        -(2**200),
        "\ud800",
    ],
)
def test_kinds_of_the_standard_library(value):
    found = there_and_back(value)
    assert type(found) is type(value)
    assert found == value


def test_not_a_number_and_negative_zero():
    assert math.isnan(CODEC.unpack(json.loads(to_json(CODEC.pack(float("nan"))))))
    assert math.copysign(1, there_and_back(-0.0)) == -1


def test_what_a_subclass_overrides_does_not_count():
    class Yes(int):
        def __eq__(self, other):
            return True

        __hash__ = int.__hash__

    class Many(list):
        def __iter__(self):
            return iter([9, 9])

    Point = collections.namedtuple("Point", "x y")
    assert exactly(there_and_back(Yes(3)), 3)
    assert exactly(there_and_back(Many([1])), [1])
    assert exactly(there_and_back(collections.defaultdict(int, a=1)), {"a": 1})
    assert there_and_back(Point(1, 2)).y == 2
    assert there_and_back(Point(1, 2)) == (1, 2)


def test_a_list_that_looks_like_a_tag_is_a_list():
    assert there_and_back(["mine", [0, "function", "x"]]) == ["mine", [0, "function", "x"]]


def test_objects_and_depth():
    with pytest.raises(Broken):
        CODEC.pack(object())
    deep = []
    for _ in range(200):
        deep = [deep]
    with pytest.raises(TooMuch):
        CODEC.pack(deep)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=12,
)
TAGS = st.sampled_from(
    [
        "list",
        "dict",
        "set",
        "int",
        "range",
        "named",
        "Fraction",
        "Decimal",
        "deque",
        "array",
        "date",
        "timedelta",
        "complex",
        "bytes",
        "Counter",
        "keys",
        "global",
        "mine",
        "x",
    ]
)


@given(st.tuples(TAGS, JSON).map(list) | JSON)
def test_a_hostile_tree_is_a_value_or_broken(tree):
    with contextlib.suppress(Broken):
        CODEC.unpack(tree)


@pytest.mark.parametrize(
    "tree",
    [
        ["global", ["os", "system"]],
        ["named", [["__class__ = 3"], [1]]],
        ["list", {}],
        ["Fraction", ["1", "0"]],
        ["set", [["list", []]]],
        ["range", [0, 0, 0]],
        ["array", ["no", []]],
        {"a": 1},
        [],
    ],
)
def test_what_is_no_value_is_broken(tree):
    with pytest.raises(Broken):
        CODEC.unpack(tree)


def test_pipes():
    reads, writes = os.pipe()
    pipe = Pipe(reads, writes)
    pipe.send(b"one")
    pipe.send(b"")
    assert (pipe.receive(), pipe.receive()) == (b"one", b"")
    with pytest.raises(TooMuch):
        pipe.send(b"x" * (FRAME + 1))
    os.write(writes, b"\xff\xff\xff\xff")
    with pytest.raises(Broken, match="a frame of 4,294,967,295 bytes"):
        pipe.receive()
    os.write(writes, b"\x00\x00\x00\x09half")
    os.close(writes)
    with pytest.raises(Closed):
        pipe.receive()
    os.close(reads)
    with pytest.raises(Closed):
        pipe.send(b"x")
