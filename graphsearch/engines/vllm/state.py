"""What was started, on disk: one small file a server, so that any later process can end it.

The file is there before the process is, with a word that stands on the process's command line; the
process's number comes after. So a server can be found whenever the one who started it died.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from graphsearch.engines.vllm.processes import Process
from graphsearch.records.errors import FleetError

__all__ = ["Record", "State"]

_SCHEMA: Final = 1


class Record(BaseModel):
    """One server that was started, or is about to be.

    Attributes:
        fleet: name of its fleet.
        model: name of its model there.
        served_name: what the server calls it.
        host: where it listens.
        port: where it listens; at most one record a port.
        digest: that of its plan: what is up under another one is another server.
        token: a word on its keeper's command line, and on no other.
        log: where it writes.
        created: seconds since 1970.
        keeper: the process to end, None until it is there.
        sleeps: whether it was started so that it can sleep.
        ready: whether it ever answered.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = _SCHEMA
    fleet: str
    model: str
    served_name: str
    host: str
    port: int
    digest: str
    token: str
    log: Path
    created: float
    keeper: Process | None = None
    sleeps: bool = False
    ready: bool = False

    @property
    def alive(self) -> bool:
        """Whether its keeper runs."""
        return self.keeper is not None and self.keeper.alive


class State:
    """The folder of records.

    Args:
        folder: `$XDG_STATE_HOME/graphsearch/servers` when None, below `~/.local/state` where that
            is not set.
    """

    def __init__(self, folder: Path | None = None) -> None:
        home = Path(os.environ.get("XDG_STATE_HOME", ""))
        base = home if home.is_absolute() else Path.home() / ".local" / "state"
        self.folder = folder or base / "graphsearch" / "servers"

    def log(self, port: int) -> Path:
        """Where the server of a port writes."""
        return self.folder / f"{port}.log"

    def records(self) -> list[Record]:
        """All records, by port.

        Raises:
            FleetError: one of them cannot be read; nothing may be lost in silence.
        """
        found = []
        for path in sorted(self.folder.glob("*.json")):
            try:
                data = json.loads(path.read_text(encoding="utf-8"))
                version = data["schema_version"]
                found += [Record.model_validate(data)] if version == _SCHEMA else []
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise FleetError(
                    f"cannot be read as a server's record ({' '.join(str(error).split())}); end "
                    "the server by hand and delete the file",
                    where=str(path),
                ) from error
            if version != _SCHEMA:
                raise FleetError(
                    f"was written by another release (version {version}, here {_SCHEMA}); end its "
                    "server with that release",
                    where=str(path),
                )
        return sorted(found, key=lambda record: record.port)

    def put(self, record: Record) -> None:
        """Write a record, whole or not at all, and to the disk."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(record.port)
        beside = path.with_suffix(".part")
        with beside.open("w", encoding="utf-8") as file:
            file.write(record.model_dump_json(indent=1))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)

    def drop(self, record: Record) -> None:
        """Forget a server; its log stays, until the next one at that port."""
        self._path(record.port).unlink(missing_ok=True)

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Held by whoever starts servers: the memory is planned for one fleet at a time.

        Raises:
            FleetError: somebody else is starting some.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.folder / "starting.lock").open("w", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise FleetError(
                    "servers are being started by another process; wait for it, or end it by "
                    "Ctrl-C or 'graphsearch fleet down'"
                ) from None
            yield

    def _path(self, port: int) -> Path:
        return self.folder / f"{port}.json"
