"""What the page for booking offers: the rules that count, what can be held along, who can come along."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select

from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.errors import Invalid
from fablab.people.models import Person
from fablab.reservations import reading
from fablab.reservations.policies import policy_of
from fablab.reservations.policy import BookingPolicy
from fablab.resources.models import Kind, Resource, ServiceState

STAFF = (Role.INSTRUCTOR, Role.MANAGER, Role.ADMINISTRATOR)


@dataclass(frozen=True, slots=True)
class Offer:
    """What somebody may choose when he books `resource`. `people` (for staff): whom one may book for; `instructors`:
    who can supervise, by name; `further`: what else can be held in the same reservation, machines first."""

    resource: Resource
    policy: BookingPolicy
    further: Sequence[Resource]
    instructors: Sequence[tuple[int, str]]
    people: Sequence[tuple[int, str]]

    @property
    def is_place(self) -> bool:
        """A room or an office: others may be in it at the same time, unless it is taken as a whole."""
        return self.resource.kind in {Kind.ROOM, Kind.OFFICE}


def offer(actor: Actor, resource: Resource) -> Offer:
    """What the page offers to this person. A constant number of queries."""
    return Offer(
        resource=resource,
        policy=policy_of(resource, actor.person_id),
        further=_further(resource),
        instructors=[one for one in reading.people(Person.role.in_(STAFF)) if one[0] != actor.person_id],
        people=reading.people() if actor.is_staff else (),
    )


def person_called(text: str) -> int | None:
    """The one active person with exactly this name or address; None where there is none, or more than one. Members
    are found by those who know them and cannot be listed."""
    wanted = text.strip().lower()
    query = select(Person.id).where(Person.active, Person.anonymised_at.is_(None))
    query = query.where(or_(func.lower(Person.email) == wanted, func.lower(Person.name) == wanted)).limit(2)
    found = list(db.session.scalars(query))
    return found[0] if len(found) == 1 else None


def companions(actor: Actor, ids: Sequence[int], names: Sequence[str]) -> dict[int, str]:
    """Who is booked along: by id, each with what he was called, '' for who was named by id.

    By id makers name instructors, whom they see in a list; other members only by full name or address. Raises Invalid,
    the same for whom there is not and for whom one may not name.
    """
    if ids:
        query = select(Person.id).where(Person.id.in_(ids), Person.active, Person.anonymised_at.is_(None))
        known = set(db.session.scalars(query if actor.is_staff else query.where(Person.role.in_(STAFF))))
        if set(ids) - known:
            raise Invalid({"companion_ids": "must be ids of instructors; name others in `companions`"})
    called = dict.fromkeys(ids, "")
    for name in names:
        found = person_called(name)
        if found is None:
            raise Invalid({"companions": "nobody is known by this name or address"})
        called.setdefault(found, name.strip())
    return called


def _further(resource: Resource) -> list[Resource]:
    query = select(Resource).where(Resource.retired_at.is_(None), Resource.id != resource.id)
    query = query.where(Resource.service_state == ServiceState.IN_SERVICE)
    order = list(Kind)
    return sorted(db.session.scalars(query.order_by(Resource.id)), key=lambda one: order.index(one.kind))
