"""One person and one certification: how he stands, what happened until now, what is still missing, what may be done."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.certifications import granting
from fablab.certifications.awarding import obstacles, theory_passed
from fablab.certifications.facts import facts_of, inclusions
from fablab.certifications.holding import open_suspensions_of
from fablab.certifications.matrix import SOON
from fablab.certifications.models import Certification, Evidence, Grant
from fablab.certifications.rules import GrantFacts, Standing, ends_by, standing
from fablab.certifications.service import get_certification
from fablab.certifications.suspending import suspensions_between
from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.people.models import Person
from fablab.people.service import get_person, names_of


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened. `what`: granted, revoked, suspended, resumed, or the denial code of an end by itself;
    `grant` of those that are about one; `by` is the name of who did it, '' for nobody."""

    at: datetime
    what: str
    by: str = ""
    words: str = ""
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A suspension that holds one of the grants back now: of which certification, since when, why, by whom; `may`: the
    actor may lift it."""

    ident: int
    certification: Certification
    since: datetime
    reason: str
    by: str
    may: bool


@dataclass(frozen=True, slots=True)
class Cell:
    """All that the page of one person and one certification shows. `own`: it is the actor's; `may`: he may grant it;
    `live`: something holds, or would if it was not held back, so it can be withdrawn; `theory`: the quiz is passed."""

    certification: Certification
    person: Person
    standing: Standing
    history: Sequence[Happening]
    suspensions: Sequence[Held]
    missing: Sequence[Denial]
    own: bool
    may: bool
    live: bool
    theory: bool

    @property
    def held_back(self) -> bool:
        """Whether it cannot be granted because it is held back itself, or what comes with it."""
        return any(one.code == "certification_suspended" for one in self.missing)


def cell(actor: Actor, certification_id: int, person_id: int, now: datetime) -> Cell:
    """Reads it, with a constant number of queries. Raises NotFound, also for whom the actor may not know of."""
    certification, person = get_certification(certification_id), get_person(actor, person_id)
    parts = inclusions()
    counting = _counting(certification_id, person_id, parts)
    known = [facts_of(one, parts.get(one.certification_id, ())) for one in counting]
    ends = [ends_by(one) for one in known]
    return Cell(
        certification=certification,
        person=person,
        standing=standing(known, now, SOON),
        history=_history(certification_id, person_id, counting, now),
        suspensions=_suspensions(actor, person_id, _covered(certification_id, known), now),
        missing=obstacles(person, [certification], now, evidence=Evidence.OBSERVED),
        own=actor.person_id == person_id,
        may=granting.may_grant(actor, certification_id, now),
        live=any(end is None or end[0] > now for end in ends),
        theory=bool(theory_passed(person_id, [certification_id])),
    )


def _counting(certification_id: int, person_id: int, parts: dict[int, set[int]]) -> Sequence[Grant]:
    """The grants of this certification, and of those that include it, oldest first."""
    wanted = {certification_id} | {ident for ident, others in parts.items() if certification_id in others}
    query = select(Grant).where(Grant.person_id == person_id, Grant.certification_id.in_(wanted))
    return db.session.scalars(query.options(joinedload(Grant.certification)).order_by(Grant.id)).all()


def _history(certification_id: int, person_id: int, grants: Sequence[Grant], now: datetime) -> list[Happening]:
    """What happened, newest first."""
    held_back = suspensions_between(certification_id, person_id)
    people = [by for one in grants for by in (one.granted_by_id, one.revoked_by_id)]
    names = names_of([*people, *(by for one in held_back for by in (one.started_by_id, one.ended_by_id))])
    found: list[Happening] = []
    for grant in grants:
        found.append(Happening(grant.granted_at, "granted", names.get(grant.granted_by_id or 0, ""), grant=grant))
        end = ends_by(facts_of(grant))
        if grant.revoked_at is not None:
            by = names.get(grant.revoked_by_id or 0, "")
            found.append(Happening(grant.revoked_at, "revoked", by, grant.revoked_reason, grant))
        if end is not None and end[0] <= now and end[1] != "certification_revoked":
            found.append(Happening(end[0], end[1], grant=grant))
    for one in held_back:
        found.append(Happening(one.started_at, "suspended", names.get(one.started_by_id or 0, ""), one.reason))
        if one.ended_at is not None:
            found.append(Happening(one.ended_at, "resumed", names.get(one.ended_by_id or 0, ""), one.end_note))
    return [one for _place, one in sorted(enumerate(found), key=lambda pair: (pair[1].at, pair[0]), reverse=True)]


def _covered(certification_id: int, grants: Sequence[GrantFacts]) -> set[int]:
    return {certification_id}.union(*({one.certification_id, *one.counts_as} for one in grants))


def _suspensions(actor: Actor, person_id: int, covered: Collection[int], now: datetime) -> list[Held]:
    """What is held back of the certifications that are `covered` by a grant."""
    found = [one for one in open_suspensions_of(person_id) if one.certification_id in covered]
    names = names_of([one.started_by_id for one in found])
    of = select(Certification).where(Certification.id.in_([one.certification_id for one in found]))
    known = {one.id: one for one in db.session.scalars(of)}
    may = set() if actor.person_id == person_id else granting.grantable(actor, known.values(), now)
    return [
        Held(
            one.id,
            known[one.certification_id],
            one.started_at,
            one.reason,
            names.get(one.started_by_id or 0, ""),
            one.certification_id in may,
        )
        for one in found
    ]
