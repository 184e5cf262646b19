"""Waiting lists: who waits for a resource, and who gets time that becomes free.

An entry asks for the slot [starts_at, ends_at), or for any `minutes` in that time where they are fewer. Whoever frees
time calls `freed` in the same transaction: the first in line whose wish fits is offered it, held for him alone. Who
touches an entry holds the lock of its resource, so an entry is passed on once and a slot offered to one at a time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask_babel import gettext
from sqlalchemy import Select, select, update
from sqlalchemy.orm import joinedload

from fablab.core import audit, events
from fablab.core.actor import Actor, system
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.people.models import Person
from fablab.reservations import holds, notices, placing, policies
from fablab.reservations.gather import booking_facts, taken_between
from fablab.reservations.models import LIVE, Allocation, Reservation, WaitingEntry, WaitingState
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.rules import BookingFacts, Slot, booking_denials, hopeless
from fablab.reservations.search import each_free, next_step
from fablab.reservations.timeline_rules import free_spans
from fablab.reservations.wishes import Wish
from fablab.resources.hours import calendars
from fablab.resources.models import Resource
from fablab.resources.rules import Calendar

MOST_DAYS = 62
"""The longest time within which somebody may wait for any free minutes."""
MOST_ENTRIES = 20
"""How many times one person may stand in line."""
AT_ONCE = 500
"""How many entries one run of the job ends at most; the next run goes on."""
LEAD = timedelta(minutes=5)
"""Of a slot that has begun, the rest is offered from the next step on, but not sooner than this."""
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
        _refuse_own(person_id, resource_id, Slot(starts_at, ends_at), minutes, now)
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
    (on PostgreSQL those take locks that come last). Free time beside it may be part of an offer. Who waits for more
    than there is costs nothing: four queries say for all what is free and open.
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
    made = list(_offers(entries, Slot(starts_at, ends_at), now)) if entries else []
    for entry, offer in made:
        placing.tell("created", system("job"), offer, now)
        _tell(system("job"), "offered", entry, now)
        notices.offered(offer, now)
    return [offer for _, offer in made]


def _offers(entries: Sequence[WaitingEntry], space: Slot, now: datetime) -> Iterator[tuple[WaitingEntry, Reservation]]:
    """Who gets what, one after the other in the order of the line."""
    windows = [_window(entry, space, now) for entry in entries]
    edges = min(one.starts_at for one in windows), max(one.ends_at for one in windows)
    resources = list({entry.resource_id: entry.resource for entry in entries}.values())
    taken, opening = taken_between([one.id for one in resources], *edges), calendars(resources, *edges)
    for entry, window in zip(entries, windows, strict=True):
        held = taken.setdefault(entry.resource_id, [])
        least = window.ends_at - window.starts_at if _is_exact(entry) else timedelta(minutes=entry.minutes)
        free = free_spans([window], held, least, now)
        if not any(_overlap(one, space) for one in free):
            continue
        if (made := _offer(entry, window, space, opening, now)) is not None:
            held.append(Slot(made.starts_at, made.ends_at))
            yield entry, made


def _offer(
    entry: WaitingEntry, window: Slot, space: Slot, opening: Mapping[int, Calendar], now: datetime
) -> Reservation | None:
    """Holds the first time in the window that touches the space, fits the wish and is allowed; None where none is."""
    wish = Wish(entry.person_id, (entry.resource_id,), window.starts_at, window.ends_at, now)
    known = {entry.resource_id: entry.resource}
    facts = booking_facts(wish, (window.starts_at, window.ends_at), known, entry.person, opening)[0]
    if facts.policy.approval:
        return None
    for begin, end in _fitting(entry, facts, now):
        if not _overlap(Slot(begin, end), space):
            continue
        until = min(now + timedelta(minutes=facts.policy.hold_minutes), begin)
        made = holds.hold(entry.person_id, entry.resource_id, begin, end, until, now, facts)
        if made is not None:
            _turn(entry, WaitingState.WAITING, WaitingState.OFFERED, made.id)
            return made
    return None


def _fitting(entry: WaitingEntry, facts: BookingFacts, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The times to try, earliest first. Of a slot that has begun, what is left of it."""
    if not _is_exact(entry):
        for slot in each_free(facts, facts.ends_at, entry.minutes):
            yield slot.starts_at, slot.ends_at
        return
    rest = next_step(now + LEAD, facts.policy.step_minutes, facts.calendar.zone)
    starts_at = entry.starts_at if entry.starts_at > now else rest
    if starts_at < entry.ends_at:
        yield starts_at, entry.ends_at


def _window(entry: WaitingEntry, space: Slot, now: datetime) -> Slot:
    """The time in which an offer to this entry may lie; it is empty where nothing fits."""
    if _is_exact(entry):
        return Slot(max(entry.starts_at, now), entry.ends_at)
    length = timedelta(minutes=entry.minutes)
    begin = max(entry.starts_at, space.starts_at - length, now + LEAD)
    return Slot(begin, max(begin, min(entry.ends_at, space.ends_at + length)))


def _is_exact(entry: WaitingEntry) -> bool:
    """Whether all of the time is wished for, not any minutes in it."""
    return entry.ends_at - entry.starts_at == timedelta(minutes=entry.minutes)


def _overlap(one: Slot, other: Slot) -> bool:
    return one.starts_at < other.ends_at and one.ends_at > other.starts_at


# -- what becomes of an offer -----------------------------------------------------------------------------------------


def settle(reservation_id: int, outcome: WaitingState) -> bool:
    """Notes how an offer ended; True exactly once. Inside a transaction that has locked the resource."""
    query = update(WaitingEntry).where(WaitingEntry.offer_id == reservation_id)
    query = query.where(WaitingEntry.state == WaitingState.OFFERED).values(state=outcome)
    return db.session.execute(query.returning(WaitingEntry.id)).first() is not None


def end_stale(now: datetime) -> int:
    """Ends the entries whose time has passed and tells the people; counts them. A job: twice is as once."""
    past = (WaitingEntry.state == WaitingState.WAITING) & (WaitingEntry.ends_at <= now)
    query = select(WaitingEntry.id, WaitingEntry.resource_id).where(past).order_by(WaitingEntry.id).limit(AT_ONCE)
    return sum(_end(*row, now) for row in db.session.execute(query).all())


def _end(entry_id: int, resource_id: int, now: datetime) -> bool:
    with transaction():
        lock(Resource, resource_id)
        entry = lock(WaitingEntry, entry_id)
        if entry is None or not _turn(entry, WaitingState.WAITING, WaitingState.EXPIRED):
            return False
        _tell(system("job"), "expired", entry, now)
        notices.waited_in_vain(entry, now)
        return True


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


def _refuse_own(person_id: int, resource_id: int, within: Slot, minutes: int, now: datetime) -> None:
    """Nobody waits for what he holds himself: his own bookings must leave room for the wish."""
    query = select(Allocation.starts_at, Allocation.ends_at).join(Allocation.reservation)
    query = query.where(Allocation.resource_id == resource_id, LIVE, Reservation.person_id == person_id)
    query = query.where(Allocation.ends_at > max(within.starts_at, now), Allocation.starts_at < within.ends_at)
    own = [Slot(starts_at, ends_at) for starts_at, ends_at in db.session.execute(query)]
    if own and not free_spans([within], own, timedelta(minutes=minutes), now):
        raise Conflict(gettext("You have booked this time yourself."))


def _refuse_needless(person_id: int, resource: Resource, within: Slot, minutes: int, now: datetime) -> None:
    """Waiting must help: the time is not free, and nothing else speaks against it for good."""
    length = timedelta(minutes=minutes)
    slot = Slot(within.starts_at, within.starts_at + length)
    wish = Wish(person_id, (resource.id,), slot.starts_at, slot.ends_at, now)
    facts = booking_facts(wish, None if slot == within else (within.starts_at, within.ends_at))[0]
    found = booking_denials(facts)
    if slot == within:
        codes = {denial.code for denial in found}
        if found and (not codes & HELPFUL or codes - HELPFUL - {"quota_exceeded"}):
            raise Denied([one for one in found if one.code not in HELPFUL])
        free = None if found else slot
    else:
        if lasting := [denial for denial in found if denial.code in LASTING or hopeless([denial])]:
            raise Denied(lasting)
        free = next(each_free(facts, within.ends_at, minutes), None)
    if free is not None:
        raise Conflict(gettext("This time is free: it can be booked at once."))


def _turn(entry: WaitingEntry, from_: WaitingState, to: WaitingState, offer_id: int | None = None) -> bool:
    """Moves an entry on, if it still is where it was; never twice."""
    query = update(WaitingEntry).where(WaitingEntry.id == entry.id, WaitingEntry.state == from_)
    values = {"state": to} | ({} if offer_id is None else {"offer_id": offer_id})
    done = db.session.execute(query.values(**values).returning(WaitingEntry.id)).first() is not None
    db.session.refresh(entry)
    return done


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
