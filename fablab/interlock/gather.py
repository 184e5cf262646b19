"""What the decision needs to know about person, resource and time, read from the database as it is now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, or_, select

from fablab.certifications.facts import certificates_of, history_of
from fablab.certifications.rules import NOTHING
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.interlock.models import AccessDecision
from fablab.interlock.rules import AccessFacts, BadgeFacts, needs_instructor
from fablab.people.models import Badge, Person
from fablab.people.rules import PersonFacts
from fablab.reservations.models import LIVE, Allocation, Companion, Reservation
from fablab.resources.hours import calendar_of, lab_calendar
from fablab.resources.models import Resource, ServiceState
from fablab.resources.rules import Calendar, ResourceFacts

AHEAD = 8
"""How many days the opening hours are read for: a use may go on over some nights."""

# The statements are made once: to make one takes SQLAlchemy three times as long as to run it, and a reader waits.
_OTHERS = (
    select(Allocation)
    .join(Reservation)
    .where(Allocation.resource_id == bindparam("resource"), LIVE, Allocation.ends_at > bindparam("at"))
    .where(Reservation.person_id != bindparam("person"))
    .where(~Reservation.companions.any(Companion.person_id == bindparam("person")))
    .order_by(Allocation.ends_at)
    .limit(1)
)
_TAKEN = _OTHERS.with_only_columns(Allocation.ends_at).where(Allocation.starts_at <= bindparam("at"))
_OWN = (
    select(Reservation.person_id, Reservation.id, Reservation.overrides)
    .join(Allocation)
    .where(Allocation.resource_id == bindparam("resource"), LIVE)
    .where(Allocation.starts_at <= bindparam("at"), Allocation.ends_at > bindparam("at"))
    .where(
        or_(
            Reservation.person_id == bindparam("person"),
            Reservation.companions.any(Companion.person_id == bindparam("person")),
        )
    )
)
_INSTRUCTORS = (
    select(Person.id)
    .outerjoin(Companion, (Companion.person_id == Person.id) & (Companion.reservation_id == bindparam("reservation")))
    .where(or_(Companion.id.is_not(None), Person.id == bindparam("owner")), Person.id != bindparam("person"))
    .where(Person.active, Person.role != Role.MAKER)
    .limit(1)
)
_NEXT = _OTHERS.with_only_columns(Allocation.starts_at).where(Allocation.starts_at > bindparam("at"))


def access_facts(
    person: Person | None,
    resource_id: int,
    at: datetime,
    *,
    badge: Badge | None = None,
    by_badge: bool = False,
    in_use: bool = False,
    past: bool = False,
) -> AccessFacts:
    """Everything the rule needs, read as it is now; `person` was just read. With `past` also the suspensions that are
    over are read, so that it is true for any `at`."""
    person_id = person.id if person is not None else None
    resource = db.session.get(Resource, resource_id, populate_existing=True)
    required, granted = certificates_of(() if person_id is None else (person_id,), [resource_id])
    asked, grants = required.get(resource_id, NOTHING), granted.get(person_id or 0, [])
    if past and grants and person_id is not None:
        grants = history_of(person_id)
    return AccessFacts(
        at=at,
        calendar=_calendar(resource, at),
        person=PersonFacts(person.active, person.member_until) if person else None,
        resource=_resource_facts(resource),
        badge=BadgeFacts(badge.revoked_at) if badge else None,
        by_badge=by_badge,
        required=asked,
        grants=grants,
        reserved_by_other_until=_reserved_by_other(person_id, resource_id, at),
        in_use_by_other=in_use,
        supervised=needs_instructor(asked, grants, at) and _supervised(person_id, resource_id, at),
    )


def _supervised(person_id: int | None, resource_id: int, at: datetime) -> bool:
    """Whether an instructor is part of the person's booking of the resource that runs at `at`, or staff set that rule
    aside for it with a reason. Asked only of who needs one: two queries."""
    asked = {"resource": resource_id, "person": person_id, "at": at}
    for owner, reservation, overrides in db.session.execute(_OWN, asked).all():
        if any(one["code"] == "needs_supervisor" for one in overrides):
            return True
        there = {"reservation": reservation, "owner": owner, "person": person_id}
        if db.session.scalar(_INSTRUCTORS, there) is not None:
            return True
    return False


def _calendar(resource: Resource | None, at: datetime) -> Calendar:
    """The resource's own calendar of the coming days, without the closures that only keep people from booking."""
    to = at + timedelta(days=AHEAD)
    found = lab_calendar(at, to) if resource is None else calendar_of(resource, at, to)
    return replace(found, closures=tuple(one for one in found.closures if one.danger))


def _resource_facts(resource: Resource | None) -> ResourceFacts | None:
    if resource is None or resource.retired_at is not None:
        return None
    return ResourceFacts(resource.service_state is ServiceState.IN_SERVICE, resource.service_note)


def _reserved_by_other(person_id: int | None, resource_id: int, at: datetime) -> datetime | None:
    return db.session.scalar(_TAKEN, {"resource": resource_id, "person": person_id, "at": at})


def use_until(resource_id: int | None, person_id: int | None, at: datetime) -> datetime | None:
    """The closing time, the begin of a closure for danger or that of somebody else's next booking, what comes first."""
    if resource_id is None:
        return None
    limit = _calendar(db.session.get(Resource, resource_id), at).open_until(at)
    following = db.session.scalar(_NEXT, {"resource": resource_id, "person": person_id, "at": at})
    return min((one for one in (limit, following) if one is not None), default=None)


def used_by_other(resource_id: int, person_id: int, at: datetime) -> bool:
    """Whether somebody else's use of the resource ran at this instant."""
    uses = select(AccessDecision.id).where(AccessDecision.granted, AccessDecision.act == "start")
    uses = uses.where(AccessDecision.resource_id == resource_id, AccessDecision.at <= at)
    uses = uses.where(AccessDecision.ended_at.is_(None) | (AccessDecision.ended_at > at))
    whose = AccessDecision.person_id.is_(None) | (AccessDecision.person_id != person_id)
    return db.session.scalar(uses.where(whose).limit(1)) is not None
