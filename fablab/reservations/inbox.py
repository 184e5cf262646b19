"""The staff's inbox: each request with the others that it would turn down, and whether its time is gone."""

from collections.abc import Sequence
from dataclasses import dataclass

from fablab.reservations.gather import taken_between
from fablab.reservations.models import Reservation


@dataclass(frozen=True, slots=True)
class Asked:
    """A request. `rivals` are other requests for some of the same at some of the same time; `booked`: somebody holds it
    by now, so it cannot be accepted."""

    reservation: Reservation
    rivals: tuple[Reservation, ...]
    booked: bool


def inbox(pending: Sequence[Reservation]) -> list[Asked]:
    """What waits, soonest first. `pending` are all requests with their allocations. Two queries, none for nothing."""
    if not pending:
        return []
    ids = sorted({ident for one in pending for ident in _resources(one)})
    taken = taken_between(ids, min(one.starts_at for one in pending), max(one.ends_at for one in pending))
    return [
        Asked(
            reservation=one,
            rivals=tuple(other for other in pending if other is not one and _collide(one, other)),
            booked=any(
                slot.starts_at < one.ends_at and slot.ends_at > one.starts_at
                for ident in _resources(one)
                for slot in taken.get(ident, ())
            ),
        )
        for one in sorted(pending, key=lambda one: (one.starts_at, one.id))
    ]


def _collide(one: Reservation, other: Reservation) -> bool:
    overlap = one.starts_at < other.ends_at and other.starts_at < one.ends_at
    return overlap and bool(_resources(one) & _resources(other))


def _resources(one: Reservation) -> set[int]:
    return {allocation.resource_id for allocation in one.allocations}
