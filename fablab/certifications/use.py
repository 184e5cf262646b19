"""Certifications in use: a machine that was really used keeps the certification for it from lapsing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.certifications.expression import terms_of
from fablab.certifications.facts import facts_of, inclusions, required_for
from fablab.certifications.models import Grant
from fablab.certifications.reviving import revive_one
from fablab.certifications.rules import ended
from fablab.certifications.service import look_again
from fablab.core.db import transaction


def note_use(person_id: int, resource_id: int, at: datetime) -> None:
    """Notes that this person used this resource at `at`, on the grants that hold then for what the resource asks for,
    also for one of several that would do. What has lapsed stays lapsed, but for a use before it did that is heard of
    only now. An earlier use than the one noted changes nothing.
    """
    with transaction() as session:
        required = required_for([resource_id]).get(resource_id)
        if required is None:
            return
        asked, included = set(terms_of(required.need)), inclusions()
        wanted = asked | {ident for ident, parts in included.items() if parts & asked}
        held = select(Grant).where(Grant.person_id == person_id, Grant.certification_id.in_(wanted))
        held = held.options(joinedload(Grant.certification)).order_by(Grant.id)
        for one in session.scalars(held.with_for_update(of=Grant)):
            used = one.last_used_at is not None and one.last_used_at >= at
            if one.granted_at <= at and not used and ended(facts_of(one), at) is None:
                one.last_used_at = at
                if one.end_noted_at is not None and revive_one(one, one.end_noted_at):
                    look_again(at, person_id=person_id)
