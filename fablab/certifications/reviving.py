"""Ends that were noted and have not come after all: a use was heard of late, or the certification lapses later now."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.certifications.facts import facts_of
from fablab.certifications.models import Grant
from fablab.certifications.rules import ends_by
from fablab.core.db import db


def revive(certification_id: int, now: datetime) -> None:
    """Forgets the noted ends of its grants that go on again, so that they are noted when they come. Inside the
    transaction that changed the certification. Two queries."""
    query = select(Grant).where(Grant.certification_id == certification_id, Grant.end_noted_at.is_not(None))
    query = query.options(joinedload(Grant.certification)).order_by(Grant.id).with_for_update(of=Grant)
    for one in db.session.scalars(query.execution_options(populate_existing=True)):
        revive_one(one, now)


def revive_one(grant: Grant, at: datetime) -> bool:
    """The same for one locked grant that goes on at `at`; True when it does."""
    coming = ends_by(facts_of(grant))
    if grant.end_noted_at is None or (coming is not None and coming[0] <= at):
        return False
    grant.end_noted_at = None
    return True
