"""YAML as the project reads it."""

import math
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from graphsearch.records.errors import ConfigError, FleetError
from graphsearch.yamlfile import LARGEST_FILE, dump_yaml, parse_yaml, read_yaml

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@example({"\x85": "a\u2028b"})
@example("näh")
def test_what_is_written_is_read_back(value):
    assert parse_yaml(dump_yaml(value), "x") == value


@pytest.mark.parametrize(
    "text", ["on", "no", "yes", "1e3", "010", "12:30", "2026-01-01", "~", "=", "null"]
)
def test_texts_that_look_like_something_else_stay_texts(text):
    assert parse_yaml(dump_yaml({"a": text}), "x") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 0.001),
        ("3e9", 3e9),
        (".5", 0.5),
        ("-12", -12),
        ("0x10", 16),
        ("010", 10),
        ("1_000_000", 1_000_000),
        ("1__0", "1__0"),
        ("_1", "_1"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("12:30:45", "12:30:45"),
        ("2026-01-01", "2026-01-01"),
        ("~", None),
        ("", None),
        (".inf", math.inf),
    ],
)
def test_plain_values_are_those_of_yaml_1_2(text, value):
    found = parse_yaml(text, "x")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "x:3: key 'a' is given twice"),
        ("a: {b: 1, b: 2}", "x:1: key 'b' is given twice"),
        ("a: [1, 2", "x:1:"),
        ("a: 'open", "x:1:"),
        ("a: 1\n b: 2", "x:2:"),
        ("\tb: 2", "x:1:"),
        ("a: &b 1\nc: *b", "x:1: anchors and aliases"),
        ("a: 1\n---\nb: 2", "x:2:"),
        ("a: !!python/object/apply:os.system [id]", "x:1: tags such as"),
        ("a: !!timestamp x", "x:1: tags such as"),
        ("a: !!bool x", "x:1: tags such as"),
        ("a: !own {b: 1}", "x:1: tags such as '!own' are not read"),
        ("? [1]\n: 2", "x:1: a key must be a plain word"),
        ("a: \x01", "x: is not YAML"),
        ("[" * 1500, "x: is nested too deeply"),
        ("a: " + "9" * 5000, "x: holds a value that cannot be read"),
    ],
)
def test_faults_name_the_line(text, words):
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "x")
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    def words(path):
        with pytest.raises(FleetError) as caught:
            read_yaml(path, error=FleetError)
        return str(caught.value)

    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x01")
    (tmp_path / "large.yaml").write_bytes(b"#" * (LARGEST_FILE + 1))
    assert words(tmp_path / "none.yaml").endswith("none.yaml: no such file")
    assert words(tmp_path).endswith(": is a folder; a file was expected")
    assert words(tmp_path / "binary.yaml").endswith(": is not text in UTF-8")
    assert "the most read is" in words(tmp_path / "large.yaml")
    assert "cannot be read" in words(tmp_path / "null\0byte")
    if os.geteuid() != 0:
        (tmp_path / "closed.yaml").touch(mode=0o000)
        assert "cannot be read: Permission denied" in words(tmp_path / "closed.yaml")


def test_what_has_no_size_is_read_up_to_the_bound_all_the_same():
    with pytest.raises(ConfigError, match="the most read"):
        read_yaml(Path("/dev/zero"))
