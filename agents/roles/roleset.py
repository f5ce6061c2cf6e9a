"""All roles of a prompt set, by name."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from graphsearch.agents.roles.combining import (
    BestRole,
    SelectRole,
    VoteRole,
    WeightedVoteFamily,
)
from graphsearch.agents.roles.gates import CascadeFamily
from graphsearch.agents.roles.prompts import PROMPTS, PromptSet
from graphsearch.agents.roles.speaking import TemplateRole
from graphsearch.records.errors import ConfigError
from graphsearch.records.roles import Role, RoleFamily, UnknownRole, split_name
from graphsearch.registry import Registry

__all__ = ["ROLES", "RoleSet", "get_roles", "prompt_set_names"]

ROLES: Registry[Callable[[PromptSet], Role | RoleFamily]] = Registry(
    "graphsearch.roles", {}, kind="role", error=ConfigError
)
"""Roles that installed packages bring: callables that take the `PromptSet` and return a `Role`, or
a `RoleFamily` where its roles have parameters in their names."""


class RoleSet(Mapping[str, Role]):
    """Roles by name.

    Those with parameters in their name are made by their family when first asked for, so they are
    not among the names that iterating brings.

    Attributes:
        prompts: the prompt set they speak with.
    """

    def __init__(
        self,
        prompts: PromptSet,
        roles: Mapping[str, Role],
        families: Sequence[RoleFamily] = (),
    ) -> None:
        self.prompts = prompts
        self._roles = dict(roles)
        self._families = {family.base: family for family in families}
        self._made: dict[str, Role] = {}

    @property
    def version(self) -> str:
        """Digest of the prompt set's files; changes when any prompt may change."""
        return self.prompts.version

    def role(self, name: str) -> Role:
        """The role of that name.

        Raises:
            UnknownRole: a `ConfigError`: there is none; the known ones are named.
        """
        return self[name]

    def __getitem__(self, name: str) -> Role:
        role = self._roles.get(name) or self._made.get(name)
        if role is None:
            role = self._made[name] = self._make(name)
        return role

    def _make(self, name: str) -> Role:
        """A role with parameters."""
        known = ", ".join([*self._roles, *(f"{base}(...)" for base in self._families)])
        base, arguments = split_name(name)
        family = self._families.get(base)
        if family is None:
            raise UnknownRole(
                f"no role {name!r} in prompt set {self.prompts.name!r}; known: {known}"
            )
        try:
            role = family.make(arguments or "", self)
        except ValueError as error:
            raise UnknownRole(f"role {name!r}: {error}; known: {known}") from None
        if role.name != name:
            raise UnknownRole(f"role {name!r} must be written {role.name!r}")
        return role

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __len__(self) -> int:
        return len(self._roles)


def prompt_set_names() -> tuple[str, ...]:
    """Names of the prompt sets in the package."""
    return tuple(sorted(path.parent.name for path in PROMPTS.glob("*/prompts.yaml")))


def get_roles(prompt_set: str | Path, *, max_tokens: int | None = None) -> RoleSet:
    """The roles of a prompt set: those it describes, those of entry points, and those without one.

    `vote`, `select`, `best`, `weighted-vote(...)` and `cascade(...)` need no words of their own.

    Args:
        prompt_set: name of a set in the package, or a folder with a `prompts.yaml`.
        max_tokens: most tokens of every reply, in place of what the set says.

    Raises:
        ConfigError: there is no such set, or something in it is wrong (with the path to it).
    """
    prompts = PromptSet.load(prompt_set, max_tokens=max_tokens)
    roles: dict[str, Role] = {role.name: role for role in (VoteRole(), SelectRole(), BestRole())}
    families: list[RoleFamily] = [WeightedVoteFamily(), CascadeFamily()]
    for name in ROLES.names():
        made = ROLES.find(name)(prompts)
        if isinstance(made, RoleFamily):
            families.append(made)
        elif isinstance(made, Role):
            roles[name] = made
        else:
            raise ConfigError(
                f"the entry point {name!r} of {ROLES.group} makes a {type(made).__name__}, which "
                "subclasses neither SpeakingRole nor CombiningRole of graphsearch.records.roles "
                "and is no RoleFamily"
            )
    # What a prompt set describes itself is closest to the user, so it has the last word.
    for name, text in prompts.roles.items():
        roles[name] = TemplateRole(text, prompts)
    return RoleSet(prompts, dict(sorted(roles.items())), families)
