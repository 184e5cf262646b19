"""The floor for web and booking: the least that Flask with SQLAlchemy can do and still be right.

One table of resources, one of bookings; the overlap is refused inside `BEGIN IMMEDIATE` on SQLite, under the lock of
the resource on PostgreSQL, by seeking the first booking that ends after the wanted start. No users, no rules, no
languages, no audit. Started with FLOOR_DATABASE set.
"""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, Response, jsonify, render_template_string, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ForeignKey, Index, create_engine, event, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks import bulk

PRAGMAS = {"journal_mode": "WAL", "synchronous": "FULL", "busy_timeout": "15000"}
PAGE = """<!doctype html><html lang="en"><title>Bookings</title><h1>Bookings</h1><table>
{% for one in rows %}<tr><td>{{ one.id }}</td><td>{{ one.starts_at }}</td><td>{{ one.ends_at }}</td></tr>{% endfor %}
</table></html>"""


class Base(DeclarativeBase):
    """Base of the two tables."""


class Resource(Base):
    """What can be booked."""

    __tablename__ = "resource"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Booking(Base):
    """One slot of one resource."""

    __tablename__ = "booking"
    __table_args__ = (Index("ix_booking", "resource_id", "ends_at", "starts_at"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    resource_id: Mapped[int] = mapped_column(ForeignKey("resource.id"))
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]


def open_database(url: str) -> Engine:
    """An engine; on SQLite it says `BEGIN IMMEDIATE` for writers and plain `BEGIN` for readers."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=8, max_overflow=56)
    engine = create_engine(url, connect_args={"timeout": 15}, pool_size=16, max_overflow=240)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for name, value in PRAGMAS.items():
            connection.execute(f"PRAGMA {name}={value}")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def fill(url: str, slots: list[tuple[int, datetime, datetime]], resources: int) -> None:
    """Makes the tables with `resources` resources (ids from 1) and the given bookings."""
    engine = open_database(url)
    Base.metadata.create_all(engine)
    with Session(engine.execution_options(writes=True)) as session, session.begin():
        session.execute(insert(Resource), [{"name": f"Machine {n}"} for n in range(1, resources + 1)])
        rows = [{"resource_id": r, "starts_at": naive(s), "ends_at": naive(e)} for r, s, e in slots]
        for first in range(0, len(rows), 10_000):
            session.execute(insert(Booking), rows[first : first + 10_000])
    engine.dispose()


def fill_years(url: str, bookings: int, resources: int, now: datetime) -> None:
    """Makes the tables with very many bookings: those of `bulk.py`."""
    engine = open_database(url)
    Base.metadata.create_all(engine)
    starts = bulk.starts(now, resources)
    with Session(engine.execution_options(writes=True)) as session, session.begin():
        session.execute(insert(Resource), [{"name": f"Machine {n}"} for n in range(1, resources + 1)])
        given = {"resource_id": f"n % {resources} + 1", **bulk.times(session.connection(), starts)}
        bulk.insert(session.connection(), Booking.__table__, given, bookings)
    engine.dispose()


def naive(at: datetime) -> datetime:
    """UTC without its zone, as both databases store it here."""
    return at.astimezone(UTC).replace(tzinfo=None)


def create_app() -> Flask:
    """The floor application on the database of FLOOR_DATABASE."""
    app = Flask("floor")
    engine = open_database(os.environ["FLOOR_DATABASE"])
    writing = engine.execution_options(writes=True)

    @app.post("/bookings")
    def book() -> ResponseReturnValue:
        wanted = request.get_json()
        starts = naive(datetime.fromisoformat(wanted["start"]))
        ends = naive(datetime.fromisoformat(wanted["end"]))
        resource = int(wanted["resource_id"])
        with Session(writing) as session, session.begin():
            if engine.dialect.name != "sqlite":
                session.get(Resource, resource, with_for_update=True)
            nearest = select(Booking.starts_at).where(Booking.resource_id == resource, Booking.ends_at > starts)
            taken = session.scalar(nearest.order_by(Booking.ends_at).limit(1))
            if taken is not None and taken < ends:
                return jsonify(error="taken"), 409
            made = Booking(resource_id=resource, starts_at=starts, ends_at=ends)
            session.add(made)
            session.flush()
            return jsonify(id=str(made.id)), 201

    @app.get("/bookings")
    def listing() -> ResponseReturnValue:
        return jsonify(items=[shown(one) for one in week(engine)])

    @app.get("/week")
    def whole_week() -> ResponseReturnValue:
        return jsonify(items=[shown(one) for one in coming_week(engine)])

    @app.get("/page")
    def page() -> ResponseReturnValue:
        return render_template_string(PAGE, rows=week(engine))

    add_streams(app)
    return app


def add_streams(app: Flask) -> None:
    """`POST /ring?mark=…` tells the mark to all who listen at `/stream`, within one process and without any store."""
    rung: list[str] = []
    news = threading.Condition()

    @app.post("/ring")
    def ring() -> ResponseReturnValue:
        with news:
            rung.append(request.args["mark"])
            news.notify_all()
        return "", 204

    @app.get("/stream")
    def stream() -> ResponseReturnValue:
        def flow() -> Iterator[str]:
            heard = len(rung)
            yield ": here\n\n"
            while True:
                with news:
                    while len(rung) == heard:
                        news.wait()
                    fresh, heard = rung[heard:], len(rung)
                yield "".join(f"data: {mark}\n\n" for mark in fresh)

        return Response(flow(), mimetype="text/event-stream")


def week(engine: Engine) -> list[Booking]:
    """The first hundred bookings of one resource in the coming week."""
    now = naive(datetime.now(UTC))
    wanted = select(Booking).where(
        Booking.resource_id == 1, Booking.ends_at > now, Booking.ends_at < now + timedelta(7)
    )
    with Session(engine) as session:
        return list(session.scalars(wanted.order_by(Booking.ends_at).limit(100)))


def coming_week(engine: Engine) -> list[Booking]:
    """All bookings of all resources that touch the coming week."""
    now = naive(datetime.now(UTC))
    wanted = select(Booking).where(Booking.resource_id.in_(select(Resource.id)))
    wanted = wanted.where(Booking.ends_at > now, Booking.ends_at < now + timedelta(7))
    with Session(engine) as session:
        return list(session.scalars(wanted.order_by(Booking.resource_id, Booking.ends_at)))


def shown(one: Booking) -> dict[str, str]:
    """A booking as JSON."""
    return {"id": str(one.id), "start": one.starts_at.isoformat() + "Z", "end": one.ends_at.isoformat() + "Z"}
