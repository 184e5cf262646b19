"""Certifications: what one can be certified for. Defining, changing."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, or_, select

from fablab.certifications.models import Certification, Requirement, RequirementTerm
from fablab.certifications.rules import Validity
from fablab.core import audit, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Forbidden, Invalid, NotFound
from fablab.resources.models import Resource

CHANGEABLE = frozenset({"name", "description", "validity_days", "lapse_after_unused_days"})


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
    _check(values)
    with transaction() as session:
        made = Certification(created_at=now, **{"description": {}, **values})
        session.add(made)
        session.flush()
        audit.record(actor, "certification.added", made, now, after=values)
    return made


def change(actor: Actor, certification_id: int, values: Mapping[str, Any], now: datetime) -> Certification:
    """Sets what `values` (of CHANGEABLE) names; grants keep their end. Managers. Raises NotFound, Invalid."""
    need_role(actor, Role.MANAGER)
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


def validity_of(certification: Certification) -> Validity:
    """How long its grants hold."""
    return Validity(certification.validity_days, certification.validity_months, certification.validity_ends_on)


def look_again(now: datetime, *, person_id: int | None = None, resource_id: int | None = None) -> None:
    """Asks for another look at what a person has booked, or at what is booked of a resource: a certification it needs
    was granted, has ended, is held back, or another one is asked for. Only inside `transaction()`."""
    payload = {
        name: ident for name, ident in (("person_id", person_id), ("resource_id", resource_id)) if ident is not None
    }
    outbox.put("certification", "reservations", payload, now)


def need_role(actor: Actor, role: Role) -> None:
    """Raises Forbidden for an actor of a lower role."""
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
