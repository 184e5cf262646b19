"""Closing a resource or the lab where people have booked: who is hit, and what becomes of their reservations.

They are never cancelled silently: whoever closes is shown them first, and chooses. Kept ones stay as they are and their
people are told; cancelled ones are cancelled as by the staff, with the closure's reason. Time that can be used again is
offered to those who wait for it.

The resources are locked first, in the order of their ids, as for a booking: one that is made at the same moment is
either hit or refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.core import words
from fablab.core.actor import Actor
from fablab.core.db import Texts, db, transaction
from fablab.core.errors import Invalid
from fablab.core.words import config
from fablab.notices.messages import ReservationInClosure
from fablab.notices.service import notify
from fablab.reservations import service, waiting
from fablab.reservations.models import Reservation, ReservationState
from fablab.reservations.reading import WITH_RESOURCES, held_between
from fablab.resources import closures
from fablab.resources.closures import Closing
from fablab.resources.models import Closure, OpeningException, Resource


@dataclass(frozen=True, slots=True)
class Span:
    """A time [starts_at, ends_at) at which a resource, or all of them (None), will be closed; `name` tells it from
    others in notices."""

    name: str
    resource_id: int | None
    starts_at: datetime
    ends_at: datetime
    reason: Texts


def hit_by(span: Span, now: datetime) -> list[Reservation]:
    """The reservations that are booked, not over and hold something in this time, soonest first.

    Each with its resources and its person. A constant number of queries.
    """
    if span.resource_id is None:
        ids = list(db.session.scalars(select(Resource.id).where(Resource.retired_at.is_(None))))
    else:
        ids = [span.resource_id]
    held = {one.reservation_id for one in held_between(ids, max(span.starts_at, now), span.ends_at)}
    query = select(Reservation).where(Reservation.id.in_(held), Reservation.state == ReservationState.BOOKED)
    query = query.options(WITH_RESOURCES, joinedload(Reservation.person))
    return list(db.session.scalars(query.order_by(Reservation.starts_at, Reservation.id)))


def hit_by_each(spans: Sequence[Span], now: datetime) -> dict[str, list[Reservation]]:
    """As `hit_by` for several times of the whole lab at once, by the names of those that hit any: not more queries."""
    if not spans:
        return {}
    whole = Span("", None, min(one.starts_at for one in spans), max(one.ends_at for one in spans), {})
    found = hit_by(whole, now)
    return {
        span.name: hit
        for span in spans
        if (hit := [one for one in found if one.starts_at < span.ends_at and one.ends_at > span.starts_at])
    }


def of_closing(closing: Closing) -> Span:
    """The time of a closure that is not kept yet."""
    return Span("", closing.resource_id, closing.starts_at, closing.ends_at, closing.reason)


def of_day(resource_id: int | None, day: date, reason: Texts) -> Span:
    """The whole of a local day."""
    begin, end = (datetime.combine(day + timedelta(number), time(0), tzinfo=config().lab.zone) for number in (0, 1))
    name = f"day {day} {'lab' if resource_id is None else resource_id}"
    return Span(name, resource_id, begin, end, reason)


def close(actor: Actor, closing: Closing, now: datetime, *, cancel: bool = False) -> tuple[Closure, int]:
    """Keeps a closure and tells everybody whom it hits; with `cancel` their reservations are cancelled. Gives the
    closure and how many it hits.

    All of it or nothing. Managers. Raises Forbidden, Invalid.
    """
    with transaction():
        _lock([closing.resource_id], everything=cancel)
        closure = closures.close(actor, closing, now)
        return closure, _deal_with(actor, [_span(closure)], now, cancel=cancel)


def change(actor: Actor, closure_id: int, values: Mapping[str, Any], now: datetime, *, cancel: bool = False) -> Closure:
    """Changes a closure (`values` as for `closures.change_closure`) and deals with what it hits now as `close` does;
    who was told of it already is not told again. Time that is free again is offered.

    Managers. Raises Forbidden, NotFound, Invalid, Conflict.
    """
    with transaction():
        known = closures.get_closure(closure_id)
        ids, before = _lock([known.resource_id], everything=cancel), _span(known)
        closure = closures.change_closure(actor, closure_id, now, **values)
        _deal_with(actor, [_span(closure)], now, cancel=cancel)
        waiting.freed(_within(before, ids), before.starts_at, before.ends_at, now)
        return closure


def reopen(actor: Actor, closure_id: int, now: datetime) -> None:
    """Takes a closure away; the time is offered to who waits for it. Managers. Raises Forbidden, NotFound."""
    with transaction():
        known = closures.get_closure(closure_id)
        ids, before = _lock([known.resource_id]), _span(known)
        closures.remove_closure(actor, closure_id, now)
        waiting.freed(_within(before, ids), before.starts_at, before.ends_at, now)


def usual_day(actor: Actor, exception_id: int, now: datetime) -> None:
    """Gives a day its usual hours back; they are offered to who waits for them. Managers.

    Raises Forbidden, NotFound.
    """
    with transaction():
        known = closures.get_exception(exception_id)
        ids, before = _lock([known.resource_id]), of_day(known.resource_id, known.day, known.reason)
        closures.remove_exception(actor, exception_id, now)
        waiting.freed(_within(before, ids), before.starts_at, before.ends_at, now)


def close_days(
    actor: Actor, days: Mapping[date, Texts], now: datetime, *, cancel: bool = False
) -> tuple[list[OpeningException], int]:
    """Closes the lab on the days that have no hours of their own yet, such as public holidays, and deals with the
    reservations as `close` does. Gives the new days and how many reservations they hit. Raises as `close`."""
    with transaction():
        _lock([None])
        made = closures.close_days(actor, days, now)
        spans = [of_day(None, one.day, one.reason) for one in made]
        return made, _deal_with(actor, spans, now, cancel=cancel)


def set_day(
    actor: Actor,
    resource_id: int | None,
    day: date,
    hours: Sequence[str],
    reason: Texts,
    now: datetime,
    *,
    cancel: bool = False,
) -> tuple[OpeningException, int]:
    """Gives a day other hours; where it has none, deals with the reservations as `close` does. Raises as `close`."""
    if cancel and not any(text.strip() for text in reason.values()):
        raise Invalid({"reason": "must say why bookings are cancelled"})
    with transaction():
        _lock([resource_id], everything=cancel)
        made = closures.set_exception(actor, resource_id, day, hours, reason, now)
        spans = [] if hours else [of_day(resource_id, day, reason)]
        return made, _deal_with(actor, spans, now, cancel=cancel)


def _span(closure: Closure) -> Span:
    return Span(f"closure {closure.id}", closure.resource_id, closure.starts_at, closure.ends_at, closure.reason)


def _lock(resource_ids: Sequence[int | None], *, everything: bool = False) -> list[int]:
    """Locks these resources, or with None or `everything` all, and gives their ids. Cancelling a reservation may free
    other resources than the closed one, so it locks everything: closures are rare, a ring of locks would be worse."""
    query = select(Resource.id).where(Resource.retired_at.is_(None)).order_by(Resource.id)
    if not everything and None not in resource_ids:
        query = query.where(Resource.id.in_(resource_ids))
    return list(db.session.scalars(query.with_for_update(key_share=True)))


def _within(span: Span, ids: list[int]) -> list[int]:
    return ids if span.resource_id is None else [one for one in ids if one == span.resource_id]


def _deal_with(actor: Actor, spans: Sequence[Span], now: datetime, *, cancel: bool) -> int:
    seen: set[int] = set()
    for span in spans:
        if span.ends_at <= now:
            continue
        for reservation in hit_by(span, now):
            if reservation.id in seen:
                continue
            seen.add(reservation.id)
            if cancel:
                why = words.text(span.reason, reservation.person.language)[:500]
                service.cancel(actor, reservation.id, now, why)
            else:
                _tell(reservation, span, now)
    return len(seen)


def _tell(reservation: Reservation, span: Span, now: datetime) -> None:
    message = ReservationInClosure(
        reservation_id=reservation.id,
        resources=tuple(one.resource.name for one in reservation.allocations),
        starts_at=reservation.starts_at,
        ends_at=reservation.ends_at,
        sequence=reservation.sequence,
        closure=span.name,
        closed_from=span.starts_at,
        closed_until=span.ends_at,
        why=span.reason,
    )
    notify(reservation.person_id, message, now)
