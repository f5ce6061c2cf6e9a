"""A call brings the same tokens whatever runs beside it: to the bit, in any mix and any order."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsearch.engines.embedded.decoder import Decoder
from graphsearch.engines.embedded.sequences import Sequence
from tests.engines.embedded.models import GROUPED, WIDE, checkpoint
from tests.engines.embedded.test_decoder import Recording


class Plan(NamedTuple):
    """One sequence and when it joins and is given up."""

    length: int
    key: int
    temperature: float
    top_p: float
    limit: int
    joins: int
    leaves: int | None


PLANS = st.lists(
    st.builds(
        Plan,
        length=st.integers(1, 90),
        key=st.integers(0, 2),
        temperature=st.sampled_from([0.0, 0.8, 1.5]),
        top_p=st.sampled_from([1.0, 0.9, 0.3]),
        limit=st.integers(1, 38),
        joins=st.integers(0, 12),
        leaves=st.none() | st.integers(1, 20),
    ),
    min_size=1,
    max_size=16,
)


def sequence_of(plan: Plan) -> Sequence:
    prompt = tuple((np.arange(plan.length) * (plan.length + 2) % 37 + 3).tolist())
    return Sequence(prompt, plan.key, plan.temperature, plan.top_p, plan.limit, owner=[])


@cache
def decoder(shape):
    return Decoder(checkpoint(shape))


@cache
def alone(shape, plan: Plan) -> Sequence:
    sequence = sequence_of(plan)
    batch = Recording(checkpoint(shape), decoder(shape))
    batch.join(sequence)
    while len(batch):
        batch.step()
    return sequence


def run_together(shape, plans: list[Plan], *, size: int, prefill_tokens: int) -> list[Sequence]:
    batch = Recording(checkpoint(shape), decoder(shape), size=size, prefill_tokens=prefill_tokens)
    sequences = [sequence_of(plan) for plan in plans]
    step = 0
    while len(batch) or step <= max(plan.joins for plan in plans):
        for plan, sequence in zip(plans, sequences, strict=True):
            if plan.joins == step:
                batch.join(sequence)
            if plan.leaves is not None and plan.joins + plan.leaves == step:
                batch.drop([sequence])
        batch.step()
        step += 1
    return sequences


@pytest.mark.parametrize("shape", [GROUPED, WIDE])
@settings(max_examples=15)
@given(plans=PLANS, size=st.integers(1, 24), prefill_tokens=st.integers(1, 400))
def test_company_changes_no_bit(shape, plans, size, prefill_tokens):
    for plan, sequence in zip(
        plans, run_together(shape, plans, size=size, prefill_tokens=prefill_tokens), strict=True
    ):
        reference = alone(shape, plan._replace(joins=0, leaves=None))
        done = len(sequence.tokens)
        if plan.leaves is None:
            assert sequence.finish is reference.finish
            assert done == len(reference.tokens)
        assert sequence.tokens == reference.tokens[:done]
        assert np.array_equal(sequence.owner, reference.owner[:done])


@pytest.mark.parametrize("shape", [GROUPED, WIDE])
def test_a_full_batch_changes_no_bit(shape):
    plans = [
        Plan(1 + index % 61, index % 5, 0.8 * (index % 2), 1.0, 12, index // 40, None)
        for index in range(200)
    ]
    together = run_together(shape, plans, size=128, prefill_tokens=1024)
    for plan, sequence in list(zip(plans, together, strict=True))[::7]:
        reference = alone(shape, plan._replace(joins=0))
        assert sequence.tokens == reference.tokens
        assert np.array_equal(sequence.owner, reference.owner)


def test_the_memory_a_cache_lies_in_changes_no_bit():
    """Attention's products must not care how their operands are aligned."""
    draw = np.random.default_rng(0)
    for length in (32, 64, 96, 256):
        for group in (1, 2, 3):
            q = draw.standard_normal((4, 2, group, 32), dtype=np.float32)
            keys = draw.standard_normal((4, 2, 32, length), dtype=np.float32)
            wanted = q @ keys
            for shift in (1, 4, 8, 15):
                moved = np.empty(keys.size + shift, np.float32)[shift:].reshape(keys.shape)
                moved[:] = keys
                assert np.array_equal(q @ moved, wanted)
                back = np.ascontiguousarray(moved.swapaxes(-1, -2))
                other = np.empty(back.size + shift, np.float32)[shift:].reshape(back.shape)
                other[:] = back
                assert np.array_equal(wanted @ other, wanted @ back)
