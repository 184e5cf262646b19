"""The places of a training and who waits for one. Everything here stands inside a transaction that has locked the
training: places are counted and given by one at a time."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from fablab.core.actor import system
from fablab.core.db import db, lock
from fablab.core.errors import NotFound
from fablab.core.words import config
from fablab.people.models import Person
from fablab.training import rules, telling
from fablab.training.models import Enrolment, Training
from fablab.training.reading import WITH_DATES, Counts, counts_of
from fablab.training.rules import OPEN, EnrolmentState


def locked(training_id: int) -> Training:
    """The training with its dates, read anew under its lock. Raises NotFound."""
    if lock(Training, training_id) is None:
        raise NotFound(f"There is no training {training_id}.")
    query = select(Training).where(Training.id == training_id).options(*WITH_DATES)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def locked_enrolment(enrolment_id: int) -> tuple[Training, Enrolment]:
    """An enrolment and its training, whose lock is taken first. Raises NotFound."""
    training_id = db.session.scalar(select(Enrolment.training_id).where(Enrolment.id == enrolment_id))
    if training_id is None:
        raise NotFound(f"There is no enrolment {enrolment_id}.")
    training = locked(training_id)
    query = select(Enrolment).where(Enrolment.id == enrolment_id).options(selectinload(Enrolment.person))
    return training, db.session.scalars(query.execution_options(populate_existing=True)).one()


def counts(training: Training) -> Counts:
    """How full it is now. One query."""
    db.session.flush()
    return counts_of([training])[training.id]


def open_enrolments(training: Training) -> list[Enrolment]:
    """Who takes part, has an offer or waits, in the order in which they enrolled."""
    query = select(Enrolment).where(Enrolment.training_id == training.id, Enrolment.state.in_(OPEN))
    return list(db.session.scalars(query.order_by(Enrolment.id).execution_options(populate_existing=True)))


def pass_on(training: Training, now: datetime) -> list[Enrolment]:
    """Offers every free place to those who wait, in their order; tells them. Returns the offers. Whoever has left the
    lab is passed over."""
    known = counts(training)
    number = rules.to_offer(known.places, known.taken, known.waiting, now, training.starts_at)
    if training.state is not rules.TrainingState.PUBLISHED or not number:
        return []
    query = select(Enrolment).join(Person, Person.id == Enrolment.person_id).where(Person.active)
    query = query.where(Enrolment.training_id == training.id, Enrolment.state == EnrolmentState.WAITING)
    first = list(db.session.scalars(query.order_by(Enrolment.id).limit(number)))
    until = rules.offer_ends(now, config().training.offer_hours, training.starts_at)
    for one in first:
        one.state, one.offered_until = EnrolmentState.OFFERED, until
        db.session.flush()
        telling.of_enrolment("offered", system("job"), one, now, offered_until=until.isoformat())
        telling.offered(training, one, until, now)
    return first


def end(enrolment: Enrolment, state: EnrolmentState, now: datetime, *, late: bool = False) -> None:
    """Ends an enrolment: its place is free, to be passed on by the caller."""
    enrolment.state, enrolment.ended_at, enrolment.offered_until, enrolment.late = state, now, None, late
    db.session.flush()
