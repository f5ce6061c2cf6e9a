"""What a space may be built from, read and checked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphsearch.cost import CostModel
from graphsearch.records.errors import BudgetRefused, ConfigError
from graphsearch.records.roles import Role, UnknownRole

__all__ = [
    "EdgeRule",
    "RoleOption",
    "SinkOption",
    "read_models",
    "read_roles",
    "read_sinks",
    "role_of",
]

EdgeRule = Literal["dag", "star"]
"""`dag`: any lower slot may feed any higher one; `star`: slots feed the sink only."""


@dataclass(frozen=True, slots=True)
class RoleOption:
    """A role a slot may have.

    Attributes:
        name: name of the role.
        min_parents: fewest parents it makes sense with.
        max_parents: most parents it can read, None for no limit.
    """

    name: str
    min_parents: int = 0
    max_parents: int | None = None

    def allows(self, in_degree: int) -> bool:
        """Whether a node with `in_degree` parents may have this role."""
        most = in_degree if self.max_parents is None else self.max_parents
        return self.min_parents <= in_degree <= most


@dataclass(frozen=True, slots=True)
class SinkOption:
    """A kind of sink.

    Attributes:
        role: its role.
        model: its model, None for a combining role.
        min_parents: fewest parents.
        max_parents: most parents, None for no limit.
    """

    role: str
    model: str | None
    min_parents: int = 0
    max_parents: int | None = None

    @property
    def name(self) -> str:
        """`vote`, or role and model such as `fuser:m`."""
        return self.role if self.model is None else f"{self.role}:{self.model}"

    def allows(self, in_degree: int) -> bool:
        """Whether this sink may have `in_degree` parents."""
        return RoleOption(self.role, self.min_parents, self.max_parents).allows(in_degree)


def read_models(cost: CostModel, models: Sequence[str] | None) -> tuple[str, ...]:
    """Models a slot may have, all of them priced; raises `ConfigError` or `BudgetRefused`."""
    names = tuple(cost.fleet.names if models is None else models)
    if not names:
        raise ConfigError("a space needs at least one model")
    if len(set(names)) < len(names):
        raise ConfigError(f"a model is named twice: {', '.join(names)}")
    _check_prices(cost, names)
    return names


def _check_prices(cost: CostModel, names: Sequence[str]) -> None:
    for name in names:
        reason = cost.can_price(name)
        if reason is not None:
            raise BudgetRefused(reason)


def role_of(name: str, known: Mapping[str, Role]) -> Role:
    """The role of that name; raises `ConfigError`."""
    try:
        return known[name]
    except UnknownRole:
        raise  # it says why, and names the known ones
    except KeyError:
        raise ConfigError(
            f"no role {name!r} among those of the cost model; known: {', '.join(known) or 'none'} "
            "(get_roles gives those of a prompt set; CostModel takes them as roles)"
        ) from None


def read_roles(
    roles: Sequence[str | RoleOption], known: Mapping[str, Role]
) -> tuple[RoleOption, ...]:
    """Roles a slot may have; raises `ConfigError`."""
    options: list[RoleOption] = []
    for given in roles:
        name = given if isinstance(given, str) else given.name
        role = role_of(name, known)
        if not role.speaks:
            raise ConfigError(f"{name} calls no model and may only be a sink, not a role")
        if isinstance(given, str):
            given = RoleOption(name, role.min_parents, role.max_parents)
        if role.is_gate and given.min_parents < 1:
            raise ConfigError(f"{name} looks at its parents, so it needs one at least")
        options.append(given)
    names = [option.name for option in options]
    if len(set(names)) < len(names):
        raise ConfigError(f"a role is named twice: {', '.join(names)}")
    if not any(option.allows(0) for option in options):
        raise ConfigError(
            f"no role works without parents, so no graph could begin: {', '.join(names) or 'none'}"
        )
    return tuple(options)


def read_sinks(
    cost: CostModel,
    sinks: Sequence[str | SinkOption],
    models: tuple[str, ...],
    roles: tuple[RoleOption, ...],
    known: Mapping[str, Role],
) -> tuple[SinkOption, ...]:
    """Kinds of sink; raises `ConfigError`, or `BudgetRefused` for a model without a price."""
    out: list[SinkOption] = []
    for given in sinks:
        if isinstance(given, SinkOption):
            out.append(given)
            continue
        # A role alone, which stands for it on each of the models, or `role:model`.
        name, _, model = given.partition(":")
        role = role_of(name, known)
        if not role.speaks:
            out.append(SinkOption(name, model or None, role.min_parents, role.max_parents))
            continue
        if model and model not in models:
            raise ConfigError(f"sink {given!r}: model {model!r} is none of {', '.join(models)}")
        own = RoleOption(name, role.min_parents, role.max_parents)
        limits = next((option for option in roles if option.name == name), own)
        out += [
            SinkOption(name, each, limits.min_parents, limits.max_parents)
            for each in ((model,) if model else models)
        ]
    names = [sink.name for sink in out]
    if not out:
        raise ConfigError("a space needs at least one sink")
    if len(set(names)) < len(names):
        raise ConfigError(f"a sink is named twice: {', '.join(names)}")
    for sink in out:
        role = role_of(sink.role, known)
        if role.speaks and sink.model is None:
            raise ConfigError(f"sink {sink.name!r}: {sink.role} calls a model, and none is named")
        if not role.speaks and sink.model is not None:
            raise ConfigError(f"sink {sink.name!r}: {sink.role} calls no model")
        if not role.may_be_sink:
            raise ConfigError(f"{sink.role} may not be a sink")
    _check_prices(cost, [sink.model for sink in out if sink.model is not None])
    return tuple(out)
