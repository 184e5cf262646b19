"""Changing a reservation: another time, other resources, another size. What was given back is offered to who waits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import update

from fablab.core.actor import Actor
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict
from fablab.people.models import Person
from fablab.reservations import lateness, notices, placing, waiting
from fablab.reservations.models import Allocation, Reservation, ReservationState
from fablab.reservations.placing import Judged
from fablab.reservations.verdict import Verdict, verdict
from fablab.reservations.wishes import Wish
from fablab.resources.models import Resource


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
    again = _again(actor, starts_at, ends_at, party_size, resource_ids, overrides, now)
    wish = again(known)
    with placing.guarded(wish), transaction():
        person, resources, reservation = _locked(reservation_id, wish)
        placing.must_go_on(reservation, now, ReservationState.BOOKED, ReservationState.REQUESTED)
        wish = again(reservation)
        before, was = placing.facts_of(reservation), _held(reservation)
        moves = _moves(reservation, wish)
        if moves or wish.extras.party_size != reservation.party_size:
            _refuse_untimely(actor, reservation, wish, now)
            _carry_out(actor, reservation, wish, placing.judge(actor, wish, person, resources), moves)
        reservation.note = reservation.note if note is None else note
        db.session.flush()
        _give_back(reservation, was, person, resources, now, excused=actor.is_staff and reason != "")
        if placing.facts_of(reservation) != before:
            _tell_changed(actor, reservation, before, reason, moves, now)
        return reservation


def check_change(
    actor: Actor,
    reservation_id: int,
    now: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    party_size: int | None = None,
    resource_ids: Sequence[int] | None = None,
    overrides: Mapping[str, str] | None = None,
) -> Verdict:
    """What `change` would say, as `check`. Changes nothing. Raises as `change`."""
    placing.seen(actor, reservation_id)
    known = db.session.get_one(Reservation, reservation_id, populate_existing=True)
    placing.must_go_on(known, now, ReservationState.BOOKED, ReservationState.REQUESTED)
    wish = _again(actor, starts_at, ends_at, party_size, resource_ids, overrides, now)(known)
    if _moves(known, wish) or wish.extras.party_size != known.party_size:
        _refuse_untimely(actor, known, wish, now)
    return verdict(actor, wish)


def against_changing(actor: Actor, reservation: Reservation) -> str:
    """Why this person may not give it another time; '' where he may, as far as it goes on."""
    if reservation.let is not None and not actor.is_staff:
        return gettext("The staff changes a let. Give notice to end it.")
    return ""


# -- parts ------------------------------------------------------------------------------------------------------------


def _locked(reservation_id: int, wish: Wish) -> tuple[Person, dict[int, Resource], Reservation]:
    person = placing.lock_person(wish.person_id)
    resources = placing.lock_resources({*wish.resource_ids, *wish.along, *placing.resources_of(reservation_id)})
    reservation = placing.lock_reservation(reservation_id)
    placing.must_hold(reservation, resources)
    return person, resources, reservation


Held = tuple[frozenset[int], datetime, datetime]


def _again(
    actor: Actor,
    starts_at: datetime | None,
    ends_at: datetime | None,
    party_size: int | None,
    resource_ids: Sequence[int] | None,
    overrides: Mapping[str, str] | None,
    now: datetime,
) -> Callable[[Reservation], Wish]:
    """What is wished of a reservation, before and after it is locked."""
    return lambda known: placing.wish_again(
        actor,
        known,
        now=now,
        starts_at=starts_at,
        ends_at=ends_at,
        party_size=party_size,
        resource_ids=resource_ids,
        overrides=overrides or {},
    )


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


def _refuse_untimely(actor: Actor, reservation: Reservation, wish: Wish, now: datetime) -> None:
    """What has begun keeps its start, and a tenant gives notice of a let instead of changing it."""
    if against := against_changing(actor, reservation):
        raise Conflict(against)
    begun = reservation.started_at is not None or reservation.starts_at <= now
    if reservation.state is ReservationState.BOOKED and begun and wish.starts_at != reservation.starts_at:
        raise Conflict(gettext("It has begun: only its end can be changed."))


def _refuse_change(found: Judged, moves: bool) -> None:
    """Another number of people is only asked whether they fit: the rest was said when it was booked."""
    remaining = [one for one in found.remaining if moves or one.code == "over_capacity"]
    placing.refuse(replace(found, remaining=remaining))


def _carry_out(actor: Actor, reservation: Reservation, wish: Wish, found: Judged, moves: bool) -> None:
    _refuse_change(found, moves)
    _keep_overrides(reservation, found)
    if moves or wish.extras.party_size > reservation.party_size:
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
    fewer = wish.extras.party_size <= reservation.party_size
    if found.needs_approval and not actor.is_staff and not (within and same and fewer):
        reservation.state = ReservationState.REQUESTED
    if wish.starts_at != reservation.starts_at:
        reservation.reminded_at = None
    if wish.ends_at != reservation.ends_at:
        reservation.overrun_warned_at = reservation.extended_at = None
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
    if reservation.given_back_late:
        more["given_back_late"] = True
    placing.tell("changed", actor, reservation, now, before, **more)
    if not moves:
        return
    if reservation.state is ReservationState.REQUESTED:
        withdrawn, by_staff = before["state"] == ReservationState.BOOKED.value, actor.person_id != reservation.person_id
        notices.requested(reservation, now, withdrawn=withdrawn, by_staff=by_staff, reason=reason)
    else:
        notices.changed(actor, reservation, before, now, reason)


def _give_back(
    reservation: Reservation,
    was: Held | None,
    person: Person,
    resources: Mapping[int, Resource],
    now: datetime,
    *,
    excused: bool,
) -> None:
    """Offers what is not held any more, and notes whether that is late; of one that has begun, cancelling is late as
    it is. `excused`: the staff did it, with a reason."""
    for ids, begin, end in _given_back(was, _held(reservation)):
        freed = [resources[ident] for ident in ids]
        if was is not None and was[1] > now and not excused and lateness.gives_back_late(freed, person, begin, now):
            reservation.given_back_late = True
        waiting.freed(ids, begin, end, now)


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
