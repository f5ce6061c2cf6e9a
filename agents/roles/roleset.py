"""All roles of a prompt set, by name."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from graphsearch.agents.roles.combining import BestRole, SelectRole, VoteRole, WeightedVoteRole
from graphsearch.agents.roles.gates import make_cascade
from graphsearch.agents.roles.prompts import PROMPTS, PromptSet
from graphsearch.agents.roles.speaking import TemplateRole
from graphsearch.records.errors import ConfigError, GraphError
from graphsearch.records.rolenames import RoleName, role_name
from graphsearch.records.roles import Role, SpeakingRole
from graphsearch.registry import Registry

__all__ = ["ROLES", "RoleSet", "get_roles", "prompt_set_names"]

ROLES: Registry[Callable[[PromptSet], Role]] = Registry(
    "graphsearch.roles", {}, kind="role", error=ConfigError
)
"""Roles that installed packages bring: callables that take the `PromptSet`."""

_PLAIN = "assistant"
"""Asks what a gate asks its model when it opens."""

_PARAMETRISED = ("weighted-vote(...)", "cascade(...)")


class RoleSet(Mapping[str, Role]):
    """Roles by name.

    Those with parameters in their name (see `records.rolenames`) are made when first asked for, so
    they are not among the names that iterating brings.

    Attributes:
        prompts: the prompt set they speak with.
    """

    def __init__(self, prompts: PromptSet, roles: Mapping[str, Role]) -> None:
        self.prompts = prompts
        self._roles = dict(roles)
        self._made: dict[str, Role] = {}

    @property
    def version(self) -> str:
        """Digest of the prompt set's files; changes when any prompt may change."""
        return self.prompts.version

    def role(self, name: str) -> Role:
        """The role of that name.

        Raises:
            ConfigError: there is none; the known ones are named.
        """
        role = self.get(name)
        if role is None:
            known = ", ".join([*self._roles, *_PARAMETRISED])
            raise ConfigError(
                f"no role {name!r} in prompt set {self.prompts.name!r}; known: {known}"
            )
        return role

    def __getitem__(self, name: str) -> Role:
        role = self._roles.get(name) or self._made.get(name)
        if role is None:
            role = self._made[name] = self._make(name)
        return role

    def _make(self, text: str) -> Role:
        """A role with parameters; KeyError where the name is none of one."""
        try:
            name: RoleName = role_name(text)
        except GraphError:
            raise KeyError(text) from None
        if name.gate is not None:
            plain = self._roles.get(_PLAIN)
            if isinstance(plain, SpeakingRole):
                return make_cascade(name, plain)
        elif name.weighting is not None:
            return WeightedVoteRole(name.weighting)
        raise KeyError(text)

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
    for name in ROLES.names():
        roles[name] = ROLES.find(name)(prompts)
    # What a prompt set describes itself is closest to the user, so it has the last word.
    for name, text in prompts.roles.items():
        roles[name] = TemplateRole(text, prompts)
    return RoleSet(prompts, dict(sorted(roles.items())))
