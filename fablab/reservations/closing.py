"""Closing a resource or the lab where people have booked: who is hit, and what becomes of their reservations.

They are never cancelled silently: whoever closes is shown them first, and chooses. Kept ones stay as they are and their
people are told; cancelled ones are cancelled as by the staff, with the closure's reason. Time that can be used again is
offered to those who wait for it.

The resources are locked first, in the order of their ids, as for a booking: one that is made at the same moment is
either hit or refused. The reservations to cancel are locked before anything is written: events and the audit log have
locks that come last, and whoever checks in holds his reservation when he asks for them.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Select, exists, select
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
from fablab.resources.hours import calendar_of, lab_calendar
from fablab.resources.models import Closure, OpeningException, OpeningRule, Resource
from fablab.resources.rules import Calendar, opening


@dataclass(frozen=True, slots=True)
class Span:
    """A time [starts_at, ends_at) at which a resource, or all of them (None), will be closed; `name` tells it from
    others in notices. With `follow` it is the lab's hours of `day`, which only resources with these opening rules heed,
    and of them only those without hours of their own on that day."""

    name: str
    resource_id: int | None
    starts_at: datetime
    ends_at: datetime
    reason: Texts
    day: date | None = None
    follow: tuple[OpeningRule, ...] = ()


def hit_by(span: Span, now: datetime) -> list[Reservation]:
    """The reservations that are booked, not over and hold something in this time, soonest first.

    Each with its resources and its person. A constant number of queries.
    """
    ids = [span.resource_id] if span.resource_id is not None else list(db.session.scalars(_closed_by(span)))
    held = {one.reservation_id for one in held_between(ids, max(span.starts_at, now), span.ends_at)}
    query = select(Reservation).where(Reservation.id.in_(held), Reservation.state == ReservationState.BOOKED)
    query = query.options(WITH_RESOURCES, joinedload(Reservation.person))
    return list(db.session.scalars(query.order_by(Reservation.starts_at, Reservation.id)))


def hit_by_any(spans: Sequence[Span], now: datetime) -> list[Reservation]:
    """As `hit_by` for several times, each reservation once."""
    found = {one.id: one for span in spans if span.ends_at > now for one in hit_by(span, now)}
    return sorted(found.values(), key=lambda one: (one.starts_at, one.id))


def hit_by_each(spans: Sequence[Span], now: datetime) -> dict[str, list[Reservation]]:
    """As `hit_by` for several whole days of the lab at once, by the names of those that hit any: one query more."""
    if not spans:
        return {}
    whole = Span("", None, min(one.starts_at for one in spans), max(one.ends_at for one in spans), {})
    found = hit_by(whole, now)
    days = OpeningException.resource_id.is_not(None) & OpeningException.day.in_([one.day for one in spans])
    own = {(one.resource_id, one.day) for one in db.session.scalars(select(OpeningException).where(days))}
    hit = {span.name: [one for one in found if _hits(span, one, own)] for span in spans}
    return {name: some for name, some in hit.items() if some}


def of_closing(closing: Closing) -> Span:
    """The time of a closure that is not kept yet."""
    return Span("", closing.resource_id, closing.starts_at, closing.ends_at, closing.reason)


def of_day(resource_id: int | None, day: date, reason: Texts) -> Span:
    """The whole of a local day on which it is closed."""
    begin, end = (datetime.combine(day + timedelta(number), time(0), tzinfo=config().lab.zone) for number in (0, 1))
    name = f"day {day} {'lab' if resource_id is None else resource_id}"
    return Span(name, resource_id, begin, end, reason, day, (OpeningRule.LAB, OpeningRule.OWN))


def of_hours(resource_id: int | None, day: date, hours: Sequence[str], reason: Texts) -> list[Span]:
    """The times of a local day outside of these hours, all of it where there are none. Raises ValueError."""
    whole = of_day(resource_id, day, reason)
    if hours:
        whole = replace(whole, follow=(OpeningRule.LAB,))  # the lab's other hours do not touch hours of one's own
    opened = Calendar(config().lab.zone, {}, exceptions={day: [opening(one) for one in hours]}).hours(day)
    return _without(whole, opened)


def close(actor: Actor, closing: Closing, now: datetime, *, cancel: bool = False) -> tuple[Closure, int]:
    """Keeps a closure and tells everybody whom it hits; with `cancel` their reservations are cancelled. Gives the
    closure and how many it hits.

    All of it or nothing. Managers. Raises Forbidden, Invalid.
    """
    with transaction():
        _lock([closing.resource_id], everything=cancel)
        _lock_hit([of_closing(closing)], now, cancel=cancel)
        closure = closures.close(actor, closing, now)
        return closure, _deal_with(actor, [_span(closure)], now, cancel=cancel)


def change(actor: Actor, closure_id: int, values: Mapping[str, Any], now: datetime, *, cancel: bool = False) -> Closure:
    """Changes a closure (`values` as for `closures.change_closure`) and deals with what it hits now as `close` does;
    who was told of it already is not told again. Time that is free again is offered.

    Managers. Raises Forbidden, NotFound, Invalid, Conflict.
    """
    with transaction():
        ids = _lock([closures.get_closure(closure_id).resource_id], everything=cancel)
        before = _span(_anew(closure_id))
        begin, end = (values.get(name) or getattr(before, name) for name in ("starts_at", "ends_at"))
        _lock_hit([replace(before, starts_at=begin, ends_at=end)], now, cancel=cancel)
        closure = closures.change_closure(actor, closure_id, now, **values)
        _deal_with(actor, [_span(closure)], now, cancel=cancel)
        waiting.freed(_within(before, ids), before.starts_at, before.ends_at, now)
        return closure


def reopen(actor: Actor, closure_id: int, now: datetime) -> None:
    """Takes a closure away; the time is offered to who waits for it. Managers. Raises Forbidden, NotFound."""
    with transaction():
        ids = _lock([closures.get_closure(closure_id).resource_id])
        before = _span(_anew(closure_id))
        closures.remove_closure(actor, closure_id, now)
        waiting.freed(_within(before, ids), before.starts_at, before.ends_at, now)


def usual_day(actor: Actor, exception_id: int, now: datetime) -> None:
    """Gives a day its usual hours back; they are offered to who waits for them, and who booked a time at which only
    the other hours were open is told. Managers.

    Raises Forbidden, NotFound.
    """
    with transaction():
        known = closures.get_exception(exception_id)
        ids, day, hours = _lock([known.resource_id]), of_day(known.resource_id, known.day, {}), known.hours
        closures.remove_exception(actor, exception_id, now)
        waiting.freed(_within(day, ids), day.starts_at, day.ends_at, now)
        _deal_with(actor, _no_longer_open(day, hours), now, cancel=False)


def close_days(
    actor: Actor, days: Mapping[date, Texts], now: datetime, *, cancel: bool = False
) -> tuple[list[OpeningException], int]:
    """Closes the lab on the days that have no hours of their own yet, such as public holidays, and deals with the
    reservations as `close` does. Gives the new days and how many reservations they hit. Raises as `close`."""
    with transaction():
        _lock([None])
        _lock_hit([of_day(None, day, {}) for day in days], now, cancel=cancel)
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
    """Gives a day other hours, none or some; deals with the reservations outside of them as `close` does, and offers
    what is open to who waits for it. Raises as `close`."""
    if cancel and not any(text.strip() for text in reason.values()):
        raise Invalid({"reason": "must say why bookings are cancelled"})
    with transaction():
        ids = _lock([resource_id], everything=cancel)
        closures.check_exception(resource_id, day, hours, reason)
        whole, closed = of_day(resource_id, day, reason), of_hours(resource_id, day, hours, reason)
        _lock_hit(closed, now, cancel=cancel)
        made = closures.set_exception(actor, resource_id, day, hours, reason, now)
        count = _deal_with(actor, closed, now, cancel=cancel)
        if hours:
            waiting.freed(_within(whole, ids), whole.starts_at, whole.ends_at, now)
        return made, count


def _span(closure: Closure) -> Span:
    return Span(f"closure {closure.id}", closure.resource_id, closure.starts_at, closure.ends_at, closure.reason)


def _closed_by(span: Span) -> Select[int]:
    """The resources that a time of the whole lab closes."""
    query = select(Resource.id).where(Resource.retired_at.is_(None))
    if not span.follow:
        return query
    own = exists().where(OpeningException.resource_id == Resource.id, OpeningException.day == span.day)
    return query.where(Resource.opening.in_(span.follow), ~own)


def _hits(span: Span, reservation: Reservation, own: Collection[tuple[int | None, date]]) -> bool:
    """The same for a reservation that is loaded; `own` are the resources with hours of their own on a day."""
    if reservation.starts_at >= span.ends_at or reservation.ends_at <= span.starts_at:
        return False
    held = [one.resource for one in reservation.allocations]
    return any(one.opening in span.follow and (one.id, span.day) not in own for one in held)


def _without(span: Span, hours: Sequence[tuple[datetime, datetime]]) -> list[Span]:
    """What is left of a time outside of these hours, which are ascending."""
    left = []
    for opens, closes in hours:
        if opens > span.starts_at:
            left.append(replace(span, ends_at=min(opens, span.ends_at)))
        span = replace(span, starts_at=max(span.starts_at, closes))
    return [one for one in (*left, span) if one.starts_at < one.ends_at]


def _no_longer_open(day: Span, were: Sequence[str]) -> list[Span]:
    """The times of these hours of a day that are outside of its hours of now."""
    resource = None if day.resource_id is None else db.session.get_one(Resource, day.resource_id)
    asked = day.starts_at, day.ends_at
    calendar = lab_calendar(*asked) if resource is None else calendar_of(resource, *asked)
    on = day.day or day.starts_at.date()
    opened = Calendar(config().lab.zone, {}, exceptions={on: [opening(one) for one in were]}).hours(on)
    usual = replace(day, name=f"usual {day.name}", follow=(OpeningRule.LAB,))
    spans = [replace(usual, starts_at=begin, ends_at=end) for begin, end in opened]
    return [left for span in spans for left in _without(span, calendar.hours(on))]


def _lock(resource_ids: Sequence[int | None], *, everything: bool = False) -> list[int]:
    """Locks these resources, or with None or `everything` all, and gives their ids. Cancelling a reservation may free
    other resources than the closed one, so it locks everything: closures are rare, a ring of locks would be worse."""
    query = select(Resource.id).where(Resource.retired_at.is_(None)).order_by(Resource.id)
    if not everything and None not in resource_ids:
        query = query.where(Resource.id.in_(resource_ids))
    return list(db.session.scalars(query.with_for_update(key_share=True)))


def _anew(closure_id: int) -> Closure:
    """The closure as it is now that its resources are locked: whoever changes it locks them first. Raises NotFound."""
    db.session.expire_all()
    return closures.get_closure(closure_id)


def _lock_hit(spans: Sequence[Span], now: datetime, *, cancel: bool) -> None:
    """Locks the reservations that are to be cancelled, in the order of their ids."""
    ids = {one.id for span in spans if cancel and span.ends_at > now for one in hit_by(span, now)}
    if ids:
        query = select(Reservation.id).where(Reservation.id.in_(ids)).order_by(Reservation.id)
        db.session.execute(query.with_for_update(key_share=True)).all()


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
