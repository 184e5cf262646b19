"""Writes a believable lab into an empty database: the same from the same seed and moment, in about a second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select, text

from fablab.core import audit
from fablab.core.actor import Actor, system
from fablab.core.config import Config
from fablab.core.db import Base, db, is_postgresql, transaction
from fablab.core.errors import Conflict
from fablab.demo import devices, history, learnt
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
        session.execute(insert(audit.AuditEntry), _audited(world))
        _count_on([*(model for model, _ in made), audit.AuditEntry])
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


def _audited(world: World) -> list[dict[str, Any]]:
    """The audit log in its order: all of certifications and trainings, and what became of every booking.

    Chained as `audit.record` does it, but written at once: there are thousands.
    """
    rows, previous = [], ""
    for number, one in enumerate(sorted([*_learnt(world), *_booked(world)], key=lambda act: act.at), 1):
        row = {
            "id": number,
            "at": one.at.astimezone(UTC),
            "actor_id": one.actor.person_id,
            "via": one.actor.via,
            "action": one.action,
            "subject_type": one.subject[0],
            "subject_id": one.subject[1],
            "before": one.before,
            "after": one.after,
        }
        previous = audit.chain_hash(previous, audit.AuditEntry(**row))
        rows.append(row | {"hash": previous})
    return rows


@dataclass(frozen=True, slots=True)
class _Act:
    at: datetime
    actor: Actor
    action: str
    subject: tuple[str, str]
    before: dict[str, Any] | None
    after: dict[str, Any]


def _learnt(world: World) -> Iterator[_Act]:
    for one in learnt.told(world):
        actor = system("job") if one.who is None else Actor(one.who, world.people[one.who - 1].seed.role, "web")
        yield _Act(one.at, actor, one.action, one.subject, None, one.after)


def _booked(world: World) -> Iterator[_Act]:
    query = select(Reservation).options(WITH_RESOURCES).order_by(Reservation.id)
    for row, booking in zip(db.session.scalars(query), world.diary.bookings, strict=True):
        facts = placing.facts_of(row)
        for place, told in enumerate(history.told(booking)):
            actor = system("job") if told.who is None else Actor(told.who, world.people[told.who - 1].seed.role, "web")
            before = facts if place else None
            subject = ("reservation", str(row.id))
            yield _Act(told.at, actor, f"reservation.{told.what}", subject, before, facts | told.more)
