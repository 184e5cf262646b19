"""Reading trainings: one, many, who takes part, how many places are free, which come next. Changes nothing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import joinedload, selectinload

from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.errors import NotFound
from fablab.reservations.asked import Parents, asked, parents
from fablab.reservations.models import Allocation, Reservation
from fablab.resources.models import Resource
from fablab.training.models import Enrolment, Training, TrainingCertification, TrainingDate
from fablab.training.rules import OPEN, EnrolmentState, TrainingState

WITH_DATES = (
    joinedload(Training.instructor),
    selectinload(Training.certifications),
    selectinload(Training.dates)
    .joinedload(TrainingDate.reservation)
    .selectinload(Reservation.allocations)
    .joinedload(Allocation.resource),
)
"""A training with all that its pages show: five queries, however many trainings."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many take part, have an offer and wait; `places` is how many may take part."""

    places: int
    enrolled: int = 0
    offered: int = 0
    waiting: int = 0

    @property
    def taken(self) -> int:
        """Places that nobody else can get now."""
        return self.enrolled + self.offered

    @property
    def free(self) -> int:
        """Places that the next who enrols gets at once; none while somebody waits."""
        return 0 if self.waiting else max(0, self.places - self.taken)


@dataclass(frozen=True, slots=True)
class Coming:
    """A training to come and how full it is."""

    training: Training
    counts: Counts


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's enrolment and where he stands in line; None for who does not wait."""

    enrolment: Enrolment
    position: int | None


def may_manage(actor: Actor | None, training: Training) -> bool:
    """Whether the actor plans this training, ticks its sheet and sees who takes part: its instructor, managers."""
    if actor is None:
        return False
    own = actor.is_staff and actor.person_id == training.instructor_id
    return own or actor.is_at_least(Role.MANAGER)


def had_too_few(training: Training) -> bool:
    """Whether it was cancelled by itself, because too few people enrolled."""
    return training.state is TrainingState.CANCELLED and training.ended_at == training.decided_at


def get_training(actor: Actor | None, training_id: int) -> Training:
    """One training with its dates; a draft is the staff's. None for a visitor. Raises NotFound."""
    query = select(Training).where(Training.id == training_id, _visible(actor)).options(*WITH_DATES)
    found = db.session.scalar(query.execution_options(populate_existing=True))
    if found is None:
        raise NotFound(f"There is no training {training_id}.")
    return found


def trainings_query(
    actor: Actor | None,
    *,
    state: TrainingState | None = None,
    certification_id: int | None = None,
    instructor_id: int | None = None,
    person_id: int | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
) -> Select[Any]:
    """Trainings that the actor may know of and that fit every filter; `person_id`: in which somebody takes part or
    waits; `from_` and `to`: that end after the one and begin before the other."""
    query = select(Training).where(_visible(actor)).options(*WITH_DATES)
    given = (
        (state, Training.state == state),
        (instructor_id, Training.instructor_id == instructor_id),
        (from_, Training.ends_at > from_ if from_ else None),
        (to, Training.starts_at < to if to else None),
    )
    for value, where in given:
        if value is not None and where is not None:
            query = query.where(where)
    if certification_id is not None:
        query = query.where(Training.id.in_(_granting([certification_id])))
    if person_id is not None:
        own = select(Enrolment.training_id).where(Enrolment.person_id == person_id, Enrolment.state.in_(OPEN))
        query = query.where(Training.id.in_(own))
    return query


def coming(actor: Actor | None, now: datetime, limit: int = 200) -> list[Coming]:
    """Published trainings that are not over, the earliest first, with how full they are. At most six queries."""
    query = trainings_query(actor, state=TrainingState.PUBLISHED, from_=now)
    rows = db.session.scalars(query.order_by(Training.starts_at, Training.id).limit(limit)).all()
    full = counts_of(rows)
    return [Coming(one, full[one.id]) for one in rows]


def next_trainings(certification_ids: Collection[int], now: datetime, most: int = 3) -> dict[int, list[Coming]]:
    """For each of these certifications the next published trainings that grant it and have not begun, the earliest
    first, at most `most`; those without any are left out. At most seven queries."""
    if not certification_ids:
        return {}
    query = select(TrainingCertification.certification_id, TrainingCertification.training_id).join(Training)
    query = query.where(TrainingCertification.certification_id.in_(certification_ids))
    query = query.where(Training.state == TrainingState.PUBLISHED, Training.starts_at > now)
    wanted: dict[int, list[int]] = {}
    for ident, training_id in db.session.execute(query.order_by(Training.starts_at, Training.id)):
        if len(known := wanted.setdefault(ident, [])) < most:
            known.append(training_id)
    ids = {one for some in wanted.values() for one in some}
    if not ids:
        return {}
    rows = db.session.scalars(select(Training).where(Training.id.in_(ids)).options(*WITH_DATES)).all()
    full = counts_of(rows)
    known_rows = {one.id: Coming(one, full[one.id]) for one in rows}
    return {ident: [known_rows[one] for one in some] for ident, some in wanted.items()}


def counts_of(trainings: Sequence[Training]) -> dict[int, Counts]:
    """How full each of these is. One query."""
    query = select(Enrolment.training_id, Enrolment.state, func.count()).where(Enrolment.state.in_(OPEN))
    query = query.where(Enrolment.training_id.in_([one.id for one in trainings]))
    found: dict[int, dict[str, int]] = {}
    for training_id, state, number in db.session.execute(query.group_by(Enrolment.training_id, Enrolment.state)):
        found.setdefault(training_id, {})[state.value] = number
    return {one.id: Counts(one.places, **found.get(one.id, {})) for one in trainings}


def enrolments_query(actor: Actor, training: Training) -> Select[Any]:
    """Who takes part or waits or did, in the order in which they enrolled: all for who manages it and for the staff,
    else one's own."""
    query = select(Enrolment).where(Enrolment.training_id == training.id).options(joinedload(Enrolment.person))
    if actor.is_staff or may_manage(actor, training):
        return query
    return query.where(Enrolment.person_id == actor.person_id)


def line(training_id: int) -> Mapping[int, int]:
    """Place in the waiting list by enrolment, 1 is the next to be asked. One query."""
    query = select(Enrolment.id).where(Enrolment.training_id == training_id)
    query = query.where(Enrolment.state == EnrolmentState.WAITING).order_by(Enrolment.id)
    return {ident: number for number, ident in enumerate(db.session.scalars(query), 1)}


def own_place(person_id: int | None, training_id: int) -> Place | None:
    """How somebody stands in a training now; None for who neither takes part nor waits. Two queries."""
    query = select(Enrolment).where(Enrolment.training_id == training_id, Enrolment.person_id == person_id)
    found = db.session.scalar(query.where(Enrolment.state.in_(OPEN)))
    return None if found is None else Place(found, line(training_id).get(found.id))


def own_enrolments(person_id: int, now: datetime) -> list[Enrolment]:
    """What somebody takes part in or waits for and that is not over, the earliest first, with the trainings. At most
    six queries."""
    query = select(Enrolment).join(Training).where(Enrolment.person_id == person_id, Enrolment.state.in_(OPEN))
    query = query.where(Training.ends_at > now).order_by(Training.starts_at, Enrolment.id)
    return list(db.session.scalars(query.options(joinedload(Enrolment.training).options(*WITH_DATES))))


def get_enrolment(actor: Actor, enrolment_id: int) -> Enrolment:
    """One enrolment: one's own, for the staff any. Raises NotFound."""
    found = db.session.get(Enrolment, enrolment_id, options=[joinedload(Enrolment.person)], populate_existing=True)
    if found is None or not (actor.is_staff or found.person_id == actor.person_id):
        raise NotFound(f"There is no enrolment {enrolment_id}.")
    return found


def tree_of(dates: Iterable[TrainingDate]) -> Parents:
    """The tree of places, where one of these dates holds a room as a whole. At most one query."""
    whole = any(one.reservation is not None and one.reservation.exclusive for one in dates)
    return parents() if whole else {}


def resources_of(date: TrainingDate, tree: Parents) -> list[Resource]:
    """The rooms and machines that were asked for this date; the rooms first. `tree` as `tree_of` gives it."""
    return [] if date.reservation is None else asked(date.reservation, tree)


def _visible(actor: Actor | None) -> ColumnElement[bool]:
    """What anybody may know of; for the staff all."""
    everything = actor is not None and actor.is_staff
    return Training.id.is_not(None) if everything else Training.state != TrainingState.DRAFT


def _granting(certification_ids: Collection[int]) -> Select[int]:
    query = select(TrainingCertification.training_id)
    return query.where(TrainingCertification.certification_id.in_(certification_ids))
