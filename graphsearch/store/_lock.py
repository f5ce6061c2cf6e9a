"""One process a run folder."""

import fcntl
import os
from pathlib import Path

from graphsearch.records.errors import StoreError

__all__ = ["FolderLock"]


class FolderLock:
    """An advisory lock beside a file; the system frees it however the process ends.

    Args:
        path: the file; its folder is made where there is none.

    Raises:
        StoreError: another process (or another store of this one) holds it, whose pid is named; or
            there may be no lock here.
    """

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = path.with_name(path.name + ".lock")
            self._file = os.open(lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise StoreError(f"cannot be opened: {error.strerror}", where=str(path)) from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StoreError(
                f"in use by process {holder}; stop it, or give another folder", where=str(lock)
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Free the lock; may be called twice. The file stays: removing it would be a race."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
