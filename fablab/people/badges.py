"""Badges: given to people, withdrawn with a reason. The number itself is never stored, only its keyed hash."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from fablab.core import audit, badges, events, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.people.models import Badge, Person
from fablab.people.service import get_person


def badges_query(actor: Actor, person_id: int) -> Select[Any]:
    """The badges of oneself, of anybody for staff; also withdrawn ones. Raises NotFound."""
    get_person(actor, person_id)
    return select(Badge).where(Badge.person_id == person_id)


def badges_of(actor: Actor, person_id: int) -> Sequence[Badge]:
    """As `badges_query`, in the order in which they were given."""
    return db.session.scalars(badges_query(actor, person_id).order_by(Badge.id)).all()


def add(actor: Actor, person_id: int, uid: str, label: str, now: datetime) -> Badge:
    """Gives a badge by its number as any reader shows it in hex. Managers. Raises NotFound, Invalid (`uid`, `label`),
    Conflict when somebody has it already."""
    _need(actor)
    label = label.strip()
    if len(label) > 100:
        raise Invalid({"label": "must have at most 100 characters"})
    try:
        digest = badges.uid_hash(badges.canonical(uid))
    except ValueError as error:
        raise Invalid({"uid": str(error)}) from None
    with transaction() as session:
        person = lock(Person, person_id)
        if person is None:
            raise NotFound(f"There is no person {person_id}.")
        if person.anonymised_at is not None:
            raise Conflict("This person has left and was anonymised.")
        if session.scalar(select(Badge.id).where(Badge.uid_hash == digest)) is not None:
            raise Conflict("This badge is in use already, or was withdrawn for good.")
        badge = Badge(person_id=person_id, uid_hash=digest, label=label, issued_at=now)
        session.add(badge)
        session.flush()
        audit.record(actor, "badge.added", person, now, after={"badge_id": str(badge.id), "label": label})
        events.append("badge.added", now, person_id=str(person_id), badge_id=str(badge.id))
    return badge


def revoke(actor: Actor, badge_id: int, reason: str, now: datetime) -> Badge:
    """Withdraws a badge at once and for good; running uses are judged anew. Managers, and everybody his own lost one.
    Raises NotFound, Invalid (`reason`), Conflict when it was withdrawn before."""
    reason = reason.strip()
    if not 1 <= len(reason) <= 300:
        raise Invalid({"reason": "must say why, in 1 to 300 characters"})
    with transaction():
        badge = lock(Badge, badge_id)
        if badge is None or not (actor.is_at_least(Role.MANAGER) or badge.person_id == actor.person_id):
            raise NotFound(f"There is no badge {badge_id}.")
        if badge.revoked_at is not None:
            raise Conflict("This badge was withdrawn already.")
        badge.revoked_at, badge.revoked_reason = now, reason
        subject = ("person", str(badge.person_id))
        audit.record(actor, "badge.revoked", subject, now, after={"badge_id": str(badge.id), "reason": reason})
        events.append("badge.revoked", now, person_id=str(badge.person_id), badge_id=str(badge.id))
        outbox.review_access(now, "badge_revoked", person_id=badge.person_id)
    return badge


def badge_by_uid(uid: str) -> Badge:
    """The badge with this number. Raises NotFound, Invalid."""
    try:
        digest = badges.uid_hash(badges.canonical(uid))
    except ValueError as error:
        raise Invalid({"uid": str(error)}) from None
    found = db.session.scalar(select(Badge).where(Badge.uid_hash == digest))
    if found is None:
        raise NotFound("There is no badge with this number.")
    return found


def _need(actor: Actor) -> None:
    if not actor.is_at_least(Role.MANAGER):
        raise Forbidden("badges are given by managers")
