"""Continuous batching: sequences join and leave a running batch at any step.

    join -> waiting -> (prefill) -> a row of a slab -> one token a step -> finished

The batch is synchronous and single-threaded; what drives it (a loop, a thread) is not its concern.
"""

from collections import deque
from collections.abc import Iterable

import numpy as np

from graphsearch.engines.embedded.cache import BUCKET, ROW, Rows, Slab, bucket_of
from graphsearch.engines.embedded.checkpoint import Array, Checkpoint
from graphsearch.engines.embedded.decoder import Decoder, Prefilled
from graphsearch.engines.embedded.draw import draw_words
from graphsearch.engines.embedded.sequences import Finish, Sequence

__all__ = ["Batch"]


class Batch:
    """The running sequences of one model.

    Args:
        checkpoint: the model.
        decoder: its forward pass (shared between batches).
        size: most sequences that run at once.
        prefill_tokens: most prompt tokens read in one step (one prompt always fits).
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        decoder: Decoder,
        *,
        size: int = 256,
        prefill_tokens: int = 4096,
    ) -> None:
        self.checkpoint = checkpoint
        self._decoder = decoder
        self._size = size
        self._prefill_tokens = prefill_tokens
        self._ends = np.array(checkpoint.shape.ends)
        self._waiting: deque[Sequence] = deque()
        self._slabs: dict[int, Slab] = {}

    def __len__(self) -> int:
        """Sequences that wait or run."""
        return len(self._waiting) + self._running

    @property
    def _running(self) -> int:
        return sum(slab.count for slab in self._slabs.values())

    def join(self, sequence: Sequence) -> None:
        """Let a sequence run from the next step on, or when there is room."""
        self._waiting.append(sequence)

    def drop(self, unwanted: Iterable[Sequence]) -> None:
        """Forget sequences, wherever they are; those unknown are ignored."""
        ids = {id(sequence) for sequence in unwanted}
        self._waiting = deque(s for s in self._waiting if id(s) not in ids)
        for slab in self._slabs.values():
            slab.remove(np.flatnonzero([id(owner) in ids for owner in slab.owners]))

    def clear(self) -> list[Sequence]:
        """Forget all sequences and return them."""
        gone = [*self._waiting]
        for slab in self._slabs.values():
            gone += slab.owners
        self._waiting.clear()
        self._slabs.clear()
        return gone

    def step(self) -> list[Sequence]:
        """Read what waits as far as there is room, then draw a token for every running sequence.

        Returns:
            The sequences that ended.
        """
        ended = self._admit()
        return ended + self._advance()

    def _admit(self) -> list[Sequence]:
        joining = self._next_to_join()
        if not joining:
            return []
        # Equal prompts (samples of one question) are read once: company does not change a result.
        prompts = list({sequence.prompt: None for sequence in joining})
        sharing: dict[tuple[int, ...], list[Sequence]] = {prompt: [] for prompt in prompts}
        for sequence in joining:
            sharing[sequence.prompt].append(sequence)
        ended: list[Sequence] = []
        for part in self._decoder.prefill(prompts):
            ended += self._enter(part, [sharing[prompts[index]] for index in part.indices])
        return ended

    def _next_to_join(self) -> list[Sequence]:
        room, tokens = self._size - self._running, 0
        joining: list[Sequence] = []
        while self._waiting and len(joining) < room:
            tokens += len(self._waiting[0].prompt)
            if joining and tokens > self._prefill_tokens:
                break
            joining.append(self._waiting.popleft())
        return joining

    def _enter(self, part: Prefilled, sharing: list[list[Sequence]]) -> list[Sequence]:
        """Draw the first tokens of sequences whose prompts were read; the rest of them run on."""
        owners = [sequence for same in sharing for sequence in same]
        source = np.repeat(np.arange(len(sharing)), [len(same) for same in sharing])
        # Each as it is before its first draw.
        rows = np.array(
            [(0, len(s.prompt), 0, s.limit, s.temperature, s.top_p, s.key) for s in owners], ROW
        )
        going = np.flatnonzero(~self._draw(part.logits[source], rows, owners))
        lengths = np.array([bucket_of(len(owner.prompt) + 1) for owner in owners])
        for length in np.unique(lengths[going]).tolist():
            here = going[lengths[going] == length]
            self._slab(length).add(
                part.keys[:, source[here], ..., :length],
                part.values[:, source[here], :, :length],
                rows[here],
                [owners[index] for index in here.tolist()],
            )
        return [owner for owner in owners if owner.finish is not None]

    def _advance(self) -> list[Sequence]:
        self._move_up()
        slabs = [slab for _, slab in sorted(self._slabs.items()) if slab.count]
        if not slabs:
            return []
        logits = self._decoder.decode(slabs)
        ended: list[Sequence] = []
        rows = np.concatenate([slab.live for slab in slabs])
        owners = [owner for slab in slabs for owner in slab.owners]
        rows["position"] += 1
        over = self._draw(logits, rows, owners)
        start = 0
        for slab in slabs:
            stop = start + slab.count
            slab.live[:] = rows[start:stop]
            gone = np.flatnonzero(over[start:stop])
            ended += [slab.owners[index] for index in gone.tolist()]
            slab.remove(gone)
            start = stop
        return ended

    def _move_up(self) -> None:
        """Move rows that outgrew their slab to the next longer one."""
        for length in sorted(self._slabs, reverse=True):
            slab = self._slabs[length]
            full = np.flatnonzero(slab.live["position"] == length)
            if full.size:
                slab.move(full, self._slab(length + BUCKET))

    def _slab(self, length: int) -> Slab:
        if length not in self._slabs:
            self._slabs[length] = Slab(self.checkpoint.shape, length)
        return self._slabs[length]

    def _draw(self, logits: Array, rows: Rows, owners: list[Sequence]) -> np.ndarray:
        """Draw a token for each row, note it, and tell which rows are over, [rows] of bool."""
        words = draw_words(logits, rows)
        rows["token"] = words
        rows["drawn"] += 1
        ends = np.isin(words, self._ends)
        over = ends | (rows["drawn"] >= rows["limit"])
        for owner, word in zip(owners, words.tolist(), strict=True):
            owner.tokens.append(word)
        for index in np.flatnonzero(over).tolist():
            self._close(owners[index], Finish.END if ends[index] else Finish.LENGTH)
        for index, owner in enumerate(owners):
            if owner.stop and self._stops(owner):
                over[index] = True
        return over

    def _close(self, owner: Sequence, finish: Finish) -> None:
        owner.finish = finish
        owner.text = self.checkpoint.tokenizer.decode(owner.tokens)

    def _stops(self, owner: Sequence) -> bool:
        """True when a stop text appeared; the reply is cut before the first of them."""
        text = self.checkpoint.tokenizer.decode(owner.tokens)
        found = [at for at in (text.find(stop) for stop in owner.stop) if at >= 0]
        if found:
            owner.finish = Finish.STOP
            owner.text = text[: min(found)].rstrip()
        return bool(found)
