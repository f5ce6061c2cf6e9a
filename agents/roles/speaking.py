"""The role whose prompts are templates."""

from collections.abc import Sequence

from graphsearch.agents.roles.prompts import Form, PromptSet, RoleText
from graphsearch.records.calls import Message, Sampling
from graphsearch.records.errors import GraphError
from graphsearch.records.roles import NodeContext, SpeakingRole
from graphsearch.records.tasks import Item

__all__ = ["TemplateRole"]


class TemplateRole(SpeakingRole):
    """A speaking role of a prompt set.

    Templates are given `question`, `parents` (messages in node order) and `meta` (the item's).
    """

    def __init__(self, text: RoleText, prompts: PromptSet) -> None:
        self.name = text.name
        self.min_parents = text.min_parents
        self.max_parents = text.max_parents
        self.prompt_version = prompts.version
        self._forms = text.forms
        self._prompts = prompts

    def sampling(self, context: NodeContext) -> Sampling:
        """How a node in this place draws its tokens."""
        return self._form(context).sampling

    def prompt(
        self, item: Item, parents: Sequence[str], context: NodeContext
    ) -> tuple[Message, ...]:
        """The prompt of a node in this place."""
        return self._prompts.render(
            self._form(context).template,
            question=item.question,
            parents=list(parents),
            meta=item.meta,
        )

    def message(self, reply: str) -> str:
        """What children read and what is graded."""
        return self._prompts.message(reply)

    def _form(self, context: NodeContext) -> Form:
        place = _PLACES[context.in_degree > 0, context.is_sink]
        form = self._forms.get(place)
        if form is None:
            raise GraphError(
                f"role {self.name!r} has no prompt for a node with {context.in_degree} parents "
                f"that is {'the' if context.is_sink else 'not the'} sink (form {place!r} of prompt "
                f"set {self._prompts.name!r})"
            )
        return form


_PLACES = {
    (False, True): "alone",
    (False, False): "root",
    (True, False): "inner",
    (True, True): "sink",
}
