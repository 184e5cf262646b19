"""The hub: one thread per web process reads new events and hands them to every open stream.

SQLite tells whether another connection has committed (`PRAGMA data_version`), which costs microseconds, so the events
are read only when there are any; PostgreSQL signals them. The thread runs while somebody listens. It keeps the newest
events in memory; a stream that resumes further back reads them from the database.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from flask import Flask, current_app
from sqlalchemy import Connection

from fablab.core import events
from fablab.core.db import db
from fablab.core.errors import Unavailable
from fablab.core.words import config
from fablab.web import stopping

log = structlog.get_logger("pages.hub")

KEPT = 5000
PORTION = 500
LOOK_SQLITE_S = 0.01
LOOK_POSTGRESQL_S = 1.0
RETRY_S = 1.0
HEARTBEAT_S = 15.0
LIFE_S = 900.0
"""A stream ends after a quarter of an hour and is opened again, so that a session that has ended is noticed."""
SPARE_THREADS = 24
"""Threads that streams leave to all other requests."""


@dataclass(frozen=True, slots=True)
class Happened:
    """One event, free of the database."""

    id: int
    at: datetime
    kind: str
    data: dict[str, Any]


class Hub:
    """Events as they come, for any number of waiting streams."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._kept: deque[Happened] = deque(maxlen=KEPT)
        self._news = threading.Condition()
        self._floor = 0  # everything after it is in `_kept`
        self._last = 0
        self._listeners = 0
        self._thread: threading.Thread | None = None

    def listen(self, most: int) -> None:
        """One more stream; raises Unavailable when there are `most` already. Each needs its `leave`."""
        with self._news:
            if self._listeners >= most:
                raise Unavailable("Too many live pages are open; this one asks again by itself.")
            self._listeners += 1
            if self._thread is None:
                self._start()

    def leave(self) -> None:
        """A stream has ended."""
        with self._news:
            self._listeners -= 1

    @property
    def listeners(self) -> int:
        """How many streams are open."""
        return self._listeners

    def wait(self, after: int, timeout: float) -> list[Happened]:
        """Events after `after`, oldest first, as soon as there are any; empty when `timeout` passes or all must end."""
        with self._news:
            if after >= self._floor:
                self._news.wait_for(lambda: self._last > after or stopping.FLAG.is_set(), timeout)
            if after >= self._floor:
                return [one for one in self._kept if one.id > after]
        return self._from_database(after) or self.wait(self._floor, timeout)

    def _from_database(self, after: int) -> list[Happened]:
        with self._app.app_context():
            return [_free(row) for row in events.since(after, PORTION)]

    def _start(self) -> None:
        with self._app.app_context():
            self._floor = self._last = events.newest_id()
        self._kept.clear()
        self._thread = threading.Thread(target=self._read, name="events", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        """The reader: until nobody listens or the process is asked to end."""
        while self._wanted():
            try:
                with self._app.app_context(), db.engine.connect() as connection:
                    self._follow(connection)
            except Exception as error:  # the one thread that all live pages hang on must outlive whatever happens
                log.warning("events cannot be read", reason=str(error)[:200])
                stopping.FLAG.wait(RETRY_S)

    def _wanted(self) -> bool:
        with self._news:
            if self._listeners and not stopping.FLAG.is_set():
                return True
            self._thread = None
            self._news.notify_all()
            return False

    def _follow(self, connection: Connection) -> None:
        changed = _told(connection) if connection.dialect.name == "postgresql" else _seen(connection)
        while self._listeners and not stopping.FLAG.is_set():
            if changed():
                self._take()
        connection.invalidate()  # one that still listens to signals is of no use to others

    def _take(self) -> None:
        full = True
        while full and (fresh := self._from_database(self._last)):
            full = len(fresh) == PORTION
            with self._news:
                for one in fresh:
                    if len(self._kept) == KEPT:
                        self._floor = self._kept[0].id
                    self._kept.append(one)
                self._last = fresh[-1].id
                self._news.notify_all()


def _seen(connection: Connection) -> Callable[[], bool]:
    """On SQLite: waits for a moment and tells whether another connection has committed since."""
    seen = [-1]

    def changed() -> bool:
        stopping.FLAG.wait(LOOK_SQLITE_S)
        before, seen[0] = seen[0], int(connection.exec_driver_sql("PRAGMA data_version").scalar_one())
        connection.rollback()
        return seen[0] != before

    return changed


def _told(connection: Connection) -> Callable[[], bool]:
    """On PostgreSQL: waits until an event is signalled, or for a while; always true, as the first may have come before
    anybody listened."""
    connection = connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql(f"LISTEN {events.CHANNEL}")
    line: Any = connection.connection.driver_connection

    def changed() -> bool:
        for _ in line.notifies(timeout=LOOK_POSTGRESQL_S, stop_after=1):
            pass
        return True

    return changed


def _free(row: events.Event) -> Happened:
    return Happened(row.id, row.at, row.kind, dict(row.data))


def init_app(app: Flask) -> None:
    """One hub for the application."""
    app.extensions["fablab_hub"] = Hub(app)


def hub() -> Hub:
    """The hub of the present application."""
    found: Hub = current_app.extensions["fablab_hub"]
    return found


def most_streams() -> int:
    """How many streams this process may hold open."""
    return max(config().web.threads - SPARE_THREADS, 1)


def message(data: str, kind: str = "", ident: int | None = None) -> str:
    """One server-sent event. Without `kind` htmx swaps its data into the page."""
    lines = [f"id: {ident}"] if ident is not None else []
    lines += [f"event: {kind}"] if kind else []
    lines += [f"data: {line}" for line in data.splitlines() or [""]]
    return "\n".join(lines) + "\n\n"
