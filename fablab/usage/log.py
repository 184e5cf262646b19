"""The usage log as people read it: what machines did, filtered, page by page or whole, and whose use it was."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select

from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Forbidden, Invalid, NotFound
from fablab.people.models import Person
from fablab.resources.models import Resource
from fablab.usage.models import Outcome, UsageReading, UsageSession

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Filter:
    """Which uses: every part that is given must fit. Makers see their own whatever `person_id` says.

    `unattributed` True: only those nobody is named for. `running` True: only those that have not ended.
    """

    resource_id: int | None = None
    person_id: int | None = None
    from_: datetime | None = None
    to: datetime | None = None
    outcome: Outcome | None = None
    unattributed: bool = False
    running: bool = False


@dataclass(frozen=True, slots=True)
class Use:
    """One use with what belongs to it; `resource` None for a device that is bound to none."""

    session: UsageSession
    resource: Resource | None
    person: Person | None


@dataclass(frozen=True, slots=True)
class Sums:
    """All uses of a filter together."""

    count: int
    working_s: float
    energy_wh: float


def sessions_query(actor: Actor, wanted: Filter) -> Select[Any]:
    """The sessions that fit: one's own, all for staff."""
    return select(UsageSession).where(*_conditions(actor, wanted))


def uses(
    actor: Actor, wanted: Filter, before: int | None = None, limit: int = PER_PAGE
) -> tuple[list[Use], int | None]:
    """The newest uses that fit, newest first, those older than the use `before`; and the id to go on from, or None."""
    query = _with_names().where(*_conditions(actor, wanted))
    if before is not None:
        last = get_session(actor, before).session
        older = and_(UsageSession.started_at == last.started_at, UsageSession.id < last.id)
        query = query.where(or_(UsageSession.started_at < last.started_at, older))
    query = query.order_by(UsageSession.started_at.desc(), UsageSession.id.desc()).limit(limit + 1)
    found = [Use(*row) for row in db.session.execute(query)]
    return found[:limit], found[limit - 1].session.id if len(found) > limit else None


def sums(actor: Actor, wanted: Filter) -> Sums:
    """How many uses fit, and what they come to. One query."""
    working, energy = func.sum(UsageSession.working_s), func.sum(UsageSession.energy_wh)
    query = select(func.count(), working, energy).where(*_conditions(actor, wanted))
    count, working_s, energy_wh = db.session.execute(query).one()
    return Sums(count, float(working_s or 0), float(energy_wh or 0))


def rows(actor: Actor, wanted: Filter) -> Iterator[Use]:
    """Every use that fits, oldest first, read in portions: for exports of any length."""
    query = _with_names().where(*_conditions(actor, wanted)).order_by(UsageSession.started_at, UsageSession.id)
    for row in db.session.execute(query.execution_options(yield_per=500)):
        yield Use(*row)


def get_session(actor: Actor, session_id: int) -> Use:
    """One use: one's own, any for staff. Raises NotFound for others'."""
    row = db.session.execute(_with_names().where(UsageSession.id == session_id)).first()
    if row is None or not (actor.is_staff or row[0].person_id == actor.person_id):
        raise NotFound(f"There is no usage session {session_id}.")
    return Use(*row)


def curve(session_id: int) -> Sequence[UsageReading]:
    """The readings of a session, ascending in time."""
    query = select(UsageReading).where(UsageReading.session_id == session_id).order_by(UsageReading.at)
    return list(db.session.scalars(query))


def last_uses(actor: Actor, resource_id: int, limit: int = 5) -> list[Use]:
    """The newest uses of one resource for its page, whoever they are of; names are for staff to see."""
    rows = db.session.execute(_LAST, {"resource": resource_id, "count": limit})
    staff = actor.is_staff
    return [
        Use(session, resource, person if staff or session.person_id == actor.person_id else None)
        for session, resource, person in rows
    ]


def attribute(actor: Actor, session_id: int, person_id: int | None, now: datetime) -> UsageSession:
    """Names the person of a use, or nobody. Staff. Raises NotFound, Invalid for an unknown person, Forbidden."""
    if not actor.is_staff:
        raise Forbidden("only staff may say whose use it was")
    with transaction():
        session = lock(UsageSession, session_id)
        if session is None:
            raise NotFound(f"There is no usage session {session_id}.")
        if person_id is not None and db.session.get(Person, person_id) is None:
            raise Invalid({"person_id": "there is no such person"})
        before = {"person_id": session.person_id}
        if session.person_id != person_id:
            session.person_id, session.updated_at = person_id, now
            audit.record(actor, "usage.attributed", session, now, before=before, after={"person_id": person_id})
            events.append("usage.attributed", now, session_id=str(session_id), resource_id=str(session.resource_id))
        return session


def _with_names() -> Select[UsageSession, Resource, Person]:
    query = select(UsageSession, Resource, Person).outerjoin(Resource, Resource.id == UsageSession.resource_id)
    return query.outerjoin(Person, Person.id == UsageSession.person_id)


def _conditions(actor: Actor, wanted: Filter) -> list[Any]:
    person_id = wanted.person_id if actor.is_staff else actor.person_id
    found: list[Any] = []
    if person_id is not None:
        found.append(UsageSession.person_id == person_id)
    if wanted.resource_id is not None:
        found.append(UsageSession.resource_id == wanted.resource_id)
    if wanted.from_ is not None:
        found.append(or_(UsageSession.ended_at.is_(None), UsageSession.ended_at > wanted.from_))
    if wanted.to is not None:
        found.append(UsageSession.started_at < wanted.to)
    if wanted.outcome is not None:
        found.append(UsageSession.outcome == wanted.outcome)
    if wanted.unattributed:
        found.append(UsageSession.person_id.is_(None))
    if wanted.running:
        found.append(UsageSession.ended_at.is_(None))
    return found


_LAST = (
    _with_names()
    .where(UsageSession.resource_id == bindparam("resource"))
    .order_by(UsageSession.started_at.desc(), UsageSession.id.desc())
    .limit(bindparam("count"))
)
"""Made once: the page of each machine asks it."""
