"""Tasks whose questions are drawn, not read: those of the models that come along."""

from collections.abc import Callable, Mapping, Sequence

from graphsearch.records.calls import digest
from graphsearch.records.errors import TaskError
from graphsearch.records.tasks import Grader, Item, Split, Task, TokenProfile

__all__ = ["drawn_task", "kinds_in_turn"]


def drawn_task(
    name: str,
    wanted: Mapping[Split, int],
    draw: Callable[[Split, int], Sequence[Item]],
    *,
    grader: Grader,
    profile: TokenProfile,
) -> Task:
    """A task of so many items a split.

    Args:
        name: its name.
        wanted: number of items by split.
        draw: distinct items of a split.
        grader: judges replies.
        profile: mean token lengths.

    Raises:
        TaskError: a number is negative, or there is nothing to search on.
    """
    for split, number in wanted.items():
        least = int(split == "search")
        if number < least:
            raise TaskError(
                f"must be at least {least}, got {number}", where=f"task.options.{split}"
            )
    splits = {split: draw(split, number) for split, number in wanted.items()}
    return Task(
        name=name,
        splits=splits,
        grader=grader,
        profile=profile,
        prompt_set="embedded",
        fingerprint=digest(
            [[split, [item.id for item in items]] for split, items in splits.items()]
        ),
    )


def kinds_in_turn(found: Sequence[int], known: Sequence[int], where: str) -> None:
    """Refuse kinds of items that are none, and to draw of none at all.

    Raises:
        TaskError: with the path to them.
    """
    if not found or not set(found) <= set(known):
        words = ", ".join(map(str, known))
        raise TaskError(f"is {list(found)}, must be some of {words}", where=where)
