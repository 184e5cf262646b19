"""What people hold and what they missed, as the booking rules count it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select

from fablab.core.db import db
from fablab.reservations.limits import Span
from fablab.reservations.models import Allocation, Companion, Let, Reservation, ReservationState
from fablab.resources.models import Resource

COUNTED = (
    ReservationState.REQUESTED,
    ReservationState.HELD,
    ReservationState.BOOKED,
    ReservationState.FINISHED,
)
"""What counts towards a person's limits: also requests and offers, or they would be a way around them."""

TO_COME = (ReservationState.BOOKED, ReservationState.REQUESTED, ReservationState.HELD)
"""The states of what is still to come, where it is not over."""

_HOLDS = (ReservationState.HELD, ReservationState.BOOKED)

_OWN = (
    select(
        Reservation.id, Allocation.resource_id, Allocation.starts_at, Allocation.ends_at, Resource.group_id, Let.deposit
    )
    .join(Allocation, Allocation.reservation_id == Reservation.id)
    .join(Resource, Resource.id == Allocation.resource_id)
    .outerjoin(Let, Let.reservation_id == Reservation.id)
    .where(
        Reservation.person_id == bindparam("person"),
        Reservation.ends_at > bindparam("after"),
        Reservation.state.in_(COUNTED),
    )
)
_MISSED = select(Reservation.starts_at).where(
    Reservation.person_id == bindparam("person"),
    Reservation.ends_at > bindparam("after"),
    Reservation.state == ReservationState.RELEASED,
)
_BUSY = (
    select(Reservation.person_id, Reservation.id, Reservation.starts_at, Reservation.ends_at)
    .where(
        Reservation.person_id.in_(bindparam("people", expanding=True)),
        Reservation.ends_at > bindparam("from"),
        Reservation.starts_at < bindparam("to"),
        Reservation.state.in_(_HOLDS),
    )
    .union_all(
        select(Companion.person_id, Reservation.id, Reservation.starts_at, Reservation.ends_at)
        .join(Reservation, Reservation.id == Companion.reservation_id)
        .where(
            Companion.person_id.in_(bindparam("people", expanding=True)),
            Reservation.ends_at > bindparam("from"),
            Reservation.starts_at < bindparam("to"),
            Reservation.state.in_(_HOLDS),
        )
    )
)
"""Made once: to make a statement takes longer than to carry it out."""


@dataclass(frozen=True, slots=True)
class OwnBooking:
    """A booking of a person: its time, counted once however many resources it holds, and what these are."""

    span: Span
    resource_ids: frozenset[int]
    group_ids: frozenset[int]


def own_bookings(person_id: int, after: datetime, ignore: int | None = None) -> list[OwnBooking]:
    """The bookings of a person that count towards his limits and end after `after`, in no order. One query. The time is
    the time really held, so that an early finish gives the rest back; lasting lets do not count."""
    found: dict[int, list[tuple[int, datetime, datetime, int | None]]] = {}
    for ident, resource_id, starts_at, ends_at, group_id, deposit in db.session.execute(
        _OWN, {"person": person_id, "after": after}
    ):
        if ident != ignore and deposit is None:
            found.setdefault(ident, []).append((resource_id, starts_at, ends_at, group_id))
    return [
        OwnBooking(
            (min(row[1] for row in rows), max(row[2] for row in rows)),
            frozenset(row[0] for row in rows),
            frozenset(row[3] for row in rows if row[3] is not None),
        )
        for rows in found.values()
    ]


def no_shows(person_id: int, after: datetime) -> list[datetime]:
    """The starts of the bookings that the person did not come to, of those that end after `after`. One query."""
    return list(db.session.scalars(_MISSED, {"person": person_id, "after": after}))


def people_busy(
    people: Sequence[int], from_: datetime, to: datetime, ignore: int | None = None
) -> dict[int, list[Span]]:
    """When these people have a reservation or are part of one within [from_, to), without `ignore`. One query."""
    rows = db.session.execute(_BUSY, {"people": list(people), "from": from_, "to": to})
    found: dict[int, list[Span]] = {}
    for person_id, ident, starts_at, ends_at in rows:
        if ident != ignore:
            found.setdefault(person_id, []).append((starts_at, ends_at))
    return found
