"""One process a run folder."""

import fcntl
import os
from pathlib import Path

from graphsearch.records.errors import StoreError

__all__ = ["FolderLock"]


class FolderLock:
    """An advisory lock on a file; the system frees it when the process ends, however it ends.

    Raises:
        StoreError: another process (or another store of this one) holds it; its pid is named.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(self._file, 32).decode(errors="replace").strip() or "unknown"
            os.close(self._file)
            raise StoreError(
                f"in use by process {holder}; stop it, or give another folder", where=str(path)
            ) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Free the lock; may be called twice. The file stays: removing it would be a race."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
