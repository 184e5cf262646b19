"""Taking part: enrolling, waiting in line, answering an offer, withdrawing. A place is never given twice, the line is
asked in its order, and everybody is told once.

The locks are taken in one order by all: the person, the training, then what the audit log takes.
"""

from datetime import datetime

from flask_babel import gettext
from sqlalchemy import select

from fablab.certifications.awarding import obstacles
from fablab.core.actor import Actor
from fablab.core.db import db, transaction
from fablab.core.db import lock as lock_row
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.people.models import Person
from fablab.training import places, rules, telling
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.reading import get_training, may_manage
from fablab.training.rules import OPEN, EnrolFacts, EnrolmentState, Span, TrainingState

LONGEST_REASON = 500


def enrol(actor: Actor, training_id: int, person_id: int, now: datetime, *, reason: str = "") -> Enrolment:
    """Takes a free place, or stands in line where there is none: the state of the enrolment says which. Oneself; the
    staff anybody, with a reason, which also sets aside what the staff may (`rules.SET_ASIDE`).

    Raises Denied with every reason against it, Invalid (`person_id`, `reason`), Forbidden, NotFound.
    """
    reason = _may_enrol(actor, person_id, reason)
    get_training(actor, training_id)
    with transaction() as session:
        person = lock_row(Person, person_id)
        if person is None or person.anonymised_at is not None:
            raise Invalid({"person_id": "there is no such person"})
        training = places.locked(training_id)
        _visible(actor, training)
        found = rules.remaining(_denials(training, person, now), staff=actor.is_staff, reason=reason)
        if found:
            raise Denied(found)
        known = places.counts(training)
        state = rules.joins_as(known.places, known.taken, known.waiting, now, training.starts_at)
        made = Enrolment(
            training_id=training_id, person_id=person_id, created_by_id=actor.person_id, created_at=now, state=state
        )
        session.add(made)
        session.flush()
        telling.of_enrolment("created", actor, made, now, **({"reason": reason} if reason else {}))
        if state is EnrolmentState.ENROLLED:
            telling.enrolled(actor, training, made, now)
        else:
            telling.waiting(training, made, known.waiting + 1, now)
            places.pass_on(training, now)
    return made


def check(actor: Actor, training_id: int, person_id: int, now: datetime) -> list[Denial]:
    """Every reason why `enrol` would refuse this person; empty means that he may. Changes nothing. Raises Forbidden,
    NotFound, Invalid."""
    if person_id != actor.person_id and not actor.is_staff:
        raise Forbidden("only staff may enrol somebody else")
    training = get_training(actor, training_id)
    person = db.session.get(Person, person_id)
    if person is None or person.anonymised_at is not None:
        raise Invalid({"person_id": "there is no such person"})
    return _denials(training, person, now)


def accept(actor: Actor, enrolment_id: int, now: datetime) -> Enrolment:
    """The place that is kept becomes one's own. One's own; the staff any. Raises NotFound, Conflict when the offer is
    over, Denied where something speaks against it by now."""
    person_id = _whose(actor, enrolment_id)
    with transaction() as session:
        person = lock_row(Person, person_id)
        training, enrolment = places.locked_enrolment(enrolment_id)
        if enrolment.state is not EnrolmentState.OFFERED or enrolment.offered_until is None:
            raise Conflict(gettext("This offer is not open any more."))
        if enrolment.offered_until <= now:
            raise Conflict(gettext("This offer ended; the next person in line is asked."))
        against = [] if person is None else _denials(training, person, now, enrolment_id)
        if against and not actor.is_staff:
            raise Denied(against)
        enrolment.state, enrolment.offered_until = EnrolmentState.ENROLLED, None
        session.flush()
        telling.of_enrolment("accepted", actor, enrolment, now)
        telling.enrolled(actor, training, enrolment, now)
    return enrolment


def decline(actor: Actor, enrolment_id: int, now: datetime) -> Enrolment:
    """Says no to an offer; the next in line is asked at once. One's own; the staff any. Raises NotFound, Conflict."""
    _whose(actor, enrolment_id)
    with transaction():
        training, enrolment = places.locked_enrolment(enrolment_id)
        if enrolment.state is not EnrolmentState.OFFERED:
            raise Conflict(gettext("This offer is not open any more."))
        places.end(enrolment, EnrolmentState.DECLINED, now)
        telling.of_enrolment("declined", actor, enrolment, now)
        places.pass_on(training, now)
    return enrolment


def withdraw(actor: Actor, enrolment_id: int, now: datetime, *, reason: str = "") -> Enrolment:
    """Gives the place back, or steps out of the line; the next in line is asked. One's own until the training begins;
    the staff any, until it is over.

    Later than is free it counts as late, unless the staff does it with a reason. Raises NotFound, Invalid, Conflict.
    """
    reason = _reason(reason)
    own = _whose(actor, enrolment_id) == actor.person_id
    with transaction():
        training, enrolment = places.locked_enrolment(enrolment_id)
        if enrolment.state not in OPEN:
            raise Conflict(gettext("This enrolment has ended already."))
        if training.ends_at <= now or training.state is not TrainingState.PUBLISHED:
            raise Conflict(gettext("This training is over."))
        if training.starts_at <= now and not actor.is_staff:
            raise Conflict(gettext("This training has begun. Please speak to its instructor."))
        take_out(actor, training, enrolment, now, reason=reason, excused=actor.is_staff and not own and reason != "")
    return enrolment


def take_out(
    actor: Actor,
    training: Training,
    enrolment: Enrolment,
    now: datetime,
    *,
    reason: str = "",
    excused: bool = False,
    tell: bool = True,
) -> None:
    """Ends an open enrolment and passes its place on. Only inside a transaction that has locked the training."""
    held = enrolment.state is EnrolmentState.ENROLLED
    late = rules.is_late(enrolment.state, training.starts_at, training.cancel_hours, now, excused=excused)
    places.end(enrolment, EnrolmentState.WITHDRAWN, now, late=late)
    more = {"late": True} if late else {}
    telling.of_enrolment("withdrawn", actor, enrolment, now, **more, **({"reason": reason} if reason else {}))
    training.sequence += 1  # the event that goes out of his calendar is newer than the one that is in it
    if tell:
        telling.withdrawn(actor, training, enrolment, now, held=held, reason=reason)
    training.sequence += 1  # and older than the one that comes in when he enrols again
    places.pass_on(training, now)


# -- parts ------------------------------------------------------------------------------------------------------------


def _may_enrol(actor: Actor, person_id: int, reason: str) -> str:
    reason = _reason(reason)
    if person_id == actor.person_id:
        return ""  # nobody sets a rule aside for himself
    if not actor.is_staff:
        raise Forbidden("only staff may enrol somebody else")
    if not reason:
        raise Invalid({"reason": "must say why somebody else is enrolled"})
    return reason


def _reason(reason: str) -> str:
    reason = reason.strip()
    if len(reason) > LONGEST_REASON:
        raise Invalid({"reason": f"must have at most {LONGEST_REASON} characters"})
    return reason


def _whose(actor: Actor, enrolment_id: int) -> int:
    """Whose enrolment it is. Other people's are not found, except by the staff. Raises NotFound."""
    person_id = db.session.scalar(select(Enrolment.person_id).where(Enrolment.id == enrolment_id))
    if person_id is None or not (actor.is_staff or person_id == actor.person_id):
        raise NotFound(f"There is no enrolment {enrolment_id}.")
    return person_id


def _visible(actor: Actor, training: Training) -> None:
    if training.state is TrainingState.DRAFT and not (actor.is_staff or may_manage(actor, training)):
        raise NotFound(f"There is no training {training.id}.")


def _denials(training: Training, person: Person, now: datetime, enrolment_id: int = 0) -> list[Denial]:
    """Why this person may not take part; `enrolment_id` is his own, that is in question."""
    lacking = obstacles(person, training.certifications, now) if training.certifications else []
    known = places.counts_of([training])[training.id]
    facts = EnrolFacts(
        now=now,
        training_id=training.id,
        state=training.state,
        dates=[(one.starts_at, one.ends_at) for one in training.dates],
        audience=None if training.audience is None else training.audience.value,
        person_active=person.active,
        person_audience=person.audience.value,
        full=enrolment_id == 0 and known.taken >= known.places,
        gives=training.instructor_id == person.id,
        enrolled=_is_in(training.id, person.id, enrolment_id),
        busy=_busy(person.id, training),
        lacking=[one for one in lacking if one.code != "theory_missing"],  # there is time until the training
    )
    return rules.enrol_denials(facts)


def _is_in(training_id: int, person_id: int, enrolment_id: int) -> bool:
    query = select(Enrolment.id).where(Enrolment.training_id == training_id, Enrolment.person_id == person_id)
    query = query.where(Enrolment.state.in_(OPEN), Enrolment.id != enrolment_id)
    return db.session.scalar(query.limit(1)) is not None


def _busy(person_id: int, training: Training) -> list[Span]:
    """The dates of other trainings around this one in which this person takes part or that he gives; to wait in two
    lines is nobody's harm."""
    placed = (EnrolmentState.ENROLLED, EnrolmentState.OFFERED)
    takes = select(Enrolment.training_id).where(Enrolment.person_id == person_id, Enrolment.state.in_(placed))
    query = select(TrainingDate.starts_at, TrainingDate.ends_at, Training.title).join(Training)
    query = query.where(Training.id.in_(takes) | (Training.instructor_id == person_id), Training.id != training.id)
    query = query.where(Training.state.in_((TrainingState.DRAFT, TrainingState.PUBLISHED)))
    query = query.where(TrainingDate.ends_at > training.starts_at, TrainingDate.starts_at < training.ends_at)
    return [Span(*row) for row in db.session.execute(query.order_by(TrainingDate.starts_at))]
