"""Holding a person's certification back, pending a talk, and giving it free again. Suspensions are never deleted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from fablab.certifications.facts import facts_of, inclusions
from fablab.certifications.granting import LONGEST_REASON, lock_holder, need_teacher, not_oneself, reason_of
from fablab.certifications.holding import hold_back, open_suspensions_of
from fablab.certifications.models import Certification, Grant, Suspension
from fablab.certifications.rules import ends_by
from fablab.certifications.service import get_certification, look_again
from fablab.core import audit, events, outbox
from fablab.core.actor import Actor
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Invalid, NotFound
from fablab.notices.service import notify
from fablab.notices.suspensions import CertificationResumed, CertificationSuspended


def suspensions_between(certification_id: int, person_id: int) -> Sequence[Suspension]:
    """Every suspension of this certification of this person, newest first."""
    query = select(Suspension).where(Suspension.certification_id == certification_id, Suspension.person_id == person_id)
    return db.session.scalars(query.order_by(Suspension.id.desc())).all()


def suspensions_query(actor: Actor, certification_id: int) -> Select[Any]:
    """The suspensions of a certification, ended ones too: all for staff, else one's own."""
    query = select(Suspension).where(Suspension.certification_id == certification_id)
    return query if actor.is_staff else query.where(Suspension.person_id == actor.person_id)


def open_suspensions(certification_id: int, person_id: int) -> Sequence[Suspension]:
    """What holds this certification back from this person now: suspensions of it, or of one that it includes."""
    wanted = {certification_id} | inclusions().get(certification_id, set())
    return [one for one in open_suspensions_of(person_id) if one.certification_id in wanted]


def suspend(actor: Actor, certification_id: int, person_id: int, reason: str, now: datetime) -> Suspension:
    """Holds this certification back from somebody else, at once: every grant by which he has it, until it is lifted.

    Who may grant it. Raises Forbidden, NotFound, Invalid (`reason`), Conflict for who does not have it, or where it is
    held back already.
    """
    reason = reason_of(reason)
    with transaction() as session:
        wanted = get_certification(certification_id)
        need_teacher(actor, wanted, now)
        not_oneself(actor, person_id)
        lock_holder(person_id)
        if any(one.certification_id == certification_id for one in open_suspensions_of(person_id)):
            raise Conflict("This certification is held back already.")
        if not _has(person_id, certification_id, now):
            raise Conflict("This certification is not held.")
        made = Suspension(
            person_id=person_id,
            certification_id=certification_id,
            started_at=now,
            started_by_id=actor.person_id,
            reason=reason,
        )
        session.add(made)
        session.flush()
        hold_back(person_id)
        audit.record(actor, "certification.suspended", made, now, after={**_told(made), "reason": reason})
        _tell("certification.suspended", made, now)
        name = wanted.name
        notify(person_id, CertificationSuspended(suspension_id=made.id, certification=name, reason=reason), now)
    return made


def lift(actor: Actor, suspension_id: int, note: str, now: datetime) -> Suspension:
    """Ends a suspension; what was held back counts again, but for what has ended meanwhile or is held back otherwise.

    Who may grant the certification, and not for himself. Raises Forbidden, NotFound, Invalid (`note`), Conflict when
    it was lifted before.
    """
    note = note.strip()
    if len(note) > LONGEST_REASON:
        raise Invalid({"note": f"must have at most {LONGEST_REASON} characters"})
    with transaction() as session:
        known = session.get(Suspension, suspension_id)
        if known is None:
            raise NotFound(f"There is no suspension {suspension_id}.")
        wanted = session.get_one(Certification, known.certification_id)
        need_teacher(actor, wanted, now)
        not_oneself(actor, known.person_id)
        lock_holder(known.person_id, left=True)
        found = lock(Suspension, suspension_id)
        if found is None or found.ended_at is not None:
            raise Conflict("This suspension was lifted already.")
        found.ended_at, found.ended_by_id, found.end_note = now, actor.person_id, note
        session.flush()
        hold_back(found.person_id)
        audit.record(actor, "certification.resumed", found, now, after={**_told(found), "note": note})
        _tell("certification.resumed", found, now)
        message = CertificationResumed(suspension_id=found.id, certification=wanted.name, note=note)
        notify(found.person_id, message, now)
    return found


def _has(person_id: int, certification_id: int, now: datetime) -> bool:
    """Whether one of his grants counts as this certification and has not ended, held back or not."""
    parts = inclusions()
    query = select(Grant).where(Grant.person_id == person_id, Grant.revoked_at.is_(None))
    for one in db.session.scalars(query.options(joinedload(Grant.certification))):
        found = facts_of(one, parts.get(one.certification_id, ()))
        end = ends_by(found)
        if found.is_for(certification_id) and (end is None or end[0] > now):
            return True
    return False


def _tell(kind: str, found: Suspension, now: datetime) -> None:
    events.append(kind, now, **_told(found))
    outbox.review_access(now, "certification_suspended", person_id=found.person_id)
    look_again(now, person_id=found.person_id)


def _told(found: Suspension) -> dict[str, str]:
    return {
        "suspension_id": str(found.id),
        "person_id": str(found.person_id),
        "certification_id": str(found.certification_id),
    }
