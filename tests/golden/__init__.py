"""The golden suite: small whole searches, and all that may be seen of them, kept in `files/`.

Each world is a search of seconds. Kept of it are its quote, `result.json`, events without times,
digests of the journal's keys and replies, and the sums of the ledger. Some worlds are stopped, or
their process ends, at fixed events: the resumed run must end in the same golden record.

    make golden                              check all (also `pytest tests/golden -k NAME`)
    make golden-update                       write all golden files anew
    python -m tests.golden --update NAME     write some

`resumed` of a golden file holds, for each stop, the events that follow and where the end differs
from the undisturbed one. `differs` should be empty; what stands there is a gap in resuming that is
known, such as calls of the search agent that are made again.

To add a world: write a function in `worlds.py` that returns the arguments of
`graphsearch.optimize`, list it in `WORLDS`, write its file with `--update NAME`, read the file, and
commit both together. Keep it below three seconds and its file below 60 KB.

A golden file is updated only where an outcome is meant to change. Then its update is a commit of
its own that says what changed and why; `git diff tests/golden/files` is read before. A refactoring
never updates one.
"""
