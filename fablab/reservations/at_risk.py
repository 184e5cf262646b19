"""Bookings whose person lacks a certification for them: marked and told, kept for a while, then cancelled or safe.

Whoever changes who is certified, or what is asked for, puts a row into the outbox (`look_again` of the certifications).
`judge` takes these rows and judges the bookings to come of the people concerned; `release` cancels what was at risk for
too long, at its start at the latest, and judges again what is. Each person is dealt with in one transaction, which
locks the person first, so that no booking is made meanwhile: a job that is killed, late or run twice at once marks and
tells each thing once.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask_babel import force_locale, gettext
from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import joinedload, selectinload

from fablab.certifications.facts import certificates_of
from fablab.certifications.rules import NOTHING, grant_denials
from fablab.core import outbox, words
from fablab.core.actor import system
from fablab.core.db import db, lock, transaction
from fablab.core.denials import Denial
from fablab.core.words import config
from fablab.notices.calendars import CalendarEvents
from fablab.notices.certifications import ReservationsAtRisk, ReservationsAtRiskOf, ReservationsLost, ReservationsSafe
from fablab.notices.certifications import Risk as Told
from fablab.notices.rendering import language_for
from fablab.notices.service import notify, notify_staff
from fablab.people.models import Person
from fablab.reservations import placing, waiting
from fablab.reservations.asked import asked, parents
from fablab.reservations.calendar_feed import event_of
from fablab.reservations.models import LIVE, Allocation, Reservation, ReservationState

KIND = "certification"
"""The outbox rows that are taken: `person_id` or `resource_id`, neither for everybody."""

HOLD = timedelta(minutes=5)
"""For how long a row is taken up: longer than a run over everybody takes."""

AT_ONCE = 200
"""How many rows, people or bookings are read with one query."""

Kept = Callable[[Collection[int]], Collection[int]]
"""Which of these bookings the staff decides about, so that they are not cancelled here."""

_BOOKED = (Reservation.state == ReservationState.BOOKED) & Reservation.started_at.is_(None)
_MARKED = Reservation.at_risk_since.is_not(None)
_WHOLE = selectinload(Reservation.allocations).joinedload(Allocation.resource)


def none_kept(_ids: Collection[int]) -> Collection[int]:
    """The staff decides about none."""
    return ()


# -- what is known ----------------------------------------------------------------------------------------------------


def lacking(reservations: Sequence[Reservation]) -> dict[int, list[Denial]]:
    """What the person of each of these, which have their resources, lacks at its start, by the id of the reservation;
    those that lack nothing are left out. At most three queries."""
    if not reservations:
        return {}
    tree = parents() if any(one.exclusive for one in reservations) else {}
    held = {one.id: [resource.id for resource in asked(one, tree)] for one in reservations}
    people = sorted({one.person_id for one in reservations})
    required, granted = certificates_of(people, sorted({ident for ids in held.values() for ident in ids}))
    found: dict[int, list[Denial]] = {}
    for one in reservations:
        missing: dict[object, Denial] = {}
        for ident in held[one.id]:
            needs = required.get(ident, NOTHING)
            for denial in grant_denials(needs, granted.get(one.person_id, ()), one.starts_at):
                missing.setdefault(denial.params["certification_id"], denial)
        if missing:
            found[one.id] = list(missing.values())
    return found


def reasons(reservations: Sequence[Reservation]) -> dict[int, list[Denial]]:
    """As `lacking`, of those of these that are at risk. No query where none is."""
    return lacking([one for one in reservations if is_at_risk(one)])


def is_at_risk(reservation: Reservation) -> bool:
    """It is booked, and its person lacks a certification for it."""
    return reservation.state is ReservationState.BOOKED and reservation.at_risk_since is not None


def release_at(reservation: Reservation) -> datetime:
    """When a booking that is at risk is cancelled, unless its person is certified by then."""
    since = reservation.at_risk_since or reservation.starts_at
    return min(since + timedelta(hours=config().certifications.at_risk_hours), reservation.starts_at)


# -- jobs -------------------------------------------------------------------------------------------------------------


def judge(now: datetime, kept: Kept = none_kept) -> int:
    """Judges the bookings of all for whom, or for whose machines, something changed: marks those at risk, unmarks those
    that are not any more, tells. Counts both. A job: twice is as once."""
    count = 0
    while outbox.is_waiting(KIND, now):
        with transaction():
            rows = [(one.id, one.payload) for one in outbox.claim(KIND, now, AT_ONCE, HOLD)]
        if not rows:
            break
        for person_id in _people([payload for _, payload in rows], now):
            count += _settle(person_id, now, kept)
        with transaction():
            for ident, _ in rows:
                outbox.done(ident, now)
    return count


def release(now: datetime, kept: Kept = none_kept) -> int:
    """Cancels the bookings that were at risk for too long, or begin, and offers their time; those whose person is
    certified by now stay. Counts both. A job: twice is as once."""
    safe: set[int] = set()
    due: dict[int, list[int]] = {}
    for part in _marked(now):
        missing, stays = lacking(part), kept([one.id for one in part])
        safe |= {one.person_id for one in part if one.id not in missing}
        for one in part:
            if one.id in missing and one.id not in stays and release_at(one) <= now:
                due.setdefault(one.person_id, []).append(one.id)
    count = sum(_settle(person_id, now, kept) for person_id in sorted(safe))
    return count + sum(_release(person_id, ids, now) for person_id, ids in sorted(due.items()))


def _marked(now: datetime) -> Iterator[Sequence[Reservation]]:
    """What is at risk, in parts, longest first: by the index of what is marked."""
    query = select(Reservation.id).where(_MARKED, Reservation.at_risk_since <= now, _BOOKED)
    ids = list(db.session.scalars(query.order_by(Reservation.at_risk_since, Reservation.id)))
    for begin in range(0, len(ids), AT_ONCE):
        part = select(Reservation).where(Reservation.id.in_(ids[begin : begin + AT_ONCE])).options(_WHOLE)
        yield db.session.scalars(part.order_by(Reservation.id)).all()


# -- whom it concerns -------------------------------------------------------------------------------------------------


def _people(payloads: Sequence[Mapping[str, Any]], now: datetime) -> list[int]:
    """The people that the rows name, and those with bookings to come of what they name, whom it makes a difference."""
    named = {int(one["person_id"]) for one in payloads if one.get("person_id") is not None}
    rest = [one for one in payloads if one.get("person_id") is None]
    if not rest:
        return sorted(named)
    resources = {int(one["resource_id"]) for one in rest if one.get("resource_id") is not None}
    everybody = any(one.get("resource_id") is None for one in rest)
    return sorted(named | _differing(None if everybody else resources, now))


def _differing(resource_ids: Collection[int] | None, now: datetime) -> set[int]:
    """Who has a booking to come of these resources, or of any, that is marked and should not be, or the reverse."""
    query = select(Reservation.id).where(_BOOKED, Reservation.starts_at > now)
    if resource_ids is not None:
        held = select(Allocation.reservation_id).where(Allocation.resource_id.in_(resource_ids), LIVE)
        query = query.where(Reservation.id.in_(held.where(Allocation.ends_at > now)))
    ids, found = list(db.session.scalars(query.order_by(Reservation.id))), set[int]()
    for begin in range(0, len(ids), AT_ONCE):
        part = select(Reservation).where(Reservation.id.in_(ids[begin : begin + AT_ONCE])).options(_WHOLE)
        rows = db.session.scalars(part).all()
        missing = lacking(rows)
        found |= {one.person_id for one in rows if (one.id in missing) is not (one.at_risk_since is not None)}
    return found


# -- marking ----------------------------------------------------------------------------------------------------------


def _settle(person_id: int, now: datetime, kept: Kept) -> int:
    with transaction():
        if lock(Person, person_id) is None:
            return 0
        rows = _locked(Reservation.person_id == person_id, (Reservation.starts_at > now) | _MARKED)
        missing = lacking(rows)
        new = [one for one in rows if one.id in missing and one.at_risk_since is None]
        safe = [one for one in rows if one.id not in missing and one.at_risk_since is not None]
        stays = kept([one.id for one in new]) if new else ()
        for one in new:
            one.at_risk_since = now
        for one in safe:
            one.at_risk_since = None
        db.session.flush()
        if new:
            _tell_new(new, missing, stays, now)
        if safe:
            _tell_safe(safe, now)
        return len(new) + len(safe)


def _locked(*which: ColumnElement[bool]) -> Sequence[Reservation]:
    """The bookings that fit, locked in the order of their ids and read anew, soonest first."""
    query: Select[Reservation] = select(Reservation).where(_BOOKED, *which).order_by(Reservation.id)
    query = query.options(_WHOLE, joinedload(Reservation.person))
    query = query.with_for_update(of=Reservation, key_share=True).execution_options(populate_existing=True)
    return sorted(db.session.scalars(query), key=lambda one: (one.starts_at, one.id))


def _tell_new(
    new: Sequence[Reservation], missing: Mapping[int, Sequence[Denial]], stays: Collection[int], now: datetime
) -> None:
    for one in new:
        lacks = [denial.params["certification_id"] for denial in missing[one.id]]
        placing.tell("at_risk", system("job"), one, now, placing.facts_of(one), certification_ids=lacks)
    person = new[0].person
    facts = _facts(new, now, stays) | _named([denial for one in new for denial in missing[one.id]])
    notify(person.id, ReservationsAtRisk(**facts), now)
    notify_staff(ReservationsAtRiskOf(**facts, person=person.name), now)


def _tell_safe(safe: Sequence[Reservation], now: datetime) -> None:
    for one in safe:
        placing.tell("safe", system("job"), one, now, placing.facts_of(one))
    notify(safe[0].person_id, ReservationsSafe(**_facts(safe, now, [one.id for one in safe])), now)


def _facts(rows: Sequence[Reservation], now: datetime, stays: Collection[int]) -> dict[str, Any]:
    tree = parents() if any(one.exclusive for one in rows) else {}
    risks = [
        Told(
            reservation_id=one.id,
            resources=tuple(resource.name for resource in asked(one, tree)),
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            release_at=None if one.id in stays else release_at(one),
        )
        for one in rows
    ]
    return {"person_id": rows[0].person_id, "at": now, "risks": tuple(risks)}


def _named(denials: Sequence[Denial]) -> dict[str, Any]:
    """The certifications in these, each once."""
    found = {int(one.params["certification_id"]): one.params["certification_name"] for one in denials}
    return {"certifications": tuple(found.values()), "certification_id": next(iter(found))}


# -- cancelling -------------------------------------------------------------------------------------------------------


def _release(person_id: int, ids: Sequence[int], now: datetime) -> int:
    """Cancels those of these bookings of a person that are at risk still, all at once."""
    with transaction():
        if lock(Person, person_id) is None:
            return 0
        held = {ident: placing.resources_of(ident) for ident in ids}
        locked = placing.lock_resources({one for resources in held.values() for one in resources})
        rows = [one for one in _locked(Reservation.id.in_(ids), _MARKED) if release_at(one) <= now]
        rows = [one for one in rows if {slot.resource_id for slot in one.allocations} <= set(locked)]
        missing = lacking(rows)
        rows = [one for one in rows if one.id in missing]
        if not rows:
            return 0
        facts = _facts(rows, now, ids) | _named([denial for one in rows for denial in missing[one.id]])
        for one in rows:
            _cancel(one, missing[one.id], now)
        tree = parents() if any(one.exclusive for one in rows) else {}
        gone = tuple(replace(event_of(one, tree), changed_at=now) for one in rows)
        attached = gone[0] if len(gone) == 1 else CalendarEvents(events=gone)
        notify(person_id, ReservationsLost(**facts), now, attach=attached)
        return len(rows)


def _cancel(one: Reservation, missing: Sequence[Denial], now: datetime) -> None:
    before, reason = placing.facts_of(one), _reason(one.person, missing)
    one.at_risk_since, one.late_cancelled = None, False
    placing.end(one, ReservationState.CANCELLED, system("job"), now, reason)
    resource_ids = sorted(slot.resource_id for slot in one.allocations)
    waiting.freed(resource_ids, max(one.starts_at, now), one.ends_at, now)
    placing.tell("cancelled", system("job"), one, now, before, reason=reason)


def _reason(person: Person, missing: Sequence[Denial]) -> str:
    """Why it was cancelled, in the language of the person who reads it with the booking."""
    language = language_for(person.language)
    names = ", ".join(words.text(one.params["certification_name"], language) for one in missing)
    with force_locale(language):
        return gettext("A certification was missing: %(names)s", names=names)[: placing.LONGEST_TEXT]
