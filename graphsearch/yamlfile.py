"""YAML as this project reads and writes it: the plain part of YAML 1.2, and nothing that surprises.

Against PyYAML's defaults: a key given twice is refused (the last would win in silence), `1e-3` is a
number, only `true` and `false` are truth values (so a model may be called `no`), times and octal
numbers do not exist, and anchors and tags are refused (a few lines of anchors can describe more
values than fit into any memory; a tag asks for a type that the text is not of). As in YAML 1.1,
`1_000_000` is a number.
"""

import re
from pathlib import Path
from typing import Any, NoReturn

import yaml

from graphsearch.records.errors import ConfigError, InputError

__all__ = ["LARGEST_FILE", "dump_yaml", "parse_yaml", "read_text", "read_yaml"]

LARGEST_FILE = 1_000_000

_RESOLVERS = (
    ("tag:yaml.org,2002:bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("tag:yaml.org,2002:int", r"[-+]?[0-9]+(_[0-9]+)*|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "tag:yaml.org,2002:float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    ("tag:yaml.org,2002:null", r"~|null|Null|NULL|", "~nN\0"),
)


def _refuse(problem: str, at: Any) -> NoReturn:
    """Say what is wrong with a node or an event."""
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


class _Loader(yaml.SafeLoader):
    """Safe loader with the rules above."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own class attribute

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            _refuse("anchors and aliases are not read here; write the value out", event)
        if getattr(event, "tag", None) is not None:
            _refuse(f"tags such as {event.tag!r} are not read here", event)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                _refuse("a key must be a plain word", key_node)
            if key_node.value in seen:
                _refuse(f"key {key_node.value!r} is given twice", key_node)
            seen.add(key_node.value)
        return super().construct_mapping(node, deep)

    def construct_int(self, node: yaml.ScalarNode) -> int:
        text = str(self.construct_scalar(node))
        return int(text, 16) if text.startswith("0x") else int(text)


class _Dumper(yaml.SafeDumper):
    """Safe dumper that quotes every text the loader above, or a YAML 1.1 one, would misread."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_int)
for _tag, _pattern, _first in _RESOLVERS:
    _regexp = re.compile(rf"^(?:{_pattern})$")
    _Loader.add_implicit_resolver(_tag, _regexp, ["" if c == "\0" else c for c in _first])
    _Dumper.add_implicit_resolver(_tag, _regexp, ["" if c == "\0" else c for c in _first])


def parse_yaml(text: str, source: str, *, error: type[InputError] = ConfigError) -> Any:
    """The value a YAML text stands for.

    Args:
        text: the YAML.
        source: what to call it in errors, a path as a rule.
        error: the error to raise.

    Raises:
        InputError: `error`, when it is not YAML; `where` is `source:line`.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        where = source if mark is None else f"{source}:{mark.line + 1}"
        problem = fault.problem or "not YAML"
        said = f"{problem} ({fault.context})" if fault.context else problem
        raise error(said, where=where) from fault
    except yaml.YAMLError as fault:
        said = (str(fault).splitlines() or [type(fault).__name__])[0]
        raise error(f"is not YAML: {said}", where=source) from fault
    except RecursionError as fault:
        raise error("is nested too deeply", where=source) from fault
    except ValueError as fault:  # a number with more digits than Python reads
        raise error(f"holds a value that cannot be read: {fault}", where=source) from fault


def read_yaml(path: Path, *, error: type[InputError] = ConfigError) -> Any:
    """The value of a YAML file.

    Raises:
        InputError: `error`, when it cannot be read, is too large, is no text or no YAML.
    """
    return parse_yaml(read_text(path, error=error), str(path), error=error)


def read_text(path: Path, *, error: type[InputError] = ConfigError) -> str:
    """The text of a file, with plain errors for all that can be wrong with one."""
    where = str(path)
    try:
        if path.is_dir():
            raise error("is a folder; a file was expected", where=where)
        with path.open("rb") as file:  # pipes and devices have no size to ask for first
            found = file.read(LARGEST_FILE + 1)
        if len(found) > LARGEST_FILE:
            raise error(f"is too large; the most read is {LARGEST_FILE:,} bytes", where=where)
        return found.decode("utf-8-sig")
    except FileNotFoundError as fault:
        raise error("no such file", where=where) from fault
    except UnicodeDecodeError as fault:
        raise error("is not text in UTF-8", where=where) from fault
    except (OSError, ValueError) as fault:  # ValueError: a null byte in the path
        reason = getattr(fault, "strerror", None) or fault
        raise error(f"cannot be read: {reason}", where=where) from fault


def dump_yaml(value: Any) -> str:
    """YAML text of a JSON value, keys in the order given; `parse_yaml` reads it back."""
    for plain in (True, False):
        text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=plain, width=100)
        # YAML folds these line breaks into spaces: then all beyond ASCII is escaped.
        if not any(c in text for c in "\x85\u2028\u2029"):
            break
    return str(text)
