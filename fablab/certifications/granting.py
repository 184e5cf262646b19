"""Who holds a certification: granting and withdrawing. A grant is never deleted; renewing adds a new one."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from fablab.certifications.facts import facts_of
from fablab.certifications.models import Certification, Grant
from fablab.certifications.rules import ended
from fablab.certifications.service import get_certification, need_role
from fablab.core import audit, events, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.core.words import config
from fablab.notices.messages import CertificationGranted, CertificationRevoked
from fablab.notices.service import notify
from fablab.people.models import Person
from fablab.people.service import get_person

LONGEST_REASON = 500


# -- reading ----------------------------------------------------------------------------------------------------------


def grants_query(actor: Actor, certification_id: int) -> Select[Any]:
    """The grants of a certification, ended ones too: all for staff, else one's own."""
    query = select(Grant).where(Grant.certification_id == certification_id).options(joinedload(Grant.certification))
    return query if actor.is_staff else query.where(Grant.person_id == actor.person_id)


def grants_between(certification_id: int, person_id: int) -> Sequence[Grant]:
    """Every grant of this certification to this person, newest first."""
    query = select(Grant).where(Grant.certification_id == certification_id, Grant.person_id == person_id)
    return db.session.scalars(query.order_by(Grant.granted_at.desc(), Grant.id.desc())).all()


def person_grants_query(actor: Actor, person_id: int) -> Select[Any]:
    """The grants of a person, ended ones too. Raises NotFound for whom the actor may not know of."""
    get_person(actor, person_id)
    return select(Grant).where(Grant.person_id == person_id).options(joinedload(Grant.certification))


# -- writing ----------------------------------------------------------------------------------------------------------


def grant(
    actor: Actor,
    certification_id: int,
    person_id: int,
    reason: str,
    now: datetime,
    *,
    valid_until: datetime | None = None,
) -> Grant:
    """Certifies somebody else, until `valid_until`, else for as long as the certification says. Instructors or higher.

    Raises Forbidden (also for oneself), NotFound, Invalid (`reason`, `valid_until`), Conflict for who has left.
    """
    need_role(actor, Role.INSTRUCTOR)
    if actor.person_id == person_id:
        raise Forbidden("nobody certifies himself")
    reason = _reason(reason)
    if valid_until is not None and valid_until <= now:
        raise Invalid({"valid_until": "must be in the future"})
    with transaction() as session:
        wanted = get_certification(certification_id)
        _lock_holder(person_id)
        valid_until = valid_until or _end(wanted, now)
        made = Grant(
            public_id=new_public_id(),
            person_id=person_id,
            certification_id=certification_id,
            granted_at=now,
            granted_by_id=actor.person_id,
            reason=reason,
            valid_until=valid_until,
        )
        session.add(made)
        session.flush()
        after = {"person_id": str(person_id), "certification_id": str(certification_id), "reason": reason}
        audit.record(actor, "grant.given", made, now, after=after | {"valid_until": valid_until})
        events.append("certification.granted", now, **_told(made))
        last = _last_day(valid_until)
        notify(person_id, CertificationGranted(grant_id=made.id, certification=wanted.name, until=last), now)
    return made


def _end(wanted: Certification, now: datetime) -> datetime | None:
    return None if wanted.validity_days is None else now + timedelta(days=wanted.validity_days)


def _lock_holder(person_id: int) -> None:
    person = lock(Person, person_id)
    if person is None:
        raise NotFound(f"There is no person {person_id}.")
    if not person.active or person.anonymised_at is not None:
        raise Conflict("This account is disabled.")


def _last_day(valid_until: datetime | None) -> date | None:
    return None if valid_until is None else (valid_until - timedelta(seconds=1)).astimezone(config().lab.zone).date()


def revoke(actor: Actor, grant_id: int, reason: str, now: datetime) -> Grant:
    """Withdraws one grant at once; running uses of the person are judged anew. Instructors or higher.

    Raises Forbidden, NotFound, Invalid (`reason`), Conflict when it was withdrawn before."""
    need_role(actor, Role.INSTRUCTOR)
    reason = _reason(reason)
    with transaction():
        found = lock(Grant, grant_id)
        if found is None:
            raise NotFound(f"There is no grant {grant_id}.")
        if found.revoked_at is not None:
            raise Conflict("This grant was withdrawn already.")
        found.revoked_at, found.revoked_by_id, found.revoked_reason = now, actor.person_id, reason
        audit.record(actor, "grant.revoked", found, now, after={"person_id": str(found.person_id), "reason": reason})
        events.append("certification.revoked", now, **_told(found))
        outbox.review_access(now, "certification_revoked", person_id=found.person_id)
        name = found.certification.name
        notify(found.person_id, CertificationRevoked(grant_id=found.id, certification=name, reason=reason), now)
    return found


def revoke_all(actor: Actor, certification_id: int, person_id: int, reason: str, now: datetime) -> int:
    """Withdraws every grant by which the person holds this certification now; counts them. Raises as `revoke`, and
    Conflict when there is none."""
    need_role(actor, Role.INSTRUCTOR)
    with transaction() as session:
        query = select(Grant).where(Grant.person_id == person_id, Grant.certification_id == certification_id)
        held = [one for one in session.scalars(query.with_for_update()) if ended(facts_of(one), now) is None]
        if not held:
            raise Conflict("This certification is not held.")
        for one in held:
            revoke(actor, one.id, reason, now)
    return len(held)


def _told(found: Grant) -> dict[str, str]:
    return {
        "grant_id": str(found.id),
        "person_id": str(found.person_id),
        "certification_id": str(found.certification_id),
    }


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Invalid({"reason": f"must say why, in 1 to {LONGEST_REASON} characters"})
    return reason


def new_public_id() -> str:
    """A name for a grant that nobody can guess: 128 bits as 22 letters and digits."""
    return secrets.token_urlsafe(16)
