"""How a training ends: cancelled, by somebody or because too few enrolled, or closed when it is over."""

from datetime import datetime

from flask_babel import gettext
from sqlalchemy import delete

from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid
from fablab.training import holding, places, telling
from fablab.training.models import Training, TrainingCertification, TrainingDate
from fablab.training.reading import get_training, may_manage
from fablab.training.rules import EnrolmentState, TrainingState

LONGEST_REASON = 500


def cancel(actor: Actor, training_id: int, reason: str, now: datetime) -> None:
    """It does not take place: everybody in it and the instructor are told why, room, machines and instructor are free.
    A draft is thrown away. Its instructor; managers. Raises NotFound, Forbidden, Invalid (`reason`), Conflict when it
    was cancelled before or is over."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise Invalid({"reason": f"must say why, in 1 to {LONGEST_REASON} characters"})
    get_training(actor, training_id)
    with transaction():
        training = managed(actor, training_id)
        if training.state is TrainingState.CANCELLED:
            raise Conflict(gettext("This training is cancelled already."))
        if training.state is TrainingState.CLOSED or training.ends_at <= now:
            raise Conflict(gettext("This training is over."))
        if training.state is TrainingState.DRAFT:
            _throw_away(actor, training, reason, now)
        else:
            cancel_locked(actor, training, reason, now)


def cancel_locked(actor: Actor, training: Training, reason: str, now: datetime, *, too_few: bool = False) -> None:
    """Cancels a published training whose lock is held, with a reason or because `too_few` enrolled. Only inside that
    transaction, before it wrote anything."""
    holding.lock(holding.Room(), training.dates)
    before = telling.facts_of(training)
    enrolments = places.open_enrolments(training)
    people = {training.instructor_id: True}
    people |= {one.person_id: one.state is EnrolmentState.ENROLLED for one in enrolments}
    training.state, training.ended_at, training.end_reason = TrainingState.CANCELLED, now, reason
    training.sequence += 1
    db.session.flush()
    telling.cancelled(training, people, reason, now, too_few=too_few)
    for one in enrolments:
        places.end(one, EnrolmentState.CANCELLED, now)
        telling.of_enrolment("cancelled", actor, one, now)
    for date in training.dates:
        holding.release(actor, date, reason or f"training {training.id}", now)
    telling.of_training("cancelled", actor, training, now, before, reason=reason, too_few=too_few)


def close(actor: Actor, training_id: int, now: datetime) -> Training:
    """Closes the attendance sheet of a training that is over: ticks made later do not count. Its instructor; managers.
    Raises NotFound, Forbidden, Conflict."""
    return _turn(actor, training_id, TrainingState.PUBLISHED, TrainingState.CLOSED, now)


def reopen(actor: Actor, training_id: int, now: datetime) -> Training:
    """Opens the sheet again. Its instructor; managers. Raises NotFound, Forbidden, Conflict."""
    return _turn(actor, training_id, TrainingState.CLOSED, TrainingState.PUBLISHED, now)


def managed(actor: Actor, training_id: int) -> Training:
    """The training, locked; the actor may manage it. Only inside `transaction()`. Raises NotFound, Forbidden."""
    training = places.locked(training_id)
    if not may_manage(actor, training):
        raise Forbidden("a training is managed by its instructor and by managers")
    return training


def _turn(actor: Actor, training_id: int, from_: TrainingState, to: TrainingState, now: datetime) -> Training:
    get_training(actor, training_id)
    with transaction() as session:
        training = managed(actor, training_id)
        if training.state is not from_:
            raise Conflict(gettext("The attendance sheet cannot be opened or closed now."))
        if training.ends_at > now:
            raise Conflict(gettext("This training is not over yet."))
        training.state = to
        training.ended_at = now if to is TrainingState.CLOSED else None
        session.flush()
        telling.of_training("closed" if to is TrainingState.CLOSED else "reopened", actor, training, now)
    return training


def _throw_away(actor: Actor, training: Training, reason: str, now: datetime) -> None:
    """A draft leaves nothing but its entry in the audit log: nobody but the staff has seen it."""
    holding.lock(holding.Room(), training.dates)
    before, ident = telling.facts_of(training), training.id
    for date in training.dates:
        holding.release(actor, date, reason, now)
    for one in (*training.dates, training):
        db.session.expunge(one)
    for table, column in (
        (TrainingDate, TrainingDate.training_id),
        (TrainingCertification, TrainingCertification.training_id),
        (Training, Training.id),
    ):
        db.session.execute(delete(table).where(column == ident).execution_options(synchronize_session=False))
    events.append("training.discarded", now, training_id=str(ident))
    audit.record(actor, "training.discarded", ("training", str(ident)), now, before=before, after={"reason": reason})
