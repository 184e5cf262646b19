"""Who holds a certification: granting and withdrawing. A grant is never deleted; renewing adds a new one."""

import secrets
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from fablab.certifications.awarding import obstacles
from fablab.certifications.facts import facts_of, grants_of, inclusions
from fablab.certifications.models import Certification, Evidence, Grant, TheoryPass
from fablab.certifications.rules import ends_by, teaches
from fablab.certifications.rules import valid_until as end_of
from fablab.certifications.service import get_certification, look_again, need_role, validity_of
from fablab.core import audit, events, outbox
from fablab.core.actor import Actor, Role, system
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
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


# -- who may ----------------------------------------------------------------------------------------------------------


def may_grant(actor: Actor, certification_id: int, now: datetime) -> bool:
    """Whether the actor may grant this certification to others, withdraw it, hold it back: managers and administrators
    all; instructors what they teach, by a live certification of level instructor that includes it, but none of level
    instructor. Raises NotFound for an unknown certification."""
    wanted = db.session.get(Certification, certification_id)
    if wanted is None:
        raise NotFound(f"There is no certification {certification_id}.")
    return bool(grantable(actor, [wanted], now))


def grantable(actor: Actor, certifications: Iterable[Certification], now: datetime) -> set[int]:
    """The ids of those of these certifications that the actor may grant. At most one query."""
    if actor.is_at_least(Role.MANAGER):
        return {one.id for one in certifications}
    if not actor.is_staff or actor.person_id is None:
        return set()
    held = grants_of([actor.person_id]).get(actor.person_id, [])
    return {one.id for one in certifications if teaches(held, one.id, one.level, now)}


def need_teacher(actor: Actor, certification: Certification, now: datetime) -> None:
    """Raises Forbidden for who may not grant this certification."""
    need_role(actor, Role.INSTRUCTOR)
    if not grantable(actor, [certification], now):
        raise Forbidden("an instructor grants and withdraws what he teaches; managers do all")


def not_oneself(actor: Actor, person_id: int) -> None:
    """Raises Forbidden where the actor is that person."""
    if actor.person_id == person_id:
        raise Forbidden("nobody certifies himself")


# -- writing ----------------------------------------------------------------------------------------------------------


def grant(
    actor: Actor,
    certification_id: int,
    person_id: int,
    reason: str,
    now: datetime,
    *,
    valid_until: datetime | None = None,
    evidence: Evidence = Evidence.OBSERVED,
    proof: str = "",
) -> Grant:
    """Certifies somebody else, until `valid_until`, else for as long as the certification says. Who may grant it.

    Raises Forbidden (also for oneself), NotFound, Invalid (`reason`, `valid_until`, `proof`), Conflict for who has
    left, Denied with all that the person still needs.
    """
    need_role(actor, Role.INSTRUCTOR)
    not_oneself(actor, person_id)
    reason, proof = reason_of(reason), _proof(proof, evidence)
    if valid_until is not None and valid_until <= now:
        raise Invalid({"valid_until": "must be in the future"})
    with transaction():
        wanted = get_certification(certification_id)
        need_teacher(actor, wanted, now)
        person = lock_holder(person_id)
        if missing := obstacles(person, [wanted], now, evidence=evidence):
            raise Denied(missing)
        made = Grant(reason=reason, evidence=evidence, proof=proof, valid_until=valid_until or _end(wanted, now))
        return _give(actor, wanted, person, made, now)


def note_theory(person_id: int, certification_id: int, percent: int, now: datetime) -> Grant | None:
    """Somebody passed the quiz of a certification with so many percent. Where nobody has to see the practice, that
    grants it: the grant, or None where something else is missing (`awarding.obstacles` says what), where it was
    withdrawn before, so that the staff has to give it back, or where it would not hold longer than what is held.

    Raises NotFound, Conflict for who has left.
    """
    with transaction() as session:
        wanted = get_certification(certification_id)
        person = lock_holder(person_id)
        found = session.scalar(
            select(TheoryPass).where(TheoryPass.person_id == person_id, TheoryPass.certification_id == certification_id)
        ) or TheoryPass(person_id=person_id, certification_id=certification_id)
        found.passed_at, found.percent = now, percent
        session.add(found)
        session.flush()
        actor = system("web")
        told = {"person_id": str(person_id), "certification_id": str(certification_id)}
        audit.record(actor, "theory.passed", found, now, after={**told, "percent": percent})
        events.append("certification.theory_passed", now, **told)
        if wanted.practical or not _quiz_grants(person, wanted, now):
            return None
        made = Grant(evidence=Evidence.QUIZ, valid_until=_end(wanted, now))
        return _give(actor, wanted, person, made, now)


def _quiz_grants(person: Person, wanted: Certification, now: datetime) -> bool:
    known = grants_between(wanted.id, person.id)
    if known and known[0].revoked_at is not None:
        return False
    end = _end(wanted, now)
    lasting = [one for one in known if (coming := ends_by(facts_of(one))) is None or (end and coming[0] >= end)]
    return not lasting and not obstacles(person, [wanted], now, evidence=Evidence.QUIZ)


def _give(actor: Actor, wanted: Certification, person: Person, made: Grant, now: datetime) -> Grant:
    made.public_id, made.person_id, made.certification_id = new_public_id(), person.id, wanted.id
    made.granted_at, made.granted_by_id = now, actor.person_id
    db.session.add(made)
    db.session.flush()
    after = {"reason": made.reason, "evidence": made.evidence, "valid_until": made.valid_until}
    if made.proof:
        after["proof"] = made.proof
    told = {"person_id": str(person.id), "certification_id": str(wanted.id)}
    audit.record(actor, "grant.given", made, now, after=told | after)
    events.append("certification.granted", now, **_told(made))
    look_again(now, person_id=person.id)
    last = _last_day(made.valid_until)
    notify(person.id, CertificationGranted(grant_id=made.id, certification=wanted.name, until=last), now)
    return made


def _end(wanted: Certification, now: datetime) -> datetime | None:
    return end_of(validity_of(wanted), now, config().lab.zone)


def lock_holder(person_id: int, *, left: bool = False) -> Person:
    """The person, locked until the transaction ends. Raises NotFound; Conflict for who has left, unless `left`."""
    person = lock(Person, person_id)
    if person is None:
        raise NotFound(f"There is no person {person_id}.")
    if not left and (not person.active or person.anonymised_at is not None):
        raise Conflict("This account is disabled.")
    return person


def _last_day(valid_until: datetime | None) -> date | None:
    return None if valid_until is None else (valid_until - timedelta(seconds=1)).astimezone(config().lab.zone).date()


def revoke(actor: Actor, grant_id: int, reason: str, now: datetime) -> Grant:
    """Withdraws one grant at once; running uses of the person are judged anew. Who may grant it, and not for himself.

    Raises Forbidden, NotFound, Invalid (`reason`), Conflict when it was withdrawn before."""
    need_role(actor, Role.INSTRUCTOR)
    reason = reason_of(reason)
    with transaction():
        found = lock(Grant, grant_id)
        if found is None:
            raise NotFound(f"There is no grant {grant_id}.")
        need_teacher(actor, found.certification, now)
        not_oneself(actor, found.person_id)
        if found.revoked_at is not None:
            raise Conflict("This grant was withdrawn already.")
        found.revoked_at, found.revoked_by_id, found.revoked_reason = now, actor.person_id, reason
        audit.record(actor, "grant.revoked", found, now, after={"person_id": str(found.person_id), "reason": reason})
        events.append("certification.revoked", now, **_told(found))
        outbox.review_access(now, "certification_revoked", person_id=found.person_id)
        look_again(now, person_id=found.person_id)
        name = found.certification.name
        notify(found.person_id, CertificationRevoked(grant_id=found.id, certification=name, reason=reason), now)
    return found


def revoke_all(actor: Actor, certification_id: int, person_id: int, reason: str, now: datetime) -> int:
    """Withdraws every grant by which the person holds this certification, those of a certification that includes it
    and those held back or lapsed for want of use too, so that nothing brings it back but a new grant; counts them.

    Raises as `revoke`: all of them must be the actor's to withdraw. Conflict when there is none that holds, or that is
    held back.
    """
    need_role(actor, Role.INSTRUCTOR)
    reason = reason_of(reason)
    with transaction() as session:
        need_teacher(actor, get_certification(certification_id), now)
        parts = inclusions()
        wanted = {certification_id} | {ident for ident, others in parts.items() if certification_id in others}
        query = select(Grant).where(Grant.person_id == person_id, Grant.certification_id.in_(wanted))
        query = query.where(Grant.revoked_at.is_(None)).order_by(Grant.id)
        found = [
            one for one in session.scalars(query.with_for_update()) if one.valid_until is None or one.valid_until > now
        ]
        if not any((end := ends_by(facts_of(one))) is None or end[0] > now for one in found):
            raise Conflict("This certification is not held.")
        for one in found:
            revoke(actor, one.id, reason, now)
    return len(found)


def _told(found: Grant) -> dict[str, str]:
    return {
        "grant_id": str(found.id),
        "person_id": str(found.person_id),
        "certification_id": str(found.certification_id),
    }


def reason_of(reason: str) -> str:
    """A reason as it is kept. Raises Invalid (`reason`) for none, or one that is too long."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Invalid({"reason": f"must say why, in 1 to {LONGEST_REASON} characters"})
    return reason


def _proof(proof: str, evidence: Evidence) -> str:
    proof = proof.strip()
    if len(proof) > LONGEST_REASON:
        raise Invalid({"proof": f"must have at most {LONGEST_REASON} characters"})
    if evidence is Evidence.RECOGNISED and not proof:
        raise Invalid({"proof": "must say where it was learnt and how that was shown"})
    return proof


def new_public_id() -> str:
    """A name for a grant that nobody can guess: 128 bits as 22 letters and digits."""
    return secrets.token_urlsafe(16)
