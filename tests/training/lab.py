"""A small lab for the tests of trainings: somebody who teaches, what he teaches, a room and a machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from fablab.certifications.models import Certification, Inclusion
from fablab.certifications.rules import Level
from fablab.core import events
from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations.models import LIVE, Allocation
from fablab.resources.models import Kind, Resource
from fablab.training import service
from fablab.training.models import Enrolment, Training
from fablab.training.wishes import DateWish
from tests import factories as make
from tests.factories import NOW

HOUR = timedelta(hours=1)
START = NOW + timedelta(days=2, hours=1)
"""A Wednesday, 10:00 in Paris."""
WEEK = timedelta(days=7)


@dataclass
class Lab:
    """Who and what there is."""

    instructor: Person
    manager: Person
    laser: Certification
    room: Resource
    machine: Resource

    @property
    def actor(self) -> Actor:
        """The instructor acting."""
        return make.make_actor(self.instructor)

    @property
    def boss(self) -> Actor:
        """The manager acting."""
        return make.make_actor(self.manager)


def make_lab() -> Lab:
    """An instructor who teaches the laser, a manager, a training room and a laser."""
    laser = make.make_certification()
    return Lab(
        instructor=teacher(laser),
        manager=make.make_person(role=Role.MANAGER),
        laser=laser,
        room=make.make_machine("Room", kind=Kind.ROOM),
        machine=make.make_machine("Laser"),
    )


def teacher(*certifications: Certification) -> Person:
    """An instructor who teaches these."""
    person = make.make_person(role=Role.INSTRUCTOR)
    teaching = make.make_certification("Teaching", level=Level.INSTRUCTOR)
    for one in certifications:
        make.save(Inclusion(certification_id=teaching.id, included_id=one.id, direct=True))
    make.make_grant(person, teaching)
    return person


def dates(*starts: datetime, hours: int = 2) -> list[DateWish]:
    """Dates from these instants on."""
    return [DateWish(one, one + hours * HOUR) for one in starts]


def plan(lab: Lab, *starts: datetime, publish: bool = True, now: datetime = NOW, **values: Any) -> Training:
    """A training of the lab's instructor that grants the laser and holds room and machine."""
    given = {"title": make.texts("Laser basics"), "places": 3, "certification_ids": [lab.laser.id]} | values
    made = service.plan(lab.actor, given, dates(*(starts or (START,))), [lab.room.id, lab.machine.id], now)
    return service.publish(lab.actor, made.id, now) if publish else made


def enrol(training: Training, person: Person | None = None, now: datetime = NOW) -> Enrolment:
    """Somebody enrols himself."""
    person = person or make.make_person()
    return service.enrol(make.make_actor(person), training.id, person.id, now)


def held() -> list[tuple[int, datetime, datetime]]:
    """What is held: resource, start, end; by start."""
    db.session.rollback()
    query = (
        select(Allocation.resource_id, Allocation.starts_at, Allocation.ends_at)
        .where(LIVE)
        .order_by(Allocation.resource_id)
    )
    return sorted(((ident, begin, end) for ident, begin, end in db.session.execute(query)), key=lambda row: row[1])


def told(message: str, person: Person | None = None) -> list[int]:
    """Who was told this message, in the order of telling; each time counts."""
    query = select(Notice.person_id).where(Notice.message == message).order_by(Notice.id)
    if person is not None:
        query = query.where(Notice.person_id == person.id)
    return [one for one in db.session.scalars(query) if one is not None]


def states(training: Training) -> list[str]:
    """The states of all enrolments in the order in which they were made."""
    db.session.rollback()
    query = select(Enrolment.state).where(Enrolment.training_id == training.id).order_by(Enrolment.id)
    return [one.value for one in db.session.scalars(query)]


def happened(kind: str) -> int:
    """How often this event was told."""
    return sum(one.kind == kind for one in events.since(0, 100_000))


def ids(people: Sequence[Person]) -> list[int]:
    """Their ids."""
    return [one.id for one in people]
