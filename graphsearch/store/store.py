"""The store of one study."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, Engine, Table, delete, insert, select

from graphsearch.ledger import Booked
from graphsearch.records.calls import canonical_json
from graphsearch.records.errors import GraphError, StoreError
from graphsearch.records.trials import TrialRecord
from graphsearch.store._books import checked_books
from graphsearch.store._lock import FolderLock
from graphsearch.store._schema import SCHEMA_VERSION, prepare
from graphsearch.store._tables import checkpoints, meta, trials
from graphsearch.store._writer import Writer
from graphsearch.store.connect import address_of, connect, file_of, one_state, reader_of
from graphsearch.store.journal import Journal
from graphsearch.store.verdicts import Verdicts

__all__ = ["SCHEMA_VERSION", "Store"]


class Store:
    """Everything a study keeps: the journal, trials, checkpoints and facts about the study.

    One process at a time may have it open for writing; any number may read. Everything written
    is on disk when the writing method returns. Close it, or use it as a context manager.

    Attributes:
        journal: replies by call key.
        verdicts: what graders said that take time.
    """

    def __init__(
        self, name: str, engine: Engine, *, lock: FolderLock | None, read_only: bool
    ) -> None:
        self.name = name
        self._engine = engine
        self._lock = lock
        self._writer = None if read_only else Writer(engine, name)
        self._reader = reader_of(engine, name)
        self.journal = Journal(self._writer, self._reader)
        self.verdicts = Verdicts(self._writer, self._reader, name)

    @classmethod
    def open(
        cls, path_or_url: str | Path, *, create: bool = True, read_only: bool = False
    ) -> "Store":
        """Open the store of a study.

        Args:
            path_or_url: a run folder, a `.db` file, or a database URL.
            create: make it where there is none.
            read_only: read beside the process that writes; takes no lock.

        Raises:
            StoreError: it is in use, absent, damaged, of another schema, or cannot be reached.
        """
        address = address_of(path_or_url)
        del path_or_url  # a traceback with local variables shows no password
        path = file_of(address)
        name = str(path) if path is not None else "the database"
        if path is not None and not path.exists() and (read_only or not create):
            raise StoreError("there is no study here", where=name)
        lock = None if path is None or read_only else FolderLock(path)
        engine = connect(address, read_only=read_only)
        try:
            prepare(engine, name, create=create, read_only=read_only)
            return cls(name, engine, lock=lock, read_only=read_only)
        except BaseException:
            engine.dispose()
            if lock is not None:
                lock.release()
            raise

    def close(self) -> None:
        """Write what waits, close the connections, free the lock. May be called twice."""
        if self._writer is not None:
            self._writer.close()
        self._reader.close()
        self._engine.dispose()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def commits(self) -> int:
        """Transactions written since the store was opened."""
        return 0 if self._writer is None else self._writer.commits

    def totals(self) -> dict[str, Booked]:
        """Everything spent, by account, summed over the journal; `Ledger.restore` takes it.

        Raises:
            StoreError: books and journal do not agree (which a store open for writing has found
                when it was opened).
        """
        if self._writer is not None:
            return self.journal.booked()
        with one_state(self._reader):
            books = checked_books(self._reader, self.name)
        return {account: book.booked for account, book in sorted(books.items())}

    # -- trials, checkpoints, facts ------------------------------------------------------------

    def put(
        self,
        *,
        trials: Sequence[TrialRecord] = (),
        checkpoints: Mapping[str, Any] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Write any of these in one transaction: all of it is kept, or none.

        Args:
            trials: finished trials; one with a known number replaces what was there.
            checkpoints: JSON values by name (searcher states, admissions); replace what was there.
            meta: JSON facts about the study by name; replace what was there.

        Raises:
            StoreError: it could not be written.
        """
        rows: dict[Table, list[dict[str, Any]]] = {
            _TRIALS: [
                {
                    "number": trial.number,
                    "round": trial.round,
                    "state": trial.state.value,
                    "graph": trial.proposal.graph.key,
                    "record": canonical_json(trial.to_json()),
                }
                for trial in trials
            ],
        }
        for table, values in ((_CHECKPOINTS, checkpoints or {}), (_META, meta or {})):
            rows[table] = [{"name": n, "value": canonical_json(v)} for n, v in values.items()]

        def action(connection: Connection) -> None:
            # Delete, then insert: what every database understands.
            for table, new in rows.items():
                if new:
                    (key,) = table.primary_key.columns
                    old = delete(table).where(key.in_([row[key.name] for row in new]))
                    connection.execute(old)
                    connection.execute(insert(table), new)

        if self._writer is None:
            raise TypeError("this store was opened for reading only")
        self._writer.run(action)

    def put_trial(self, trial: TrialRecord) -> None:
        """Write one trial."""
        self.put(trials=[trial])

    def put_checkpoint(self, name: str, value: Any, *, trials: Sequence[TrialRecord] = ()) -> None:
        """Write a checkpoint, and trials with it in the same transaction."""
        self.put(trials=trials, checkpoints={name: value})

    def put_meta(self, name: str, value: Any) -> None:
        """Write one fact about the study."""
        self.put(meta={name: value})

    def all_trials(self) -> list[TrialRecord]:
        """All trials, by number."""
        return list(self.iter_trials())

    def iter_trials(self, *, start: int = 0) -> Iterator[TrialRecord]:
        """Trials from a number on, one after the other."""
        query = select(_TRIALS.c.record).where(_TRIALS.c.number >= start).order_by(_TRIALS.c.number)
        for record in self._reader.execute(query).scalars():
            try:
                yield TrialRecord.from_json(json.loads(record))
            except (ValueError, KeyError, TypeError, GraphError) as error:
                raise self._damaged("a trial", error) from error

    def get_checkpoint(self, name: str) -> Any | None:
        """The value of a checkpoint, or None where there is none."""
        return self._get(_CHECKPOINTS, name)

    def checkpoint_names(self, prefix: str = "") -> list[str]:
        """Names of checkpoints that begin with `prefix`, sorted."""
        found = self._reader.execute(select(_CHECKPOINTS.c.name)).scalars()
        return sorted(name for name in found if name.startswith(prefix))

    def get_meta(self, name: str) -> Any | None:
        """A fact about the study, or None where there is none."""
        return self._get(_META, name)

    def _get(self, table: Table, name: str) -> Any | None:
        query = select(table.c.value).where(table.c.name == name)
        found = self._reader.execute(query).scalar_one_or_none()
        try:
            return None if found is None else json.loads(found)
        except ValueError as error:
            raise self._damaged(f"{table.name}/{name}", error) from error

    def _damaged(self, what: str, error: Exception) -> StoreError:
        return StoreError(f"{what} cannot be read ({error}); the file is damaged", where=self.name)


_TRIALS, _CHECKPOINTS, _META = trials, checkpoints, meta
