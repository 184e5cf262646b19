"""What is told of a training: to the people in it, in the audit log, to whoever listens for events."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from fablab.certifications.models import Certification
from fablab.core import audit, events
from fablab.core.actor import Actor
from fablab.core.db import Texts
from fablab.notices import trainings as messages
from fablab.notices.calendars import CalendarEvents
from fablab.notices.service import notify
from fablab.training import calendar
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.reading import resources_of, tree_of


def places_of(dates: Iterable[TrainingDate]) -> tuple[Texts, ...]:
    """The names of the rooms and machines that these dates hold, each once."""
    known = list(dates)
    tree = tree_of(known)
    found = {one.id: one.name for date in known for one in resources_of(date, tree)}
    return tuple(found.values())


def facts_of(training: Training) -> dict[str, Any]:
    """What the audit log keeps of a training, before and after."""
    return {
        "state": training.state.value,
        "title": dict(training.title),
        "instructor_id": str(training.instructor_id),
        "places": training.places,
        "minimum": training.minimum,
        "decide_at": None if training.decide_at is None else training.decide_at.isoformat(),
        "price": training.price,
        "dates": [[one.starts_at.isoformat(), one.ends_at.isoformat()] for one in training.dates],
        "certification_ids": [str(one.id) for one in training.certifications],
    }


def of_training(
    what: str,
    actor: Actor,
    training: Training,
    now: datetime,
    before: Mapping[str, Any] | None = None,
    **more: Any,
) -> None:
    """The event and the entry in the audit log; `more` goes into the entry."""
    facts = facts_of(training)
    starts_at = training.starts_at.isoformat()
    events.append(f"training.{what}", now, training_id=str(training.id), state=facts["state"], starts_at=starts_at)
    audit.record(actor, f"training.{what}", training, now, before=before, after={**facts, **more})


def of_enrolment(what: str, actor: Actor, enrolment: Enrolment, now: datetime, **more: Any) -> None:
    """The same of one enrolment."""
    told = {
        "training_id": str(enrolment.training_id),
        "person_id": str(enrolment.person_id),
        "state": enrolment.state.value,
    }
    events.append(f"enrolment.{what}", now, enrolment_id=str(enrolment.id), **told)
    audit.record(actor, f"enrolment.{what}", enrolment, now, after={**told, **more})


# -- to people --------------------------------------------------------------------------------------------------------


def enrolled(actor: Actor, training: Training, enrolment: Enrolment, now: datetime) -> None:
    """Takes part, with the dates for the calendar."""
    by_staff = actor.person_id != enrolment.person_id
    message = messages.TrainingEnrolled(**_own(training, enrolment), by_staff=by_staff)
    notify(enrolment.person_id, message, now, attach=calendar.events_of(training, now))


def waiting(training: Training, enrolment: Enrolment, position: int, now: datetime) -> None:
    """Stands in line."""
    notify(enrolment.person_id, messages.TrainingWaiting(**_own(training, enrolment), position=position), now)


def offered(training: Training, enrolment: Enrolment, until: datetime, now: datetime) -> None:
    """A place is kept."""
    notify(enrolment.person_id, messages.TrainingOffered(**_own(training, enrolment), offered_until=until), now)


def expired(training: Training, enrolment: Enrolment, now: datetime, *, in_vain: bool) -> None:
    """The offer was not answered, or no place came free."""
    notify(enrolment.person_id, messages.TrainingExpired(**_own(training, enrolment), in_vain=in_vain), now)


def withdrawn(
    actor: Actor, training: Training, enrolment: Enrolment, now: datetime, *, held: bool, reason: str = ""
) -> None:
    """Does not take part any more; `held`: his calendar has it, and it goes out of it."""
    by_staff = actor.person_id != enrolment.person_id
    facts = _own(training, enrolment)
    message = messages.TrainingWithdrawn(**facts, late=enrolment.late, by_staff=by_staff, reason=reason)
    gone = calendar.gone(training.dates, training, now) if held else None
    notify(enrolment.person_id, message, now, attach=gone)


def changed(
    training: Training, people: Mapping[int, bool], reason: str, now: datetime, removed: Iterable[TrainingDate]
) -> None:
    """Other dates, room or instructor: told to `people`, with the calendar for those whose value is true. `removed` are
    dates that are no more."""
    message = messages.TrainingChanged(**_facts(training), reason=reason)
    dates, gone = calendar.events_of(training, now), calendar.gone(removed, training, now)
    attach = CalendarEvents(events=(*dates.events, *gone.events))
    for person_id, held in people.items():
        notify(person_id, message, now, attach=attach if held else None)


def cancelled(training: Training, people: Mapping[int, bool], reason: str, now: datetime, *, too_few: bool) -> None:
    """It does not take place: told to `people`, with the calendar for those whose value is true."""
    message = messages.TrainingCancelled(**_facts(training), reason=reason, too_few=too_few)
    gone = calendar.gone(training.dates, training, now)
    for person_id, held in people.items():
        notify(person_id, message, now, attach=gone if held else None)


def reminded(training: Training, date: TrainingDate, people: Iterable[int], now: datetime) -> None:
    """One date is soon."""
    facts = _facts(training) | {
        "starts_at": date.starts_at,
        "ends_at": date.ends_at,
        "dates": 1,
        "places": places_of([date]),
    }
    for person_id in people:
        notify(person_id, messages.TrainingReminder(**facts), now)


def assigned(training: Training, now: datetime) -> None:
    """Told to who gives it, where the lab planned it for him."""
    message = messages.TrainingAssigned(**_facts(training))
    notify(training.instructor_id, message, now, attach=calendar.events_of(training, now))


def handed_on(training: Training, person_id: int, dates: Iterable[TrainingDate], now: datetime) -> None:
    """Told to who gave it before; `dates` are those that his calendar has."""
    message = messages.TrainingReleased(**_facts(training))
    notify(person_id, message, now, attach=calendar.gone(list(dates), training, now))


def not_certified(training: Training, enrolment: Enrolment, certification: Certification, now: datetime) -> None:
    """Passed, but something is missing for the certification."""
    facts = _own(training, enrolment)
    message = messages.TrainingNotCertified(
        **facts, certification_id=certification.id, certification=certification.name
    )
    notify(enrolment.person_id, message, now)


def _own(training: Training, enrolment: Enrolment) -> dict[str, Any]:
    return _facts(training) | {"enrolment_id": enrolment.id}


def _facts(training: Training) -> dict[str, Any]:
    first = min(training.dates, key=lambda one: one.starts_at)
    return {
        "training_id": training.id,
        "title": training.title,
        "starts_at": first.starts_at,
        "ends_at": first.ends_at,
        "dates": len(training.dates),
        "places": places_of(training.dates),
        "sequence": training.sequence,
    }
