"""Writes a believable lab into an empty database: the same from the same seed and moment, in about a second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, select, text

from fablab.core import audit
from fablab.core.actor import Actor, Role
from fablab.core.config import Config
from fablab.core.db import Base, db, is_postgresql, transaction
from fablab.core.errors import Conflict
from fablab.demo import devices
from fablab.demo.names import address
from fablab.demo.rows import tables
from fablab.demo.world import World, imagine
from fablab.people.models import Person


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
        name = model.__tablename__
        db.session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT coalesce(max(id), 1) FROM {name}))")
        )


def _audit(world: World) -> None:
    """The acts of the last weeks that staff would look up: certifications withdrawn, in their order."""
    ended = sorted(
        ((one.revoked_at, number, one) for number, one in enumerate(world.grants, 1) if one.revoked_at is not None),
        key=lambda entry: entry[0],
    )
    for at, number, one in ended:
        actor = Actor(one.revoked_by, Role.INSTRUCTOR, "demo")
        subject = ("certification_grant", str(number))
        audit.record(actor, "grant.revoked", subject, at, after={"reason": one.revoked_reason})
