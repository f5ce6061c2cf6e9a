"""What a grader's class says of itself, so that nobody has to know it by name."""

from dataclasses import dataclass
from typing import Any

__all__ = ["Traits", "traits_of"]


@dataclass(frozen=True, slots=True)
class Traits:
    """Class attributes of a grader (or attributes of its maker), each with what holds without it.

    Attributes:
        prompt_set: prompts that ask for answers in the form it reads.
        runs_code: whether options can name code that is run outside a sandbox; a configuration
            that comes from anywhere may not name such a grader.
        path_options: options that are a path, or a function of a file (`file.py:function`); in a
            configuration they are relative to it.
    """

    prompt_set: str = "chat"
    runs_code: bool = False
    path_options: tuple[str, ...] = ()


def traits_of(grader: Any) -> Traits:
    """The traits of a grader, or of what makes one."""
    names = ("prompt_set", "runs_code", "path_options")
    return Traits(**{name: getattr(grader, name) for name in names if hasattr(grader, name)})
