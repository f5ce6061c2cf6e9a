"""Node roles: prompts by place, messages, and the two that pick without a model."""

import shutil

import pytest

from graphsearch.agents.roles import SelectRole, VoteRole, get_roles, prompt_set_names
from graphsearch.agents.roles import prompts as prompts_module
from graphsearch.records.calls import Outcome
from graphsearch.records.errors import ConfigError, GraphError
from graphsearch.records.roles import (
    NOT_FITTED,
    CombiningRole,
    NodeContext,
    ParentMessage,
    SpeakingRole,
)
from graphsearch.records.tasks import Item, Verdict

CHAT = Item("i1", "What is 2 + 2?", "4")
PUZZLE = Item("i1", "P 2 7 9 > 18", 18, meta={"numbers": [2, 7, 9]})
ALONE, ROOT = NodeContext(0, True), NodeContext(0, False)
READS = ["A 2 + 7 9 B 9 + 9 18 18 =", "A 9 - 7 2 B 2 + 2 4 4 ~"]


class FirstWord:
    name = "first-word"

    def parse(self, item, text):
        return text.split()[0] if text.split() else None

    def claims(self, item, text):
        return {"sure": True, "unsure": False}.get(text.rsplit(" ", 1)[-1])

    def grade(self, item, text):
        return Verdict(0.0, Outcome.ANSWERED)


def user_text(messages):
    (text,) = [message.content for message in messages if message.role == "user"]
    return text


def test_the_sets_in_the_package_have_all_roles():
    assert {"chat", "embedded"} <= set(prompt_set_names())
    for name in ("chat", "embedded"):
        roles = get_roles(name)
        assert set(roles) == {"assistant", "best", "fuser", "select", "vote"}
        assert isinstance(roles["fuser"], SpeakingRole)
        assert isinstance(roles["vote"], CombiningRole)


@pytest.mark.parametrize("name", ["chat", "embedded"])
def test_who_is_read_by_others_draws_hot_and_who_answers_draws_cold(name):
    assistant, fuser = get_roles(name)["assistant"], get_roles(name)["fuser"]
    assert assistant.sampling(ALONE).temperature == 0
    assert assistant.sampling(ROOT).temperature == 0.8
    assert assistant.sampling(NodeContext(2, False)).temperature == 0.8
    assert assistant.sampling(NodeContext(2, True)).temperature == 0
    assert fuser.sampling(NodeContext(2, False)).temperature == 0
    assert fuser.sampling(NodeContext(2, True)).max_tokens > 0


def test_a_chat_prompt_shows_the_question_and_every_parent_and_no_empty_slot():
    assistant = get_roles("chat")["assistant"]
    lone = assistant.prompt(CHAT, [], ALONE)
    assert [message.role for message in lone] == ["system", "user"]
    assert user_text(lone) == CHAT.question
    assert assistant.prompt(CHAT, [], ROOT) == lone
    read = user_text(assistant.prompt(CHAT, ["It is 4.", ""], NodeContext(2, True)))
    assert "Colleague 1 wrote:\nIt is 4." in read
    assert "Colleague 2 wrote:\n(no answer)" in read
    assert "Colleague" not in user_text(lone)
    fused = user_text(get_roles("chat")["fuser"].prompt(CHAT, ["It is 4."], NodeContext(1, True)))
    assert CHAT.question in fused
    assert "Candidate 1:\nIt is 4." in fused


def test_embedded_prompts_are_words_with_the_role_letter_first():
    roles = get_roles("embedded")

    def prompt(role, parents, sink=True):
        context = NodeContext(len(parents), sink)
        return user_text(roles[role].prompt(PUZZLE, parents, context))

    assert prompt("assistant", []) == "S P 2 7 9 > 18 :"
    one = "a a1 2 + 7 9 a2 9 + 9 18 18 = a"
    two = "b b1 9 - 7 2 b2 2 + 2 4 4 ~ b"
    assert prompt("assistant", READS[:1]) == f"R P 2 7 9 > 18 {one} :"
    assert prompt("assistant", READS) == f"F P 2 7 9 > 18 {one} {two} :"
    assert prompt("fuser", READS) == f"F P 2 7 9 > 18 {one} {two} :"
    assert prompt("assistant", ["", ""], sink=False) == "S P 2 7 9 > 18 :"
    assert roles["fuser"].message("b b1 2 + 7 9 b2 9 + 9 18 18 =") == READS[0]
    assert roles["fuser"].max_parents == 8


def test_nothing_an_item_or_a_parent_says_is_run_as_a_template():
    trap = Item("i1", "{{ 7 * 7 }} {% for x in y %}", "4")
    text = user_text(get_roles("chat")["fuser"].prompt(trap, ["{{ meta }}"], NodeContext(1, True)))
    assert "{{ 7 * 7 }} {% for x in y %}" in text
    assert "{{ meta }}" in text


def test_a_role_without_a_form_for_its_place_says_so():
    with pytest.raises(GraphError, match="role 'fuser' has no prompt for a node with 0 parents"):
        get_roles("chat")["fuser"].prompt(CHAT, [], ALONE)


def test_unknown_roles_and_sets_are_named_with_the_known_ones(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no role .poet.*known: assistant, best, fuser, select, vote"
    ):
        get_roles("chat").role("poet")
    with pytest.raises(ConfigError, match=r"known sets are chat, chat-choice, .*embedded"):
        get_roles(tmp_path)
    assert get_roles("chat").role("vote").name == "vote"
    assert get_roles("chat").get("poet") is None


def test_max_tokens_can_be_set_for_all_roles():
    roles = get_roles("chat", max_tokens=77)
    assert roles["assistant"].sampling(ALONE).max_tokens == 77
    assert roles["fuser"].sampling(NodeContext(3, True)).max_tokens == 77


# -- one's own prompt sets and roles -------------------------------------------------------------


@pytest.fixture
def own(tmp_path):
    """A copy of the chat set in a folder of the user's."""
    return shutil.copytree(prompts_module.PROMPTS / "chat", tmp_path / "own")


def test_a_folder_is_a_prompt_set_and_may_bring_roles(own):
    text = (own / "prompts.yaml").read_text()
    text += "  critic:\n    min_parents: 1\n    forms:\n      inner: {template: critic.jinja}\n"
    (own / "prompts.yaml").write_text(text)
    (own / "critic.jinja").write_text("Find the mistake in:\n{{ parents[0] }}")
    critic = get_roles(own)["critic"]
    (message,) = critic.prompt(CHAT, ["It is 5."], NodeContext(1, False))
    assert (message.role, message.content) == ("user", "Find the mistake in:\nIt is 5.")
    assert critic.min_parents == 1


def test_the_version_changes_with_any_file_and_with_nothing_else(own, tmp_path):
    version = get_roles(own).version
    assert get_roles(own)["fuser"].prompt_version == version
    assert version == get_roles("chat").version
    (own / "fuse.jinja").write_text((own / "fuse.jinja").read_text() + " ")
    assert get_roles(own).version != version


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("schema_version: 1", "schema_version: 2", "schema_version: is 2, this version reads 1"),
        ("message: strip", "message: os.system", "message: is 'os.system', must be one of"),
        ("temperature: 0.8", "temperature: -1", r"temperature: -1 is no number of at least 0"),
        ("max_tokens: 1024", "max_tokens: 0", "max_tokens: 0 is no whole number above 0"),
        (", max_tokens: 1024", "", "max_tokens is missing"),
        ("min_parents: 1", "parents: 1", "roles.fuser.parents: unknown key; known are forms"),
        ("template: fuse.jinja", "template: no.jinja", "no template 'no.jinja'"),
        ("alone: {template: answer.jinja,", "alone: {", "template is missing"),
        ("alone:", "lonely:", "forms.lonely: unknown key; known are alone, inner, root, sink"),
        ("defaults: {", "defaults: {{", "prompts.yaml:12: expected"),
        ("roles:", "rolls:", "rolls: unknown key"),
    ],
)
def test_a_wrong_prompts_file_is_refused_with_the_place(own, old, new, complaint):
    path = own / "prompts.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(ConfigError, match=complaint):
        get_roles(own)


def test_a_template_with_a_mistake_is_refused_with_its_line(own):
    (own / "fuse.jinja").write_text("one\n{% for %}")
    with pytest.raises(ConfigError, match=r"prompts/own/fuse\.jinja:2"):
        get_roles(own)


@pytest.mark.parametrize(
    "text",
    [
        "{{ nothing_of_that_name }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ parents.append('x') }}",
        "{{ parents | candidate(99) }}",
        "{{ range(10 ** 9) | list }}",
        "{{ 1 // 0 }}",
    ],
)
def test_templates_can_neither_leave_holes_nor_reach_out(own, text):
    (own / "fuse.jinja").write_text("a " + text)
    with pytest.raises(ConfigError, match=r"prompts/own/fuse\.jinja"):
        get_roles(own)["fuser"].prompt(CHAT, ["x"], NodeContext(1, True))


def test_a_package_adds_a_role_by_an_entry_point(installed):
    code = """
        from graphsearch.records.roles import CombiningRole

        class Longest(CombiningRole):
            name = "longest"

            def __init__(self, prompts):
                self.prompts = prompts

            def choose(self, item, parents, grader, fitted):
                return max(range(len(parents)), key=lambda place: len(parents[place].text))
    """
    installed("graphsearch.roles", "longest", "roles_of_mine:Longest", code)
    roles = get_roles("chat")
    assert roles["longest"].prompts.name == "chat"
    assert isinstance(roles["longest"], CombiningRole)


# -- vote and select -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parents", "chosen"),
    [
        (["4 a", "5 b", "5 c"], 1),
        (["4 a", "5 b"], 0),
        (["5 a", "4 b", "4 c", "5 d"], 0),
        (["", "", "4 a"], 2),
        (["", " "], None),
    ],
)
def test_vote_takes_the_majority_and_ties_go_to_the_earliest_parent(parents, chosen):
    heard = [ParentMessage(text) for text in parents]
    assert VoteRole().choose(CHAT, heard, FirstWord(), NOT_FITTED) == chosen


@pytest.mark.parametrize(
    ("parents", "chosen"),
    [
        (["4 unsure", "5 sure", "6 sure"], 1),
        (["4 unsure", "5 unsure"], 0),
        (["", "5"], 1),
        (["", ""], None),
    ],
)
def test_select_takes_the_first_parent_that_claims_success(parents, chosen):
    heard = [ParentMessage(text) for text in parents]
    assert SelectRole().choose(CHAT, heard, FirstWord(), NOT_FITTED) == chosen


def test_a_weight_below_zero_is_warned_of():
    role = get_roles("chat")["weighted-vote(log-odds)"]
    fine = {"assistant:a": 0.2, "assistant:b": 1.2}
    assert role.describe({"weights": fine}) == "votes weigh assistant:a 0.2, assistant:b 1.2"
    said = role.describe({"weights": {**fine, "assistant:c": -0.3}})
    assert "warning: assistant:c was right less than half of the time" in said
    assert "weighted-vote(log-odds, 0.05)" in said
