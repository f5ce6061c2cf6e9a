import numpy as np
import pytest

from graphsearch.engines.embedded.batch import Batch
from graphsearch.engines.embedded.decoder import Decoder
from graphsearch.engines.embedded.sequences import Sequence
from tests.engines.embedded.models import GROUPED, WIDE, checkpoint, plain_logits


class Recording(Batch):
    """A batch that keeps the logits each sequence was drawn from."""

    def _draw(self, logits, rows, owners):
        for owner, row in zip(owners, logits.copy(), strict=True):
            owner.owner.append(row)
        return super()._draw(logits, rows, owners)


@pytest.mark.parametrize("shape", [GROUPED, WIDE])
@pytest.mark.parametrize("length", [1, 7, 8, 17, 31, 32, 33, 70])
def test_logits_are_those_of_a_plain_llama(shape, length):
    model = checkpoint(shape)
    prompt = tuple((7 * np.arange(length) % 37 + 3).tolist())
    sequence = Sequence(prompt, 0, 0.0, 1.0, 40, owner=[])
    batch = Recording(model, Decoder(model))
    batch.join(sequence)
    while len(batch):
        batch.step()
    wanted = plain_logits(model, [*prompt, *sequence.tokens])[length - 1 : -1]
    np.testing.assert_allclose(sequence.owner, wanted, rtol=2e-4, atol=2e-4)
    assert sequence.tokens == wanted.argmax(axis=1).tolist()
