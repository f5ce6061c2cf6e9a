import numpy as np
import pytest

from graphsearch.engines.embedded.cache import ROW
from graphsearch.engines.embedded.draw import draw_words, stream_key, uniforms


def rows(count, *, temperature=1.0, top_p=1.0, key=None):
    made = np.zeros(count, ROW)
    made["temperature"], made["top_p"] = temperature, top_p
    made["key"] = np.arange(count) if key is None else key
    return made


def test_uniforms_are_uniform_and_independent_of_order():
    keys = np.array([stream_key(seed) for seed in range(2000)], np.uint64)
    drawn = uniforms(keys, np.zeros(2000, int))
    assert 0 <= drawn.min() < drawn.max() < 1
    assert abs(drawn.mean() - 0.5) < 0.02
    assert np.histogram(drawn, bins=10, range=(0, 1))[0].min() > 150
    assert np.array_equal(uniforms(keys[::-1], np.zeros(2000, int)), drawn[::-1])
    along = uniforms(np.full(2000, keys[0]), np.arange(2000))
    assert abs(np.corrcoef(along[:-1], along[1:])[0, 1]) < 0.06


def test_streams_are_named_by_all_that_a_draw_depends_on():
    assert stream_key(1, "a") == stream_key(1, "a")
    names = [(1, "a"), (2, "a"), (1, "b"), (1, "a", ""), (-1, "a"), (1 + 2**64, "a")]
    assert len({stream_key(*name) for name in names}) == len(names)


def test_greedy_takes_the_first_of_the_likeliest():
    logits = np.array([[0, 3, 1, 3], [2, 1, 2, 0]], np.float32)
    assert draw_words(logits, rows(2, temperature=0)).tolist() == [1, 0]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_samples_follow_the_softmax(temperature):
    logits = np.array([1.0, 0.0, -1.0, 2.0], np.float32)
    count = 20_000
    drawn = draw_words(np.tile(logits, (count, 1)), rows(count, temperature=temperature))
    wanted = np.exp(logits / temperature)
    wanted /= wanted.sum()
    got = np.bincount(drawn, minlength=4) / count
    assert np.abs(got - wanted).max() < 0.015


def test_top_p_keeps_the_smallest_set_that_holds_the_mass():
    logits = np.log(np.array([0.1, 0.5, 0.15, 0.25], np.float32))
    count = 8_000

    def words(top_p):
        return set(draw_words(np.tile(logits, (count, 1)), rows(count, top_p=top_p)).tolist())

    assert words(0.4) == {1}
    assert words(0.6) == {1, 3}
    assert words(0.8) == {1, 2, 3}
    assert words(1.0) == {0, 1, 2, 3}
    assert words(1e-9) == {1}


def test_a_mixed_batch_draws_as_its_rows_do_alone():
    draw = np.random.default_rng(0)
    logits = draw.standard_normal((60, 50), dtype=np.float32) * 3
    mixed = rows(60)
    mixed["temperature"] = np.arange(60) % 3 * 0.7
    mixed["top_p"] = np.where(np.arange(60) % 2, 0.8, 1.0)
    together = draw_words(logits.copy(), mixed)
    alone = [draw_words(logits[[at]].copy(), mixed[[at]])[0] for at in range(60)]
    assert together.tolist() == alone


def test_a_temperature_near_zero_is_greedy():
    logits = np.array([[0.0, 5.0, 4.999]], np.float32)
    assert draw_words(logits, rows(1, temperature=1e-38)).tolist() == [1]
