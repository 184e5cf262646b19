"""The clocks of the grants, for the timetable: ends are noted once, and come with a reminder 30 and 7 days before.

What is due is found by interval: a job that ran late, twice, or in two processes does the same once. The questions are
few, whatever the number of grants: `Grant` has indexes of what has not ended yet. Who writes locks the grants, and
leaves to the next run what somebody else holds.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select, union_all
from sqlalchemy.orm import joinedload

from fablab.certifications.clock_rules import STEPS, UNUSED, Known, Reminder, is_last, reminder_due
from fablab.certifications.facts import facts_of, inclusions
from fablab.certifications.models import Certification, Grant
from fablab.certifications.rules import GrantFacts, ended
from fablab.certifications.service import look_again
from fablab.core import audit, events, outbox
from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.words import config
from fablab.notices.certifications import CertificationEnded
from fablab.notices.messages import CertificationLapsing
from fablab.notices.service import notify
from fablab.people.models import Person

AT_ONCE = 200
"""How many grants are dealt with in one transaction, and how many people are read with one query."""

MOST_TERMS = 60
"""How many different times of disuse are asked for with one query."""

_OPEN = Grant.end_noted_at.is_(None) & Grant.revoked_at.is_(None)
_LOOKED_AT = (
    Grant.id,
    Grant.certification_id,
    Grant.granted_at,
    Grant.valid_until,
    Grant.last_used_at,
    Grant.suspended_at,
    Grant.reminded_end,
    Grant.reminded_days,
    Grant.person_id,
)


def note_ends(now: datetime) -> int:
    """Notes every grant whose period has passed or that was not used for too long: event, audit, its reservations to be
    judged, and a notice to the holder unless another grant still makes him hold it. Counts them. A job: twice is as
    once. Withdrawn ones were told of when they were withdrawn."""
    return _by_parts(sorted({row.id for row in _ending(now, _lapses())}), lambda part: _note(part, now))


def remind_ends(now: datetime) -> int:
    """Tells the holders of what ends in 30 and in 7 days, as known now; counts the notices. A job: each step is told
    once, however late and often it runs. Whoever holds it longer by another grant is not told, nor who is disabled."""
    days = _lapses()
    due = [
        row.id
        for row in _ending(now + timedelta(days=max(STEPS)), days, _unreminded(now))
        if reminder_due(_facts(row, days), row.reminded_end, row.reminded_days, now) is not None
    ]
    told = [one.id for one, _reminder in _to_remind(sorted(set(due)), now, _read)]
    return _by_parts(told, lambda part: _remind(part, now))


# -- what is due ------------------------------------------------------------------------------------------------------


def _ending(until: datetime, lapses: Mapping[int, int], due: ColumnElement[bool] | None = None) -> Iterator[Any]:
    """The grants that end by `until`, as far as that is not noted, as rows of `_LOOKED_AT`; of those whose period ends,
    only what is `due`. `lapses` as `_lapses` gives them. One query for up to `MOST_TERMS` different times of disuse."""
    period = select(*_LOOKED_AT).where(_OPEN, Grant.valid_until <= until)
    asked = [period if due is None else period.where(due)]
    for ids, days in _by_days(lapses):
        cut = until - timedelta(days=days)
        own = select(*_LOOKED_AT).where(_OPEN, Grant.certification_id.in_(ids))
        asked += [
            own.where(Grant.last_used_at <= cut),
            own.where(Grant.last_used_at.is_(None), Grant.granted_at <= cut),
        ]
    for begin in range(0, len(asked), 2 * MOST_TERMS):
        yield from db.session.execute(union_all(*asked[begin : begin + 2 * MOST_TERMS]))


def _unreminded(now: datetime) -> ColumnElement[bool]:
    """Has not ended, and the last step that has passed was not told of this end."""
    last = Grant.valid_until <= now + timedelta(days=min(STEPS))
    settled = Grant.reminded_days <= min(STEPS)
    told = (Grant.reminded_end == Grant.valid_until) & (settled | ~last)
    return (Grant.valid_until > now) & (Grant.reminded_end.is_(None) | ~told)


def _lapses() -> dict[int, int]:
    """After how many days without use each certification lapses that does."""
    query = select(Certification.id, Certification.lapse_after_unused_days)
    rows = db.session.execute(query.where(Certification.lapse_after_unused_days.is_not(None)))
    return {ident: days for ident, days in rows if days is not None}


def _by_days(lapses: Mapping[int, int]) -> list[tuple[list[int], int]]:
    found: dict[int, list[int]] = {}
    for ident, days in sorted(lapses.items()):
        found.setdefault(days, []).append(ident)
    return [(ids, days) for days, ids in found.items()]


def _facts(row: Any, days: Mapping[int, int]) -> GrantFacts:
    lapse = days.get(row.certification_id)
    return GrantFacts(
        certification_id=row.certification_id,
        granted_at=row.granted_at,
        valid_until=row.valid_until,
        lapse_after_unused=None if lapse is None else timedelta(days=lapse),
        last_used_at=row.last_used_at,
        suspensions=() if row.suspended_at is None else ((row.suspended_at, None),),
    )


# -- what is done -----------------------------------------------------------------------------------------------------


def _by_parts(ids: Sequence[int], act: Callable[[Sequence[int]], int]) -> int:
    return sum(act(ids[begin : begin + AT_ONCE]) for begin in range(0, len(ids), AT_ONCE))


def _read(ids: Sequence[int]) -> Sequence[Grant]:
    """These grants with their certifications, in the order of ids, where their end is not noted."""
    return db.session.scalars(_whole(ids)).all()


def _locked(ids: Sequence[int]) -> Sequence[Grant]:
    """The same, locked and read anew; without those that somebody else holds just now."""
    query = _whole(ids).with_for_update(of=Grant, skip_locked=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).all()


def _whole(ids: Sequence[int]) -> Select[Grant]:
    query = select(Grant).where(Grant.id.in_(ids), _OPEN).order_by(Grant.id)
    return query.options(joinedload(Grant.certification))


def _note(ids: Sequence[int], now: datetime) -> int:
    with transaction():
        count = 0
        grants = _locked(ids)
        holders = _Holders(grants)
        for one in grants:
            end = ended(replace(facts_of(one), suspensions=()), now)
            if end is not None:
                _note_one(one, end[0], end[1], holders.loses(one), now)
                count += 1
        return count


def _note_one(one: Grant, cause: str, end: datetime, told: bool, now: datetime) -> None:
    one.end_noted_at = now
    facts = {"person_id": str(one.person_id), "certification_id": str(one.certification_id)}
    facts |= {"cause": cause, "ended_at": end.isoformat()}
    audit.record(system("job"), "grant.ended", one, now, after=facts)
    events.append("certification.ended", now, grant_id=str(one.id), **facts)
    look_again(now, person_id=one.person_id)
    outbox.review_access(now, cause, person_id=one.person_id)
    if told:
        began = one.last_used_at or one.granted_at
        message = CertificationEnded(
            grant_id=one.id,
            certification_id=one.certification_id,
            certification=one.certification.name,
            last_day=_last_day(end),
            unused_days=(end - began).days if cause == UNUSED else 0,
        )
        notify(one.person_id, message, now, key=f"{one.id}/{end.isoformat()}")


def _to_remind(
    ids: Sequence[int], now: datetime, read: Callable[[Sequence[int]], Sequence[Grant]]
) -> Iterator[tuple[Grant, Reminder]]:
    """Which of these grants their holders are to be told of, read so."""
    for begin in range(0, len(ids), AT_ONCE):
        grants = read(ids[begin : begin + AT_ONCE])
        holders = _Holders(grants)
        for one in grants:
            due = reminder_due(facts_of(one), one.reminded_end, one.reminded_days, now)
            if due is not None and holders.loses(one):
                yield one, due


def _remind(ids: Sequence[int], now: datetime) -> int:
    with transaction():
        found = list(_to_remind(ids, now, _locked))
        for one, due in found:
            one.reminded_end, one.reminded_days = due.end, due.days
            message = CertificationLapsing(
                grant_id=one.id,
                certification=one.certification.name,
                lapses_on=_last_day(due.end),
                days_before=due.days,
                by_disuse=due.cause == UNUSED,
                unused_days=due.unused_days(now),
            )
            notify(one.person_id, message, now, key=f"{one.id}/{due.end.isoformat()}/{due.days}")
        return len(found)


class _Holders:
    """Who holds these grants: all that they were granted, and whether their accounts are in use. Three queries."""

    def __init__(self, grants: Iterable[Grant]) -> None:
        people = {one.person_id for one in grants}
        self._known: dict[int, list[Known]] = {}
        if not people:
            return
        usable = Person.active & Person.anonymised_at.is_(None)
        self._usable = set(db.session.scalars(select(Person.id).where(Person.id.in_(people), usable)))
        query = select(Grant).where(Grant.person_id.in_(people)).options(joinedload(Grant.certification))
        included = inclusions()
        for one in db.session.scalars(query.order_by(Grant.id)):
            counts_as = frozenset(included.get(one.certification_id, ()))
            known = Known(one.id, replace(facts_of(one), counts_as=counts_as))
            self._known.setdefault(one.person_id, []).append(known)

    def loses(self, one: Grant) -> bool:
        """Whether the holder, whose account is in use, does not hold the certification any more when this one ends."""
        return one.person_id in self._usable and is_last(Known(one.id, facts_of(one)), self._known[one.person_id])


def _last_day(end: datetime) -> date:
    """The local day on which it still holds."""
    return (end - timedelta(seconds=1)).astimezone(config().lab.zone).date()
