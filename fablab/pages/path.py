"""A maker's way to a machine: what he has, what is missing, and what to do next. Read from many packages at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from fablab.certifications.awarding import awards, candidate, theory_passed
from fablab.certifications.expression import terms_of
from fablab.certifications.matrix import SOON
from fablab.certifications.models import Certification, Evidence, Grant
from fablab.certifications.requirement_words import in_words
from fablab.certifications.requirements import whole_need
from fablab.certifications.rules import GrantFacts, Standing, needs_supervision, standing
from fablab.core.actor import Actor
from fablab.core.db import Texts, db
from fablab.core.denials import Denial
from fablab.core.words import config, text
from fablab.interlock.service import check_access
from fablab.pages.path_rules import Ask, Kind, Map, Step, Traveller, Way, way_to
from fablab.people.models import Person
from fablab.people.service import get_person
from fablab.quizzes.models import Attempt, Question
from fablab.quizzes.rules import Try, attempt_denials
from fablab.quizzes.taking import rules_of
from fablab.resources.models import Resource
from fablab.resources.service import get_resource
from fablab.training.models import Enrolment
from fablab.training.reading import Coming, next_trainings
from fablab.training.rules import OPEN

MOST_DATES = 3
"""So many coming trainings are shown for a certification."""


@dataclass(frozen=True, slots=True)
class Quiz:
    """How the person stands with a quiz. `ready`: there are enough questions; `started`: one is open; `denials`: why
    none may be started now."""

    certification: Certification
    ready: bool
    started: bool
    denials: Sequence[Denial]


@dataclass(frozen=True, slots=True)
class Offer:
    """A coming training. `enrolment` is the person's own, open one; `fits`: he may enrol, as far as is known here."""

    coming: Coming
    enrolment: Enrolment | None
    fits: bool


@dataclass(frozen=True, slots=True)
class Path:
    """The page. `names` of all certifications in it; `standings` of those that the way or the resource names; `quizzes`
    and `offers` by certification; `supervised`: the way is gone, but an instructor must be there; `ends_supervised`: at
    the end of the way one must be; `now`: with the booking that runs just now one is."""

    resource: Resource
    person: Person
    own: bool
    needs: str
    way: Way
    supervised: bool
    ends_supervised: bool
    now: bool
    names: Mapping[int, Texts]
    standings: Mapping[int, Standing]
    asks: Mapping[int, Ask]
    quizzes: Mapping[int, Quiz]
    offers: Mapping[int, Sequence[Offer]]

    def listed(self, certification_ids: Sequence[int]) -> str:
        """The names of these certifications in the present language."""
        return ", ".join(text(self.names.get(one)) for one in certification_ids)


def path(actor: Actor, resource_id: int, now: datetime, person_id: int | None = None) -> Path:
    """The way of the acting person, or of another one for the staff. Raises NotFound. A constant number of queries."""
    resource = get_resource(resource_id)
    person = get_person(actor, person_id or actor.person_id or 0)
    required = whole_need(resource_id)
    known = {one.id: one for one in db.session.scalars(select(Certification).where(Certification.retired_at.is_(None)))}
    asks = _asks(list(known.values()))
    terms = _closure(set(terms_of(required.need)), asks)
    coming = next_trainings(terms, now, MOST_DATES)
    who = _traveller(person, terms, coming)
    today = now.astimezone(config().lab.zone).date()
    way = way_to(required.need, Map(asks, who, now, today))
    steps = [*way.steps, *(step for other in way.others for step in other.steps)]
    grants = who.candidate.grants
    supervised = needs_supervision(required, grants, now)
    return Path(
        resource=resource,
        person=person,
        own=person.id == actor.person_id,
        needs=in_words(required.need, required.names),
        way=way,
        supervised=supervised,
        ends_supervised=needs_supervision(required, [*grants, *_to_be_granted(way, asks, now)], now),
        now=supervised and not _lacks_supervisor(person.id, resource_id, now),
        names={one.id: one.name for one in known.values()} | dict(required.names),
        standings={ident: _standing(grants, ident, now) for ident in terms},
        asks=asks,
        quizzes=_quizzes(person.id, [known[one] for one in _of_kind(steps, Kind.QUIZ)], now),
        offers=_offers(person, coming, steps),
    )


def _asks(certifications: Sequence[Certification]) -> dict[int, Ask]:
    known = {one.certification_id: one for one in awards(certifications, Evidence.TRAINING)}
    return {one.id: Ask(known[one.id], one.level, one.practical) for one in certifications}


def _to_be_granted(way: Way, asks: Mapping[int, Ask], now: datetime) -> list[GrantFacts]:
    """What will be granted on the way."""
    return [
        GrantFacts(ident, now, level=asks[ident].level, counts_as=asks[ident].award.includes)
        for ident in way.wanted
        if ident in asks
    ]


def _lacks_supervisor(person_id: int, resource_id: int, now: datetime) -> bool:
    """Whether the reader would ask for an instructor now."""
    return any(one.code == "needs_supervisor" for one in check_access(person_id, resource_id, now, now))


def _closure(terms: set[int], asks: Mapping[int, Ask]) -> set[int]:
    """These certifications and all that is needed before them."""
    found, new = set(terms), set(terms)
    while new:
        new = {one for ident in new if ident in asks for one in asks[ident].award.prerequisites} - found
        found |= new
    return found


def _traveller(person: Person, terms: Collection[int], coming: Mapping[int, Sequence[Coming]]) -> Traveller:
    who = candidate(person)
    free = {
        ident: [one.training.starts_at for one in some if one.counts.free and _is_for(person, one)]
        for ident, some in coming.items()
    }
    return Traveller(
        candidate=who,
        passed=theory_passed(person.id, list(terms)),
        revoked=_revoked(person.id, terms),
        dates={ident: dates[0] for ident, dates in free.items() if dates},
    )


def _revoked(person_id: int, terms: Collection[int]) -> set[int]:
    """Those of these certifications whose newest grant to this person was withdrawn. One query."""
    query = select(Grant.certification_id, Grant.revoked_at).where(Grant.person_id == person_id)
    query = query.where(Grant.certification_id.in_(terms)).order_by(Grant.granted_at, Grant.id)
    newest = {ident: revoked_at for ident, revoked_at in db.session.execute(query)}  # noqa: C416 - rows are no pairs to mypy
    return {ident for ident, revoked_at in newest.items() if revoked_at is not None}


def _standing(grants: Sequence[GrantFacts], ident: int, now: datetime) -> Standing:
    return standing([one for one in grants if one.is_for(ident)], now, SOON)


def _of_kind(steps: Sequence[Step], kind: Kind) -> list[int]:
    return list(dict.fromkeys(one.certification_id for one in steps if one.kind is kind))


def _quizzes(person_id: int, certifications: Sequence[Certification], now: datetime) -> dict[int, Quiz]:
    """Two queries."""
    ids = [one.id for one in certifications]
    asked = select(Question.certification_id, func.count()).where(Question.retired_at.is_(None))
    asked = asked.where(Question.certification_id.in_(ids)).group_by(Question.certification_id)
    counts = {ident: number for ident, number in db.session.execute(asked)}  # noqa: C416 - rows are no pairs to mypy
    query = select(Attempt.certification_id, Attempt.finished_at, Attempt.passed).where(Attempt.counts)
    query = query.where(Attempt.person_id == person_id, Attempt.certification_id.in_(ids))
    tries: dict[int, list[Try]] = {}
    started = set()
    for ident, finished_at, passed in db.session.execute(query):
        if finished_at is None:
            started.add(ident)
        else:
            tries.setdefault(ident, []).append(Try(finished_at, bool(passed)))
    return {
        one.id: Quiz(
            certification=one,
            ready=counts.get(one.id, 0) >= one.quiz_questions,
            started=one.id in started,
            denials=[] if one.id in started else attempt_denials(tries.get(one.id, []), rules_of(one), now),
        )
        for one in certifications
    }


def _offers(person: Person, coming: Mapping[int, Sequence[Coming]], steps: Sequence[Step]) -> dict[int, list[Offer]]:
    """The trainings of the steps. One query."""
    ids = {one.training.id for some in coming.values() for one in some}
    query = select(Enrolment).where(Enrolment.person_id == person.id, Enrolment.state.in_(OPEN))
    own = {one.training_id: one for one in db.session.scalars(query.where(Enrolment.training_id.in_(ids)))}
    return {
        step.certification_id: [
            Offer(one, own.get(one.training.id), _fits(person, one, step))
            for one in coming.get(step.certification_id, ())
        ]
        for step in steps
        if step.kind is Kind.TRAINING
    }


def _fits(person: Person, one: Coming, step: Step) -> bool:
    """Whether he may enrol: it is for him, and gives what he needs first."""
    given = {certification.id for certification in one.training.certifications}
    first = set(step.first) <= given and not step.stuck
    return first and _is_for(person, one) and one.training.instructor_id != person.id


def _is_for(person: Person, one: Coming) -> bool:
    return one.training.audience in (None, person.audience)
