"""What becomes of the trainings of somebody who is anonymised: his places are for others.

`fablab.app` names both functions to `people.leaving`, with other packages between: locks come before anything that
is written, by everybody.
"""

from collections.abc import Sequence
from datetime import datetime

from flask_babel import gettext
from sqlalchemy import select, update

from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.errors import Conflict
from fablab.training import places
from fablab.training.enrolling import take_out
from fablab.training.holding import HOLDS
from fablab.training.models import Enrolment, Training
from fablab.training.rules import OPEN


def lock(actor: Actor, person_id: int, now: datetime) -> None:
    """Locks the trainings that he is in. Raises Conflict for who gives a training to come: somebody has to give it, or
    to cancel it, so that those in it are told."""
    gives = select(Training.id).where(Training.instructor_id == person_id, Training.state.in_(HOLDS))
    if db.session.scalar(gives.where(Training.ends_at > now).limit(1)) is not None:
        raise Conflict(gettext("This person gives trainings to come. Give them to somebody else or cancel them first."))
    for training_id in _trainings(person_id, now):
        places.locked(training_id)


def forget(actor: Actor, person_id: int, now: datetime) -> None:
    """Withdraws his open enrolments, passes the places on and erases what was noted about him. Only inside a
    transaction that has locked the person; he is not told, as there is nobody any more."""
    for training_id in _trainings(person_id, now):
        training = places.locked(training_id)
        for one in places.open_enrolments(training):
            if one.person_id == person_id:
                take_out(actor, training, one, now, excused=True, tell=False)
    db.session.execute(update(Enrolment).where(Enrolment.person_id == person_id).values(note=""))


def _trainings(person_id: int, now: datetime) -> Sequence[int]:
    query = select(Enrolment.training_id).join(Training).where(Enrolment.person_id == person_id)
    query = query.where(Enrolment.state.in_(OPEN), Training.ends_at > now)
    return list(db.session.scalars(query.order_by(Enrolment.training_id)))
