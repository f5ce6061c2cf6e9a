"""The roles of nodes: how a question and parents' messages become a prompt, and a reply a message.

`get_roles` reads a prompt set, a folder of templates, and returns its roles together with `vote`,
`select`, `best` and `weighted-vote`, which speak to no model, and the gate `cascade`. A user's own
prompt set is a folder like those in `agents/prompts`; a user's own kind of role is an entry point
of the group `graphsearch.roles`.
"""

from graphsearch.agents.roles.combining import BestRole, SelectRole, VoteRole, WeightedVoteRole
from graphsearch.agents.roles.gates import CascadeRole
from graphsearch.agents.roles.prompts import Form, PromptSet, RoleText
from graphsearch.agents.roles.roleset import RoleSet, get_roles, prompt_set_names
from graphsearch.agents.roles.speaking import TemplateRole

__all__ = [
    "BestRole",
    "CascadeRole",
    "Form",
    "PromptSet",
    "RoleSet",
    "RoleText",
    "SelectRole",
    "TemplateRole",
    "VoteRole",
    "WeightedVoteRole",
    "get_roles",
    "prompt_set_names",
]
