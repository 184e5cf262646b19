"""Certifications: what one can be certified for. Defining, changing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select

from fablab.certifications import linking
from fablab.certifications.checking import FIELDS, LINKS, faults
from fablab.certifications.models import Certification, Requirement, RequirementTerm
from fablab.certifications.reviving import revive
from fablab.certifications.rules import Validity
from fablab.core import audit, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Forbidden, Invalid, NotFound
from fablab.resources.models import Resource

CHANGEABLE = FIELDS | LINKS


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


def opened_by(certification_ids: Iterable[int]) -> dict[int, list[int]]:
    """The ids of the resources that ask for each of these certifications, by themselves or by their group; one that
    nothing asks for is left out."""
    query = select(RequirementTerm.certification_id, Resource.id).join(
        Requirement, Requirement.id == RequirementTerm.requirement_id
    )
    query = query.join(
        Resource, or_(Resource.id == Requirement.resource_id, Resource.group_id == Requirement.group_id)
    ).distinct()
    found: dict[int, list[int]] = {}
    wanted = RequirementTerm.certification_id.in_(list(certification_ids))
    for ident, resource_id in db.session.execute(query.where(wanted).order_by(Resource.id)):
        found.setdefault(ident, []).append(resource_id)
    return found


# -- writing ----------------------------------------------------------------------------------------------------------


def define(actor: Actor, values: Mapping[str, Any], now: datetime) -> Certification:
    """A new certification. `values` are of CHANGEABLE, with name. Managers. Raises Forbidden, Invalid."""
    need_role(actor, Role.MANAGER)
    if "name" not in values:
        raise Invalid({"name": "is missing"})
    _check(values, {})
    with transaction() as session:
        own = {name: value for name, value in values.items() if name in FIELDS}
        made = Certification(created_at=now, **{"description": {}, **own})
        session.add(made)
        session.flush()
        _set_links(made.id, values, now)
        audit.record(actor, "certification.added", made, now, after=values)
    return made


def change(actor: Actor, certification_id: int, values: Mapping[str, Any], now: datetime) -> Certification:
    """Sets what `values` (of CHANGEABLE) names; grants keep their end. Managers. Raises NotFound, Invalid."""
    need_role(actor, Role.MANAGER)
    with transaction() as session:
        if LINKS & set(values):
            linking.lock_all()
        found = lock(Certification, certification_id)
        if found is None or found.retired_at is not None:
            raise NotFound(f"There is no certification {certification_id}.")
        known = {name: getattr(found, name) for name in FIELDS} | links_of(certification_id)
        _check(values, known)
        changed = {name: value for name, value in values.items() if known[name] != value}
        if changed:
            for name in changed.keys() & FIELDS:
                setattr(found, name, changed[name])
            session.flush()
            _set_links(certification_id, changed, now)
            before = {name: known[name] for name in changed}
            audit.record(actor, "certification.changed", found, now, before=before, after=changed)
            _tell(found, changed, now)
    return found


def links_of(certification_id: int) -> dict[str, list[int]]:
    """What a certification needs (`prerequisites`) and includes as entered (`includes`), by their ids. Two queries."""
    return {
        "prerequisites": linking.prerequisites_of([certification_id]).get(certification_id, []),
        "includes": linking.included_in([certification_id]).get(certification_id, []),
    }


def _set_links(ident: int, values: Mapping[str, Any], now: datetime) -> None:
    if not LINKS & set(values):
        return
    known = linking.lock_all()
    if "prerequisites" in values:
        linking.set_prerequisites(known, ident, values["prerequisites"])
    if "includes" in values:
        linking.set_included(known, ident, values["includes"], now)


def _tell(found: Certification, changed: Mapping[str, Any], now: datetime) -> None:
    """Has judged anew what the change may end or bring back."""
    if "lapse_after_unused_days" in changed:
        outbox.review_access(now, "certification_lapsed_unused")
        revive(found.id, now)
    if "level" in changed:
        outbox.review_access(now, "needs_supervisor")
    if {"lapse_after_unused_days", "level", "includes"} & set(changed):
        look_again(now)


def validity_of(certification: Certification) -> Validity:
    """How long its grants hold."""
    return Validity(certification.validity_days, certification.validity_months, certification.validity_ends_on)


def look_again(now: datetime, *, person_id: int | None = None, resource_id: int | None = None) -> None:
    """Asks for another look at what a person has booked, or at what is booked of a resource, or (neither) at all that
    is booked: a certification it needs was granted, has ended, is held back, or another one is asked for. Only inside
    `transaction()`."""
    payload = {
        name: ident for name, ident in (("person_id", person_id), ("resource_id", resource_id)) if ident is not None
    }
    outbox.put("certification", "reservations", payload, now)


def need_role(actor: Actor, role: Role) -> None:
    """Raises Forbidden for an actor of a lower role."""
    if not actor.is_at_least(role):
        raise Forbidden(f"this needs the role {role.value}")


def _check(values: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    if wrong := faults(values, known):
        raise Invalid(wrong)
