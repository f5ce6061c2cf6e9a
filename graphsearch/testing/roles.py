"""What every role must do, as tests that outside roles can import, and roles that stand in.

class TestMine(RoleConformance):
def make(self):
return MyRole()
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from graphsearch.records.calls import Message, Outcome, Sampling
from graphsearch.records.roles import (
    NOT_FITTED,
    CalibrationExample,
    CombiningRole,
    FittedRole,
    GatedRole,
    NodeContext,
    ParentMessage,
    Role,
    RoleFamily,
    SpeakingRole,
)
from graphsearch.records.tasks import Grader, Item, Verdict

__all__ = [
    "FirstRole",
    "RepeatRole",
    "RoleConformance",
    "RoleFamilyConformance",
    "stand_in_roles",
]

ODD_REPLIES = ("", " \n\t ", "Ünïcödé", "{{ 7 * 7 }} {% for x in y %}", "x" * 20_000)


class RepeatRole(SpeakingRole):
    """Asks the question after whatever the parents said.

    Args:
        name: its name.
        min_parents: fewest parents.
    """

    prompt_version = "1"

    def __init__(self, name: str, min_parents: int = 0) -> None:
        self.name = name
        self.min_parents = min_parents

    def sampling(self, context: NodeContext) -> Sampling:
        """Cold for the sink, else hot."""
        return Sampling(temperature=0.0 if context.is_sink else 0.8, max_tokens=16)

    def prompt(
        self, item: Item, parents: Sequence[str], context: NodeContext
    ) -> tuple[Message, ...]:
        """What the parents said, and the question."""
        return (Message("user", "\n".join([*parents, item.question])),)

    def message(self, reply: str) -> str:
        """The reply without blanks around it."""
        return reply.strip()


class FirstRole(CombiningRole):
    """Picks the first parent that answered.

    Args:
        name: its name.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def choose(
        self,
        item: Item,
        parents: Sequence[ParentMessage],
        grader: Grader,
        fitted: Mapping[str, Any],
    ) -> int | None:
        """The first that answered."""
        return next((place for place, heard in enumerate(parents) if heard.answered), None)


def stand_in_roles() -> dict[str, Role]:
    """Roles under the names that spaces have by default: `assistant`, `fuser` and `vote`."""
    roles: list[Role] = [RepeatRole("assistant"), RepeatRole("fuser", 1), FirstRole("vote")]
    return {role.name: role for role in roles}


class LastWord:
    """A grader that reads the last word of an answer, and refuses to judge: gold is sealed."""

    name = "last-word"

    def parse(self, item: Item, text: str) -> str | None:
        """The last word, None for none."""
        words = text.split()
        return words[-1] if words else None

    def claims(self, item: Item, text: str) -> bool | None:
        """Nothing is claimed."""
        return None

    def grade(self, item: Item, text: str) -> Verdict:
        """Verdicts are not a role's to ask for."""
        raise AssertionError("a role asked for a verdict")


class RoleConformance:
    """Tests of the `Role` protocols; subclasses say how to make one.

    Attributes:
        item: a question that the role can be asked.
        replies: what parents may have said of it, as the role's task has it.
    """

    item = Item("1", "What is 2 + 2?", "4")
    replies: Sequence[str] = ("It is 4", "It is 5", "So it must be 4")

    def make(self) -> Role:
        """The role."""
        raise NotImplementedError

    # -- helpers -------------------------------------------------------------------------------

    def degrees(self) -> list[int]:
        """Numbers of parents that the role may have, a few of them."""
        role = self.make()
        most = role.min_parents + 3 if role.max_parents is None else role.max_parents
        return list(range(role.min_parents, min(most, role.min_parents + 3) + 1))

    def heard(self, count: int) -> list[ParentMessage]:
        """What so many parents said, of several models."""
        texts = [self.replies[i % len(self.replies)] for i in range(count)]
        return [
            ParentMessage(text, "assistant", f"model-{i % 2}", score=float(i % 3))
            for i, text in enumerate(texts)
        ]

    def fitted(self, role: Role, count: int) -> Mapping[str, Any]:
        """What is fitted for so many parents; nothing for a role that has nothing to fit."""
        if not isinstance(role, FittedRole) or not role.is_fitted:
            return NOT_FITTED
        examples = [
            CalibrationExample(
                Item(str(k), self.item.question, self.item.gold, meta=self.item.meta),
                self.heard(count)[k % count :] + self.heard(count)[: k % count],
                [float((i + k) % 2) for i in range(count)] if role.fits_worth else [],
            )
            for k in range(8)
        ]
        first, again = role.fit(examples, LastWord()), role.fit(examples, LastWord())
        assert first == again, "fit is not pure"
        assert json.loads(json.dumps(first)) == first, "what was fitted is no JSON"
        return first

    # -- what is promised ----------------------------------------------------------------------

    def test_what_it_declares_fits_together(self) -> None:
        """Space, cost and executor believe it."""
        role = self.make()
        assert role.name
        assert role.name == self.make().name
        assert role.min_parents >= 0
        assert role.max_parents is None or role.max_parents >= role.min_parents
        assert 0 < role.call_share <= 1
        assert role.speaks == isinstance(role, SpeakingRole)
        assert role.speaks != isinstance(role, CombiningRole)
        assert role.is_gate == isinstance(role, GatedRole)
        assert not role.is_gate or role.min_parents >= 1
        assert role.speaks or role.min_parents >= 2
        assert role.call_share == 1 or role.is_gate
        assert not role.is_fitted or isinstance(role, FittedRole)
        assert role.speaks or role.may_be_sink

    def test_its_prompts_are_texts_and_the_same_each_time(self) -> None:
        """Promise 6; and without a bound on the reply no budget could be kept."""
        role = self.make()
        if not isinstance(role, SpeakingRole):
            pytest.skip("this role calls no model")
        assert role.prompt_version
        for count in self.degrees():
            # A gate's model is asked the plain question, whatever its parents said.
            texts = [] if role.is_gate else [one.text for one in self.heard(count)]
            for is_sink in {role.may_be_sink, False}:
                context = NodeContext(count, is_sink)
                prompt = role.prompt(self.item, texts, context)
                assert prompt
                assert all(isinstance(one, Message) and one.content for one in prompt)
                assert prompt == role.prompt(self.item, texts, context)
                assert role.sampling(context) == role.sampling(context)
                assert (role.sampling(context).max_tokens or 0) > 0

    def test_a_reply_of_any_kind_is_a_message(self) -> None:
        """Models say anything."""
        role = self.make()
        if not isinstance(role, SpeakingRole):
            pytest.skip("this role calls no model")
        for reply in (*self.replies, *ODD_REPLIES):
            assert isinstance(role.message(reply), str)

    def test_it_picks_a_parent_that_answered_or_none(self) -> None:
        """Promise 4, and no look at gold answers: the grader refuses to judge."""
        role = self.make()
        if not isinstance(role, GatedRole | CombiningRole):
            pytest.skip("this role picks among no parents")
        pick = role.passes if isinstance(role, GatedRole) else role.choose
        for count in self.degrees():
            if not count:
                continue
            fitted = self.fitted(role, max(count, 2))
            said = self.heard(count)
            cut = [ParentMessage(one.text, one.role, one.model, Outcome.TRUNCATED) for one in said]
            odd = [
                ParentMessage(ODD_REPLIES[i % 3], one.role, one.model) for i, one in enumerate(said)
            ]
            for parents in (said, cut, [*cut[:-1], said[-1]], odd):
                place = pick(self.item, parents, LastWord(), fitted)
                assert place == pick(self.item, parents, LastWord(), fitted)
                assert place is None or 0 <= place < count
                if role.speaks is False and place is not None:
                    assert parents[place].answered

    def test_what_it_fits_it_takes_again_and_can_tell(self) -> None:
        """A bundle brings it back, a report shows it."""
        role = self.make()
        if not isinstance(role, FittedRole) or not role.is_fitted:
            pytest.skip("this role has nothing to fit")
        count = max(role.min_parents, 2)
        fitted = self.fitted(role, count)
        parents = [f"{one.role}:{one.model}" for one in self.heard(count)]
        role.check(fitted, parents)
        role.check(json.loads(json.dumps(fitted)), parents)
        assert role.describe(fitted)


class RoleFamilyConformance:
    """Tests of the `RoleFamily` protocol; subclasses say how to make one, and give examples.

    Attributes:
        good: parameters as they are written.
        bad: other spellings of these, and nonsense.
    """

    good: Sequence[str] = ()
    bad: Sequence[str] = ()

    def make(self) -> RoleFamily:
        """The family."""
        raise NotImplementedError

    def test_a_name_says_all_of_a_role(self) -> None:
        """Two graphs are equal exactly when the names of their roles are."""
        family = self.make()
        assert self.good
        for arguments in self.good:
            role = family.make(arguments, stand_in_roles())
            assert role.name == f"{family.base}({arguments})"

    def test_other_spellings_get_the_right_name_and_nonsense_is_refused(self) -> None:
        """What is neither is refused by `ValueError`, with words of what would be right."""
        family = self.make()
        for arguments in self.bad:
            try:
                name = family.make(arguments, stand_in_roles()).name
            except ValueError:
                continue
            assert name != f"{family.base}({arguments})"
