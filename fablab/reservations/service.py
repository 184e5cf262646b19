"""Reservations: book, change, cancel and ask. Two people never hold the same time, however many ask at once.

What these share (locks, rules, the guard) is in `placing.py`; requests, holds, presence and lets have modules of their
own. Everything that reads for pages and the API is in `reading.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from fablab.core.actor import Actor
from fablab.core.db import db, transaction
from fablab.core.denials import Denial
from fablab.core.errors import Invalid
from fablab.reservations import holds, notices, offers, placing, waiting
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import Allocation, Companion, Let, Reservation, ReservationState, WaitingState
from fablab.reservations.overriding import overridable
from fablab.reservations.placing import FURTHEST, MOST_RESOURCES, Judged
from fablab.reservations.policies import policy_for
from fablab.reservations.rules import Slot
from fablab.reservations.search import SEARCH_DAYS, free_slots, suggestions
from fablab.reservations.wishes import Extras, LetTerms, Wish

__all__ = [
    "FURTHEST",
    "MOST_RESOURCES",
    "Verdict",
    "accept_hold",
    "availability",
    "book",
    "cancel",
    "change",
    "check",
    "decline_hold",
    "expire_holds",
    "hold",
]

MOST_DAYS = 62
"""The longest time over which free slots are listed at once."""

hold = holds.hold
accept_hold, decline_hold, expire_holds = offers.accept_hold, offers.decline_hold, offers.expire_holds


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say to a wish: every reason against (none: allowed), the nearest slots that are allowed, whether
    the staff must approve it, and the codes of the reasons that who asks may set aside."""

    denials: tuple[Denial, ...]
    suggestions: tuple[Slot, ...] = ()
    needs_approval: bool = False
    overridable: tuple[str, ...] = field(default=())

    @property
    def allowed(self) -> bool:
        """Nothing speaks against it."""
        return not self.denials


def book(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    extras: Extras,
    now: datetime,
) -> Reservation:
    """One reservation of all the resources, or none of it. For somebody else only staff may book.

    Where a resource asks for approval it is `requested` and blocks nobody, but staff book at once. Raises Denied with
    every reason, Invalid for an unknown person or resource or an impossible time, Forbidden.
    """
    wish = placing.wish_of(actor, person_id, resource_ids, starts_at, ends_at, now, extras)
    with placing.guarded(wish), transaction() as session:
        person = placing.lock_person(person_id)
        resources = placing.lock_resources((*wish.resource_ids, *wish.along))
        found = placing.judge(actor, wish, person, resources)
        placing.refuse(found)
        reservation = _made(actor, wish, found)
        session.add(reservation)
        session.flush()
        asked = reservation.state is ReservationState.REQUESTED
        more: dict[str, Any] = {"overrides": found.set_aside} if found.set_aside else {}
        if reservation.on_behalf_reason:
            more["on_behalf_reason"] = reservation.on_behalf_reason
        placing.tell("requested" if asked else "created", actor, reservation, now, **more)
        (notices.requested if asked else notices.confirmed)(reservation, now)
        return reservation


def change(
    actor: Actor,
    reservation_id: int,
    now: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    note: str | None = None,
    party_size: int | None = None,
    resource_ids: Sequence[int] | None = None,
    reason: str = "",
    overrides: Mapping[str, str] | None = None,
) -> Reservation:
    """Moves a reservation, gives it other resources, another size or note. One's own; staff any, with a reason.

    Every rule is asked again as for a new booking. Where the staff must approve, another time than (or more than) was
    approved is a request again. Raises NotFound, Conflict when it is over or ended, Denied, Invalid, Forbidden.
    """
    placing.check_text(reason, "reason")
    placing.check_text(note or "", "note")
    placing.seen(actor, reservation_id)
    known = db.session.get_one(Reservation, reservation_id, populate_existing=True)
    wish = _changed_wish(actor, known, starts_at, ends_at, party_size, resource_ids, overrides or {}, now)
    with placing.guarded(wish), transaction():
        person = placing.lock_person(wish.person_id)
        resources = placing.lock_resources({*wish.resource_ids, *wish.along, *placing.resources_of(reservation_id)})
        reservation = placing.lock_reservation(reservation_id)
        placing.must_go_on(reservation, now, ReservationState.BOOKED, ReservationState.REQUESTED)
        wish = _changed_wish(actor, reservation, starts_at, ends_at, party_size, resource_ids, overrides or {}, now)
        before, was = placing.facts_of(reservation), _held(reservation)
        moves = _moves(reservation, wish)
        if moves or wish.extras.party_size != reservation.party_size:
            _carry_out(actor, reservation, wish, placing.judge(actor, wish, person, resources), moves)
        reservation.note = reservation.note if note is None else note
        db.session.flush()
        if placing.facts_of(reservation) != before:
            _tell_changed(actor, reservation, before, reason, moves, now)
            for ids, begin, end in _given_back(was, _held(reservation)):
                waiting.freed(ids, begin, end, now)
        return reservation


def cancel(actor: Actor, reservation_id: int, now: datetime, reason: str = "") -> Reservation:
    """Gives the time back to others. One's own; staff any. Raises NotFound, Conflict when it is over or ended.

    Later than the rules let it be for free, it counts as late, unless the staff cancels it with a reason.
    """
    placing.check_text(reason, "reason")
    with transaction():
        reservation, resource_ids = placing.locked(actor, reservation_id)
        placing.must_go_on(reservation, now, ReservationState.BOOKED, ReservationState.REQUESTED, ReservationState.HELD)
        before = placing.facts_of(reservation)
        blocked = reservation.state is not ReservationState.REQUESTED
        was_held = reservation.state is ReservationState.HELD
        reservation.late_cancelled = _is_late(actor, reservation, reason, now)
        placing.end(reservation, ReservationState.CANCELLED, actor, now, reason)
        if was_held:
            waiting.settle(reservation.id, WaitingState.DECLINED)
        more = {"late_cancelled": True} if reservation.late_cancelled else {}
        placing.tell("cancelled", actor, reservation, now, before, **more, **({"reason": reason} if reason else {}))
        notices.cancelled(reservation, reason, now, calendar=blocked and not was_held)
        if blocked:
            waiting.freed(resource_ids, max(reservation.starts_at, now), reservation.ends_at, now)
        return reservation


def check(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    extras: Extras | None = None,
    ignore: int | None = None,
) -> Verdict:
    """What `book` would say, or `change` of the reservation `ignore`, and the nearest allowed slots where it would
    refuse. Books nothing. Raises as `book`, NotFound for others' reservations."""
    wish = placing.wish_of(actor, person_id, resource_ids, starts_at, ends_at, now, extras or Extras())
    if ignore is not None:
        placing.seen(actor, ignore)
        known = db.session.get_one(Reservation, ignore)
        wish = replace(wish, ignore=ignore, begun=known.starts_at == starts_at)
    days = timedelta(days=SEARCH_DAYS + 1)
    choices = booking_facts(wish, (starts_at - days, ends_at + days))
    found = placing.judged(actor, wish, choices)
    codes = dict.fromkeys(one.code for one in found.remaining if overridable(one, actor.role))
    return Verdict(
        denials=tuple(found.remaining),
        suggestions=tuple(suggestions(choices)) if found.remaining else (),
        needs_approval=found.needs_approval and not actor.is_staff,
        overridable=tuple(codes),
    )


def availability(
    person_id: int, resource_id: int, from_: datetime, to: datetime, minutes: int, now: datetime
) -> list[Slot]:
    """Every slot of this length that the person may book between the two instants, ascending; starts on the step.

    Raises Invalid for a time that is empty or longer than `MOST_DAYS`, or an unknown person or resource.
    """
    if not timedelta(0) < to - from_ <= timedelta(days=MOST_DAYS):
        raise Invalid({"to": f"must be after `from`, by at most {MOST_DAYS} days"})
    if abs(from_ - now) > FURTHEST:
        raise Invalid({"from": "must be within ten years from now"})
    wish = Wish(person_id, (resource_id,), from_, from_ + timedelta(minutes=minutes), now)
    return free_slots(booking_facts(wish, (from_, to))[0], to, minutes)


# -- booking ----------------------------------------------------------------------------------------------------------


def _made(actor: Actor, wish: Wish, found: Judged) -> Reservation:
    extras = wish.extras
    asked = found.needs_approval and not actor.is_staff
    ids = (*sorted(wish.resource_ids), *wish.along)
    return Reservation(
        person_id=wish.person_id,
        created_by_id=actor.person_id,
        created_at=wish.now,
        state=ReservationState.REQUESTED if asked else ReservationState.BOOKED,
        note=extras.note,
        starts_at=wish.starts_at,
        ends_at=wish.ends_at,
        party_size=extras.party_size,
        exclusive=extras.exclusive,
        on_behalf_reason=extras.on_behalf_reason if wish.person_id != actor.person_id else "",
        overrides=found.set_aside,
        series_id=extras.series_id,
        occurrence_at=extras.occurrence_at,
        companions=[Companion(person_id=ident) for ident in extras.companion_ids],
        let=_let(extras.let),
        allocations=[
            Allocation(resource_id=ident, starts_at=wish.starts_at, ends_at=wish.ends_at, live=not asked)
            for ident in ids
        ],
    )


def _let(terms: LetTerms | None) -> Let | None:
    if terms is None:
        return None
    return Let(keys=terms.keys, deposit=terms.deposit, notice_days=terms.notice_days)


# -- changing ---------------------------------------------------------------------------------------------------------

Held = tuple[frozenset[int], datetime, datetime]


def _changed_wish(
    actor: Actor,
    known: Reservation,
    starts_at: datetime | None,
    ends_at: datetime | None,
    party_size: int | None,
    resource_ids: Sequence[int] | None,
    overrides: Mapping[str, str],
    now: datetime,
) -> Wish:
    extras = Extras(
        party_size=known.party_size if party_size is None else party_size,
        exclusive=known.exclusive,
        companion_ids=tuple(one.person_id for one in known.companions),
        overrides=overrides,
    )
    ids = placing.asked_of(known) if resource_ids is None else resource_ids
    begin, finish = starts_at or known.starts_at, ends_at or known.ends_at
    wish = placing.wish_of(actor, known.person_id, ids, begin, finish, now, extras)
    if known.let is not None:
        terms = LetTerms(known.let.keys, known.let.deposit, known.let.notice_days)
        wish = replace(wish, extras=replace(wish.extras, let=terms))
    return replace(wish, ignore=known.id, begun=begin == known.starts_at)


def _held(reservation: Reservation) -> Held | None:
    """What it keeps from others; None for a request."""
    if reservation.state is not ReservationState.BOOKED:
        return None
    ids = frozenset(one.resource_id for one in reservation.allocations)
    return ids, reservation.starts_at, reservation.ends_at


def _moves(reservation: Reservation, wish: Wish) -> bool:
    ids = {one.resource_id for one in reservation.allocations}
    times = (reservation.starts_at, reservation.ends_at)
    return times != (wish.starts_at, wish.ends_at) or ids != {*wish.resource_ids, *wish.along}


def _refuse_change(found: Judged, moves: bool) -> None:
    """Another number of people is only asked whether they fit: the rest was said when it was booked."""
    remaining = [one for one in found.remaining if moves or one.code == "over_capacity"]
    placing.refuse(replace(found, remaining=remaining))


def _carry_out(actor: Actor, reservation: Reservation, wish: Wish, found: Judged, moves: bool) -> None:
    _refuse_change(found, moves)
    _keep_overrides(reservation, found)
    if moves:
        _move(actor, reservation, wish, found)
    reservation.party_size = wish.extras.party_size


def _keep_overrides(reservation: Reservation, found: Judged) -> None:
    new = {one["code"] for one in found.set_aside}
    kept = [one for one in reservation.overrides if one["code"] not in new]
    if found.set_aside:
        reservation.overrides = [*kept, *found.set_aside]


def _move(actor: Actor, reservation: Reservation, wish: Wish, found: Judged) -> None:
    within = reservation.starts_at <= wish.starts_at and wish.ends_at <= reservation.ends_at
    same = set(placing.asked_of(reservation)) >= set(wish.resource_ids)
    if found.needs_approval and not actor.is_staff and not (within and same):
        reservation.state = ReservationState.REQUESTED
    if wish.starts_at != reservation.starts_at:
        reservation.reminded_at = None
    if wish.ends_at != reservation.ends_at:
        reservation.overrun_warned_at = None
    reservation.starts_at, reservation.ends_at = wish.starts_at, wish.ends_at
    db.session.flush()
    _move_allocations(reservation, wish)
    db.session.expire(reservation, ["allocations"])


def _move_allocations(reservation: Reservation, wish: Wish) -> None:
    ids = (*sorted(wish.resource_ids), *wish.along)
    live = reservation.state is ReservationState.BOOKED
    own = Allocation.reservation_id == reservation.id
    there = [one.resource_id for one in reservation.allocations]
    times: dict[str, Any] = {"starts_at": wish.starts_at, "ends_at": wish.ends_at, "live": live}
    if there == list(ids):
        statement = update(Allocation).where(own).values(**times)
        db.session.execute(statement.execution_options(synchronize_session=False))
        return
    for one in reservation.allocations:
        db.session.delete(one)  # each by itself: SQLite gives its id to a new row, which the session must not confuse
    db.session.flush()
    rows = [Allocation(reservation_id=reservation.id, resource_id=ident, **times) for ident in ids]
    db.session.add_all(rows)
    db.session.flush()


def _tell_changed(
    actor: Actor, reservation: Reservation, before: Mapping[str, Any], reason: str, moves: bool, now: datetime
) -> None:
    reservation.sequence += 1
    more: dict[str, Any] = {"reason": reason} if reason else {}
    if reservation.overrides:
        more["overrides"] = reservation.overrides
    placing.tell("changed", actor, reservation, now, before, **more)
    if not moves:
        return
    if reservation.state is ReservationState.REQUESTED:
        notices.requested(reservation, now, withdrawn=before["state"] == ReservationState.BOOKED.value)
    else:
        notices.changed(actor, reservation, before, now, reason)


def _given_back(was: Held | None, held: Held | None) -> Iterator[tuple[list[int], datetime, datetime]]:
    """What was held before and is not any more."""
    if was is None:
        return
    ids, begin, finish = was
    kept = ids & held[0] if held is not None else frozenset()
    if ids - kept:
        yield sorted(ids - kept), begin, finish
    if kept and held is not None:
        if begin < held[1]:
            yield sorted(kept), begin, min(finish, held[1])
        if held[2] < finish:
            yield sorted(kept), max(begin, held[2]), finish


# -- cancelling -------------------------------------------------------------------------------------------------------


def _is_late(actor: Actor, reservation: Reservation, reason: str, now: datetime) -> bool:
    """Later than the strictest of its resources lets it be for free."""
    if reservation.state is not ReservationState.BOOKED or (actor.is_staff and reason):
        return False
    rules = policy_for([one.resource for one in reservation.allocations], reservation.person)
    hours = max(one.policy.cancel_hours for one in rules.values())
    return reservation.starts_at - timedelta(hours=hours) < now
