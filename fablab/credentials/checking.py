"""A badge verified by the lab itself: with its keys and what it knows now, so that the reason is exact."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from fablab.certifications.facts import facts_of
from fablab.certifications.models import Grant
from fablab.certifications.rules import ended
from fablab.core.db import db
from fablab.credentials import keys
from fablab.credentials.verifying import Verdict, shown, verify
from fablab.people.models import Person

_REASONS = {
    "certification_revoked": "revoked",
    "certification_expired": "expired",
    "certification_lapsed_unused": "lapsed",
    "certification_suspended": "suspended",
}


def check(token: str, now: datetime) -> Verdict:
    """The verdict on a badge of this lab at `now`; its status is read from the database."""
    verdict = verify(token, keys.jwks(), now, distrusted=keys.distrusted())
    if not verdict.holds:
        return verdict
    public_id = str(verdict.credential["id"]).rpartition("/")[2]
    query = select(Grant).join(Person, Person.id == Grant.person_id).where(Grant.public_id == public_id)
    grant = db.session.scalar(query.where(Person.anonymised_at.is_(None)).options(joinedload(Grant.certification)))
    if grant is None:
        return Verdict("unknown_badge", credential=verdict.credential)
    end = ended(facts_of(grant), now)
    if end is None:
        return Verdict(credential=verdict.credential, listed=now)
    return Verdict(_REASONS[end[0]], {"since": shown(end[1])}, verdict.credential)
