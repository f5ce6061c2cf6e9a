"""What a chat model must write: one JSON object, checked before anything uses it."""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from graphsearch.graph import CollaborationGraph
from graphsearch.records.errors import GraphError
from graphsearch.searchers.base import Advice, Edit

__all__ = ["Reading", "read_advice"]

MAX_EDITS = 64
MAX_GRAPHS = 8


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class _Edit(_Strict):
    target: str
    delta: float = Field(ge=-10, le=10)
    reason: str = ""


class _Node(_Strict):
    role: str
    model: str | None = None


class _Graph(_Strict):
    nodes: list[_Node] = Field(min_length=1, max_length=64)
    edges: list[tuple[int, int]] = Field(default_factory=list)
    sink: int


class _Advice(_Strict):
    summary: str = ""
    edits: list[_Edit] = Field(default_factory=list, max_length=MAX_EDITS)
    graphs: list[_Graph] = Field(default_factory=list, max_length=MAX_GRAPHS)


@dataclass(frozen=True, slots=True)
class Reading:
    """A reply as it was understood.

    Attributes:
        advice: the usable part, None when there is none.
        problems: what is wrong with the reply, in words a model can act on.
        raw: the reply.
    """

    advice: Advice | None
    problems: tuple[str, ...] = ()
    raw: str = ""


def read_advice(text: str, targets: Collection[str], *, most_graphs: int = MAX_GRAPHS) -> Reading:
    """Read a model's reply.

    Args:
        text: the reply; the JSON object may stand in a code fence or between other words.
        targets: names of the probabilities that may be edited.
        most_graphs: graphs beyond this number are left out without complaint.

    Returns:
        The advice with every bad edit or graph left out, and one problem for each of them; no
        advice at all where the JSON itself is bad.
    """
    try:
        parsed = _Advice.model_validate(_json_object(text))
    except ValidationError as error:
        paths = [(".".join(map(str, d["loc"])) or "object", d["msg"]) for d in error.errors()[:8]]
        return Reading(None, tuple(f"{path}: {message}" for path, message in paths), raw=text)
    except ValueError as error:
        return Reading(None, (str(error),), raw=text)
    problems: list[str] = []
    edits: list[Edit] = []
    for edit in parsed.edits:
        if edit.target in targets:
            edits.append(Edit(edit.target, edit.delta, edit.reason))
        else:
            problems.append(f"edits: {edit.target!r} is no name of the table")
    graphs: list[CollaborationGraph] = []
    for number, graph in enumerate(parsed.graphs):
        try:
            graphs.append(CollaborationGraph.from_json(graph.model_dump(mode="json")))
        except GraphError as error:
            problems.append(f"graphs[{number}]: {error}")
    advice = Advice(tuple(edits), tuple(graphs[:most_graphs]), parsed.summary, raw=text)
    return Reading(advice, tuple(problems), raw=text)


def _json_object(text: str) -> Any:
    fenced = re.findall(r"```(?:json)?\s*(\{.*?\})\s*```", text, flags=re.DOTALL)
    start, end = text.find("{"), text.rfind("}")
    if fenced:
        candidate = fenced[-1]  # reasoning models quote drafts before the final object
    elif 0 <= start < end:
        candidate = text[start : end + 1]
    else:
        raise ValueError("the reply holds no JSON object")
    try:
        found = json.loads(candidate)
        json.dumps(found, ensure_ascii=False).encode()  # half a character could not be kept
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the reply is not valid JSON: {error}") from error
    return found
