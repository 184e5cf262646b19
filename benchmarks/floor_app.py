"""The floor for web and booking: the least that Flask with SQLAlchemy on SQLite can do and still be right.

One table of resources, one of bookings; the overlap is refused inside `BEGIN IMMEDIATE` by seeking the first booking
that ends after the wanted start. No users, no rules, no languages, no audit. Started with FLOOR_DATABASE set.
"""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask, jsonify, render_template_string, request
from flask.typing import ResponseReturnValue
from sqlalchemy import ForeignKey, Index, create_engine, event, insert, select
from sqlalchemy.engine import Engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

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
    """An engine that says `BEGIN IMMEDIATE` for writers and plain `BEGIN` for readers."""
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


def naive(at: datetime) -> datetime:
    """UTC without its zone, as SQLite stores it."""
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

    @app.get("/page")
    def page() -> ResponseReturnValue:
        return render_template_string(PAGE, rows=week(engine))

    return app


def week(engine: Engine) -> list[Booking]:
    """The first hundred bookings of one resource in the coming week."""
    now = naive(datetime.now(UTC))
    wanted = select(Booking).where(
        Booking.resource_id == 1, Booking.ends_at > now, Booking.ends_at < now + timedelta(7)
    )
    with Session(engine) as session:
        return list(session.scalars(wanted.order_by(Booking.ends_at).limit(100)))


def shown(one: Booking) -> dict[str, str]:
    """A booking as JSON."""
    return {"id": str(one.id), "start": one.starts_at.isoformat() + "Z", "end": one.ends_at.isoformat() + "Z"}
