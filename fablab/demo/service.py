"""Writes a believable lab into an empty database: the same from the same seed and moment, in about a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select, text

from fablab.core import audit
from fablab.core.actor import Actor, Role, system
from fablab.core.config import Config
from fablab.core.db import Base, db, is_postgresql, transaction
from fablab.core.errors import Conflict
from fablab.demo import devices, history
from fablab.demo.names import address
from fablab.demo.rows import tables
from fablab.demo.world import World, imagine
from fablab.people.models import Person
from fablab.reservations import placing
from fablab.reservations.models import Reservation
from fablab.reservations.reading import WITH_RESOURCES


@dataclass(frozen=True, slots=True)
class Login:
    """Somebody to sign in to the demo as."""

    role: str
    email: str
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Demo:
    """What was made: whom to sign in as, how many rows of each table, and the plan for the simulated devices."""

    logins: tuple[Login, ...]
    counts: dict[str, int]
    plan: dict[str, Any]


def seed(config: Config, number: int, now: datetime, *, password_hash: str | None = None, pace: float = 1.0) -> Demo:
    """Fill the present app's database. `password_hash` is stored for the four demo logins, one of each role.

    Raises Conflict when there is anybody in the database already.
    """
    world = imagine(config, number, now)
    with transaction() as session:
        if session.scalar(select(func.count()).select_from(Person)):
            raise Conflict("The demo needs an empty database; this one has people in it.")
        made = tables(world, config, password_hash)
        for model, rows in made:
            session.execute(insert(model), rows)
        _count_on([model for model, _ in made])
        _audit(world)
    logins = [
        Login(one.seed.role.value, address(one.seed, one.number), one.seed.name, one.seed.language)
        for one in world.people
        if one.seed.login
    ]
    plan = devices.plan(config.mqtt.site, config.lab.timezone, number, pace, world.people, world.cards)
    return Demo(tuple(logins), {model.__tablename__: len(rows) for model, rows in made}, plan)


def _count_on(models: list[type[Base]]) -> None:
    """PostgreSQL counts ids beside the table: tell it where the rows with numbers of their own end."""
    if not is_postgresql():
        return
    for model in models:
        if "id" not in model.__table__.columns:
            continue
        name = model.__tablename__
        db.session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT coalesce(max(id), 1) FROM {name}))")
        )


def _audit(world: World) -> None:
    """The acts of the last weeks that somebody would look up, in their order: certifications withdrawn, and what
    became of the bookings that one opens first."""
    acts = sorted([*_withdrawn(world), *_booked(world)], key=lambda act: act.at)
    for one in acts:
        audit.record(one.actor, one.action, one.subject, one.at.astimezone(UTC), before=one.before, after=one.after)


@dataclass(frozen=True, slots=True)
class _Act:
    at: datetime
    actor: Actor
    action: str
    subject: tuple[str, str]
    before: dict[str, Any] | None
    after: dict[str, Any]


def _withdrawn(world: World) -> Iterator[_Act]:
    for number, one in enumerate(world.grants, 1):
        if one.revoked_at is not None:
            actor = Actor(one.revoked_by, Role.INSTRUCTOR, "demo")
            subject, after = ("certification_grant", str(number)), {"reason": one.revoked_reason}
            yield _Act(one.revoked_at, actor, "grant.revoked", subject, None, after)


def _booked(world: World) -> Iterator[_Act]:
    bookings = {number: one for number, one in enumerate(world.diary.bookings, 1) if history.is_told(one)}
    query = select(Reservation).where(Reservation.id.in_(bookings)).options(WITH_RESOURCES)
    for row in db.session.scalars(query.order_by(Reservation.id)):
        facts = placing.facts_of(row)
        for place, told in enumerate(history.told(bookings[row.id])):
            actor = system("job") if told.who is None else Actor(told.who, world.people[told.who - 1].seed.role, "web")
            before = facts if place else None
            subject = ("reservation", str(row.id))
            yield _Act(told.at, actor, f"reservation.{told.what}", subject, before, facts | told.more)
