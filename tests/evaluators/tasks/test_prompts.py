"""Prompts ask for answers in the form that the task's grader reads."""

import pytest

from graphsearch.agents.roles import get_roles, prompt_set_names
from graphsearch.agents.roles.prompts import PROMPTS
from graphsearch.evaluators.graders import get_grader, grader_names, grader_traits
from graphsearch.records.errors import ConfigError
from graphsearch.records.roles import NodeContext
from graphsearch.records.tasks import Item

PROMPT_SETS = {
    name: traits.prompt_set
    for name in grader_names()
    if (traits := grader_traits(name)).prompt_set != "chat"
}
CASES = {
    "choice": ("B", {"choices": ["three", "four"]}, "Answer: B"),
    "f1": ("Ann Lee", {}, "Answer: Ann Lee"),
    "game24": (24, {"numbers": [8, 2, 5, 1]}, "Answer: (8 - 2) * (5 - 1)"),
    "math": (r"\frac{1}{2}", {}, r"Answer: \boxed{\frac{1}{2}}"),
    "numeric": ("18", {}, "Answer: 18"),
}


def test_every_grader_with_a_form_of_its_own_has_a_prompt_set():
    assert set(PROMPT_SETS.values()) <= set(prompt_set_names())
    assert set(CASES) | {"code"} == set(PROMPT_SETS)


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_reply_in_the_form_that_is_asked_for_is_read(name):
    gold, meta, line = CASES[name]
    item = Item("i", "What?", gold, meta=meta)
    grader = get_grader(name)
    assert grader.grade(item, f"First this, then 7.\n\n{line}").score == 1


@pytest.mark.parametrize("name", sorted({*PROMPT_SETS.values(), "chat"}))
def test_all_roles_ask_for_it_and_for_nothing_else(name):
    item = Item("i", "What?", "x")
    roles = get_roles(name)
    places = [
        ("assistant", [], NodeContext(0, is_sink=True)),
        ("assistant", ["It is x."], NodeContext(1, is_sink=False)),
        ("fuser", ["It is x.", "No."], NodeContext(2, is_sink=True)),
    ]
    asked = set()
    for role, parents, context in places:
        system = roles[role].prompt(item, parents, context)[0].content
        head, _, form = system.rpartition("inish with ")
        assert head
        asked.add(form)
    assert len(asked) == 1
    assert ("```python" in asked.pop()) == (name == "chat-code")


def test_sets_differ_from_chat_in_that_one_text_alone():
    for name in set(PROMPT_SETS.values()):
        for path in (PROMPTS / "chat").iterdir():
            same = (PROMPTS / name / path.name).read_bytes() == path.read_bytes()
            assert same == (path.name != "words.yaml"), (name, path.name)


@pytest.mark.parametrize("text", ["- a\n", "form: 3\n", "form: {a: b}\n"])
def test_words_must_be_texts_by_name(tmp_path, text):
    for path in (PROMPTS / "chat").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "words.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"words\.yaml: must be a table of names and texts"):
        get_roles(tmp_path)


def test_words_cannot_run_code_and_what_is_asked_goes_before_them(tmp_path):
    for path in (PROMPTS / "chat").iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "words.yaml").write_text("form: '{{ 7 * 7 }}'\nquestion: other\n")
    prompt = get_roles(tmp_path)["assistant"].prompt(
        Item("i", "What?", "x"), [], NodeContext(0, is_sink=True)
    )
    assert prompt[0].content.endswith("finish with {{ 7 * 7 }}.")
    assert prompt[1].content == "What?"
