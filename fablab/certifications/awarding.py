"""May this be granted to this person? What the rule needs to know, read from the database."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from fablab.certifications.facts import grants_of
from fablab.certifications.models import Certification, Evidence, Inclusion, Prerequisite, Suspension, TheoryPass
from fablab.certifications.rules import Award, Candidate, award_denials
from fablab.core.db import Texts, db
from fablab.core.denials import Denial
from fablab.core.words import config
from fablab.people.models import Person


def obstacles(
    person: Person, certifications: Sequence[Certification], now: datetime, *, evidence: Evidence = Evidence.TRAINING
) -> list[Denial]:
    """Why these certifications could not be granted to this person now, on this evidence; empty when they can.

    A prerequisite that is among them does not count as missing: it is granted too. Five queries, however many.
    """
    asked = awards(certifications, evidence)
    found = candidate(person)
    today = now.astimezone(config().lab.zone).date()
    together = {str(one.id) for one in certifications}
    passed = theory_passed(person.id, [one.id for one in certifications])
    denials = []
    for award in asked:
        own = Candidate(found.grants, award.certification_id in passed, found.born_on, found.suspended)
        denials += award_denials(award, own, now, today)
    return [
        one
        for place, one in enumerate(denials)
        if one not in denials[:place]
        and not (one.code == "prerequisite_missing" and one.params["certification_id"] in together)
    ]


def awards(certifications: Sequence[Certification], evidence: Evidence) -> list[Award]:
    """What each of these asks of whom it is granted to. What was learnt and shown elsewhere needs no quiz here. Two
    queries."""
    needed: dict[int, dict[int, Texts]] = {}
    included: dict[int, dict[int, Texts]] = {}
    ages: dict[int, list[int]] = {one.id: [one.min_age] for one in certifications if one.min_age is not None}
    ids = [one.id for one in certifications]
    query = select(Prerequisite.certification_id, Certification.id, Certification.name)
    query = query.join(Certification, Certification.id == Prerequisite.needed_id).order_by(Certification.id)
    for ident, other, name in db.session.execute(query.where(Prerequisite.certification_id.in_(ids))):
        needed.setdefault(ident, {})[other] = name
    parts = select(Inclusion.certification_id, Certification.id, Certification.name, Certification.min_age)
    parts = parts.join(Certification, Certification.id == Inclusion.included_id).order_by(Certification.id)
    for ident, other, name, min_age in db.session.execute(parts.where(Inclusion.certification_id.in_(ids))):
        included.setdefault(ident, {})[other] = name
        if min_age is not None:
            ages.setdefault(ident, []).append(min_age)
    return [
        Award(
            certification_id=one.id,
            name=one.name,
            prerequisites=needed.get(one.id, {}),
            includes=included.get(one.id, {}),
            min_age=max(ages.get(one.id, ()), default=None),
            theory=one.quiz_questions > 0 and evidence is not Evidence.RECOGNISED,
        )
        for one in certifications
    ]


def candidate(person: Person) -> Candidate:
    """What the rule needs to know of this person, but for the quizzes he passed. Two queries."""
    held_back = select(Suspension.certification_id, Suspension.started_at).where(
        Suspension.person_id == person.id, Suspension.ended_at.is_(None)
    )
    return Candidate(
        grants=grants_of([person.id]).get(person.id, []),
        born_on=person.born_on,
        suspended={ident: since for ident, since in db.session.execute(held_back)},  # noqa: C416 - rows are no pairs to mypy
    )


def theory_passed(person_id: int, certification_ids: Sequence[int]) -> set[int]:
    """Those of these certifications whose quiz this person passed. One query."""
    query = select(TheoryPass.certification_id).where(TheoryPass.person_id == person_id)
    return set(db.session.scalars(query.where(TheoryPass.certification_id.in_(list(certification_ids)))))
