"""Certifications and who holds them: define, grant, withdraw. A grant is never deleted; renewing adds a new one."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import joinedload

from fablab.certifications.models import Certification, Grant, Requirement
from fablab.certifications.rules import GrantFacts, RequiredFacts, ended
from fablab.core import audit, events, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.core.words import config
from fablab.notices.messages import CertificationGranted, CertificationRevoked
from fablab.notices.service import notify
from fablab.people.models import Person
from fablab.people.service import get_person

CHANGEABLE = frozenset({"name", "description", "validity_days", "lapse_after_unused_days"})
LONGEST_REASON = 500


# -- reading ----------------------------------------------------------------------------------------------------------


def certifications_query() -> Select[Any]:
    """All certifications that were not retired."""
    return select(Certification).where(Certification.retired_at.is_(None))


def list_certifications() -> Sequence[Certification]:
    """All certifications in the order in which they were added."""
    return db.session.scalars(certifications_query().order_by(Certification.id)).all()


def get_certification(certification_id: int) -> Certification:
    """One certification; raises NotFound, also for a retired one."""
    found = db.session.get(Certification, certification_id)
    if found is None or found.retired_at is not None:
        raise NotFound(f"There is no certification {certification_id}.")
    return found


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


def opened_by(certification_ids: Iterable[int]) -> dict[int, list[int]]:
    """The ids of the resources that ask for each of these certifications; one that nothing asks for is left out."""
    query = select(Requirement.certification_id, Requirement.resource_id)
    found: dict[int, list[int]] = {}
    for ident, resource_id in db.session.execute(
        query.where(Requirement.certification_id.in_(list(certification_ids))).order_by(Requirement.resource_id)
    ):
        found.setdefault(ident, []).append(resource_id)
    return found


def required_for(resource_ids: Iterable[int]) -> dict[int, list[RequiredFacts]]:
    """What each of these resources asks for; those that ask for nothing are left out. One query."""
    query = select(Requirement.resource_id, Certification.id, Certification.name)
    query = query.join(Certification, Certification.id == Requirement.certification_id)
    found: dict[int, list[RequiredFacts]] = {}
    for resource_id, ident, name in db.session.execute(
        query.where(Requirement.resource_id.in_(list(resource_ids))).order_by(Requirement.id)
    ):
        found.setdefault(resource_id, []).append(RequiredFacts(ident, name))
    return found


def grants_of(person_id: int) -> list[GrantFacts]:
    """Every grant of this person as the rules take it. One query."""
    query = select(
        Grant.certification_id,
        Grant.granted_at,
        Grant.valid_until,
        Certification.lapse_after_unused_days,
        Grant.last_used_at,
        Grant.revoked_at,
    ).join(Certification, Certification.id == Grant.certification_id)
    rows = db.session.execute(query.where(Grant.person_id == person_id).order_by(Grant.id))
    return [facts(*row) for row in rows]


def facts(
    certification_id: int,
    granted_at: datetime,
    valid_until: datetime | None,
    lapse_days: int | None,
    last_used_at: datetime | None,
    revoked_at: datetime | None,
) -> GrantFacts:
    """A grant's columns as the rules take them."""
    lapse = None if lapse_days is None else timedelta(days=lapse_days)
    return GrantFacts(certification_id, granted_at, valid_until, lapse, last_used_at, revoked_at)


def facts_of(grant: Grant) -> GrantFacts:
    """A grant with its certification as the rules take it."""
    return facts(
        grant.certification_id,
        grant.granted_at,
        grant.valid_until,
        grant.certification.lapse_after_unused_days,
        grant.last_used_at,
        grant.revoked_at,
    )


# -- writing ----------------------------------------------------------------------------------------------------------


def define(actor: Actor, values: Mapping[str, Any], now: datetime) -> Certification:
    """A new certification. `values` are of CHANGEABLE, with name. Managers. Raises Forbidden, Invalid."""
    _need(actor, Role.MANAGER)
    if "name" not in values:
        raise Invalid({"name": "is missing"})
    _check(values)
    with transaction() as session:
        made = Certification(created_at=now, **{"description": {}, **values})
        session.add(made)
        session.flush()
        audit.record(actor, "certification.added", made, now, after=values)
    return made


def change(actor: Actor, certification_id: int, values: Mapping[str, Any], now: datetime) -> Certification:
    """Sets what `values` (of CHANGEABLE) names; grants keep their end. Managers. Raises NotFound, Invalid."""
    _need(actor, Role.MANAGER)
    _check(values)
    with transaction():
        found = lock(Certification, certification_id)
        if found is None or found.retired_at is not None:
            raise NotFound(f"There is no certification {certification_id}.")
        changed = {name: value for name, value in values.items() if getattr(found, name) != value}
        if changed:
            before = {name: getattr(found, name) for name in changed}
            for name, value in changed.items():
                setattr(found, name, value)
            audit.record(actor, "certification.changed", found, now, before=before, after=changed)
            if "lapse_after_unused_days" in changed:
                outbox.review_access(now, "certification_lapsed_unused")
    return found


def require(actor: Actor, resource_id: int, certification_ids: Iterable[int], now: datetime) -> None:
    """Makes a resource ask for exactly these certifications, from now on, also of who uses it just now.

    Managers. Raises NotFound for an unknown certification.
    """
    _need(actor, Role.MANAGER)
    wanted = set(certification_ids)
    with transaction() as session:
        for ident in wanted:
            get_certification(ident)
        rows = list(session.scalars(select(Requirement).where(Requirement.resource_id == resource_id)))
        before = {row.certification_id for row in rows}
        if wanted == before:
            return
        for row in rows:
            if row.certification_id not in wanted:
                session.delete(row)
        session.add_all(Requirement(resource_id=resource_id, certification_id=one) for one in sorted(wanted - before))
        changed = {"before": {"certifications": sorted(before)}, "after": {"certifications": sorted(wanted)}}
        audit.record(actor, "resource.requirements_changed", ("resource", str(resource_id)), now, **changed)
        outbox.review_access(now, "not_certified", resource_id=resource_id)


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
    _need(actor, Role.INSTRUCTOR)
    if actor.person_id == person_id:
        raise Forbidden("nobody certifies himself")
    reason = _reason(reason)
    if valid_until is not None and valid_until <= now:
        raise Invalid({"valid_until": "must be in the future"})
    with transaction() as session:
        wanted = get_certification(certification_id)
        _lock_holder(person_id)
        if valid_until is None and wanted.validity_days is not None:
            valid_until = now + timedelta(days=wanted.validity_days)
        made = Grant(
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
    _need(actor, Role.INSTRUCTOR)
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
    _need(actor, Role.INSTRUCTOR)
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


def _need(actor: Actor, role: Role) -> None:
    if not actor.is_at_least(role):
        raise Forbidden(f"this needs the role {role.value}")


def _check(values: Mapping[str, Any]) -> None:
    wrong: dict[str, str] = dict.fromkeys(sorted(set(values) - CHANGEABLE), "there is no such field")
    if "name" in values and not any(text.strip() for text in values["name"].values()):
        wrong["name"] = "must not be empty"
    for name in ("validity_days", "lapse_after_unused_days"):
        days = values.get(name)
        if days is not None and not 1 <= days <= 36500:
            wrong[name] = "must be 1 to 36500 days"
    if wrong:
        raise Invalid(wrong)
