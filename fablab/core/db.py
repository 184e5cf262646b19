"""The database: declarative base, column types, and the one way to write.

Reads need nothing. Every write stands inside `with transaction():` in a `service.py`. It begins *as a writer*
(`BEGIN IMMEDIATE` on SQLite), so that what is read inside it stays true until the commit; on PostgreSQL `lock` takes
the row lock that does the same. A flush outside is refused.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    JSON,
    BigInteger,
    Connection,
    DateTime,
    Dialect,
    Engine,
    Enum,
    Integer,
    MetaData,
    event,
    insert,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Session, UOWTransaction, registry
from sqlalchemy.types import TypeDecorator

SQLITE_PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": "15000",
    "cache_size": "-20000",
}
"""FULL: what was acknowledged survives a power cut (promise R11). 15 s: longer than any write of ours waits."""

WRITER = "fablab_writer"

Texts = dict[str, str]
"""A text in the lab's languages: language code → text. Read it with `fablab.core.words.text`."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant, stored in UTC. Naive values are refused with ValueError."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r}: instants need a zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], datetime | None] | None:
        """SQLite's text becomes an instant in one step, in a sixth of the time: pages read thousands of them."""
        return _of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _of_text(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value + "+00:00")


BigId = BigInteger().with_variant(Integer, "sqlite")
"""64-bit ids on both databases (SQLite's INTEGER PRIMARY KEY is 64 bit already)."""


_NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
_COLUMN_TYPES: dict[Any, Any] = {
    datetime: UtcDateTime(),
    Texts: JSON(none_as_null=True),
    dict[str, Any]: JSON(none_as_null=True),
    list[str]: JSON(none_as_null=True),
    list[dict[str, Any]]: JSON(none_as_null=True),
}


class Base(DeclarativeBase):
    """Base of all models."""

    registry = registry(metadata=MetaData(naming_convention=_NAMING), type_annotation_map=_COLUMN_TYPES)


def choice(kind: type[StrEnum]) -> Enum:
    """Column type for a closed set of words: stored as text, held by a CHECK constraint."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=32,
        values_callable=lambda members: [member.value for member in members],
        name=kind.__name__.lower(),
    )


db = SQLAlchemy(model_class=Base)

Model = TypeVar("Model", bound=Base)


def init_app(app: Flask) -> None:
    """Connects the app to the database its configuration names and prepares each connection for it."""
    db.init_app(app)
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin by itself: we say how
    for name, value in SQLITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITER, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction() -> Iterator[Session]:
    """One unit of work: commits at its end, rolls back on any exception. An inner one joins the outer.

    Ends the read snapshot of the session first, so what is read inside is what is true now.
    """
    session = db.session()
    if session.info.get(WRITER):
        yield session
        return
    session.rollback()
    session.info[WRITER] = True
    try:
        session.connection(execution_options={WRITER: True})
        yield session
        for write in session.info.pop(_AT_END, ()):
            write()
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        session.info.pop(WRITER, None)
        session.info.pop(_AT_END, None)


def lock(model: type[Model], ident: Any) -> Model | None:
    """The row with this primary key, read anew and locked until the transaction ends; None when there is none.

    PostgreSQL takes a row lock, of the kind that lets others refer to the row; on SQLite the transaction already is the
    only writer.
    """
    return db.session.get(model, ident, with_for_update={"key_share": True}, populate_existing=True)


_AT_END = "fablab_at_end"


def at_end(write: Callable[[], None]) -> None:
    """Has `write` called when all else of the transaction is done, just before it commits. Only inside
    `transaction()`."""
    if not db.session.info.get(WRITER):
        raise RuntimeError("write only inside `with transaction():`")
    db.session.info.setdefault(_AT_END, []).append(write)


_LOGS_LOCK = 7_301_001


def lock_logs() -> None:
    """Lets one transaction after the other append to the events and to the audit log, until its commit. It is taken
    `at_end` only: nobody who holds it waits for another lock, so that nobody waits in a ring.

    SQLite has one writer as it is.
    """
    if is_postgresql():
        db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOGS_LOCK})


def bulk_insert(model: type[Base], rows: list[dict[str, Any]]) -> None:
    """Inserts many rows in one statement; nothing for an empty list. Inside `transaction()` only."""
    if rows:
        db.session.execute(insert(model), rows)


def engine() -> Engine:
    """The engine of the present app."""
    return db.engine


def is_postgresql() -> bool:
    """True on PostgreSQL, False on SQLite: the two databases we support."""
    return db.engine.dialect.name == "postgresql"


@event.listens_for(Session, "before_flush")
def _refuse_writes_outside_a_transaction(session: Session, _context: UOWTransaction, _instances: object) -> None:
    if not session.info.get(WRITER) and (session.new or session.dirty or session.deleted):
        raise RuntimeError("a write outside `with transaction():`")
