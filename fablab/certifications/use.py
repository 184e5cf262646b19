"""Certifications in use: a machine that was really used keeps the certification for it from lapsing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_, select, update

from fablab.certifications.models import Grant, Requirement
from fablab.core.db import transaction


def note_use(person_id: int, resource_id: int, at: datetime) -> None:
    """Notes that this person used this resource at `at`, on the grants that hold then for what the resource asks for.

    An earlier use than the one noted changes nothing, so the order of calling does not matter.
    """
    needed = select(Requirement.certification_id).where(Requirement.resource_id == resource_id)
    with transaction() as session:
        session.execute(
            update(Grant)
            .where(Grant.person_id == person_id, Grant.certification_id.in_(needed), Grant.granted_at <= at)
            .where(or_(Grant.revoked_at.is_(None), Grant.revoked_at > at))
            .where(or_(Grant.valid_until.is_(None), Grant.valid_until > at))
            .where(or_(Grant.last_used_at.is_(None), Grant.last_used_at < at))
            .values(last_used_at=at)
            .execution_options(synchronize_session=False)
        )
