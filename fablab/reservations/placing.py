"""Placing a wish: what book, change, accept and their like share. Locks, then facts, then rules, then the row.

The locks are taken in one order by all: the person (so that limits are exact), the resources ascending, reservations.
The database's own guard has the last word. Everything here but `wish_of` and `seen` stands inside a transaction.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import gettext
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import db, lock
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.people.models import Person
from fablab.reservations import guards
from fablab.reservations.asked import WHOLE, asked, parents
from fablab.reservations.gather import booking_facts, first_taken
from fablab.reservations.models import Allocation, Reservation, ReservationState
from fablab.reservations.overriding import split
from fablab.reservations.rules import BookingFacts, Slot, all_denials, needs_approval, taken_denial
from fablab.reservations.wishes import Extras, LetTerms, Wish
from fablab.resources.models import Resource

FURTHEST = timedelta(days=3660)
LONGEST = timedelta(days=366)
MOST_RESOURCES = 20
MOST_COMPANIONS = 50
MOST_PEOPLE = 1000
LONGEST_TEXT = 500
MOST_DEPOSIT = 10**9
MOST_NOTICE_DAYS = 3660


@dataclass(frozen=True, slots=True)
class Judged:
    """What the rules say: the reasons that remain, the rules that staff set aside ({code, reason}), whether the staff
    must approve, and the facts it was said of."""

    remaining: Sequence[Denial]
    set_aside: list[dict[str, Any]]
    needs_approval: bool
    choices: Sequence[BookingFacts]


def wish_of(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    extras: Extras,
) -> Wish:
    """The wish with all that it holds, once it makes sense at all. Raises Forbidden, Invalid."""
    if person_id != actor.person_id and not actor.is_staff:
        raise Forbidden("only staff may book for somebody else")
    if not actor.is_staff and (extras.overrides or extras.let is not None):
        raise Forbidden("only staff may set rules aside or let")
    ids = tuple(dict.fromkeys(resource_ids))
    if not 1 <= len(ids) <= MOST_RESOURCES:
        raise Invalid({"resource_ids": f"must be one to {MOST_RESOURCES} resources"})
    if abs(starts_at - now) > FURTHEST:
        raise Invalid({"start": "must be within ten years from now"})
    if not timedelta(0) < ends_at - starts_at <= LONGEST:
        raise Invalid({"end": "must be after the start, by at most 366 days"})
    if faults := _faults(extras):
        raise Invalid(faults)
    companions = tuple(dict.fromkeys(one for one in extras.companion_ids if one != person_id))
    asked, held_along = whole(ids) if extras.exclusive else (ids, ())
    extras = replace(extras, companion_ids=companions)
    return Wish(person_id, asked, starts_at, ends_at, now, extras=extras, along=held_along)


def wish_again(
    actor: Actor,
    known: Reservation,
    *,
    now: datetime,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    party_size: int | None = None,
    resource_ids: Sequence[int] | None = None,
    overrides: Mapping[str, str],
) -> Wish:
    """The wish for a reservation that there is, as it stands but for what is named. It is not in its own way; what
    stays at its time and with its resources holds what it holds. Raises Forbidden, Invalid."""
    ids = asked_of(known) if resource_ids is None else resource_ids
    begin, finish = starts_at or known.starts_at, ends_at or known.ends_at
    extras = Extras(
        note=known.note,
        party_size=known.party_size if party_size is None else party_size,
        exclusive=known.exclusive,
        companion_ids=tuple(one.person_id for one in known.companions),
        overrides=overrides,
    )
    wish = wish_of(actor, known.person_id, ids, begin, finish, now, extras)
    if known.let is not None:
        terms = LetTerms(known.let.keys, known.let.deposit, known.let.notice_days)
        wish = replace(wish, extras=replace(wish.extras, let=terms))
    if resource_ids is None and (begin, finish) == (known.starts_at, known.ends_at):
        held = {one.resource_id for one in known.allocations}
        wish = replace(wish, along=tuple(sorted(held - set(wish.resource_ids))))
    return replace(wish, ignore=known.id, begun=begin == known.starts_at)


def check_text(text: str, field: str) -> None:
    """Raises Invalid for what is longer than its column."""
    if len(text) > LONGEST_TEXT:
        raise Invalid({field: f"must have at most {LONGEST_TEXT} characters"})


def _faults(extras: Extras) -> dict[str, str]:
    texts = {"note": extras.note, "on_behalf_reason": extras.on_behalf_reason}
    long = f"must have at most {LONGEST_TEXT} characters"
    found = {name: long for name, text in texts.items() if len(text) > LONGEST_TEXT}
    if any(len(reason) > LONGEST_TEXT for reason in extras.overrides.values()):
        found["overrides"] = long
    if not 1 <= extras.party_size <= MOST_PEOPLE:
        found["party_size"] = f"must be from 1 to {MOST_PEOPLE}"
    if len(extras.companion_ids) > MOST_COMPANIONS:
        found["companion_ids"] = f"must be at most {MOST_COMPANIONS} people"
    return found | (_let_faults(extras.let) if extras.let else {})


def _let_faults(terms: LetTerms) -> dict[str, str]:
    if len(terms.keys) > 200:
        return {"let": "keys must have at most 200 characters"}
    if not 0 <= terms.deposit <= MOST_DEPOSIT:
        return {"let": f"deposit must be from 0 to {MOST_DEPOSIT}"}
    if not 0 <= terms.notice_days <= MOST_NOTICE_DAYS:
        return {"let": f"notice_days must be from 0 to {MOST_NOTICE_DAYS}"}
    return {}


# -- a room as a whole ------------------------------------------------------------------------------------------------


def whole(resource_ids: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of these resources, taken as a whole: what is asked for, and what is held along with the rooms among it, which
    is all that stands in their places and in the places within. Raises Invalid where none of them is a room."""
    known = {one.id: one for one in db.session.scalars(select(Resource).where(Resource.id.in_(resource_ids)))}
    rooms = [one for one in known.values() if one.kind in WHOLE and one.place_id is not None]
    if not rooms:
        raise Invalid({"exclusive": "only a room that is at a place can be taken as a whole"})
    inside = {room.id: _standing_in(room) for room in rooms}
    wanted: list[int] = []
    covered: set[int] = set()
    for room in sorted(inside, key=lambda ident: (-len(inside[ident]), ident)):  # the hall before its side room
        if room not in covered:
            wanted.append(room)
            covered |= inside[room]
    wanted += [ident for ident in sorted(resource_ids) if ident not in covered and ident not in wanted]
    return tuple(wanted), tuple(sorted(covered))


def asked_of(reservation: Reservation) -> tuple[int, ...]:
    """The resources that were asked for, without what a room taken as a whole holds along."""
    return tuple(one.id for one in asked(reservation))


def _standing_in(room: Resource) -> set[int]:
    places = _inside([room.place_id] if room.place_id is not None else [])
    query = select(Resource.id).where(Resource.place_id.in_(places), Resource.retired_at.is_(None))
    return set(db.session.scalars(query)) - {room.id}


def _inside(places: Sequence[int]) -> list[int]:
    tree = parents()
    found, size = set(places), 0
    while size != len(found):
        size = len(found)
        found |= {ident for ident, parent in tree.items() if parent in found}
    return sorted(found)


# -- locks ------------------------------------------------------------------------------------------------------------


def lock_person(person_id: int) -> Person:
    """The person, read anew under his lock: his limits are counted by one at a time. Raises Invalid."""
    found = lock(Person, person_id)
    if found is None:
        raise Invalid({"person_id": "there is no such person"})
    return found


def lock_resources(ids: Collection[int]) -> dict[int, Resource]:
    """Those that exist, read anew under their locks, which are taken in the order of ids: nobody waits in a ring."""
    query = select(Resource).where(Resource.id.in_(ids)).order_by(Resource.id)
    query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    return {one.id: one for one in db.session.scalars(query)}


def seen(actor: Actor, reservation_id: int) -> int:
    """Whose reservation it is. Other people's are not found, except by staff. Raises NotFound."""
    person_id = db.session.scalar(select(Reservation.person_id).where(Reservation.id == reservation_id))
    if person_id is None or not (actor.is_staff or person_id == actor.person_id):
        raise NotFound(f"There is no reservation {reservation_id}.")
    return person_id


def resources_of(reservation_id: int) -> list[int]:
    """What it holds, ascending."""
    query = select(Allocation.resource_id).where(Allocation.reservation_id == reservation_id)
    return sorted(db.session.scalars(query))


def lock_reservation(reservation_id: int) -> Reservation:
    """The reservation with its allocations and people, read anew under its lock; the resources are locked before it.
    Raises NotFound."""
    query = select(Reservation).where(Reservation.id == reservation_id)
    query = query.options(
        selectinload(Reservation.allocations).joinedload(Allocation.resource), selectinload(Reservation.companions)
    )
    query = query.with_for_update(key_share=True, of=Reservation).execution_options(populate_existing=True)
    found = db.session.scalar(query)
    if found is None:
        raise NotFound(f"There is no reservation {reservation_id}.")
    return found


def locked(
    actor: Actor, reservation_id: int, *, person: bool = False, more: Sequence[int] = ()
) -> tuple[Reservation, list[int]]:
    """The reservation and what it holds, all locked in order, `more` resources too. Raises NotFound, Conflict."""
    person_id = seen(actor, reservation_id)
    if person:
        lock_person(person_id)
    ids = resources_of(reservation_id)
    lock_resources([*ids, *more])
    reservation = lock_reservation(reservation_id)
    must_hold(reservation, ids)
    return reservation, ids


def must_hold(reservation: Reservation, ids: Collection[int]) -> None:
    """Raises Conflict where it holds more than these, whose locks were taken: somebody changed it just before."""
    if not {one.resource_id for one in reservation.allocations} <= set(ids):
        raise Conflict(gettext("It has just been changed. Please look at it again."))


def must_go_on(reservation: Reservation, now: datetime, *states: ReservationState) -> None:
    """Raises Conflict where the reservation is in none of these states (booked), or over."""
    if reservation.state not in (states or (ReservationState.BOOKED,)):
        raise Conflict(already(reservation.state))
    if reservation.ends_at <= now:
        raise Conflict(gettext("The reservation is over."))


_ALREADY: Mapping[ReservationState, Callable[[], str]] = {
    ReservationState.REQUESTED: lambda: gettext("The reservation is requested already."),
    ReservationState.HELD: lambda: gettext("The reservation is held already."),
    ReservationState.BOOKED: lambda: gettext("The reservation is booked already."),
    ReservationState.FINISHED: lambda: gettext("The reservation is finished already."),
    ReservationState.CANCELLED: lambda: gettext("The reservation is cancelled already."),
    ReservationState.REJECTED: lambda: gettext("The reservation is rejected already."),
    ReservationState.EXPIRED: lambda: gettext("The reservation is expired already."),
    ReservationState.RELEASED: lambda: gettext("The reservation is released already."),
}


def already(state: ReservationState) -> str:
    """Why something cannot be done with a reservation any more, or not yet."""
    return _ALREADY[state]()


# -- rules ------------------------------------------------------------------------------------------------------------


def judge(
    actor: Actor, wish: Wish, person: Person | None = None, resources: Mapping[int, Resource] | None = None
) -> Judged:
    """What the rules say to the wish; `person` and `resources` where they have just been locked."""
    choices = booking_facts(wish, locked=resources, person=person)
    return judged(actor, wish, choices)


def judged(actor: Actor, wish: Wish, choices: Sequence[BookingFacts]) -> Judged:
    """The same of facts that are gathered already."""
    remaining, set_aside = split(all_denials(choices), wish.extras.overrides, actor.role)
    return Judged(remaining, [dict(one) for one in set_aside], needs_approval(choices), choices)


def refuse(found: Judged) -> None:
    """Raises Denied with all that remains."""
    if found.remaining:
        raise Denied(found.remaining)


@contextmanager
def guarded(wish: Wish) -> Iterator[None]:
    """Around the transaction: the guard's word becomes a denial that names the time taken; any other fault of the
    database stays what it is."""
    try:
        yield
    except IntegrityError as error:
        if guards.SLOT_TAKEN not in str(error.orig) and "allocation_overlap" not in str(error.orig):
            raise
        taken = first_taken((*wish.resource_ids, *wish.along), wish.starts_at, wish.ignore)
        found = [slot for slots in taken.values() for slot in slots if slot.starts_at < wish.ends_at]
        raise Denied([taken_denial(slot) for slot in found or [Slot(wish.starts_at, wish.ends_at)]]) from None


def end(reservation: Reservation, state: ReservationState, actor: Actor, at: datetime, reason: str = "") -> None:
    """Ends a locked reservation: whatever it held is free."""
    reservation.state, reservation.ended_at, reservation.held_until = state, at, None
    reservation.ended_by_id, reservation.end_reason = actor.person_id, reason
    for allocation in reservation.allocations:
        allocation.live = False
    reservation.sequence += 1
    db.session.flush()


# -- telling ----------------------------------------------------------------------------------------------------------


def facts_of(reservation: Reservation) -> dict[str, Any]:
    """What the audit log keeps of it, before and after."""
    return {
        "state": reservation.state.value,
        "starts_at": reservation.starts_at.isoformat(),
        "ends_at": reservation.ends_at.isoformat(),
        "note": reservation.note,
        "party_size": reservation.party_size,
        "resource_ids": [str(one.resource_id) for one in reservation.allocations],
    }


def tell(
    what: str,
    actor: Actor,
    reservation: Reservation,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """The event for whoever listens, and the entry in the audit log. `more` goes into the entry."""
    facts = facts_of(reservation)
    events.append(
        f"reservation.{what}",
        now,
        reservation_id=str(reservation.id),
        person_id=str(reservation.person_id),
        resource_ids=facts["resource_ids"],
        state=facts["state"],
        starts_at=facts["starts_at"],
        ends_at=facts["ends_at"],
    )
    after = {**facts, **({"person_id": str(reservation.person_id)} if before is None else {}), **more}
    audit.record(actor, f"reservation.{what}", reservation, now, before=before, after=after)
