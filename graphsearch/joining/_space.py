"""Which graphs are allowed, at what expected cost, under which budgets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphsearch.arguments import check_space
from graphsearch.joining._given import Budgets, Given
from graphsearch.records.errors import ConfigError
from graphsearch.records.tasks import Task

if TYPE_CHECKING:
    from graphsearch.cost import Amount, Lengths
    from graphsearch.records.models import Fleet
    from graphsearch.records.roles import Role
    from graphsearch.space import RoleOption, SinkOption, Space

__all__ = ["amounts_of", "lengths_of", "models_of", "space_of"]

_ROLES = ("assistant", "fuser")
_KEYS = ("slots", "models", "roles", "sinks", "max_in_degree", "edges")


def space_of(
    given: Given,
    fleet: "Fleet",
    task: Task,
    roles: "Mapping[str, Role]",
    *,
    lengths: "Lengths | None",
) -> "Space":
    """The space under the graph budget, priced with these lengths.

    Raises:
        ConfigError: a key, a role or a sink is unknown, or the space was built for another budget.
        BudgetRefused: the budget fits nothing, or cannot be priced.
    """
    from graphsearch.cost import Amount, CostModel
    from graphsearch.space import Space

    budget = Amount.parse(given.graph_budget, where="graph_budget")
    if isinstance(given.space, Space):
        return _as_built(given.space, budget, lengths)
    told = dict(given.space or {})
    unknown_key = next((key for key in told if key not in _KEYS), None)
    if unknown_key is not None:
        known = ", ".join(_KEYS)
        raise ConfigError(f"unknown key; known are {known}", where=f"space.{unknown_key}")
    check_space(told)
    told["roles"] = [_limited(role, roles) for role in told.get("roles", _ROLES)]
    cost = CostModel(fleet, task.profile, budget.currency, lengths=lengths, roles=roles)
    _check_roles(told, roles)
    built = Space.build(cost, budget, **told)
    return replace(built, sinks=tuple(_limited_sink(sink, roles) for sink in built.sinks))


def _as_built(space: "Space", budget: "Amount", lengths: "Lengths | None") -> "Space":
    if space.budget != budget:
        raise ConfigError(
            f"the space was built for {space.budget}, not for {budget}", where="graph_budget"
        )
    return space if lengths is None else space.priced(replace(space.cost, lengths=lengths))


def _check_roles(told: Mapping[str, Any], roles: "Mapping[str, Role]") -> None:
    """Refuse names of no role; those with parameters are read, and refused, by their family."""
    from graphsearch.records.roles import split_name

    for where in ("roles", "sinks"):
        for option in told.get(where, ()):
            name = option.partition(":")[0] if isinstance(option, str) else ""
            if name and split_name(name)[1] is None and name not in roles:
                known = ", ".join(roles)
                message = f"the prompt set has no role {name!r}; it has {known}"
                raise ConfigError(message, where=f"space.{where}")


def _limited(role: "str | RoleOption", roles: "Mapping[str, Role]") -> "str | RoleOption":
    """A role with the number of parents it can read, which its prompts decide."""
    from graphsearch.space import RoleOption

    if not isinstance(role, str) or role not in roles:
        return role
    return RoleOption(role, roles[role].min_parents, roles[role].max_parents)


def _limited_sink(sink: "SinkOption", roles: "Mapping[str, Role]") -> "SinkOption":
    role = roles[sink.role]
    most = [limit for limit in (sink.max_parents, role.max_parents) if limit is not None]
    return replace(
        sink,
        min_parents=max(sink.min_parents, role.min_parents),
        max_parents=min(most, default=None),
    )


def lengths_of(given: Given, fleet: "Fleet") -> "Lengths | None":
    """Measured lengths, for all models of the fleet; None where none were told.

    Raises:
        StoreError: the run that is named has no result.
        ConfigError: it measured none of the fleet's models.
    """
    from graphsearch.cost import Lengths
    from graphsearch.study.lengths import lengths_of_run

    told = given.lengths
    if told is None:
        return None
    where = "the lengths given" if isinstance(told, Lengths) else str(told)
    if not isinstance(told, Lengths):
        told = lengths_of_run(told)
    known = {name: one for name, one in told.by_model if name in fleet.names}
    if not known:
        raise ConfigError(f"has no model of fleet {fleet.name}", where=where)
    return Lengths.of(known).covering(fleet.names)


def models_of(space: "Space", speaker: str | None, judges: Sequence[str]) -> list[str]:
    """All models that may be asked, each once."""
    names = [*space.models, *(sink.model for sink in space.sinks if sink.model is not None)]
    return list(dict.fromkeys([*names, *([speaker] if speaker is not None else []), *judges]))


def amounts_of(given: "Budgets | None", where: str) -> "tuple[Amount, ...]":
    """A budget in each currency; none where none was told.

    Raises:
        ConfigError: it names none, or one twice.
    """
    from graphsearch.cost import Amount

    if given is None:
        return ()
    several: list[Any] = [given] if isinstance(given, (str, Amount)) else list(given)
    if not several:
        raise ConfigError("names no budget; without one nothing bounds the spend", where=where)
    amounts = tuple(Amount.parse(text, where=where) for text in several)
    currencies = [amount.currency for amount in amounts]
    twice = next((c for c in currencies if currencies.count(c) > 1), None)
    if twice is not None:
        raise ConfigError(f"names {twice} twice", where=where)
    return amounts
