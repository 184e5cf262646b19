"""One leader among several processes: a lock that frees itself when its holder dies.

PostgreSQL: an advisory lock on a connection of its own. SQLite: a lock on a file beside the database. Neither can be
left behind by a crash, as a row with a time-out could.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

LOCK = 7_301_003


class Leader:
    """`acquire` once in a while until it is true; then ask `holds` whether it still is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._file: IO[bytes] | None = None
        self._connection: Connection | None = None

    def acquire(self) -> bool:
        """True when this process is the leader now."""
        if self.holds():
            return True
        return self._lock_row() if self._engine.dialect.name == "postgresql" else self._lock_file()

    def holds(self) -> bool:
        """Whether the lock is still ours; a lost connection to PostgreSQL loses it."""
        if self._file is not None:
            return True
        if self._connection is None:
            return False
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Let somebody else lead."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()

    def _lock_file(self) -> bool:
        path = Path(str(self._engine.url.database) + ".jobs-lock")
        handle = path.open("ab")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            return False
        self._file = handle
        return True

    def _lock_row(self) -> bool:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        if connection.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            self._connection = connection
            return True
        connection.close()
        return False


@contextmanager
def leading(engine: Engine) -> Iterator[Leader]:
    """A leader that gives its lock back at the end."""
    leader = Leader(engine)
    try:
        yield leader
    finally:
        leader.release()
