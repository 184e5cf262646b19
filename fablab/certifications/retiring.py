"""Taking a certification out of use: nothing may ask for it any more. What was granted stays in the books."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from fablab.certifications.linking import lock_all
from fablab.certifications.models import (
    Certification,
    Inclusion,
    Prerequisite,
    Requirement,
    RequirementTerm,
)
from fablab.certifications.service import need_role
from fablab.core import audit, events
from fablab.core.actor import Actor, Role
from fablab.core.db import Texts, db, transaction
from fablab.core.errors import Conflict, NotFound
from fablab.core.words import text
from fablab.resources.models import Resource, ResourceGroup


@dataclass(frozen=True, slots=True)
class Asker:
    """What asks for a certification. `kind`: resource, group, prerequisite (of another certification) or inclusion (in
    another)."""

    kind: str
    ident: int
    name: Texts


def asked_by(certification_id: int) -> list[Asker]:
    """All that asks for a certification: resources in use, groups, other certifications. Four queries."""
    term = select(RequirementTerm.requirement_id).where(RequirementTerm.certification_id == certification_id)
    resources = select(Resource.id, Resource.name).join(Requirement, Requirement.resource_id == Resource.id)
    resources = resources.where(Requirement.id.in_(term), Resource.retired_at.is_(None)).order_by(Resource.id)
    grouped = select(ResourceGroup.id, ResourceGroup.name).join(Requirement, Requirement.group_id == ResourceGroup.id)
    grouped = grouped.where(Requirement.id.in_(term)).order_by(ResourceGroup.id)
    others = select(Certification.id, Certification.name).where(Certification.retired_at.is_(None))
    others = others.order_by(Certification.id)
    needing = others.join(Prerequisite, Prerequisite.certification_id == Certification.id)
    including = others.join(Inclusion, Inclusion.certification_id == Certification.id).where(Inclusion.direct)
    found = {
        "resource": resources,
        "group": grouped,
        "prerequisite": needing.where(Prerequisite.needed_id == certification_id),
        "inclusion": including.where(Inclusion.included_id == certification_id),
    }
    return [Asker(kind, ident, name) for kind, query in found.items() for ident, name in db.session.execute(query)]


class StillAsked(Conflict):
    """Something still asks for the certification: `askers`."""

    def __init__(self, askers: Sequence[Asker]) -> None:
        names = ", ".join(f"{text(one.name)} ({one.kind} {one.ident})" for one in askers)
        super().__init__(f"It is still asked for by: {names}.")
        self.askers = list(askers)


def retire(actor: Actor, certification_id: int, now: datetime) -> None:
    """Takes a certification out of use: it is not granted and not shown any more. Managers.

    Raises Forbidden, NotFound, StillAsked."""
    need_role(actor, Role.MANAGER)
    with transaction():
        found = lock_all().get(certification_id)
        if found is None or found.retired_at is not None:
            raise NotFound(f"There is no certification {certification_id}.")
        if askers := asked_by(certification_id):
            raise StillAsked(askers)
        found.retired_at = now
        audit.record(actor, "certification.retired", found, now, before={"name": found.name})
        events.append("certification.retired", now, certification_id=str(found.id))
