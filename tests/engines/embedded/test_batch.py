from dataclasses import replace

import pytest

from graphsearch.engines.embedded.batch import Batch
from graphsearch.engines.embedded.decoder import Decoder
from graphsearch.engines.embedded.generate import generate_batch
from graphsearch.engines.embedded.sequences import Finish, reply_of, sequence_of
from graphsearch.records.calls import Outcome, Sampling, Usage
from graphsearch.records.errors import Rejected
from tests.engines.embedded.models import GROUPED, checkpoint

GREEDY = Sampling(temperature=0.0)
WARM = Sampling(temperature=1.0)
PROMPTS = [f"w{3 + index % 30} w7 w{9 + index % 11}" for index in range(40)]


def model():
    return checkpoint(GROUPED)


def run(prompt="w3 w4 w5", sampling=GREEDY, seed=0):
    sequence = sequence_of(model(), prompt, sampling=sampling, seed=seed)
    batch = Batch(model(), Decoder(model()))
    batch.join(sequence)
    while len(batch):
        batch.step()
    return sequence


def test_a_reply_ends_with_its_end_word_which_is_counted_and_not_shown():
    ended = [g for g in generate_batch(model(), PROMPTS, sampling=WARM) if g.finish is Finish.END]
    assert ended
    for generation in ended:
        assert generation.tokens[-1] == 1
        assert 1 not in generation.tokens[:-1]
        assert "<eos>" not in generation.text
        shown = [token for token in generation.tokens if token > 2]
        assert len(generation.text.split()) == len(shown)


def test_max_tokens_truncates():
    free = run()
    assert len(free.tokens) > 4
    cut = run(sampling=replace(GREEDY, max_tokens=4))
    assert cut.tokens == free.tokens[:4]
    reply = reply_of(cut, seconds=0.0)
    assert reply.outcome is Outcome.TRUNCATED
    assert reply.usage == Usage(3, 4, 1)
    assert reply.detail == {"finish_reason": "length"}


def test_the_context_truncates_too():
    long = run(prompt=" ".join(["w9"] * (GROUPED.context - 2)))
    assert long.limit == 2
    assert len(long.tokens) <= 2
    with pytest.raises(Rejected, match="context is 128"):
        run(prompt=" ".join(["w9"] * GROUPED.context))


def test_a_stop_text_ends_a_reply_and_is_not_part_of_it():
    free = run(sampling=replace(GREEDY, max_tokens=12))
    words = free.text.split()
    stop = " ".join(words[3:5])  # spans two tokens
    stopped = run(sampling=replace(GREEDY, stop=("nothing", stop)))
    assert stopped.finish is Finish.STOP
    assert stopped.text == free.text[: free.text.find(stop)].rstrip()
    assert stopped.tokens == free.tokens[: len(stopped.tokens)]
    assert reply_of(stopped, seconds=0.0).outcome in {Outcome.ANSWERED, Outcome.EMPTY}


def test_a_reply_without_text_is_empty():
    first = run().text.split()[0]
    reply = reply_of(run(sampling=replace(GREEDY, stop=(first,))), seconds=0.0)
    assert reply.outcome is Outcome.EMPTY
    assert reply.usage.completion_tokens == 1


@pytest.mark.parametrize(
    ("prompt", "sampling", "message"),
    [
        ("w3 who w4", GREEDY, "'who'"),
        ("w3 <unk>", GREEDY, "'<unk>'"),
        ("  ", GREEDY, "empty"),
        ("w3", Sampling(temperature=-1), "temperature is -1"),
        ("w3", Sampling(temperature=float("nan")), "temperature is nan"),
        ("w3", Sampling(top_p=0), "top_p is 0"),
        ("w3", Sampling(top_p=1.5), "top_p is 1.5"),
        ("w3", Sampling(max_tokens=0), "max_tokens is 0"),
        ("w3", Sampling(stop=("",)), "stop text is empty"),
    ],
)
def test_what_cannot_be_run_is_rejected_with_the_reason(prompt, sampling, message):
    with pytest.raises(Rejected, match=message):
        sequence_of(model(), prompt, sampling=sampling, seed=0)


def test_seeds_give_independent_draws_and_equal_seeds_equal_ones():
    prompts = ["w3 w4 w5"] * 30
    first = [g.tokens for g in generate_batch(model(), prompts, sampling=WARM)]
    again = [g.tokens for g in generate_batch(model(), prompts, sampling=WARM, batch_size=7)]
    same = generate_batch(model(), prompts, sampling=WARM, seeds=[5] * 30)
    assert first == again
    assert len(set(first)) > 15
    assert len({g.tokens for g in same}) == 1


def test_equal_seeds_do_not_tie_different_prompts_together():
    """Else two nodes of a graph that were given one seed would err together."""
    one = sequence_of(model(), "w3 w4", sampling=WARM, seed=1)
    others = [
        sequence_of(model(), "w3 w5", sampling=WARM, seed=1),
        sequence_of(checkpoint(GROUPED, 2.0), "w3 w4", sampling=WARM, seed=1),
        sequence_of(model(), "w3 w4", sampling=replace(WARM, temperature=0.5), seed=1),
    ]
    assert one.key not in {other.key for other in others}


def test_batch_size_is_kept_and_all_that_wait_get_their_turn():
    batch, joined = Batch(model(), Decoder(model()), size=3), []
    for seed in range(10):
        joined.append(sequence_of(model(), "w3 w4", sampling=WARM, seed=seed))
        batch.join(joined[-1])
    ended = []
    while len(batch):
        ended += batch.step()
        assert sum(bool(one.tokens) and one.finish is None for one in joined) <= 3
    assert len(ended) == 10


def test_clear_returns_everything_and_leaves_an_empty_batch():
    batch = Batch(model(), Decoder(model()), size=2)
    sequences = [sequence_of(model(), "w3", sampling=GREEDY, seed=seed) for seed in range(5)]
    for sequence in sequences:
        batch.join(sequence)
    batch.step()
    left = [sequence for sequence in sequences if sequence.finish is None]
    assert {id(sequence) for sequence in batch.clear()} == {id(sequence) for sequence in left}
    assert len(batch) == 0
    assert batch.step() == []


def test_lists_of_different_length_are_refused():
    with pytest.raises(ValueError, match="zip"):
        generate_batch(model(), ["w3", "w4"], seeds=[1])
