"""Finding a slot: «2 h, any laser cutter, this week, when an instructor is there», the earliest choices of several
resources. When an instructor is there: decision record 0012."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, bindparam, select, union

from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.core.errors import Forbidden, Invalid
from fablab.people.models import Person
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import LIVE, Allocation, Companion, Let, Reservation
from fablab.reservations.rules import BookingFacts, Slot, booking_denials, hopeless
from fablab.reservations.search import Choice, find_slots
from fablab.reservations.supervision import brings_instructor
from fablab.reservations.wishes import Extras, Wish
from fablab.resources.hours import calendars
from fablab.resources.models import Kind, OpeningRule, Resource, ServiceState

MOST_DAYS = 62
MOST_CHOICES = 100
MOST_MINUTES = 366 * 24 * 60
MOST_RESOURCES = 500
MOST_REASONS = 6
LASTING = frozenset({"membership_expired", "too_short", "too_long"})
"""Reasons that no other time takes away, beside the hopeless ones."""
_INSTRUCTORS = [role for role in Role if role is not Role.MAKER]

_IS_INSTRUCTOR = select(Person.id).where(Person.role.in_(_INSTRUCTORS), Person.active)
_COMES_ALONG = select(Companion.reservation_id).where(Companion.person_id.in_(_IS_INSTRUCTOR))


def _there(*which: ColumnElement[bool]) -> Select[datetime, datetime]:
    held = select(Allocation.starts_at, Allocation.ends_at).join(
        Reservation, Reservation.id == Allocation.reservation_id
    )
    held = held.outerjoin(Let, Let.reservation_id == Reservation.id).where(Let.reservation_id.is_(None))
    held = held.where(LIVE, Allocation.ends_at > bindparam("from"), Allocation.starts_at < bindparam("to"))
    return held.where(*which)


_NOT_OVER = (Reservation.ends_at > bindparam("from"), Reservation.starts_at < bindparam("to"))
_THERE = union(
    _there(Reservation.person_id.in_(_IS_INSTRUCTOR), *_NOT_OVER),
    _there(Reservation.id.in_(_COMES_ALONG), *_NOT_OVER),
    _there(Allocation.resource_id.in_(select(Resource.id).where(Resource.kind == Kind.ADVISOR))),
)
"""Three seeks, each by an index: as one condition they would make the database read every booking there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is looked for: so many minutes within [from_, to) on any one of the resources that fit every filter that is
    given. With `with_instructor` an instructor is in the lab for the whole time."""

    kind: Kind | None = None
    group_id: int | None = None
    resource_ids: Sequence[int] = ()
    minutes: int
    from_: datetime
    to: datetime
    with_instructor: bool = False
    extras: Extras = field(default_factory=Extras)


def find(actor: Actor, person_id: int, asked: Asked, now: datetime, limit: int = 10) -> list[Choice]:
    """The earliest slots that the person may book, at most `limit`, earliest first; of one resource those that do not
    overlap. Where an instructor must be booked along, is wished for and is not named yet, the choice says so.

    A constant number of queries. Raises Invalid, Forbidden for somebody else's choices.
    """
    _check(asked, now, limit)
    choices = _gathered(actor, person_id, asked, now)
    if not choices:
        return []
    bring = {facts.resource_id for facts in choices if asked.with_instructor and brings_instructor(facts)}
    choices = [replace(facts, brought=True) if facts.resource_id in bring else facts for facts in choices]
    there = instructor_there(max(asked.from_, now), asked.to) if asked.with_instructor else None
    found = find_slots(choices, asked.to, asked.minutes, limit, there)
    return [replace(one, with_instructor=True) if one.resource_id in bring else one for one in found]


def against(actor: Actor, person_id: int, asked: Asked, now: datetime) -> list[Denial]:
    """Why `find` finds nothing: what speaks against each resource whatever the time, at most `MOST_REASONS`; what
    speaks against all of them once, without a name. Raises Forbidden."""
    choices = _gathered(actor, person_id, asked, now)
    found: dict[str, tuple[Denial, list[BookingFacts]]] = {}
    for facts in choices:
        for denial in booking_denials(facts):
            brought = asked.with_instructor and denial.code == "needs_supervisor" and brings_instructor(facts)
            if not brought and (hopeless([denial]) or denial.code in LASTING):
                found.setdefault(repr(denial), (denial, []))[1].append(facts)
    reasons: list[Denial] = []
    for denial, of_whom in found.values():
        if len(of_whom) == len(choices) > 1:
            reasons.append(denial)
            continue
        for facts in of_whom:
            name = {"resource_name": dict(facts.resource_name)} if len(choices) > 1 else {}
            reasons.append(Denial(denial.code, {**denial.params, "resource_id": str(facts.resource_id), **name}))
    return reasons[:MOST_REASONS]


def _gathered(actor: Actor, person_id: int, asked: Asked, now: datetime) -> list[BookingFacts]:
    if person_id != actor.person_id and not actor.is_staff:
        raise Forbidden("only staff may look for somebody else")
    ids, begin = _wanted(asked), max(asked.from_, now)
    if not ids or asked.to <= begin:
        return []
    ends_at = begin + timedelta(minutes=asked.minutes)
    wish = Wish(person_id, tuple(ids), begin, ends_at, now, extras=asked.extras)
    return booking_facts(wish, (begin, max(asked.to, ends_at)))


def instructor_there(from_: datetime, to: datetime) -> list[Slot]:
    """When an instructor is in the lab within [from_, to): the times of their bookings and of those that they are part
    of, those of booked advisors, and the hours of advisors who have hours of their own; ascending, merged, lasting
    lets left out. Four queries at most."""
    rows = db.session.execute(_THERE, {"from": from_, "to": to})
    found = [Slot(starts_at, ends_at) for starts_at, ends_at in rows]
    return _merged([*found, *_advisors(from_, to)])


def _advisors(from_: datetime, to: datetime) -> Iterable[Slot]:
    query = select(Resource).where(Resource.kind == Kind.ADVISOR, Resource.opening == OpeningRule.OWN)
    advisors = list(db.session.scalars(query.where(*_usable())))
    if not advisors:
        return
    for calendar in calendars(advisors, from_, to).values():
        day = from_.astimezone(calendar.zone).date()
        while day <= to.astimezone(calendar.zone).date():
            yield from (Slot(opens, closes) for opens, closes in calendar.intervals(day))
            day += timedelta(1)


def _merged(slots: Sequence[Slot]) -> list[Slot]:
    merged: list[Slot] = []
    for slot in sorted(slots, key=lambda one: one.starts_at):
        if merged and slot.starts_at <= merged[-1].ends_at:
            merged[-1] = Slot(merged[-1].starts_at, max(merged[-1].ends_at, slot.ends_at))
        else:
            merged.append(slot)
    return merged


def _wanted(asked: Asked) -> list[int]:
    query = select(Resource.id).where(*_usable())
    if asked.kind is not None:
        query = query.where(Resource.kind == asked.kind)
    if asked.group_id is not None:
        query = query.where(Resource.group_id == asked.group_id)
    if asked.resource_ids:
        query = query.where(Resource.id.in_(asked.resource_ids))
    return list(db.session.scalars(query.order_by(Resource.id).limit(MOST_RESOURCES)))


def _usable() -> tuple[ColumnElement[bool], ...]:
    return Resource.retired_at.is_(None), Resource.service_state == ServiceState.IN_SERVICE


def _check(asked: Asked, now: datetime, limit: int) -> None:
    wrong: dict[str, str] = {}
    if not 1 <= asked.minutes <= MOST_MINUTES:
        wrong["minutes"] = f"must be between 1 and {MOST_MINUTES}"
    if not timedelta(0) < asked.to - asked.from_ <= timedelta(days=MOST_DAYS):
        wrong["to"] = f"must be after `from`, by at most {MOST_DAYS} days"
    if abs(asked.from_ - now) > timedelta(days=3660):
        wrong["from"] = "must be within ten years from now"
    if not 1 <= limit <= MOST_CHOICES:
        wrong["limit"] = f"must be between 1 and {MOST_CHOICES}"
    if len(asked.resource_ids) > MOST_RESOURCES:
        wrong["resource_ids"] = f"must be at most {MOST_RESOURCES}"
    if wrong:
        raise Invalid(wrong)
