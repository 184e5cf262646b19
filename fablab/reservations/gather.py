"""What the booking rules need to know, read from the database: for many resources with a constant number of queries.

Live allocations of one resource never overlap, so only the *first one that ends after* the wanted start can be in the
way: that one row is sought in the partial index of live allocations, however many bookings follow it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, select

from fablab.certifications.models import Certification, Grant, Requirement
from fablab.certifications.rules import GrantFacts, RequiredFacts
from fablab.core.config import Config
from fablab.core.db import db
from fablab.core.errors import Invalid
from fablab.core.words import config
from fablab.people.models import Person
from fablab.people.rules import PersonFacts
from fablab.reservations.models import LIVE, Allocation
from fablab.reservations.rules import BookingFacts, BookingPolicy, Slot
from fablab.resources.models import Resource, ServiceState
from fablab.resources.rules import ResourceFacts
from fablab.resources.service import calendar

POLICY_KEYS = ("step_minutes", "min_minutes", "max_minutes", "horizon_days")


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants to hold what from when to when. `ignore` is the reservation that is being changed."""

    person_id: int
    resource_ids: tuple[int, ...]
    starts_at: datetime
    ends_at: datetime
    now: datetime
    ignore: int | None = None
    begun: bool = False


def policy_of(resource: Resource, found: Config) -> BookingPolicy:
    """The lab's defaults, changed by what the resource says itself."""
    values = {key: getattr(found.booking, key) for key in POLICY_KEYS}
    return BookingPolicy(**values | {key: value for key, value in resource.rules.items() if key in POLICY_KEYS})


def booking_facts(
    wish: Wish, window: tuple[datetime, datetime] | None = None, locked: Mapping[int, Resource] | None = None
) -> list[BookingFacts]:
    """The facts of each wanted resource, in the order of `resource_ids`. Raises Invalid for an unknown id.

    Without a `window` only the first booking that could be in the way is read, with one all that are in it. `locked`
    are the resources, where they have just been read under their locks.
    """
    person = db.session.get(Person, wish.person_id, populate_existing=True)
    if person is None:
        raise Invalid({"person_id": "there is no such person"})
    resources = _resources(wish.resource_ids, locked)
    required, grants = certificates(wish.person_id, wish.resource_ids)
    if window is None:
        taken = first_taken(wish.resource_ids, wish.starts_at, wish.ignore)
    else:
        taken = taken_between(wish.resource_ids, *window, wish.ignore)
    opening = calendar(config())
    return [
        BookingFacts(
            now=wish.now,
            starts_at=wish.starts_at,
            ends_at=wish.ends_at,
            calendar=opening,
            policy=policy_of(resource, config()),
            person=PersonFacts(person.active, person.member_until),
            resource=ResourceFacts(resource.service_state is ServiceState.IN_SERVICE, resource.service_note),
            required=required.get(resource.id, ()),
            grants=grants,
            taken=taken.get(resource.id, ()),
            begun=wish.begun,
        )
        for resource in resources
    ]


def certificates(
    person_id: int, resource_ids: Iterable[int]
) -> tuple[dict[int, list[RequiredFacts]], list[GrantFacts]]:
    """What each resource asks for, and what the person was granted of it. Two queries, one where nothing is asked."""
    asked = select(Requirement.resource_id, Certification.id, Certification.name, Certification.lapse_after_unused_days)
    asked = asked.join(Certification, Certification.id == Requirement.certification_id)
    rows = db.session.execute(asked.where(Requirement.resource_id.in_(resource_ids)).order_by(Requirement.id)).all()
    required: dict[int, list[RequiredFacts]] = {}
    lapses: dict[int, timedelta | None] = {}
    for resource_id, ident, name, lapse in rows:
        required.setdefault(resource_id, []).append(RequiredFacts(ident, name))
        lapses[ident] = None if lapse is None else timedelta(days=lapse)
    if not lapses:
        return required, []
    held = select(
        Grant.certification_id, Grant.granted_at, Grant.valid_until, Grant.last_used_at, Grant.revoked_at
    ).where(Grant.person_id == person_id, Grant.certification_id.in_(lapses))
    return required, [
        GrantFacts(ident, granted_at, valid_until, lapses[ident], last_used_at, revoked_at)
        for ident, granted_at, valid_until, last_used_at, revoked_at in db.session.execute(held)
    ]


def first_taken(resource_ids: Sequence[int], at: datetime, ignore: int | None = None) -> dict[int, list[Slot]]:
    """Of each resource the first live allocation that ends after `at`, if any. One query, one row sought for each."""
    return _by_resource(db.session.execute(first_query(resource_ids, at, ignore)))


def first_query(
    resource_ids: Sequence[int], at: datetime, ignore: int | None = None
) -> Select[int, datetime, datetime]:
    """The statement of `first_taken`: resource, start, end."""
    query = select(Allocation.resource_id, Allocation.starts_at, Allocation.ends_at)
    return query.where(Allocation.id.in_(first_ids(resource_ids, at, ignore)))


def first_ids(resource_ids: Sequence[int], at: datetime, ignore: int | None = None) -> Select[int]:
    """The ids of the allocations that `first_taken` seeks, as a part of a statement."""
    seek = select(Allocation.id).where(Allocation.resource_id == Resource.id, LIVE, Allocation.ends_at > at)
    if ignore is not None:
        seek = seek.where(Allocation.reservation_id != ignore)
    first = seek.order_by(Allocation.ends_at).limit(1).correlate(Resource).scalar_subquery()
    return select(first).select_from(Resource).where(Resource.id.in_(resource_ids))


def taken_between(
    resource_ids: Sequence[int], from_: datetime, to: datetime, ignore: int | None = None
) -> dict[int, list[Slot]]:
    """All live allocations of each resource that overlap [from_, to), ascending. Two queries.

    Those that end within are a stretch of the index; of those that end later only the first can begin before `to`.
    """
    query = within_query(resource_ids, from_, to)
    if ignore is not None:
        query = query.where(Allocation.reservation_id != ignore)
    found = _by_resource(db.session.execute(query))
    for ident, slots in first_taken(resource_ids, to, ignore).items():
        found.setdefault(ident, []).extend(slot for slot in slots if slot.starts_at < to)
    return found


def within_query(resource_ids: Sequence[int], from_: datetime, to: datetime) -> Select[int, datetime, datetime]:
    """Live allocations of the resources that end within (from_, to], ascending: resource, start, end."""
    query = select(Allocation.resource_id, Allocation.starts_at, Allocation.ends_at)
    query = query.where(Allocation.resource_id.in_(resource_ids), LIVE)
    return query.where(Allocation.ends_at > from_, Allocation.ends_at <= to).order_by(Allocation.ends_at)


def _by_resource(rows: Iterable[Any]) -> dict[int, list[Slot]]:
    found: dict[int, list[Slot]] = {}
    for resource_id, starts_at, ends_at in rows:
        found.setdefault(resource_id, []).append(Slot(starts_at, ends_at))
    return found


def _resources(ids: Sequence[int], known: Mapping[int, Resource] | None) -> list[Resource]:
    if known is None:
        known = {one.id: one for one in db.session.scalars(select(Resource).where(Resource.id.in_(ids)))}
    if missing := [ident for ident in ids if ident not in known or known[ident].retired_at is not None]:
        raise Invalid({"resource_id": f"there is no resource {missing[0]}"})
    return [known[ident] for ident in ids]
