"""Rows for tests, made with sensible defaults: say only what the test is about. Each is committed and has its id."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from sqlalchemy import select

from fablab.certifications.expression import every, tree_of
from fablab.certifications.granting import new_public_id
from fablab.certifications.models import Certification, Grant, Inclusion, Requirement, RequirementTerm
from fablab.certifications.rules import Level
from fablab.core.actor import Actor, Role
from fablab.core.db import Base, db, transaction
from fablab.devices.models import Device, DeviceState
from fablab.people.models import Person
from fablab.reservations.models import Allocation, Reservation
from fablab.resources.models import Kind, Place, Resource
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.rules import EnrolmentState, TrainingState

Row = TypeVar("Row", bound=Base)

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday, 09:00 in Paris: the lab just opened."""

_numbers = count(1)


def save(row: Row) -> Row:
    """Commits one row."""
    with transaction() as session:
        session.add(row)
    return row


def texts(english: str) -> dict[str, str]:
    """A text in all three languages, told apart by its mark."""
    return {"en": english, "fr": f"{english} (fr)", "bg": f"{english} (bg)"}


def make_person(**over: Any) -> Person:
    """An active maker without a password, member for a year."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"Ada {number}",
        "email": f"ada{number}@example.org",
        "session_key": f"session-{number}",
        "role": Role.MAKER,
        "active": True,
        "language": "en",
        "member_until": (NOW + timedelta(days=365)).date(),
        "created_at": NOW,
    }
    return save(Person(**values | over))


def make_actor(person: Person, via: str = "web") -> Actor:
    """The person acting."""
    return Actor(person_id=person.id, role=person.role, via=via)


def make_place(name: str = "Workshop", **over: Any) -> Place:
    """A place at the top of the tree."""
    return save(Place(**{"name": texts(name)} | over))


def make_machine(name: str = "Laser", **over: Any) -> Resource:
    """A machine in service that asks for no certification."""
    values: dict[str, Any] = {
        "kind": Kind.MACHINE,
        "name": texts(name),
        "description": texts(f"About {name}"),
        "created_at": NOW,
    }
    return save(Resource(**values | over))


def make_certification(name: str = "Laser basics", **over: Any) -> Certification:
    """A certification that never ends by itself."""
    return save(Certification(**{"name": texts(name), "description": texts(name), "created_at": NOW} | over))


def require_certification(resource: Resource, certification: Certification) -> Requirement:
    """Makes `resource` ask for `certification`."""
    known = db.session.scalar(select(Requirement).where(Requirement.resource_id == resource.id))
    terms = [one.certification_id for one in known.terms] if known else []
    with transaction() as session:
        made = known or Requirement(resource_id=resource.id, expression={})
        made.expression = tree_of(every([*terms, certification.id]))
        made.terms.append(RequirementTerm(certification_id=certification.id))
        session.add(made)
    return made


def make_grant(person: Person, certification: Certification, **over: Any) -> Grant:
    """Given a month ago, without an end."""
    values = {
        "public_id": new_public_id(),
        "person_id": person.id,
        "certification_id": certification.id,
        "granted_at": NOW - timedelta(days=30),
        "reason": "training",
    }
    return save(Grant(**values | over))


def make_teacher(*taught: Certification, **over: Any) -> Person:
    """An instructor who may grant these: he holds a certification of level instructor that includes them."""
    person = make_person(**{"role": Role.INSTRUCTOR} | over)
    teaching = make_certification("Teaching", level=Level.INSTRUCTOR)
    for one in taught:
        save(Inclusion(certification_id=teaching.id, included_id=one.id, direct=True))
    make_grant(person, teaching)
    return person


def make_reservation(
    person: Person, resources: Sequence[Resource], starts_at: datetime, ends_at: datetime, **over: Any
) -> Reservation:
    """A booked reservation of all `resources` from `starts_at` to `ends_at`."""
    values: dict[str, Any] = {
        "person_id": person.id,
        "created_by_id": person.id,
        "created_at": NOW,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "allocations": [Allocation(resource_id=one.id, starts_at=starts_at, ends_at=ends_at) for one in resources],
    }
    return save(Reservation(**values | over))


def make_device(resource: Resource | None = None, **over: Any) -> Device:
    """An adopted Tasmota plug."""
    number = next(_numbers)
    values: dict[str, Any] = {
        "name": f"plug {number}",
        "dialect": "tasmota",
        "base": f"plug_{number}",
        "state": DeviceState.ADOPTED,
        "resource_id": resource.id if resource else None,
        "first_seen_at": NOW,
    }
    return save(Device(**values | over))


def make_training(
    instructor: Person, certifications: Sequence[Certification], starts_at: datetime, **over: Any
) -> Training:
    """A published training of one date of two hours, for six people, that holds nothing but its instructor."""
    ends_at = starts_at + timedelta(hours=2)
    values: dict[str, Any] = {
        "title": texts("Laser basics"),
        "description": texts("How to cut"),
        "state": TrainingState.PUBLISHED,
        "instructor_id": instructor.id,
        "places": 6,
        "minimum": 0,
        "language": "en",
        "starts_at": starts_at,
        "ends_at": ends_at,
        "created_at": NOW,
        "certifications": list(certifications),
        "dates": [TrainingDate(starts_at=starts_at, ends_at=ends_at)],
    }
    return save(Training(**values | over))


def make_enrolment(training: Training, person: Person, **over: Any) -> Enrolment:
    """Somebody has a place in the training."""
    values = {
        "training_id": training.id,
        "person_id": person.id,
        "created_at": NOW,
        "state": EnrolmentState.ENROLLED,
    }
    return save(Enrolment(**values | over))
