"""Closures, and days with other hours than usual, of the lab or of one resource. Managers change them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, or_, select, text

from fablab.core import audit, events, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import Texts, db, is_postgresql, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.resources.models import Closure, OpeningException, Resource
from fablab.resources.rules import hours_faults

LONGEST = timedelta(days=3660)
LONGEST_REASON = 300
_DAYS_LOCK = 7_301_011


@dataclass(frozen=True, slots=True)
class Closing:
    """A closure to make. `resource_id` None closes the whole lab; `reason` is by language."""

    resource_id: int | None
    starts_at: datetime
    ends_at: datetime
    reason: Texts
    danger: bool = False


# -- closures ---------------------------------------------------------------------------------------------------------


def closures_query(
    *, resource_id: int | None = None, from_: datetime | None = None, to: datetime | None = None
) -> Select[Any]:
    """The closures that overlap [from_, to); with `resource_id` those of that resource and of the lab."""
    query = select(Closure)
    if resource_id is not None:
        query = query.where(or_(Closure.resource_id.is_(None), Closure.resource_id == resource_id))
    if from_ is not None:
        query = query.where(Closure.ends_at > from_)
    if to is not None:
        query = query.where(Closure.starts_at < to)
    return query


def coming_closures(now: datetime) -> Sequence[Closure]:
    """The closures that are not over, soonest first."""
    query = closures_query(from_=now).order_by(Closure.starts_at, Closure.id)
    return db.session.scalars(query.limit(500)).all()


def get_closure(closure_id: int) -> Closure:
    """One closure. Raises NotFound."""
    found = db.session.get(Closure, closure_id)
    if found is None:
        raise NotFound(f"There is no closure {closure_id}.")
    return found


def check_closing(closing: Closing, now: datetime) -> None:
    """Raises Invalid with every field that is wrong."""
    wrong: dict[str, str] = {}
    if closing.starts_at >= closing.ends_at:
        wrong["end"] = "must be after the start"
    elif closing.ends_at - closing.starts_at > LONGEST or abs(closing.starts_at - now) > LONGEST:
        wrong["end"] = "must be within ten years"
    elif closing.ends_at <= now:
        wrong["end"] = "must be in the future"
    if reason := _reason_fault(closing.reason, needed=True):
        wrong["reason"] = reason
    if closing.resource_id is not None and not _is_resource(closing.resource_id):
        wrong["resource_id"] = "there is no such resource"
    if wrong:
        raise Invalid(wrong)


def close(actor: Actor, closing: Closing, now: datetime) -> Closure:
    """Keeps a closure; running uses are judged anew where it is for danger and holds now.

    Managers. Raises Forbidden, Invalid. What becomes of the reservations in it is for the caller to say.
    """
    _need(actor)
    with transaction() as session:
        check_closing(closing, now)
        closure = Closure(
            resource_id=closing.resource_id,
            starts_at=closing.starts_at,
            ends_at=closing.ends_at,
            reason=closing.reason,
            danger=closing.danger,
            created_by_id=actor.person_id,
            created_at=now,
        )
        session.add(closure)
        session.flush()
        audit.record(actor, "closure.added", closure, now, after=_facts(closure))
        events.append("closure.added", now, **_told(closure))
        if closure.danger and closure.starts_at <= now:
            outbox.review_access(now, "blocked", resource_id=closure.resource_id)
        return closure


def change_closure(
    actor: Actor,
    closure_id: int,
    now: datetime,
    *,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    reason: Texts | None = None,
    danger: bool | None = None,
) -> Closure:
    """Changes a closure that is not over. Managers. Raises Forbidden, NotFound, Invalid, Conflict."""
    _need(actor)
    with transaction():
        closure = _locked(Closure, closure_id)
        if closure.ends_at <= now:
            raise Conflict("This closure is over.")
        before = _facts(closure)
        wanted = Closing(
            closure.resource_id,
            starts_at or closure.starts_at,
            ends_at or closure.ends_at,
            closure.reason if reason is None else reason,
            closure.danger if danger is None else danger,
        )
        check_closing(wanted, now)
        closure.starts_at, closure.ends_at = wanted.starts_at, wanted.ends_at
        closure.reason, closure.danger = wanted.reason, wanted.danger
        if _facts(closure) != before:
            audit.record(actor, "closure.changed", closure, now, before=before, after=_facts(closure))
            events.append("closure.changed", now, **_told(closure))
            if closure.danger and closure.starts_at <= now:
                outbox.review_access(now, "blocked", resource_id=closure.resource_id)
        return closure


def remove_closure(actor: Actor, closure_id: int, now: datetime) -> None:
    """Takes a closure away; the time can be booked again. Managers. Raises Forbidden, NotFound."""
    _need(actor)
    with transaction() as session:
        closure = _locked(Closure, closure_id)
        audit.record(actor, "closure.removed", closure, now, before=_facts(closure))
        events.append("closure.removed", now, **_told(closure))
        session.delete(closure)


# -- days with other hours --------------------------------------------------------------------------------------------


def exceptions_query(
    *, resource_id: int | None = None, from_: date | None = None, to: date | None = None
) -> Select[Any]:
    """The days with other hours from `from_` up to `to`; with `resource_id` those of that resource and of the lab."""
    query = select(OpeningException)
    if resource_id is not None:
        query = query.where(or_(OpeningException.resource_id.is_(None), OpeningException.resource_id == resource_id))
    if from_ is not None:
        query = query.where(OpeningException.day >= from_)
    if to is not None:
        query = query.where(OpeningException.day <= to)
    return query


def coming_exceptions(today: date) -> Sequence[OpeningException]:
    """The days with other hours from today on, soonest first."""
    query = exceptions_query(from_=today).order_by(OpeningException.day, OpeningException.id)
    return db.session.scalars(query.limit(1000)).all()


def get_exception(exception_id: int) -> OpeningException:
    """One day with other hours. Raises NotFound."""
    found = db.session.get(OpeningException, exception_id)
    if found is None:
        raise NotFound(f"There is no opening exception {exception_id}.")
    return found


def set_exception(
    actor: Actor, resource_id: int | None, day: date, hours: Sequence[str], reason: Texts, now: datetime
) -> OpeningException:
    """Gives a day other hours, of the lab (None) or of a resource; no hours: closed. What the day had is replaced.

    Managers. Raises Forbidden, Invalid.
    """
    _need(actor)
    with transaction() as session:
        _one_at_a_time()
        check_exception(resource_id, day, hours, reason)
        known = _exception_on(resource_id, day)
        before = None if known is None else _day_facts(known)
        exception = known or OpeningException(resource_id=resource_id, day=day)
        exception.hours, exception.reason = list(hours), reason
        session.add(exception)
        session.flush()
        if _day_facts(exception) != before:
            _tell_day(actor, "set", exception, now, before=before, after=_day_facts(exception))
        return exception


def close_days(actor: Actor, days: Mapping[date, Texts], now: datetime) -> list[OpeningException]:
    """Closes the lab on each of the days for its reason, unless that day has hours of its own already: those stay.

    Gives what is new. Managers. Raises Forbidden, Invalid.
    """
    _need(actor)
    with transaction() as session:
        _one_at_a_time()
        known = set(session.scalars(_days_of(None).with_only_columns(OpeningException.day)))
        made = []
        for day, reason in sorted(days.items()):
            if day in known:
                continue
            check_exception(None, day, (), reason)
            exception = OpeningException(resource_id=None, day=day, hours=[], reason=reason)
            session.add(exception)
            session.flush()
            _tell_day(actor, "set", exception, now, after=_day_facts(exception))
            made.append(exception)
        return made


def remove_exception(actor: Actor, exception_id: int, now: datetime) -> None:
    """Gives a day its usual hours back. Managers. Raises Forbidden, NotFound."""
    _need(actor)
    with transaction() as session:
        exception = _locked(OpeningException, exception_id)
        _tell_day(actor, "removed", exception, now, before=_day_facts(exception))
        session.delete(exception)


def _one_at_a_time() -> None:
    """A day that two managers set at the same moment is kept once: on PostgreSQL the second waits for the first."""
    if is_postgresql():
        db.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _DAYS_LOCK})


def _days_of(resource_id: int | None) -> Select[Any]:
    of = OpeningException.resource_id.is_(None) if resource_id is None else OpeningException.resource_id == resource_id
    return select(OpeningException).where(of)


def _exception_on(resource_id: int | None, day: date) -> OpeningException | None:
    found: OpeningException | None = db.session.scalar(
        _days_of(resource_id).where(OpeningException.day == day).with_for_update()
    )
    return found


def check_exception(resource_id: int | None, day: date, hours: Sequence[str], reason: Texts) -> None:
    """Raises Invalid with every field that is wrong."""
    wrong: dict[str, str] = {}
    if not 2000 <= day.year <= 2200:
        wrong["day"] = "must be a day between 2000 and 2200"
    if fault := hours_faults(hours):
        wrong["hours"] = fault
    if fault := _reason_fault(reason, needed=False):
        wrong["reason"] = fault
    if resource_id is not None and not _is_resource(resource_id):
        wrong["resource_id"] = "there is no such resource"
    if wrong:
        raise Invalid(wrong)


def _reason_fault(reason: Texts, *, needed: bool) -> str:
    if needed and not any(text.strip() for text in reason.values()):
        return "must say why it is closed"
    if any(len(text) > LONGEST_REASON for text in reason.values()):
        return f"must have at most {LONGEST_REASON} characters"
    return ""


def _is_resource(resource_id: int) -> bool:
    found = db.session.get(Resource, resource_id)
    return found is not None and found.retired_at is None


def _locked(model: Any, ident: int) -> Any:
    found = lock(model, ident)
    if found is None:
        raise NotFound("There is no such closure or day; somebody else may have taken it away.")
    return found


def _need(actor: Actor) -> None:
    if not actor.is_at_least(Role.MANAGER):
        raise Forbidden("this needs the role manager")


def _facts(closure: Closure) -> dict[str, Any]:
    return {
        "resource_id": None if closure.resource_id is None else str(closure.resource_id),
        "starts_at": closure.starts_at.isoformat(),
        "ends_at": closure.ends_at.isoformat(),
        "reason": closure.reason,
        "danger": closure.danger,
    }


def _told(closure: Closure) -> dict[str, Any]:
    facts = _facts(closure)
    return {"closure_id": str(closure.id)} | {key: facts[key] for key in ("resource_id", "starts_at", "ends_at")}


def _day_facts(exception: OpeningException) -> dict[str, Any]:
    return {
        "resource_id": None if exception.resource_id is None else str(exception.resource_id),
        "day": exception.day.isoformat(),
        "hours": exception.hours,
        "reason": exception.reason,
    }


def _tell_day(
    actor: Actor,
    what: str,
    exception: OpeningException,
    now: datetime,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    audit.record(actor, f"opening_exception.{what}", exception, now, before=before, after=after)
    resource_id = None if exception.resource_id is None else str(exception.resource_id)
    events.append(f"opening_exception.{what}", now, day=exception.day.isoformat(), resource_id=resource_id)
