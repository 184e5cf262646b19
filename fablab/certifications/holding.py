"""What open suspensions hold back: the column that the rule reads is kept as they say."""

from collections.abc import Sequence

from sqlalchemy import select

from fablab.certifications.facts import inclusions
from fablab.certifications.models import Grant, Suspension
from fablab.core.db import db


def open_suspensions_of(person_id: int) -> Sequence[Suspension]:
    """What is held back from this person now, in the order in which it was."""
    query = select(Suspension).where(Suspension.person_id == person_id, Suspension.ended_at.is_(None))
    return db.session.scalars(query.order_by(Suspension.id)).all()


def hold_back(person_id: int) -> None:
    """Sets `suspended_at` of all grants of a person, ended ones too, to what his open suspensions say. Only inside
    `transaction()`, with the person locked."""
    held_back, parts = open_suspensions_of(person_id), inclusions()
    query = select(Grant).where(Grant.person_id == person_id).order_by(Grant.id)
    for one in db.session.scalars(query.with_for_update()):
        covered = {one.certification_id} | parts.get(one.certification_id, set())
        since = [known.started_at for known in held_back if known.certification_id in covered]
        one.suspended_at = min(since, default=None)
    db.session.flush()
