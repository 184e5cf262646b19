"""What happened to whose certification, when, by whom and why: the answer to "who said so?", also years later."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Select, String, case, func, literal, null, select, union_all

from fablab.certifications.models import Certification, Grant, Suspension
from fablab.core.actor import Actor
from fablab.core.db import Texts, db
from fablab.core.errors import Forbidden
from fablab.people.models import Person
from fablab.people.service import people_query

PAGE = 50


class What(StrEnum):
    """What can happen to somebody's certification."""

    GRANTED = "granted"
    REVOKED = "revoked"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    ENDED = "ended"
    """Its period or the time without use ran out."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened. `by_id`: who did it, None for the lab itself; `words` say why; `evidence` and
    `valid_until` are of a grant."""

    at: datetime
    what: What
    person_id: int
    certification_id: int
    certification: Texts
    by_id: int | None
    words: str
    evidence: str
    valid_until: datetime | None


@dataclass(frozen=True, slots=True)
class Chronicle:
    """A page of what happened, newest first; `total` on all pages."""

    entries: Sequence[Entry]
    total: int
    number: int

    @property
    def newer(self) -> int | None:
        """The page before this one."""
        return self.number - 1 if self.number > 1 else None

    @property
    def older(self) -> int | None:
        """The page after this one."""
        return self.number + 1 if self.number * PAGE < self.total else None


def chronicle(
    actor: Actor,
    *,
    person_id: int | None = None,
    certification_id: int | None = None,
    search: str = "",
    number: int = 1,
) -> Chronicle:
    """All that happened, or only to one person, to one certification, to those whom `search` finds. Staff; anybody for
    himself. Two queries. Raises Forbidden."""
    if not (actor.is_staff or (person_id is not None and person_id == actor.person_id)):
        raise Forbidden("this is for the lab's staff")
    parts = [_of(part, person_id, certification_id, search) for part in (*_grants(), *_suspensions())]
    all_of = union_all(*parts).subquery()
    total = db.session.scalar(select(func.count()).select_from(all_of)) or 0
    number = max(1, min(number, (total + PAGE - 1) // PAGE))
    named = select(all_of, Certification.name.label("certification")).join(
        Certification, Certification.id == all_of.c.certification_id
    )
    query = named.order_by(all_of.c.at.desc(), all_of.c.kind.desc(), all_of.c.id.desc())
    rows = db.session.execute(query.limit(PAGE).offset((number - 1) * PAGE))
    return Chronicle([_entry(row) for row in rows], total, number)


def _entry(row: Any) -> Entry:
    return Entry(
        at=row.at,
        what=What(row.kind),
        person_id=row.person_id,
        certification_id=row.certification_id,
        certification=row.certification,
        by_id=row.by_id,
        words=row.words or "",
        evidence=row.evidence or "",
        valid_until=row.until,
    )


def _columns(
    model: type[Grant] | type[Suspension], kind: What, at: Any, by: Any, words: Any, *more: Any
) -> Select[Any]:
    evidence, until = more or (literal(""), _NO_INSTANT)
    return select(
        at.label("at"),
        literal(kind.value).label("kind"),
        model.id.label("id"),
        model.person_id.label("person_id"),
        model.certification_id.label("certification_id"),
        by.label("by_id"),
        words.label("words"),
        evidence.label("evidence"),
        until.label("until"),
    ).where(at.is_not(None))


_NO_INSTANT: Any = null().cast(Grant.valid_until.type)
_NOBODY: Any = null().cast(Grant.id.type)


def _grants() -> tuple[Select[Any], ...]:
    evidence = Grant.evidence.cast(String(32))
    return (
        _columns(Grant, What.GRANTED, Grant.granted_at, Grant.granted_by_id, Grant.reason, evidence, Grant.valid_until),
        _columns(Grant, What.REVOKED, Grant.revoked_at, Grant.revoked_by_id, Grant.revoked_reason),
        _columns(Grant, What.ENDED, _ended_at(), _NOBODY, literal("")),
    )


def _ended_at() -> Any:
    """The end of the period, else when it was noted that nobody had used it."""
    period = (Grant.end_noted_at.is_not(None) & (Grant.valid_until <= Grant.end_noted_at), Grant.valid_until)
    return case(period, else_=Grant.end_noted_at)


def _suspensions() -> tuple[Select[Any], ...]:
    return (
        _columns(Suspension, What.SUSPENDED, Suspension.started_at, Suspension.started_by_id, Suspension.reason),
        _columns(Suspension, What.RESUMED, Suspension.ended_at, Suspension.ended_by_id, Suspension.end_note),
    )


def _of(part: Select[Any], person_id: int | None, certification_id: int | None, search: str) -> Select[Any]:
    person, certification = part.selected_columns.person_id, part.selected_columns.certification_id
    if person_id is not None:
        part = part.where(person == person_id)
    if certification_id is not None:
        part = part.where(certification == certification_id)
    if search:
        part = part.where(person.in_(people_query(search=search, today=date.min).with_only_columns(Person.id)))
    return part
