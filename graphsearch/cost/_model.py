"""`CostModel`: tokens into any currency, and the cost of a graph (design/graph-space-distribution).

All sums are done in whole *ticks* of the currency (one FLOP, one token, one call, 1e-12 USD, one
nanosecond), so that "within the budget" is a comparison of integers and never one of rounded
floats. Units are counted in FLOPs and divided at the end.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

from graphsearch.cost._amount import CURRENCIES, Amount, Currency
from graphsearch.cost._lengths import Lengths
from graphsearch.records.calls import Usage
from graphsearch.records.errors import BudgetRefused, ConfigError
from graphsearch.records.models import Fleet, ModelSpec
from graphsearch.records.roles import Role
from graphsearch.records.tasks import TokenProfile

if TYPE_CHECKING:
    from graphsearch.graph import CollaborationGraph

__all__ = ["PROFILES", "CostModel", "parse_profile"]

PROFILES: dict[str, TokenProfile] = {
    "math": TokenProfile(202, 275),
    "mmlu": TokenProfile(213, 215),
    "humaneval": TokenProfile(180, 115),
}
"""Mean question and answer lengths of known tasks, as the field's budgets assume them."""

_UNIT_PROFILES = {PROFILES["math"]: TokenProfile(203, 275)}
"""Profiles whose unit is published at other lengths than their own.

The unit of MATH that the field quotes, 9.710e11 FLOPs, is a call of 478 tokens in all, while the
lengths quoted beside it (202 and 275, rounded one by one) add up to 477. The budgets 18, 42 and 80
are the costs of known graphs at 202 and 275 over that unit (17.75, 42.87, 78.98), so the unit is
kept as published; one parentless call of the unit model is then 0.998 units.
"""

_NEEDED: dict[Currency, tuple[str, ...]] = {
    "units": ("parameters", "layers", "width"),
    "flops": ("parameters", "layers", "width"),
    "flops_plain": ("parameters",),
    "tokens": (),
    "usd": ("input_price", "output_price"),
    "seconds": ("prefill_rate", "decode_rate", "overhead_s"),
    "calls": (),
}
"""Fields of a model that a price is made of."""

_ELSEWHERE: dict[Currency, str] = {"usd": " or in a file of prices (USD per million tokens)"}

_USD_TICKS = 10**12
_SECOND_TICKS = 10**9
_PER_MILLION = 10**6


def parse_profile(text: str) -> TokenProfile:
    """A known task's name, or `A,B` in tokens such as `202,275`.

    Raises:
        ConfigError: neither.
    """
    if text.lower() in PROFILES:
        return PROFILES[text.lower()]
    parts = text.split(",")
    if len(parts) == 2 and all(p.strip().isdecimal() and int(p) > 0 for p in parts):
        return TokenProfile(int(parts[0]), int(parts[1]))
    raise ConfigError(
        f"no known task {text!r}; known are {', '.join(PROFILES)}, or give the mean tokens of "
        "question and answer such as 202,275"
    )


@dataclass(frozen=True, slots=True)
class CostModel:
    """Prices calls and graphs of a fleet in one currency.

    Attributes:
        fleet: the models.
        profile: mean tokens of a question (A) and of an answer (B).
        currency: what to count in.
        scale_bits: count FLOPs of quantised models as bits/16 of full ones.
        lengths: token lengths of single models, in place of the profile's; what a unit is, the
            profile alone says, so that measuring lengths moves no budget.
        roles: the roles of nodes, by name. They say on what share of the questions a node calls
            its model, and whether its prompt holds what its parents said; a role that is not here
            is taken to call always and to read all of it, which is the most it can cost.
    """

    fleet: Fleet
    profile: TokenProfile
    currency: Currency
    scale_bits: bool = False
    lengths: Lengths | None = None
    roles: Mapping[str, Role] = field(default_factory=dict, repr=False, compare=False)
    _memo: dict[tuple[str, int], int] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    _reasons: dict[str, str | None] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise ConfigError(
                f"unknown currency {self.currency!r}; known are {', '.join(CURRENCIES)}"
            )
        if self.profile.question < 0 or self.profile.answer <= 0:
            raise ConfigError(f"token lengths must be above 0, got {self.profile}")

    def in_currency(self, currency: Currency) -> "CostModel":
        """The same fleet and profile, counted in another currency."""
        return replace(self, currency=currency)

    # -- expected costs ------------------------------------------------------------------------

    def gamma(self, model: str | None) -> float:
        """Expected cost of a call without parents."""
        return self.node(model, 0)

    def step(self, model: str | None, from_degree: int) -> float:
        """Expected cost that one more parent adds to a node with `from_degree` parents."""
        more, now = self.node_ticks(model, from_degree + 1), self.node_ticks(model, from_degree)
        return self.from_ticks(more - now)

    def node(self, model: str | None, in_degree: int, *, keep: int | None = None) -> float:
        """Expected cost of a node that reads `in_degree` messages.

        Args:
            model: its model; None for a combining role, which costs nothing.
            in_degree: its number of parents.
            keep: most parents' messages its role puts into the prompt; None for all.

        Raises:
            BudgetRefused: the model cannot be priced in this currency.
            FleetError: the fleet has no such model.
        """
        degree = in_degree if keep is None else min(in_degree, keep)
        return self.from_ticks(self.node_ticks(model, degree))

    def graph(self, graph: "CollaborationGraph") -> float:
        """Expected cost of one question answered by `graph`.

        The sum over its nodes; for `seconds`, the longest path.
        """
        return self.from_ticks(self.graph_ticks(graph))

    def of_usage(self, model: str, usage: Usage, *, seconds: float | None = None) -> float:
        """Cost of real usage, by the same formulas as the expected one.

        Prompt tokens are what prefill reads, completion tokens what decode writes; so a call that
        uses exactly the expected lengths costs exactly what was expected. The usage of several
        calls added up is priced as that many equal calls, which is a little less than their exact
        sum where attention is quadratic: price calls one by one where it matters.

        Args:
            model: the model that was called.
            usage: what it used; one call is assumed where `calls` is 0 but tokens were used.
            seconds: measured time, which for `seconds` is the cost.

        Raises:
            BudgetRefused: the model cannot be priced in this currency, or its usage is unknown.
        """
        if self.currency == "seconds" and seconds is not None:
            return seconds
        return self.from_ticks(self.usage_ticks(model, usage))

    def can_price(self, model: str) -> str | None:
        """None when `model` can be priced in this currency, else the reason why not."""
        if model not in self._reasons:
            reason = self._unpriced(self.fleet.model(model))
            if reason is None and self.currency == "units":
                reason = self._unpriced(self.fleet.model(self.fleet.unit_model))
            self._reasons[model] = reason
        return self._reasons[model]

    def _unpriced(self, spec: ModelSpec) -> str | None:
        needed = self.needs(spec)
        missing = [name for name in needed if getattr(spec, name) is None]
        if "parameters" in missing and spec.active_parameters is not None:
            missing.remove("parameters")
        if not missing:
            return None
        return (
            f"model {spec.name!r} of fleet {self.fleet.name} cannot be priced in {self.currency}: "
            f"{' and '.join(missing)} unknown; give {'it' if len(missing) == 1 else 'them'} in the "
            f"fleet{_ELSEWHERE.get(self.currency, '')}"
        )

    def needs(self, spec: ModelSpec) -> tuple[str, ...]:
        """Fields of a model that its price in this currency is made of."""
        if self.currency in {"units", "flops"} and spec.attention == "linear":
            return ("parameters",)
        return _NEEDED[self.currency]

    # -- exact integers ------------------------------------------------------------------------

    def node_ticks(self, model: str | None, in_degree: int) -> int:
        """Expected cost of a node, in ticks."""
        if model is None:
            return 0
        ticks = self._memo.get((model, in_degree))
        if ticks is None:
            ticks = self._call_ticks(model, *self.expected_tokens(model, in_degree))
            self._memo[model, in_degree] = ticks
        return ticks

    def role_ticks(self, role: str, model: str | None, in_degree: int) -> int:
        """Expected cost of a node in a role, in ticks.

        The role says on what share of the questions it is expected to call its model. A gate asks
        the plain question, whoever its parents are.
        """
        traits = self.roles.get(role)
        if traits is None:
            return self.node_ticks(model, in_degree)
        ticks = self.node_ticks(model, 0 if traits.is_gate else in_degree)
        return ticks if traits.call_share == 1 else math.ceil(traits.call_share * ticks)

    def expected_tokens(self, model: str, in_degree: int) -> tuple[int, int]:
        """Expected prompt and reply tokens of a call that reads `in_degree` messages."""
        known = None if self.lengths is None else self.lengths.get(model)
        if known is not None:
            return known.of_call(in_degree)
        answer = self.profile.answer
        return self.profile.question + in_degree * answer, answer

    def graph_ticks(self, graph: "CollaborationGraph") -> int:
        """Expected cost of a graph, in ticks."""
        pairs = zip(graph.nodes, graph.adjacency.parents, strict=True)
        costs = [self.role_ticks(node.role, node.model, len(parents)) for node, parents in pairs]
        return self.combine_ticks(graph, costs)

    def combine_ticks(self, graph: "CollaborationGraph", nodes: Sequence[int]) -> int:
        """A graph's cost from its nodes' costs: the sum, or the longest path for `seconds`."""
        if self.currency != "seconds":
            return sum(nodes)
        ends = [0] * len(nodes)
        for i in graph.topological():
            ends[i] = nodes[i] + max((ends[p] for p in graph.parents(i)), default=0)
        return ends[graph.sink]

    def usage_ticks(self, model: str, usage: Usage) -> int:
        """Cost of real usage, in ticks; see `of_usage`."""
        if self.currency == "calls":
            return usage.calls
        read, written = usage.prompt_tokens, usage.completion_tokens
        if read is None or written is None:
            raise BudgetRefused(f"a call of {model!r} without token counts cannot be priced")
        if self.currency == "tokens":
            return read + written
        calls = max(usage.calls, 1)
        if calls == 1:
            return self._call_ticks(model, read, written)
        prompt = Fraction(read, calls)
        answer = Fraction(written, calls)
        return round(self._price(model, prompt, answer) * calls)

    def from_ticks(self, ticks: int) -> float:
        """Ticks in this cost model's currency."""
        return ticks / self._ticks_per_unit

    def amount(self, ticks: int) -> Amount:
        """Ticks as an `Amount`; exact but for units and seconds, which are floats."""
        if self.currency == "usd":
            return Amount(Decimal(ticks) / _USD_TICKS, "usd")
        if self.currency == "units":
            return Amount(Decimal(repr(ticks / self._ticks_per_unit)), "units")
        if self.currency == "seconds":
            return Amount(ticks / _SECOND_TICKS, "seconds")
        return Amount(ticks, self.currency)

    def budget_ticks(self, budget: Amount) -> int:
        """The most whole ticks a budget allows.

        Raises:
            BudgetRefused: the budget is in another currency.
        """
        if budget.currency != self.currency:
            raise BudgetRefused(f"a budget of {budget} cannot be kept in {self.currency}")
        ticks = Fraction(budget.exact) * self._ticks_per_unit
        # A graph's own cost, once printed as a float, must still pay for that graph.
        ticks += ticks / 2**51
        return ticks.numerator // ticks.denominator

    @property
    def _ticks_per_unit(self) -> int:
        if self.currency == "units":
            return self.unit_flops
        return {"usd": _USD_TICKS, "seconds": _SECOND_TICKS}.get(self.currency, 1)

    @property
    def unit_flops(self) -> int:
        """FLOPs of one unit: one parentless call of the fleet's unit model.

        Raises:
            BudgetRefused: the unit model's size is unknown.
        """
        flops = self._memo.get(("", 0))
        if flops is None:
            spec = self.fleet.model(self.fleet.unit_model)
            reason = self.in_currency("units")._unpriced(spec)
            if reason is not None:
                raise BudgetRefused(reason)
            unit = _UNIT_PROFILES.get(self.profile, self.profile)
            flops = round(self._flops(spec, unit.question, unit.answer))
            self._memo["", 0] = flops
        return flops

    # -- formulas ------------------------------------------------------------------------------

    def _call_ticks(self, model: str, prompt: int, answer: int) -> int:
        return round(self._price(model, prompt, answer))

    def _price(self, model: str, prompt: int | Fraction, answer: int | Fraction) -> int | Fraction:
        """Ticks of one call of `prompt` and `answer` tokens."""
        spec = self.fleet.model(model)
        reason = self.can_price(model)
        if reason is not None:
            raise BudgetRefused(reason)
        match self.currency:
            case "units" | "flops":
                return self._flops(spec, prompt, answer)
            case "flops_plain":
                assert spec.compute_parameters is not None
                return self._effective(spec, 2 * spec.compute_parameters * (prompt + answer))
            case "tokens":
                return prompt + answer
            case "calls":
                return 1
            case "usd":
                assert spec.input_price is not None
                assert spec.output_price is not None
                million = Fraction(spec.input_price) * prompt + Fraction(spec.output_price) * answer
                return Fraction(_USD_TICKS, _PER_MILLION) * million
            case "seconds":
                assert spec.prefill_rate is not None
                assert spec.decode_rate is not None
                assert spec.overhead_s is not None
                seconds = spec.overhead_s + prompt / spec.prefill_rate + answer / spec.decode_rate
                return round(float(seconds) * _SECOND_TICKS)

    def _flops(
        self, spec: ModelSpec, prompt: int | Fraction, answer: int | Fraction
    ) -> int | Fraction:
        """Prefill and decode by the cost formula; a multiply-add is 2, the cache is reused."""
        m = spec.compute_parameters
        assert m is not None
        ld = 0
        if spec.attention != "linear":
            assert spec.layers is not None
            assert spec.width is not None
            ld = spec.layers * spec.width
        prefill = 2 * m * prompt + 2 * ld * prompt * (prompt + 1)
        decode = 2 * m * answer + 2 * ld * answer * (2 * prompt + answer + 1)
        return self._effective(spec, prefill + decode)

    def _effective(self, spec: ModelSpec, flops: int | Fraction) -> int | Fraction:
        return flops * Fraction(spec.bits, 16) if self.scale_bits else flops
