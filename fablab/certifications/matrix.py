"""People × certifications for the staff: who holds what, what ends soon, what has ended. The queries stay few."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import aliased

from fablab.certifications.facts import facts
from fablab.certifications.models import Certification, Grant, Inclusion
from fablab.certifications.rules import GrantFacts, Standing, standing
from fablab.certifications.service import list_certifications
from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.errors import Forbidden
from fablab.people.models import Person
from fablab.people.service import Page, page_of_people, people_query

SOON = timedelta(days=30)
STATES = {
    "held": ("held", "lapsing"),
    "lapsing": ("lapsing",),
    "ended": ("certification_expired", "certification_lapsed_unused", "certification_revoked"),
}
"""Filters: each with the standings that fit it."""

Cells = dict[int, dict[int, list[GrantFacts]]]
NONE = Standing("none")


@dataclass(frozen=True, slots=True)
class Matrix:
    """A page of people, and how each stands with each certification in `columns`, in their order."""

    columns: Sequence[Certification]
    rows: Sequence[tuple[Person, Sequence[Standing]]]
    page: Page


def matrix(
    actor: Actor,
    now: datetime,
    today: date,
    *,
    search: str = "",
    state: str = "",
    certification_id: int | None = None,
    number: int = 1,
) -> Matrix:
    """One page. `state` (of STATES) keeps the people with at least one such standing among the columns. Staff."""
    if not actor.is_staff:
        raise Forbidden("this is for the lab's staff")
    columns = [one for one in list_certifications() if certification_id in (None, one.id)]
    query = people_query(search=search, active=True, today=today)
    if state in STATES:
        query = query.where(Person.id.in_(_fitting(columns, state, now)))
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


def _row(columns: Sequence[Certification], mine: dict[int, list[GrantFacts]], now: datetime) -> list[Standing]:
    return [standing(mine[one.id], now, SOON) if one.id in mine else NONE for one in columns]


def _fitting(columns: Sequence[Certification], state: str, now: datetime) -> list[int]:
    """The people with a standing of this state. What cannot have ended, or end soon, is not even fetched."""
    cells = _cells(columns, None, None if state == "held" else now + SOON)
    codes = STATES[state]
    return [
        person_id
        for person_id, mine in cells.items()
        if any(standing(grants, now, SOON).code in codes for grants in mine.values())
    ]


def _ending(columns: Sequence[Certification], until: datetime) -> ColumnElement[bool]:
    """Whether one of the grants of the same certification to the same person may end by `until`."""
    other = aliased(Grant)
    lapsing = [one.id for one in columns if one.lapse_after_unused_days is not None]
    ends = or_(
        other.valid_until <= until,
        other.revoked_at.is_not(None),
        other.suspended_at.is_not(None),
        other.certification_id.in_(lapsing),
    )
    same = and_(other.person_id == Grant.person_id, other.certification_id == Grant.certification_id)
    return exists().where(same, ends)


def _cells(columns: Sequence[Certification], people: Sequence[int] | None, ending_by: datetime | None = None) -> Cells:
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
    if ending_by is not None:
        query = query.where(_ending(columns, ending_by))
    if people is not None:
        query = query.where(Grant.person_id.in_(people))
    cells: Cells = {}
    for person_id, *columns_of, included in db.session.execute(query):
        found = facts(*columns_of)
        for one in {found.certification_id, included} & wanted:
            cells.setdefault(person_id, {}).setdefault(one, []).append(found)
    return cells
