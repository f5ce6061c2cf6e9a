"""Runs a list of prompts through a model, without an event loop: for evaluation and benchmarks."""

from collections.abc import Sequence as Many
from dataclasses import dataclass
from pathlib import Path

from graphsearch.engines.embedded.batch import Batch
from graphsearch.engines.embedded.checkpoint import Checkpoint
from graphsearch.engines.embedded.decoder import Decoder
from graphsearch.engines.embedded.sequences import Finish, sequence_of
from graphsearch.records.calls import Sampling

__all__ = ["Generation", "generate_batch"]


@dataclass(frozen=True, slots=True)
class Generation:
    """One reply.

    Attributes:
        text: the reply.
        tokens: ids drawn, the end-of-reply word included.
        prompt_tokens: tokens of the prompt.
        finish: why it ended.
    """

    text: str
    tokens: tuple[int, ...]
    prompt_tokens: int
    finish: Finish


def generate_batch(
    model: Path | str | Checkpoint,
    prompts: Many[str],
    *,
    sampling: Sampling | Many[Sampling] = Sampling(),  # noqa: B008 - immutable
    seeds: Many[int] | None = None,
    batch_size: int = 256,
) -> list[Generation]:
    """Continue prompts, in the calling thread.

    The replies are those `EmbeddedEngine` gives to calls with the same prompt, sampling and seed.

    Args:
        model: a model's folder, or the checkpoint read from it.
        prompts: texts, words separated by white space.
        sampling: one for all prompts, or one each.
        seeds: one each; without them prompt i has seed i.
        batch_size: most prompts that run at once; has no influence on the replies.

    Returns:
        One generation for each prompt, in order.

    Raises:
        FleetError: the folder is not a model.
        Rejected: a prompt cannot be run (unknown word, too long).
        ValueError: the lists differ in length.
    """
    checkpoint = model if isinstance(model, Checkpoint) else Checkpoint.load(model)
    samplings = [sampling] * len(prompts) if isinstance(sampling, Sampling) else sampling
    seeds = range(len(prompts)) if seeds is None else seeds
    sequences = [
        sequence_of(checkpoint, prompt, sampling=one, seed=seed)
        for prompt, one, seed in zip(prompts, samplings, seeds, strict=True)
    ]
    batch = Batch(checkpoint, Decoder(checkpoint), size=batch_size)
    for sequence in sequences:
        batch.join(sequence)
    while len(batch):
        batch.step()
    done = []
    for one in sequences:
        assert one.finish is not None, "a sequence left its batch before it ended"
        done.append(Generation(one.text, tuple(one.tokens), len(one.prompt), one.finish))
    return done
