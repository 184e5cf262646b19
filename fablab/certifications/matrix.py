"""People × certifications for the staff: who holds what, what ends soon, what has ended. The queries stay few."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, case, false, func, not_, or_, select, union_all

from fablab.certifications.facts import facts, required_for
from fablab.certifications.models import Certification, Grant, Inclusion
from fablab.certifications.rules import NOTHING, GrantFacts, Standing, standing
from fablab.certifications.service import list_certifications
from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.errors import Forbidden
from fablab.people.models import Person
from fablab.people.service import Page, page_of_people, people_query

SOON = timedelta(days=30)
STATES = ("held", "lapsing", "suspended", "ended")
"""Filters of people: who has at least one such standing."""

Cells = dict[int, dict[int, list[GrantFacts]]]
NONE = Standing("none")


@dataclass(frozen=True, slots=True)
class Matrix:
    """A page of people, and how each stands with each certification in `columns`, in their order."""

    columns: Sequence[Certification]
    rows: Sequence[tuple[Person, Sequence[Standing]]]
    page: Page


@dataclass(frozen=True, slots=True)
class Ending:
    """Somebody's certification that ends soon."""

    person: Person
    certification: Certification
    standing: Standing


def matrix(
    actor: Actor,
    now: datetime,
    today: date,
    *,
    search: str = "",
    state: str = "",
    certification_id: int | None = None,
    resource_id: int | None = None,
    number: int = 1,
) -> Matrix:
    """One page. The columns are all certifications, or one, or those that a resource asks for; `state` (of STATES)
    keeps the people with at least one such standing among them. Staff."""
    if not actor.is_staff:
        raise Forbidden("this is for the lab's staff")
    known = list_certifications()
    columns = [one for one in known if certification_id in (None, one.id)]
    if resource_id is not None:
        asked = required_for([resource_id]).get(resource_id, NOTHING).names
        columns = [one for one in columns if one.id in asked]
    query = people_query(search=search, active=True, today=today)
    if state in STATES:
        query = query.where(Person.id.in_(_fitting(known, columns, state, now)))
    page = page_of_people(query, number)
    cells = _cells(columns, [person.id for person in page.people])
    rows = [(person, _row(columns, cells.get(person.id, {}), now)) for person in page.people]
    return Matrix(columns, rows, page)


def standings_of(person_id: int, now: datetime) -> list[tuple[Certification, Standing]]:
    """How one person stands with every certification, in their order. Two queries."""
    columns = list_certifications()
    mine = _cells(columns, [person_id]).get(person_id, {})
    return list(zip(columns, _row(columns, mine, now), strict=True))


def holders(certification: Certification, now: datetime) -> list[tuple[Person, Standing]]:
    """Who has or had a certification, by name, those who hold it first. Two queries."""
    cells = _cells([certification], None)
    query = select(Person).where(Person.id.in_(cells), Person.anonymised_at.is_(None))
    found = [
        (person, standing(cells[person.id][certification.id], now, SOON))
        for person in db.session.scalars(query.order_by(Person.name, Person.id))
    ]
    return sorted(found, key=lambda one: not one[1].holds)


def lapsing(actor: Actor, now: datetime, within: timedelta) -> list[Ending]:
    """What ends within this time as known now and is not held longer by another grant, the first to end first; active
    people only. Staff. Four queries."""
    if not actor.is_staff:
        raise Forbidden("this is for the lab's staff")
    columns = list_certifications()
    ids = _fitting(columns, columns, "lapsing", now, within)
    query = select(Person).where(Person.id.in_(ids), Person.active, Person.anonymised_at.is_(None))
    people = {one.id: one for one in db.session.scalars(query)}
    cells, known = _cells(columns, list(people)), {one.id: one for one in columns}
    found = [
        Ending(people[person_id], known[ident], standing(grants, now, within))
        for person_id, mine in cells.items()
        for ident, grants in mine.items()
    ]
    soon = [one for one in found if one.standing.code == "lapsing"]
    return sorted(soon, key=lambda one: (one.standing.at or now, one.person.name, one.certification.id))


def _row(columns: Sequence[Certification], mine: dict[int, list[GrantFacts]], now: datetime) -> list[Standing]:
    return [standing(mine[one.id], now, SOON) if one.id in mine else NONE for one in columns]


def _fitting(
    known: Sequence[Certification],
    columns: Sequence[Certification],
    state: str,
    now: datetime,
    soon: timedelta = SOON,
) -> set[int]:
    """The people with a standing of this state in one of the columns. The database finds them; of those who do not hold
    it and were suspended, which are few, the rule says what ended it."""
    found = _found(known, columns, state, now, soon)
    if state in ("held", "lapsing"):
        return set(found)
    people = {person_id for person_id, held_back in found.items() if not held_back and state == "ended"}
    unsure = [person_id for person_id, held_back in found.items() if held_back]
    for person_id, mine in _cells(columns, unsure).items() if unsure else ():
        if any(_state(standing(grants, now, SOON)) == state for grants in mine.values()):
            people.add(person_id)
    return people


def _state(found: Standing) -> str:
    if found.holds:
        return "held"
    return "suspended" if found.code == "certification_suspended" else "ended"


def _found(
    known: Sequence[Certification], columns: Sequence[Certification], state: str, now: datetime, soon: timedelta
) -> dict[int, bool]:
    """Who holds one of the columns, holds one not for long, or held one, and whether one that he does not hold was ever
    suspended. One query."""
    wanted = [one.id for one in columns]
    own = select(Grant.id.label("grant_id"), Grant.certification_id.label("column"))
    other = select(Grant.id, Inclusion.included_id).join(
        Inclusion, Inclusion.certification_id == Grant.certification_id
    )
    counts = union_all(
        own.where(Grant.certification_id.in_(wanted)), other.where(Inclusion.included_id.in_(wanted))
    ).subquery()
    lapses = {one.id: one.lapse_after_unused_days for one in known if one.lapse_after_unused_days is not None}
    conditions = (_holds(now, now, lapses), _holds(now, now + soon, lapses), Grant.suspended_at.is_not(None))
    held, long, held_back = (func.max(case((condition, 1), else_=0)) for condition in conditions)
    fits = {"held": held == 1, "lapsing": (held == 1) & (long == 0)}.get(state, held == 0)
    query = select(Grant.person_id, held_back.label("held_back"))
    query = query.join(counts, counts.c.grant_id == Grant.id).where(Grant.granted_at <= now)
    pairs = query.group_by(Grant.person_id, counts.c.column).having(fits).subquery()
    people = select(pairs.c.person_id, func.max(pairs.c.held_back)).group_by(pairs.c.person_id)
    return {person_id: bool(flag) for person_id, flag in db.session.execute(people)}


def _holds(now: datetime, until: datetime, lapses: Mapping[int, int]) -> ColumnElement[bool]:
    """Whether a grant that began holds now and, as known now, beyond `until`: the rule `ended`, for the database."""
    used = func.coalesce(Grant.last_used_at, Grant.granted_at)
    unused = [
        and_(Grant.certification_id == ident, used <= until - timedelta(days=days)) for ident, days in lapses.items()
    ]
    return and_(
        Grant.suspended_at.is_(None) | (Grant.suspended_at > now),
        Grant.revoked_at.is_(None) | (Grant.revoked_at > until),
        Grant.valid_until.is_(None) | (Grant.valid_until > until),
        not_(or_(false(), *unused)),
    )


def _cells(columns: Sequence[Certification], people: Sequence[int] | None) -> Cells:
    """The grants of these people (None: of all) of these certifications, by person and certification. One query."""
    wanted = {one.id for one in columns}
    query = select(
        Grant.person_id,
        Grant.certification_id,
        Grant.granted_at,
        Grant.valid_until,
        Certification.lapse_after_unused_days,
        Grant.last_used_at,
        Grant.revoked_at,
        Grant.suspended_at,
        Certification.level,
        Inclusion.included_id,
    ).join(Certification, Certification.id == Grant.certification_id)
    query = query.outerjoin(Inclusion, Inclusion.certification_id == Grant.certification_id)
    query = query.where(or_(Grant.certification_id.in_(wanted), Inclusion.included_id.in_(wanted)))
    if people is not None:
        query = query.where(Grant.person_id.in_(people))
    cells: Cells = {}
    for person_id, *columns_of, included in db.session.execute(query):
        found = facts(*columns_of)
        for one in {found.certification_id, included} & wanted:
            cells.setdefault(person_id, {}).setdefault(one, []).append(found)
    return cells
