"""A person's passport: every certification held, suspended or ended, since when, until when, why, and who said so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.certifications import chronicle as chronicles
from fablab.certifications.chronicle import Chronicle
from fablab.certifications.facts import facts_of, inclusions
from fablab.certifications.matrix import SOON
from fablab.certifications.models import Certification, Grant, Suspension
from fablab.certifications.rules import GrantFacts, Standing, ended, standing
from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.pages.passport_rules import deciding, held_since
from fablab.people.models import Person
from fablab.people.service import get_person, names_of


@dataclass(frozen=True, slots=True)
class Page:
    """One certification in the passport. `grant` is the one that says how it stands: it may be of another certification
    that includes this one (`included`). `since`: it is held without a break since then, None where it is not held.
    `suspension` is the open one. `certificate`: there is a certificate of the grant."""

    certification: Certification
    standing: Standing
    grant: Grant
    since: datetime | None
    suspension: Suspension | None
    certificate: bool

    @property
    def included(self) -> bool:
        """Whether it comes with another certification."""
        return self.grant.certification_id != self.certification.id

    @property
    def lapses_unused(self) -> bool:
        """Whether it ends for want of use, as known now."""
        return self.standing.cause == "certification_lapsed_unused"


@dataclass(frozen=True, slots=True)
class Passport:
    """All pages, the lapsing ones first among `held`, the newest end first among `ended`; what happened; `names` of
    who did it."""

    person: Person
    own: bool
    held: Sequence[Page]
    suspended: Sequence[Page]
    ended: Sequence[Page]
    history: Chronicle
    names: Mapping[int, str]

    @property
    def empty(self) -> bool:
        """Whether nothing was ever held."""
        return not (self.held or self.suspended or self.ended)


def passport(actor: Actor, person_id: int, now: datetime, number: int = 1) -> Passport:
    """One's own, for the staff anybody's; `number` is the page of the history. Raises NotFound. At most nine queries,
    however many certifications."""
    person = get_person(actor, person_id)
    history = chronicles.chronicle(actor, person_id=person_id, number=number)
    query = select(Grant).where(Grant.person_id == person_id).options(joinedload(Grant.certification))
    grants = db.session.scalars(query.order_by(Grant.granted_at, Grant.id)).all()
    parts = inclusions()
    known = {one.id: facts_of(one, parts.get(one.certification_id, ())) for one in grants}
    held_back = _suspensions(person_id)
    named = {ident for one in known.values() for ident in (one.certification_id, *one.counts_as)}
    pages = [
        _page(one, grants, known, held_back, now)
        for one in _certifications(named)
        if any(known[grant.id].is_for(one.id) and grant.granted_at <= now for grant in grants)
    ]
    by = [one.grant.granted_by_id for one in pages] + [one.grant.revoked_by_id for one in pages]
    by += [one.started_by_id for one in held_back] + [one.by_id for one in history.entries]
    suspended = [one for one in pages if one.standing.code == "certification_suspended"]
    held = [one for one in pages if one.standing.holds]
    over = [one for one in pages if not one.standing.holds and one not in suspended]
    return Passport(
        person=person,
        own=actor.person_id == person_id,
        held=sorted(held, key=lambda one: one.standing.code != "lapsing"),
        suspended=suspended,
        ended=sorted(over, key=lambda one: one.standing.at or now, reverse=True),
        history=history,
        names=names_of(by),
    )


def _certifications(ids: set[int]) -> Sequence[Certification]:
    """Those too that are not in use any more: they were held. One query."""
    query = select(Certification).where(Certification.id.in_(ids)).order_by(Certification.id)
    return db.session.scalars(query).all()


def _suspensions(person_id: int) -> Sequence[Suspension]:
    query = select(Suspension).where(Suspension.person_id == person_id, Suspension.ended_at.is_(None))
    return db.session.scalars(query.order_by(Suspension.id)).all()


def _page(
    certification: Certification,
    grants: Sequence[Grant],
    known: Mapping[int, GrantFacts],
    held_back: Sequence[Suspension],
    now: datetime,
) -> Page:
    own = {one.id: known[one.id] for one in grants if known[one.id].is_for(certification.id) and one.granted_at <= now}
    found = standing(list(own.values()), now, SOON)
    decides = deciding(own, now)
    grant = next(one for one in grants if one.id == decides)
    covered = {grant.certification_id, *known[decides].counts_as}
    return Page(
        certification=certification,
        standing=found,
        grant=grant,
        since=held_since(list(own.values()), now) if found.holds else None,
        suspension=next((one for one in held_back if one.certification_id in covered), None),
        certificate=ended(known[decides], now) is None,
    )
