"""What the pages of trainings show: those to come with filters, a month of them, one's own, one with all around it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from fablab.certifications import awarding, matrix
from fablab.certifications.models import Certification, Evidence
from fablab.certifications.rules import Standing
from fablab.core.actor import Actor, Role
from fablab.core.db import Texts, db
from fablab.core.denials import Denial
from fablab.core.words import config
from fablab.people.models import Person
from fablab.reservations import reading
from fablab.resources.models import Resource
from fablab.training import enrolling, rules
from fablab.training.attendance import Row
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.reading import (
    Coming,
    Counts,
    Place,
    counts_of,
    enrolments_query,
    line,
    may_manage,
    own_place,
    resources_of,
    trainings_query,
    tree_of,
)
from fablab.training.rules import OPEN, EnrolmentState, TrainingState

MOST = 300
"""So many trainings a page shows at most."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the list; None and False: any."""

    certification_id: int | None = None
    language: str | None = None
    free: bool = False

    def fits(self, one: Coming) -> bool:
        """Whether a training fits every filter that is given."""
        training = one.training
        grants = self.certification_id in (None, *(known.id for known in training.certifications))
        spoken = self.language in (None, training.language)
        return grants and spoken and (one.counts.free > 0 or not self.free)


@dataclass(frozen=True, slots=True)
class Entry:
    """One date of a training in the calendar."""

    date: TrainingDate
    coming: Coming


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the calendar; `inside`: of the month that is shown."""

    day: date
    inside: bool
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Asks:
    """A certification that the training grants: how the reader stands with it (None: a visitor), what it asks for
    before, with whether he holds it, and the quiz."""

    certification: Certification
    mine: Standing | None
    prerequisites: Sequence[tuple[int, Texts, Standing | None]]
    min_age: int | None
    theory: bool
    theory_passed: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """One training with all around it. `denials`: why the reader may not enrol; `late`: withdrawing now counts so;
    `people`: who is in it, for the staff."""

    training: Training
    counts: Counts
    held: Sequence[tuple[TrainingDate, Sequence[Resource]]]
    asks: Sequence[Asks]
    own: Place | None
    denials: Sequence[Denial]
    late: bool
    manages: bool
    people: Sequence[Place]

    @property
    def in_it(self) -> int:
        """How many are told when it is cancelled, beside its instructor."""
        return sum(one.enrolment.state in OPEN for one in self.people)


# -- many -------------------------------------------------------------------------------------------------------------


def month_of(actor: Actor | None, first: date, wanted: Wanted) -> list[Day]:
    """The weeks of a month, from Monday to Sunday, with the dates of published trainings, also those that are over. At
    most six queries."""
    zone = config().lab.zone
    begin = first - timedelta(days=first.weekday())
    after = (first + timedelta(days=32)).replace(day=1)
    end = after + timedelta(days=-after.weekday() % 7)
    bounds = [datetime.combine(one, time(), zone) for one in (begin, end)]
    query = trainings_query(actor, from_=bounds[0], to=bounds[1])
    query = query.where(Training.state.in_((TrainingState.PUBLISHED, TrainingState.CLOSED)))
    found = [one for one in _coming(db.session.scalars(query.limit(MOST)).all()) if wanted.fits(one)]
    entries: dict[date, list[Entry]] = {}
    for one in found:
        for row in one.training.dates:
            entries.setdefault(row.starts_at.astimezone(zone).date(), []).append(Entry(row, one))
    days = [begin + timedelta(days=number) for number in range((end - begin).days)]
    return [
        Day(day, day.month == first.month, sorted(entries.get(day, ()), key=lambda one: one.date.starts_at))
        for day in days
    ]


def given_by(actor: Actor, now: datetime, *, everybody: bool = False) -> tuple[list[Coming], list[Coming]]:
    """The trainings that somebody gives, or all for the managers: those that are not over, drafts too, the earliest
    first; and those that are, the latest first. At most twelve queries."""
    query = trainings_query(actor, instructor_id=None if everybody else actor.person_id)
    going = query.where(
        Training.ends_at > now, Training.state.in_((TrainingState.DRAFT, TrainingState.PUBLISHED))
    ).order_by(Training.starts_at, Training.id)
    over = query.where((Training.ends_at <= now) | (Training.state == TrainingState.CANCELLED)).order_by(
        Training.starts_at.desc(), Training.id.desc()
    )
    rows = [db.session.scalars(one.limit(limit)).all() for one, limit in ((going, MOST), (over, 50))]
    return _coming(rows[0]), _coming(rows[1])


def _coming(rows: Sequence[Training]) -> list[Coming]:
    full = counts_of(rows) if rows else {}
    return [Coming(one, full[one.id]) for one in rows]


def places_now(enrolments: Iterable[Enrolment]) -> list[Place]:
    """These enrolments with their places in line. One query for each waiting one: somebody waits in few lines."""
    return [
        Place(one, line(one.training_id).get(one.id) if one.state is EnrolmentState.WAITING else None)
        for one in enrolments
    ]


# -- one --------------------------------------------------------------------------------------------------------------


def shown(actor: Actor | None, training: Training, now: datetime) -> Shown:
    """All that the page of one training shows, to visitors too. A constant number of queries."""
    person_id = None if actor is None else actor.person_id
    tree = tree_of(training.dates)
    own = None if person_id is None else own_place(person_id, training.id)
    asked = person_id is not None and own is None and actor is not None
    state = None if own is None else own.enrolment.state
    return Shown(
        training=training,
        counts=counts_of([training])[training.id],
        held=[(one, resources_of(one, tree)) for one in training.dates],
        asks=_asks(person_id, training, now),
        own=own,
        denials=enrolling.check(actor, training.id, person_id, now) if asked and actor and person_id else (),
        late=state is not None and rules.is_late(state, training.starts_at, training.cancel_hours, now, excused=False),
        manages=may_manage(actor, training),
        people=_people(actor, training) if actor is not None and actor.is_staff else (),
    )


def _asks(person_id: int | None, training: Training, now: datetime) -> list[Asks]:
    certifications = training.certifications
    if not certifications:
        return []
    mine: dict[int, Standing] = {}
    passed: set[int] = set()
    if person_id is not None:
        mine = {one.id: standing for one, standing in matrix.standings_of(person_id, now)}
        passed = awarding.theory_passed(person_id, [one.id for one in certifications])
    return [
        Asks(
            certification=one,
            mine=mine.get(one.id),
            prerequisites=[(ident, name, mine.get(ident)) for ident, name in award.prerequisites.items()],
            min_age=award.min_age,
            theory=award.theory,
            theory_passed=one.id in passed,
        )
        for one, award in zip(certifications, awarding.awards(certifications, Evidence.TRAINING), strict=True)
    ]


def _people(actor: Actor, training: Training) -> list[Place]:
    places = line(training.id)
    rows = db.session.scalars(enrolments_query(actor, training)).all()
    order = {EnrolmentState.ENROLLED: 0, EnrolmentState.OFFERED: 1, EnrolmentState.WAITING: 2}
    return sorted(
        (Place(one, places.get(one.id)) for one in rows),
        key=lambda one: (order.get(one.enrolment.state, 3), one.enrolment.id),
    )


def teachers() -> list[tuple[int, str]]:
    """Whom a training may be given by: id and name, by name. One query."""
    return reading.people(Person.role != Role.MAKER)


# -- the sheet --------------------------------------------------------------------------------------------------------


def why_missing(rows: Iterable[Row], now: datetime) -> dict[int, list[tuple[Certification, list[Denial]]]]:
    """By enrolment the certifications that passing gives and that are not granted yet, with what is in the way. Some
    queries for each that is missing, which is seldom more than one or two."""
    return {
        row.enrolment.id: [(one, awarding.obstacles(row.enrolment.person, [one], now)) for one in row.missing]
        for row in rows
        if row.missing
    }
