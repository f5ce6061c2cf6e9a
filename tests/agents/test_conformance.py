"""Our roles and agents keep the promises that outside ones are held to."""

import pytest

from graphsearch.agents.roles import get_roles
from graphsearch.agents.roles.combining import WeightedVoteFamily
from graphsearch.agents.roles.gates import CascadeFamily
from graphsearch.agents.search import make_agent
from graphsearch.records.tasks import Item
from graphsearch.testing import AgentConformance, RoleConformance, RoleFamilyConformance
from graphsearch.testing.roles import stand_in_roles

NAMES = (
    "assistant",
    "fuser",
    "vote",
    "select",
    "best",
    "weighted-vote(accuracy)",
    "weighted-vote(log-odds, 0.05)",
    "cascade(share>=0.7)",
    "cascade(margin, 0.25)",
    "cascade(score>=1)",
    "cascade(share, 0.5, log-odds, 0.05)",
)


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


class TestOurs(RoleConformance):
    @pytest.fixture(autouse=True)
    def _name(self, name):
        self.name = name

    def make(self):
        return get_roles("chat")[self.name]


class TestOursInWords(RoleConformance):
    """The prompt set of the embedded fleet, which has a vocabulary of its own."""

    item = Item("1", "P 2 7 9 > 18", 18, meta={"numbers": [2, 7, 9]})
    replies = ("A 2 + 7 9 B 9 + 9 18 18 =", "A 9 - 7 2 B 2 + 2 4 4 ~")

    @pytest.fixture(autouse=True)
    def _name(self, name):
        self.name = name

    def make(self):
        return get_roles("embedded")[self.name]


class TestStandIns(RoleConformance):
    @pytest.fixture(autouse=True, params=sorted(stand_in_roles()))
    def _name(self, request):
        self.name = request.param

    def make(self):
        return stand_in_roles()[self.name]


class TestCascades(RoleFamilyConformance):
    good = ("share>=0.7", "margin, 0.2", "score>=5", "share, 0.5, log-odds, 0.05")
    bad = ("", "share", "share>=0.70", "share,0.2", "votes>=1", "share, 2", "share>=1e400")

    def make(self):
        return CascadeFamily()


class TestWeightedVotes(RoleFamilyConformance):
    good = ("accuracy", "log-odds", "log-odds, 0.05")
    bad = ("", "fame", "accuracy, 0.1", "log-odds,0.05", "log-odds, -1")

    def make(self):
        return WeightedVoteFamily()


class TestChat(AgentConformance):
    def make(self, complete):
        return make_agent("chat", complete=complete)


class TestRules(AgentConformance):
    def make(self, complete):
        return make_agent("rules", complete=complete)


class TestScripted(AgentConformance):
    def make(self, complete):
        return make_agent("scripted", options={"advice": [{"edits": {"1->sink": 0.5}}]})
