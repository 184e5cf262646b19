"""Waiting lists: who waits for a resource, and who gets time that becomes free.

An entry asks for the slot [starts_at, ends_at), or for any `minutes` in that time where they are fewer. Whoever frees
time calls `freed` in the same transaction: the first in line whose wish fits is offered it, held for him alone. Who
touches an entry holds the lock of its resource, so an entry is passed on once and a slot offered to one at a time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext
from sqlalchemy import Select, select, update
from sqlalchemy.orm import joinedload

from fablab.core import audit, events
from fablab.core.actor import Actor, system
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.core.words import config
from fablab.people.models import Person
from fablab.reservations import holds, notices, placing, policies
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import Reservation, WaitingEntry, WaitingState
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.rules import Slot, hopeless
from fablab.reservations.search import free_slots
from fablab.reservations.wishes import Wish
from fablab.resources.models import Resource

MOST_DAYS = 62
"""The longest time within which somebody may wait for any free minutes."""
MOST_ENTRIES = 20
"""How many times one person may stand in line."""
LEAD = timedelta(minutes=5)
"""Of a slot that has begun, the rest is offered from the next step on, but not sooner than this."""
CHUNK = timedelta(days=2)
"""How much time is searched at once."""
HELPFUL = frozenset({"slot_taken", "too_close"})
"""Reasons that go away when somebody gives time back: for these one may wait."""
LASTING = frozenset({"membership_expired", "too_short", "too_long", "needs_supervisor"})
"""Reasons that no other time within the wish would take away."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An entry with its place in the line: 1 is the next to be asked; None when it does not wait any more."""

    entry: WaitingEntry
    position: int | None


# -- the line ---------------------------------------------------------------------------------------------------------


def join(
    actor: Actor, person_id: int, resource_id: int, starts_at: datetime, ends_at: datetime, minutes: int, now: datetime
) -> WaitingEntry:
    """Stands in line for the slot, or for any `minutes` in it. For somebody else only staff may.

    Raises Denied with the reasons that waiting does not help against, Conflict where the time is free or the person
    waits for it already, Invalid, Forbidden, NotFound for the resource.
    """
    _check(actor, person_id, starts_at, ends_at, minutes, now)
    with transaction() as session:
        person = lock(Person, person_id)
        if person is None:
            raise Invalid({"person_id": "there is no such person"})
        resource = _locked(resource_id)
        if _policy(resource, person).approval:
            raise Conflict(gettext("The staff decides who gets this. Please ask for the time you want instead."))
        _refuse_twice(person_id, resource_id, starts_at, ends_at, minutes, now)
        _refuse_needless(person_id, resource, Slot(starts_at, ends_at), minutes, now)
        entry = WaitingEntry(
            person_id=person_id,
            resource_id=resource_id,
            starts_at=starts_at,
            ends_at=ends_at,
            minutes=minutes,
            created_at=now,
            state=WaitingState.WAITING,
        )
        session.add(entry)
        session.flush()
        _tell(actor, "joined", entry, now)
        return entry


def leave(actor: Actor, entry_id: int, now: datetime) -> None:
    """Steps out of the line. One's own entry; staff any. Raises NotFound, Conflict when it does not wait any more."""
    with transaction():
        resource_id = db.session.scalar(select(WaitingEntry.resource_id).where(WaitingEntry.id == entry_id))
        if resource_id is not None:
            lock(Resource, resource_id)
        entry = lock(WaitingEntry, entry_id)
        if entry is None or not (actor.is_staff or entry.person_id == actor.person_id):
            raise NotFound(f"There is no entry {entry_id} in a waiting list.")
        if not _turn(entry, WaitingState.WAITING, WaitingState.LEFT):
            if entry.state is WaitingState.OFFERED:
                raise Conflict(gettext("A time is held for you now. Please accept or decline it."))
            raise Conflict(gettext("You do not stand in this line any more."))
        _tell(actor, "left", entry, now)


def mine(person_id: int) -> list[Standing]:
    """Where a person waits, and what is offered to him now; the earliest time first. Two queries."""
    active = WaitingEntry.state.in_((WaitingState.WAITING, WaitingState.OFFERED))
    query = select(WaitingEntry).where(WaitingEntry.person_id == person_id, active)
    own = list(db.session.scalars(query.options(joinedload(WaitingEntry.resource)).order_by(WaitingEntry.starts_at)))
    lines = db.session.scalars(_in_line([one.resource_id for one in own])).all() if own else []
    return [Standing(one, _position(one, lines)) for one in own]


def line(resource_id: int) -> list[Standing]:
    """All who wait for a resource or have an offer, in the order in which they are asked, with the people. One
    query."""
    active = WaitingEntry.state.in_((WaitingState.WAITING, WaitingState.OFFERED))
    query = select(WaitingEntry).where(WaitingEntry.resource_id == resource_id, active)
    found = list(db.session.scalars(query.options(joinedload(WaitingEntry.person)).order_by(WaitingEntry.id)))
    return [Standing(one, _position(one, found)) for one in found]


def entry_of_offer(reservation_id: int) -> WaitingEntry | None:
    """The entry for which a hold was made."""
    return db.session.scalar(select(WaitingEntry).where(WaitingEntry.offer_id == reservation_id))


def _in_line(resource_ids: Sequence[int]) -> Select[WaitingEntry]:
    query = select(WaitingEntry).where(WaitingEntry.resource_id.in_(resource_ids))
    return query.where(WaitingEntry.state == WaitingState.WAITING).order_by(WaitingEntry.id)


def _position(entry: WaitingEntry, line_: Sequence[WaitingEntry]) -> int | None:
    """One more than those who came before and wait for a time that overlaps."""
    if entry.state is not WaitingState.WAITING:
        return None
    return 1 + sum(
        one.id < entry.id
        and one.state is WaitingState.WAITING
        and one.resource_id == entry.resource_id
        and one.starts_at < entry.ends_at
        and entry.starts_at < one.ends_at
        for one in line_
    )


# -- time that becomes free -------------------------------------------------------------------------------------------


def freed(resource_ids: Sequence[int], starts_at: datetime, ends_at: datetime, now: datetime) -> list[Reservation]:
    """Offers [starts_at, ends_at), which has just become free on the resources, to those who wait. Returns the offers.

    Inside the transaction that frees the time, which must have locked the resources before any event or audit entry
    (on PostgreSQL those take locks that come last). Free time beside it may be part of an offer.
    """
    if ends_at <= now or not resource_ids:
        return []
    db.session.flush()
    rows = select(Resource).where(Resource.id.in_(resource_ids)).order_by(Resource.id)
    db.session.scalars(rows.with_for_update(key_share=True).execution_options(populate_existing=True)).all()
    query = _in_line(resource_ids).where(WaitingEntry.starts_at < ends_at, WaitingEntry.ends_at > max(starts_at, now))
    both = joinedload(WaitingEntry.resource), joinedload(WaitingEntry.person)
    query = query.options(*both).execution_options(populate_existing=True)
    entries = db.session.scalars(query.with_for_update(of=WaitingEntry, key_share=True)).all()
    made = (_offer(entry, Slot(starts_at, ends_at), now) for entry in entries)
    return [one for one in made if one is not None]


def _offer(entry: WaitingEntry, space: Slot, now: datetime) -> Reservation | None:
    """Holds the first time in `space` that fits the wish and is allowed; tells the person. None where none is."""
    policy = _policy(entry.resource, entry.person)
    if policy.approval:
        return None
    for slot in _fitting(entry, space, policy.step_minutes, now):
        until = min(now + timedelta(minutes=policy.hold_minutes), slot.starts_at)
        made = holds.hold(entry.person_id, entry.resource_id, slot.starts_at, slot.ends_at, until, now)
        if made is not None:
            _turn(entry, WaitingState.WAITING, WaitingState.OFFERED, made.id)
            placing.tell("created", system("job"), made, now)
            _tell(system("job"), "offered", entry, now)
            notices.offered(made, now)
            return made
    return None


def _fitting(entry: WaitingEntry, space: Slot, step: int, now: datetime) -> Iterator[Slot]:
    """The slots to try, earliest first. Of a slot that has begun, what is left of it."""
    if entry.ends_at - entry.starts_at == timedelta(minutes=entry.minutes):
        starts_at = entry.starts_at if entry.starts_at > now else _next_step(step, now + LEAD)
        if starts_at < min(entry.ends_at, space.ends_at):
            yield Slot(starts_at, entry.ends_at)
        return
    length = timedelta(minutes=entry.minutes)
    begin = max(entry.starts_at, space.starts_at - length, now + LEAD)
    end = min(entry.ends_at, space.ends_at + length)
    for slot in _allowed(entry.person_id, entry.resource_id, Slot(begin, end), entry.minutes, now):
        if slot.starts_at < space.ends_at and slot.ends_at > space.starts_at:
            yield slot


def _allowed(person_id: int, resource_id: int, within: Slot, minutes: int, now: datetime) -> Iterator[Slot]:
    """The slots of this length that the person may book, one stretch of time after the other, ascending."""
    length, begin = timedelta(minutes=minutes), within.starts_at
    while begin + length <= within.ends_at:
        end = min(begin + CHUNK + length, within.ends_at)
        wish = Wish(person_id, (resource_id,), begin, begin + length, now)
        for slot in free_slots(booking_facts(wish, (begin, end))[0], end, minutes):
            if slot.starts_at < begin + CHUNK:
                yield slot
        begin += CHUNK


# -- what becomes of an offer -----------------------------------------------------------------------------------------


def settle(reservation_id: int, outcome: WaitingState) -> bool:
    """Notes how an offer ended; True exactly once. Inside a transaction that has locked the resource."""
    query = update(WaitingEntry).where(WaitingEntry.offer_id == reservation_id)
    query = query.where(WaitingEntry.state == WaitingState.OFFERED).values(state=outcome)
    return db.session.execute(query.returning(WaitingEntry.id)).first() is not None


def end_stale(now: datetime) -> int:
    """Ends the entries whose time has passed; counts them. A job."""
    past = (WaitingEntry.state == WaitingState.WAITING) & (WaitingEntry.ends_at <= now)
    if db.session.scalar(select(WaitingEntry.id).where(past).limit(1)) is None:
        return 0
    with transaction() as session:
        query = update(WaitingEntry).where(past).values(state=WaitingState.EXPIRED)
        return len(session.execute(query.returning(WaitingEntry.id)).all())


def _policy(resource: Resource, person: Person | None) -> BookingPolicy:
    return policies.policy_for([resource], person)[resource.id].policy


# -- parts ------------------------------------------------------------------------------------------------------------


def _check(actor: Actor, person_id: int, starts_at: datetime, ends_at: datetime, minutes: int, now: datetime) -> None:
    if person_id != actor.person_id and not actor.is_staff:
        raise Forbidden("only staff may wait for somebody else")
    if not timedelta(0) < ends_at - starts_at <= timedelta(days=MOST_DAYS):
        raise Invalid({"end": f"must be after the start, by at most {MOST_DAYS} days"})
    if not 0 < minutes <= (ends_at - starts_at) / timedelta(minutes=1):
        raise Invalid({"minutes": "must be at least 1 and fit between start and end"})
    if ends_at <= now or starts_at > now + timedelta(days=3660):
        raise Invalid({"end" if ends_at <= now else "start": "must be in the future, within ten years"})


def _locked(resource_id: int) -> Resource:
    resource = lock(Resource, resource_id)
    if resource is None or resource.retired_at is not None:
        raise NotFound(f"There is no resource {resource_id}.")
    return resource


def _refuse_twice(
    person_id: int, resource_id: int, starts_at: datetime, ends_at: datetime, minutes: int, now: datetime
) -> None:
    active = WaitingEntry.state.in_((WaitingState.WAITING, WaitingState.OFFERED))
    own = db.session.scalars(
        select(WaitingEntry).where(WaitingEntry.person_id == person_id, active, WaitingEntry.ends_at > now)
    ).all()
    wish = (resource_id, starts_at, ends_at, minutes)
    if wish in [(one.resource_id, one.starts_at, one.ends_at, one.minutes) for one in own]:
        raise Conflict(gettext("You wait for this time already."))
    if len(own) >= MOST_ENTRIES:
        raise Conflict(gettext("You wait for %(num)d times already. Please leave a line first.", num=MOST_ENTRIES))


def _refuse_needless(person_id: int, resource: Resource, within: Slot, minutes: int, now: datetime) -> None:
    """Waiting must help: the time is not free, and nothing else speaks against it for good."""
    length = timedelta(minutes=minutes)
    slot = Slot(within.starts_at, within.starts_at + length)
    found = holds.denials_of(person_id, resource.id, slot.starts_at, slot.ends_at, now)
    if slot == within:
        codes = {denial.code for denial in found}
        if found and (not codes & HELPFUL or codes - HELPFUL - {"quota_exceeded"}):
            raise Denied([one for one in found if one.code not in HELPFUL])
        free = None if found else slot
    else:
        if lasting := [denial for denial in found if denial.code in LASTING or hopeless([denial])]:
            raise Denied(lasting)
        begin = max(within.starts_at, now)
        free = next(_allowed(person_id, resource.id, Slot(begin, within.ends_at), minutes, now), None)
    if free is not None:
        raise Conflict(gettext("This time is free: it can be booked at once."))


def _turn(entry: WaitingEntry, from_: WaitingState, to: WaitingState, offer_id: int | None = None) -> bool:
    """Moves an entry on, if it still is where it was; never twice."""
    query = update(WaitingEntry).where(WaitingEntry.id == entry.id, WaitingEntry.state == from_)
    values = {"state": to} | ({} if offer_id is None else {"offer_id": offer_id})
    done = db.session.execute(query.values(**values).returning(WaitingEntry.id)).first() is not None
    db.session.refresh(entry)
    return done


def _next_step(step: int, at: datetime) -> datetime:
    """The first instant from `at` on that is a multiple of `step` minutes after local midnight."""
    local = at.astimezone(config().lab.zone)
    past = timedelta(minutes=(local.hour * 60 + local.minute) % step, seconds=local.second, microseconds=at.microsecond)
    return at + (timedelta(minutes=step) - past) % timedelta(minutes=step)


def _tell(actor: Actor, what: str, entry: WaitingEntry, now: datetime) -> None:
    facts = {
        "person_id": str(entry.person_id),
        "resource_id": str(entry.resource_id),
        "starts_at": entry.starts_at.isoformat(),
        "ends_at": entry.ends_at.isoformat(),
        "minutes": entry.minutes,
        "reservation_id": None if entry.offer_id is None else str(entry.offer_id),
    }
    events.append(f"waiting.{what}", now, entry_id=str(entry.id), **facts)
    audit.record(actor, f"waiting.{what}", entry, now, after=facts)
