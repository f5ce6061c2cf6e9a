import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from graphsearch.engines.embedded.vocabulary import (
    CANDIDATE_TAGS,
    EOS,
    IDS,
    UNKNOWN,
    WORDS,
    candidate,
    decode,
    encode,
    normalise,
    relabel,
)
from graphsearch.evaluators.tasks import puzzle, recall

TRACE = "A 10 * 2 20 B 9 + 7 16 C 20 + 16 36 36 ="


def test_words_are_distinct_and_the_special_ones_have_fixed_places():
    assert len(set(WORDS)) == len(WORDS)
    assert [IDS[word] for word in ("<pad>", "<eos>", "<unk>")] == [0, 1, 2]


@given(st.lists(st.sampled_from(WORDS[2:])))
def test_text_survives_the_vocabulary(words):
    assert decode(encode(" ".join(words))) == " ".join(words)


def test_unknown_words_and_the_end_mark():
    assert encode("A elephant") == [IDS["A"], IDS[UNKNOWN]]
    assert decode(encode(f"A 1 {EOS} B")) == "A 1"


def test_every_question_can_be_written():
    for module in (puzzle, recall):
        for item in module.draw_items("test", 200):
            assert IDS[UNKNOWN] not in encode(item.question)


@pytest.mark.parametrize("tag", CANDIDATE_TAGS)
def test_a_copied_candidate_normalises_to_the_message_it_was(tag):
    assert normalise(f"{tag} {relabel(TRACE, tag)} {EOS}") == TRACE


@pytest.mark.parametrize("text", [TRACE, f"~ {TRACE}", f"  {TRACE} {EOS} A 1", "", "A s1 o2 s3"])
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once
    assert once in (TRACE, "", "A s1 o2 s3")


def test_a_verdict_can_be_hidden():
    shown = "b1 10 * 2 20 b2 9 + 7 16 b3 20 + 16 36 36"
    assert relabel(TRACE, "b", verdict=False) == shown
    assert relabel(TRACE, "b") == f"{shown} ="
    assert relabel("A s1 o2 s3", "a", verdict=False) == "a1 s1 o2 s3"


def test_unknown_tags_and_too_many_candidates_are_refused():
    with pytest.raises(ValueError, match="tag 'x'"):
        relabel(TRACE, "x")
    with pytest.raises(ValueError, match="candidate 9 of a prompt"):
        candidate(TRACE, 8)


def test_the_prompt_files_write_what_the_models_were_trained_on():
    folder = puzzle.__file__.replace("evaluators/tasks/puzzle.py", "agents/prompts/embedded")
    environment = Environment(
        loader=FileSystemLoader(folder), undefined=StrictUndefined, autoescape=False
    )
    environment.filters["candidate"] = candidate
    question = "P 2 7 9 10 > 36"

    def render(name, **values):
        return environment.get_template(f"{name}.jinja").render(question=question, **values)

    assert render("solve") == f"S {question} :"
    assert render("refine", parents=[TRACE]) == f"R {question} a {relabel(TRACE, 'a')} a :"
    shown = f"a {relabel(TRACE, 'a')} a b {relabel(TRACE, 'b')} b"
    assert render("fuse", parents=[TRACE, TRACE]) == f"F {question} {shown} :"
