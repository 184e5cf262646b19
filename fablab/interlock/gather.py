"""What the decision needs to know about person, resource and time, read from the database as it is now."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import bindparam, select

from fablab.certifications.facts import certificates_of
from fablab.certifications.rules import NOTHING
from fablab.core.db import db
from fablab.interlock.rules import AccessFacts, BadgeFacts
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
_NEXT = _OTHERS.with_only_columns(Allocation.starts_at).where(Allocation.starts_at > bindparam("at"))


def access_facts(
    person: Person | None,
    resource_id: int,
    at: datetime,
    *,
    badge: Badge | None = None,
    by_badge: bool = False,
    in_use: bool = False,
) -> AccessFacts:
    """Everything the rule needs, read as it is now; `person` was just read."""
    person_id = person.id if person is not None else None
    resource = db.session.get(Resource, resource_id, populate_existing=True)
    required, granted = certificates_of(() if person_id is None else (person_id,), [resource_id])
    return AccessFacts(
        at=at,
        calendar=_calendar(resource, at),
        person=PersonFacts(person.active, person.member_until) if person else None,
        resource=_resource_facts(resource),
        badge=BadgeFacts(badge.revoked_at) if badge else None,
        by_badge=by_badge,
        required=required.get(resource_id, NOTHING),
        grants=granted.get(person_id or 0, ()),
        reserved_by_other_until=_reserved_by_other(person_id, resource_id, at),
        in_use_by_other=in_use,
    )


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
