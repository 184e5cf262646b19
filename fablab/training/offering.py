"""The next training for somebody who lacks a certification: what he could enrol in, and how he stands in it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select

from fablab.core.db import db
from fablab.people.models import Person
from fablab.training.models import Enrolment, Training, TrainingCertification
from fablab.training.reading import Counts
from fablab.training.rules import OPEN, EnrolmentState, TrainingState

MOST = 500
"""So many trainings to come are looked at."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A training to come; `free`: one gets a place at once; `own`: how the person stands in it already."""

    training_id: int
    starts_at: datetime
    free: bool
    own: EnrolmentState | None = None


Offers = Mapping[int, Sequence[Offer]]


def offers(person_id: int | None, now: datetime) -> Offers:
    """By certification the published trainings that have not begun, grant it and are for this person (None: for
    anybody), the earliest first. Three queries."""
    query = select(TrainingCertification.certification_id, Training.id, Training.starts_at, Training.places)
    query = query.join(Training, Training.id == TrainingCertification.training_id)
    query = query.where(Training.state == TrainingState.PUBLISHED, Training.starts_at > now)
    if person_id is not None:
        audience = select(Person.audience).where(Person.id == person_id).scalar_subquery()
        query = query.where(or_(Training.audience.is_(None), Training.audience == audience))
        query = query.where(Training.instructor_id != person_id)
    rows = db.session.execute(query.order_by(Training.starts_at, Training.id).limit(MOST)).all()
    if not rows:
        return {}
    ids = {row[1] for row in rows}
    full, own = _full({row[1]: row[3] for row in rows}), _own(person_id, ids)
    found: dict[int, list[Offer]] = {}
    for certification_id, training_id, starts_at, _places in rows:
        made = Offer(training_id, starts_at, full[training_id].free > 0, own.get(training_id))
        found.setdefault(certification_id, []).append(made)
    return found


def best(found: Offers, certification_ids: Collection[int]) -> Offer | None:
    """The one to point to for any of these: where he is in it already, else the earliest with a free place, else the
    earliest with a waiting list; None for none."""
    known = sorted((one for ident in certification_ids for one in found.get(ident, ())), key=lambda one: one.starts_at)
    mine = next((one for one in known if one.own is not None), None)
    free = next((one for one in known if one.free), None)
    return mine or free or next(iter(known), None)


def _full(places: Mapping[int, int]) -> dict[int, Counts]:
    query = select(Enrolment.training_id, Enrolment.state, func.count()).where(Enrolment.state.in_(OPEN))
    query = query.where(Enrolment.training_id.in_(places)).group_by(Enrolment.training_id, Enrolment.state)
    found: dict[int, dict[str, int]] = {}
    for training_id, state, number in db.session.execute(query):
        found.setdefault(training_id, {})[state.value] = number
    return {ident: Counts(number, **found.get(ident, {})) for ident, number in places.items()}


def _own(person_id: int | None, training_ids: Collection[int]) -> dict[int, EnrolmentState]:
    query = select(Enrolment.training_id, Enrolment.state).where(Enrolment.person_id == person_id)
    query = query.where(Enrolment.training_id.in_(training_ids), Enrolment.state.in_(OPEN))
    return {ident: state for ident, state in db.session.execute(query)}  # noqa: C416 - rows are no pairs to mypy
