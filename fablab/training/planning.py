"""Planning trainings: new ones, changes of values, dates and room, publishing.

A training holds room, machines and instructor from the moment it is planned, all of its dates or none. The locks are
taken in one order: the instructors, the training, the resources, their reservations; then the audit log.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask_babel import gettext
from sqlalchemy import delete, select

from fablab.certifications.granting import grantable
from fablab.certifications.models import Certification
from fablab.core.actor import Actor, Role
from fablab.core.db import db, transaction
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid
from fablab.core.words import config
from fablab.people.models import Person
from fablab.reservations import placing
from fablab.resources.models import Resource
from fablab.training import holding, places, telling, wishes
from fablab.training.ending import managed
from fablab.training.holding import Room
from fablab.training.models import Attendance, Training, TrainingDate
from fablab.training.reading import get_training
from fablab.training.rules import EnrolmentState, TrainingState
from fablab.training.wishes import DateWish


def plan(
    actor: Actor,
    values: Mapping[str, Any],
    dates: Sequence[DateWish],
    resource_ids: Sequence[int],
    now: datetime,
    *,
    exclusive: bool = False,
    overrides: Mapping[str, str] | None = None,
) -> Training:
    """A new training, a draft. `values` are of `wishes.CHANGEABLE`, with title and places. An instructor plans for
    himself what he teaches, managers for anybody of the staff. Each date holds the resources, or nothing is made.

    Raises Denied with every reason of every date, Invalid with every field that is wrong, Forbidden.
    """
    _need_staff(actor)
    clean = wishes.clean(values)
    wishes.check_dates(dates, now)
    instructor_id = clean.pop("instructor_id", None) or actor.person_id
    if instructor_id is None:
        raise Invalid({"instructor_id": "is needed: this token belongs to nobody"})
    room = Room(tuple(dict.fromkeys(resource_ids)), exclusive, overrides or {})
    with transaction() as session:
        instructor = placing.lock_person(instructor_id)
        training = _made(actor, instructor, clean, dates, now)
        resources = holding.lock(room, ())
        against = holding.instructor_denials(instructor_id, [one.times for one in dates], now)
        against += _past(dates, now)
        manager = actor.is_at_least(Role.MANAGER)
        against += holding.room_denials(resources.values(), training.places, room, manager=manager)
        session.add(training)
        session.flush()
        _all_or_nothing(actor, training, training.dates, room, against, now)
        telling.of_training("planned", actor, training, now)
        if instructor_id != actor.person_id:
            telling.assigned(training, now)
    return training


def publish(actor: Actor, training_id: int, now: datetime) -> Training:
    """From now on everybody sees it and can enrol. Its instructor; managers. Raises NotFound, Forbidden, Conflict."""
    get_training(actor, training_id)
    with transaction() as session:
        training = managed(actor, training_id)
        if training.state is not TrainingState.DRAFT:
            raise Conflict(gettext("This training is published already."))
        if training.starts_at <= now:
            raise Conflict(gettext("This training has begun; give it other dates first."))
        training.state = TrainingState.PUBLISHED
        training.sequence += 1
        session.flush()
        telling.of_training("published", actor, training, now)
    return training


def change(
    actor: Actor,
    training_id: int,
    now: datetime,
    *,
    values: Mapping[str, Any] | None = None,
    dates: Sequence[DateWish] | None = None,
    resource_ids: Sequence[int] | None = None,
    exclusive: bool | None = None,
    overrides: Mapping[str, str] | None = None,
    reason: str = "",
) -> Training:
    """Other values, dates or room; what is left out stays. Everything is asked again as for a new training. Who is in
    it is told of another time, place or instructor. Dates that have begun stay as they are.

    Its instructor; managers. Raises as `plan`, NotFound, Conflict when it is over or somebody changed it just now.
    """
    placing.check_text(reason, "reason")
    known = get_training(actor, training_id)
    clean = wishes.clean(values or {}, known)
    if dates is not None:
        wishes.check_dates(dates, now)
    was_id, is_id = known.instructor_id, clean.get("instructor_id") or known.instructor_id
    with transaction():
        people = {one: placing.lock_person(one) for one in sorted({was_id, is_id})}
        training = managed(actor, training_id)
        if training.instructor_id != was_id:
            raise Conflict(gettext("It has just been changed. Please look at it again."))
        if training.state not in holding.HOLDS or training.ends_at <= now:
            raise Conflict(gettext("This training is over or cancelled."))
        room = _room(training, resource_ids, exclusive, overrides or {})
        _Change(actor, training, room, reason, now).run(people[is_id], clean, dates)
    return training


# -- changing ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Change:
    """One change of a locked training."""

    actor: Actor
    training: Training
    room: Room
    reason: str
    now: datetime

    def run(self, instructor: Person, clean: dict[str, Any], dates: Sequence[DateWish] | None) -> None:
        """Takes the other locks, asks, changes, tells."""
        training, was_id = self.training, self.training.instructor_id
        before, was_dates = telling.facts_of(training), list(training.dates)
        was_room = _room(training, None, None, {})
        wanted = dates if dates is not None else [DateWish(one.starts_at, one.ends_at, one.id) for one in was_dates]
        pairs = wishes.matched(was_dates, wanted)
        removed = [one for one in was_dates if one not in [row for row, _wish in pairs]]
        self._refuse_begun(pairs, removed)
        resources = holding.lock(self.room, was_dates)
        handed, other_room = instructor.id != was_id, was_room != replace(self.room, overrides={})
        if handed or "certification_ids" in clean:
            _check_instructor(self.actor, instructor, _certifications(clean, training), self.now)
        self._refuse_fewer(clean.get("places", training.places))
        moved = self._write(instructor, clean, pairs)
        against = _past([wish for row, wish in pairs if row is None or row in moved], self.now)
        if other_room or training.places > before["places"]:
            against += self._too_small(resources.values())
        if moved or handed:
            times = [one.times for one in wanted if one.ends_at > self.now]
            against += holding.instructor_denials(training.instructor_id, times, self.now, training.id)
        self._hold(moved, removed, against, rebook=other_room or handed)
        visible = bool(moved or removed or other_room or handed or training.title != before["title"])
        self._tell(before, was_id, was_dates, removed, visible=visible)
        places.pass_on(training, self.now)

    def _refuse_begun(self, pairs: Sequence[tuple[TrainingDate | None, DateWish]], removed: list[TrainingDate]) -> None:
        begun = [one for one in removed if one.starts_at <= self.now]
        begun += [row for row, wish in pairs if row is not None and row.starts_at <= self.now and _moves(row, wish)]
        if begun:
            raise Conflict(gettext("A date that has begun stays as it is."))

    def _refuse_fewer(self, wanted: int) -> None:
        taken = places.counts(self.training).taken
        if wanted < taken:
            raise Invalid({"places": f"must be at least {taken}: so many people have a place"})

    def _write(
        self, instructor: Person, clean: dict[str, Any], pairs: Sequence[tuple[TrainingDate | None, DateWish]]
    ) -> list[TrainingDate]:
        """Writes values and dates; returns the dates that are new or at another time."""
        training = self.training
        clean.pop("instructor_id", None)
        training.instructor_id, training.instructor = instructor.id, instructor
        certifications = clean.pop("certification_ids", None)
        if certifications is not None:
            training.certifications = _found(certifications)
        if clean.get("decide_at", training.decide_at) != training.decide_at:
            training.decided_at = None
        for name, value in clean.items():
            setattr(training, name, value)
        moved = []
        for row, wish in pairs:
            if row is None:
                row = TrainingDate(training_id=training.id, starts_at=wish.starts_at, ends_at=wish.ends_at)
                training.dates.append(row)
            elif not _moves(row, wish):
                continue
            row.starts_at, row.ends_at, row.reminded_at = wish.starts_at, wish.ends_at, None
            moved.append(row)
        training.starts_at = min(wish.starts_at for _row, wish in pairs)
        training.ends_at = max(wish.ends_at for _row, wish in pairs)
        if "decide_at" in clean or training.decide_at is not None:
            wishes.check_decision(training.decide_at, training.starts_at)
        db.session.flush()
        return moved

    def _too_small(self, resources: Iterable[Resource]) -> list[Denial]:
        manager = self.actor.is_at_least(Role.MANAGER)
        return holding.room_denials(resources, self.training.places, self.room, manager=manager)

    def _hold(
        self,
        moved: Sequence[TrainingDate],
        removed: Sequence[TrainingDate],
        against: list[Denial],
        *,
        rebook: bool,
    ) -> None:
        """Room and machines of what changed, or was lost; dates that have begun keep theirs."""
        training, now = self.training, self.now
        for one in removed:
            holding.release(self.actor, one, self.reason or gettext("The training has another date."), now)
        due = [
            one
            for one in training.dates
            if one not in removed and one.starts_at > now and (one in moved or rebook or not holding.is_live(one))
        ]
        _all_or_nothing(self.actor, training, due, self.room, against, now)

    def _tell(
        self,
        before: Mapping[str, Any],
        was_id: int,
        was_dates: Sequence[TrainingDate],
        removed: Sequence[TrainingDate],
        *,
        visible: bool,
    ) -> None:
        training, now = self.training, self.now
        self._forget(removed)
        if not visible and telling.facts_of(training) == before:
            return
        training.sequence += 1
        db.session.flush()
        telling.of_training("changed", self.actor, training, now, before, **_why(self.reason))
        if not visible:
            return
        people: dict[int, bool] = {}
        if was_id != training.instructor_id:
            telling.handed_on(training, was_id, was_dates, now)
            telling.assigned(training, now)
        elif self.actor.person_id != was_id:
            people[was_id] = True
        for one in places.open_enrolments(training):
            people[one.person_id] = one.state is EnrolmentState.ENROLLED
            if one.offered_until is not None and one.offered_until > training.starts_at:
                one.offered_until = training.starts_at
        telling.changed(training, people, self.reason, now, removed)

    def _forget(self, removed: Sequence[TrainingDate]) -> None:
        """The rows of dates that are no more; what is known of them is kept for the calendars."""
        ids = [one.id for one in removed]
        for one in removed:
            db.session.expunge(one)
        for where, table in ((Attendance.date_id.in_(ids), Attendance), (TrainingDate.id.in_(ids), TrainingDate)):
            db.session.execute(delete(table).where(where).execution_options(synchronize_session=False))
        db.session.expire(self.training, ["dates"])


# -- parts ------------------------------------------------------------------------------------------------------------


def _made(
    actor: Actor, instructor: Person, clean: dict[str, Any], dates: Sequence[DateWish], now: datetime
) -> Training:
    certifications = _found(clean.pop("certification_ids", ()))
    _check_instructor(actor, instructor, certifications, now)
    training = Training(
        state=TrainingState.DRAFT,
        instructor=instructor,
        instructor_id=instructor.id,
        starts_at=min(one.starts_at for one in dates),
        ends_at=max(one.ends_at for one in dates),
        created_at=now,
        created_by_id=actor.person_id,
        certifications=certifications,
        dates=[TrainingDate(starts_at=one.starts_at, ends_at=one.ends_at) for one in sorted(dates, key=_begin)],
        **{"description": {}, "language": config().lab.languages[0], "minimum": 0, **clean},
    )
    wishes.check_decision(training.decide_at, training.starts_at)
    return training


def _begin(wish: DateWish) -> datetime:
    return wish.starts_at


def _moves(row: TrainingDate, wish: DateWish) -> bool:
    return (row.starts_at, row.ends_at) != wish.times


def _past(dates: Sequence[DateWish], now: datetime) -> list[Denial]:
    return [Denial("in_past", {"of_date": one.starts_at.isoformat()}) for one in dates if one.starts_at < now]


def _all_or_nothing(
    actor: Actor, training: Training, dates: Sequence[TrainingDate], room: Room, against: list[Denial], now: datetime
) -> None:
    """Gives each of these dates what it shall hold; raises Denied with these reasons and those of all dates."""
    try:
        holding.each(dates, lambda one: holding.move(actor, training, one, room, now))
    except Denied as error:
        known = [*against, *error.denials]
        raise Denied([one for place, one in enumerate(known) if one not in known[:place]]) from None
    if against:
        raise Denied(against)


def _room(
    training: Training, resource_ids: Sequence[int] | None, exclusive: bool | None, overrides: Mapping[str, str]
) -> Room:
    """What the dates hold, or shall hold where that is said."""
    held = next((one.reservation for one in reversed(training.dates) if holding.is_live(one)), None)
    now_ids = placing.asked_of(held) if held is not None else ()
    whole = held is not None and held.exclusive
    ids = now_ids if resource_ids is None else tuple(dict.fromkeys(resource_ids))
    return Room(ids, (whole if exclusive is None else exclusive) and bool(ids), overrides)


def _need_staff(actor: Actor) -> None:
    if not actor.is_staff:
        raise Forbidden("trainings are planned by instructors and managers")


def _found(certification_ids: Sequence[int]) -> list[Certification]:
    ids = sorted(set(certification_ids))
    query = select(Certification).where(Certification.id.in_(ids), Certification.retired_at.is_(None))
    found = list(db.session.scalars(query.order_by(Certification.id)))
    if missing := sorted(set(ids) - {one.id for one in found}):
        raise Invalid({"certification_ids": f"there is no certification {missing[0]}"})
    return found


def _certifications(clean: Mapping[str, Any], training: Training) -> Sequence[Certification]:
    return _found(clean["certification_ids"]) if "certification_ids" in clean else training.certifications


def _check_instructor(actor: Actor, instructor: Person, certifications: Sequence[Certification], now: datetime) -> None:
    """Raises Forbidden where an instructor plans for somebody else or what he does not teach, Invalid where the
    instructor is not of the staff."""
    if instructor.role is Role.MAKER or not instructor.active:
        raise Invalid({"instructor_id": "must be an instructor, a manager or an administrator"})
    if actor.is_at_least(Role.MANAGER):
        return
    if instructor.id != actor.person_id:
        raise Forbidden("an instructor plans for himself; managers plan for anybody")
    if {one.id for one in certifications} - grantable(actor, certifications, now):
        raise Forbidden("an instructor plans what he teaches; managers plan everything")


def _why(reason: str) -> dict[str, str]:
    return {"reason": reason} if reason else {}
