"""What a training holds: its room and machines by a reservation for each date, and its instructor.

Everything here stands inside the transaction of who plans or changes, which has taken all locks with `lock` before
anything is written: the audit log is locked last by everybody.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from flask_babel import gettext
from sqlalchemy import or_, select

from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.core.errors import Denied
from fablab.core.words import config, text
from fablab.reservations import handing, notices, placing, service
from fablab.reservations.models import Companion, Let, Reservation, ReservationState
from fablab.reservations.wishes import Extras
from fablab.resources.models import Kind, Resource
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.rules import EnrolmentState, TrainingState

HOLDS = (TrainingState.DRAFT, TrainingState.PUBLISHED)
OF_ONE_PERSON = (
    "quota_exceeded",
    "too_short",
    "too_long",
    "too_soon",
    "too_far_ahead",
    "suspended",
    "needs_supervisor",
)
"""Booking rules about what one person takes for himself: a training is none of that, so the lab sets them aside."""

Times = tuple[datetime, datetime]
Act = Callable[[TrainingDate], None]


@dataclass(frozen=True, slots=True)
class Room:
    """What each date holds; `exclusive`: rooms as a whole; `overrides`: booking rules that are set aside, each code
    with the reason."""

    resource_ids: tuple[int, ...] = ()
    exclusive: bool = False
    overrides: Mapping[str, str] = field(default_factory=dict)


# -- locks ------------------------------------------------------------------------------------------------------------


def lock(room: Room, dates: Iterable[TrainingDate]) -> dict[int, Resource]:
    """Locks all resources that are held or shall be, ascending, then the reservations, ascending. The people, then the
    training, are locked before."""
    ids = {one.reservation_id for one in dates if one.reservation_id is not None}
    along = placing.whole(room.resource_ids)[1] if room.exclusive and room.resource_ids else ()
    held = {resource for ident in ids for resource in placing.resources_of(ident)}
    locked = placing.lock_resources({*room.resource_ids, *along, *held})
    query = select(Reservation.id).where(Reservation.id.in_(ids)).order_by(Reservation.id)
    db.session.execute(query.with_for_update(key_share=True, of=Reservation)).all()
    return {ident: locked[ident] for ident in room.resource_ids if ident in locked}


# -- the instructor ---------------------------------------------------------------------------------------------------


def instructor_denials(instructor_id: int, times: Sequence[Times], now: datetime, training_id: int = 0) -> list[Denial]:
    """Why the instructor cannot give these dates: another training of his, a booking of his or as a companion, or two
    of the dates at once. What is over does not count, nor does an office that he rents. Two queries; his row is locked.
    """
    if not times:
        return []
    first, last = min(begin for begin, _end in times), max(end for _begin, end in times)
    ordered = sorted(times)
    found = [
        ("clash", later[0], min(earlier[1], later[1]))
        for earlier, later in zip(ordered, ordered[1:], strict=False)
        if later[0] < earlier[1]
    ]
    found += [("training", *span) for span in _taught(instructor_id, training_id, max(first, now), last)]
    found += [("booking", *span) for span in _booked(instructor_id, max(first, now), last)]
    return [
        Denial("instructor_busy", {"why": why, "starts_at": begin.isoformat(), "ends_at": end.isoformat()})
        for why, begin, end in found
        if why == "clash" or any(begin < stop and start < end for start, stop in times)
    ]


def _taught(instructor_id: int, training_id: int, from_: datetime, to: datetime) -> list[Times]:
    """Dates of other trainings that he gives, or takes part in."""
    attends = select(Enrolment.training_id).where(Enrolment.person_id == instructor_id)
    attends = attends.where(Enrolment.state == EnrolmentState.ENROLLED)
    query = select(TrainingDate.starts_at, TrainingDate.ends_at).join(Training)
    query = query.where(or_(Training.instructor_id == instructor_id, Training.id.in_(attends)))
    query = query.where(Training.state.in_(HOLDS), Training.id != training_id)
    query = query.where(TrainingDate.ends_at > from_, TrainingDate.starts_at < to)
    return [(begin, end) for begin, end in db.session.execute(query.order_by(TrainingDate.starts_at))]


def _booked(instructor_id: int, from_: datetime, to: datetime) -> list[Times]:
    of_trainings = select(TrainingDate.reservation_id).where(TrainingDate.reservation_id.is_not(None))
    along = select(Companion.reservation_id).where(Companion.person_id == instructor_id)
    query = select(Reservation.starts_at, Reservation.ends_at)
    query = query.outerjoin(Let, Let.reservation_id == Reservation.id).where(Let.reservation_id.is_(None))
    query = query.where(or_(Reservation.person_id == instructor_id, Reservation.id.in_(along)))
    query = query.where(Reservation.state.in_((ReservationState.BOOKED, ReservationState.HELD)))
    query = query.where(Reservation.ends_at > from_, Reservation.starts_at < to, Reservation.id.not_in(of_trainings))
    return [(begin, end) for begin, end in db.session.execute(query.order_by(Reservation.starts_at))]


def room_denials(resources: Iterable[Resource], places: int, room: Room, *, manager: bool) -> list[Denial]:
    """Rooms that are too small for all places and the instructor; a manager may set that aside. A machine is used by
    one after the other."""
    if manager and room.overrides.get("over_capacity", "").strip():
        return []
    return [
        Denial(
            "over_capacity",
            {
                "resource_id": str(one.id),
                "resource_name": one.name,
                "limit": "capacity",
                "allowed": one.capacity,
                "value": places + 1,
            },
        )
        for one in resources
        if one.kind in (Kind.ROOM, Kind.OFFICE) and one.capacity is not None and one.capacity < places + 1
    ]


# -- room and machines ------------------------------------------------------------------------------------------------


def book(actor: Actor, training: Training, date: TrainingDate, room: Room, now: datetime) -> None:
    """Books room and machines for a date. Raises Denied with the reasons, as `service.book`."""
    if not room.resource_ids:
        return
    called = _called(training)
    extras = Extras(note=called, exclusive=room.exclusive, on_behalf_reason=called, overrides=_overrides(room, called))
    with notices.together():
        made = service.book(actor, training.instructor_id, room.resource_ids, date.starts_at, date.ends_at, extras, now)
    date.reservation = made
    db.session.flush()


def move(actor: Actor, training: Training, date: TrainingDate, room: Room, now: datetime) -> None:
    """Gives the reservation of a date its present times, the room and the instructor. Raises Denied with the
    reasons."""
    held = date.reservation
    if held is None or not is_live(date) or held.exclusive != room.exclusive or not room.resource_ids:
        release(actor, date, gettext("The training needs another room."), now)
        date.reservation = None
        db.session.flush()
        book(actor, training, date, room, now)
        return
    called = _called(training)
    with notices.together():
        if held.person_id != training.instructor_id:
            handing.hand_over(actor, held.id, training.instructor_id, now, _overrides(room, called))
        service.change(
            actor,
            held.id,
            now,
            starts_at=date.starts_at,
            ends_at=date.ends_at,
            resource_ids=room.resource_ids,
            reason=called,
            overrides=_overrides(room, called),
        )


def release(actor: Actor, date: TrainingDate, reason: str, now: datetime) -> bool:
    """Gives back what a date holds, so that others can have it; True where it held anything."""
    held = date.reservation
    if held is None or not is_live(date) or held.ends_at <= now:
        return False
    with notices.together():
        service.cancel(actor, held.id, now, reason)
    return True


def is_live(date: TrainingDate) -> bool:
    """Whether its reservation still stands: somebody may have cancelled it by itself."""
    return date.reservation is not None and date.reservation.state is ReservationState.BOOKED


def each(dates: Collection[TrainingDate], act: Act) -> None:
    """Does it for each date. Raises Denied with all reasons of all dates; where there are several, with the date."""
    against: list[Denial] = []
    for one in dates:
        try:
            act(one)
        except Denied as error:
            at = {"of_date": one.starts_at.isoformat()} if len(dates) > 1 else {}
            against += [Denial(denial.code, {**denial.params, **at}) for denial in error.denials]
    if against:
        raise Denied(against)


def _overrides(room: Room, called: str) -> dict[str, str]:
    return dict.fromkeys(OF_ONE_PERSON, called) | dict(room.overrides)


def _called(training: Training) -> str:
    title = text(training.title, config().lab.languages[0])
    return gettext("Training: %(title)s", title=title)[: placing.LONGEST_TEXT]
