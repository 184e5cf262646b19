"""What goes on by itself: deciding whether a training takes place, ending offers, reminding, keeping the room.

What is due is found by interval: a job that ran late, twice or in two processes at once does the same once.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select

from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.words import config
from fablab.reservations import at_risk, presence
from fablab.reservations.models import ArrivedBy, Reservation, ReservationState
from fablab.training import places, rules, telling
from fablab.training.ending import cancel_locked
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.rules import Decision, EnrolmentState, TrainingState

AT_ONCE = 200
"""How many trainings one run looks at; the next run goes on."""


def decide(now: datetime) -> int:
    """Cancels the trainings for which too few enrolled by their deadline, tells everybody and frees everything; notes
    of the others that they take place. Counts both."""
    due = (Training.state == TrainingState.PUBLISHED) & Training.decided_at.is_(None) & (Training.decide_at <= now)
    query = select(Training.id).where(due).order_by(Training.decide_at, Training.id).limit(AT_ONCE)
    return sum(_decide(ident, now) for ident in list(db.session.scalars(query)))


def _decide(training_id: int, now: datetime) -> bool:
    with transaction():
        training = places.locked(training_id)
        if training.state is not TrainingState.PUBLISHED:
            return False
        enrolled = places.counts(training).enrolled
        found = rules.decide(
            training.decide_at, training.decided_at, training.minimum, enrolled, training.starts_at, now
        )
        if found is Decision.NOT_YET:
            return False
        training.decided_at = now
        if found is Decision.CANCELLED:
            cancel_locked(system("job"), training, "", now, too_few=True)
        else:
            telling.of_training("decided", system("job"), training, now)
        return True


def expire_offers(now: datetime) -> int:
    """Ends the offers that nobody answered in time and asks the next in line; ends the waiting when the training
    begins. Counts both."""
    late = (Enrolment.state == EnrolmentState.OFFERED) & (Enrolment.offered_until <= now)
    vain = (Enrolment.state == EnrolmentState.WAITING) & (Training.starts_at <= now)
    query = select(Enrolment.training_id).join(Training).where(late | vain).distinct()
    query = query.order_by(Enrolment.training_id).limit(AT_ONCE)
    return sum(_expire(ident, now) for ident in list(db.session.scalars(query)))


def _expire(training_id: int, now: datetime) -> int:
    with transaction():
        training = places.locked(training_id)
        count = 0
        for one in places.open_enrolments(training):
            late = one.state is EnrolmentState.OFFERED and one.offered_until is not None and one.offered_until <= now
            vain = one.state is EnrolmentState.WAITING and training.starts_at <= now
            if late or vain:
                places.end(one, EnrolmentState.EXPIRED, now)
                telling.of_enrolment("expired", system("job"), one, now)
                telling.expired(training, one, now, in_vain=vain)
                count += 1
        places.pass_on(training, now)
        return count


def remind(now: datetime) -> int:
    """Reminds those who take part of each date that is soon, once; counts the dates. The instructor is reminded by his
    booking where the date holds anything, else here."""
    hours = config().training.reminder_hours
    soon = TrainingDate.reminded_at.is_(None) & (TrainingDate.starts_at > now)
    soon &= TrainingDate.starts_at <= now + timedelta(hours=hours)
    query = select(TrainingDate.id, TrainingDate.training_id).join(Training).where(soon)
    query = query.where(Training.state == TrainingState.PUBLISHED).order_by(TrainingDate.starts_at, TrainingDate.id)
    return sum(_remind(*row, hours, now) for row in db.session.execute(query.limit(AT_ONCE)).all())


def _remind(date_id: int, training_id: int, hours: int, now: datetime) -> bool:
    with transaction():
        training = places.locked(training_id)
        date = next((one for one in training.dates if one.id == date_id), None)
        if date is None or training.state is not TrainingState.PUBLISHED:
            return False
        if not rules.reminder_due(date.starts_at, date.reminded_at, hours, now):
            return False
        date.reminded_at = now
        enrolments = places.open_enrolments(training)
        people = [one.person_id for one in enrolments if one.state is EnrolmentState.ENROLLED]
        telling.reminded(training, date, [*people, *([] if date.reservation_id else [training.instructor_id])], now)
        return True


def release_no_shows(now: datetime) -> int:
    """As `presence.release_no_shows`, but the room of a training is not given up because nobody checked in: once its
    date begins, its instructor has come for it. Counts what was released."""
    begun = TrainingDate.starts_at <= now
    query = select(Reservation.id, TrainingDate.starts_at).join(
        TrainingDate, TrainingDate.reservation_id == Reservation.id
    )
    query = query.where(Reservation.state == ReservationState.BOOKED, Reservation.started_at.is_(None), begun)
    arrivals = dict(db.session.execute(query).all())
    if arrivals:
        presence.note_arrivals(arrivals, ArrivedBy.STAFF, system("job"))
    return presence.release_no_shows(now)


def judge_at_risk(now: datetime) -> int:
    """As `at_risk.judge`; the staff decides about what a training holds."""
    return at_risk.judge(now, _held)


def release_at_risk(now: datetime) -> int:
    """As `at_risk.release`, but the room of a training is not given up because its instructor's certification is
    missing: the staff, who was told, finds another instructor or cancels the training."""
    return at_risk.release(now, _held)


def _held(reservation_ids: Collection[int]) -> Collection[int]:
    """Those of these reservations that hold something for a training that takes place."""
    query = select(TrainingDate.reservation_id).join(Training).where(Training.state == TrainingState.PUBLISHED)
    return {
        ident for ident in db.session.scalars(query.where(TrainingDate.reservation_id.in_(reservation_ids))) if ident
    }
