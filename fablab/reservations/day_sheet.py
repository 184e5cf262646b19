"""The manager's day sheet: who comes when to what, who may not be let in, what is closed, what waits for an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from fablab.certifications.facts import certificates_of
from fablab.certifications.rules import NOTHING, GrantFacts, Required, grant_denials
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.core.words import config
from fablab.reservations import at_risk
from fablab.reservations.gather import first_ids
from fablab.reservations.models import LIVE, Allocation, Companion, Let, Reservation, ReservationState
from fablab.reservations.rules import MOMENT, Slot
from fablab.reservations.timeline_rules import midnight
from fablab.resources.hours import calendars
from fablab.resources.models import Kind, Resource
from fablab.resources.rules import Closed
from fablab.resources.service import list_resources

LETS_AHEAD = timedelta(days=14)
"""Lets that end so soon are on the sheet: keys and deposit come back."""


@dataclass(frozen=True, slots=True)
class Line:
    """A booking on the day. `risks` are the certifications that its person does not hold at its start or its end;
    `release_at`: when it is cancelled for that, as it is at risk."""

    reservation: Reservation
    starts_at: datetime
    ends_at: datetime
    risks: tuple[Denial, ...]
    release_at: datetime | None


@dataclass(frozen=True, slots=True)
class Block:
    """One resource on the day, with what closes it and what is booked."""

    resource: Resource
    openings: tuple[Slot, ...]
    closures: tuple[Closed, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class DaySheet:
    """A day of the lab. `blocks` are resources with bookings, closures or out of service; `idle` the others;
    `requests` wait for an answer about this day; `lets` end soon."""

    date: date
    blocks: tuple[Block, ...]
    idle: tuple[Resource, ...]
    requests: tuple[Reservation, ...]
    lets: tuple[Reservation, ...]

    @property
    def bookings(self) -> int:
        """How many bookings the day has."""
        return len({line.reservation.id for block in self.blocks for line in block.lines})

    @property
    def at_risk(self) -> int:
        """How many of them are of somebody who may not be let in."""
        return len({line.reservation.id for block in self.blocks for line in block.lines if line.risks})


def day_sheet(day: date) -> DaySheet:
    """The sheet of a day, for staff: it names people. A constant number of queries."""
    zone = config().lab.zone
    begin, end = midnight(day, zone), midnight(day + timedelta(1), zone)
    order = list(Kind)
    resources = sorted(list_resources(), key=lambda one: (order.index(one.kind), one.id))
    ids = [one.id for one in resources]
    held = _held(ids, begin, end)
    people = {one.reservation.person_id for of_one in held.values() for one in of_one}
    required, granted = certificates_of(sorted(people), sorted(held)) if held else ({}, {})
    opening = calendars(resources, begin, end)
    blocks = []
    for one in resources:
        lines = tuple(_line(held_, required, granted) for held_ in held.get(one.id, ()))
        closed = tuple(it for it in opening[one.id].closures if it.starts_at < end and it.ends_at > begin)
        hours = tuple(Slot(*span) for span in opening[one.id].hours(day))
        blocks.append(Block(one, hours, closed, lines))
    busy = tuple(one for one in blocks if one.lines or one.closures or one.resource.service_state != "in_service")
    kept = {one.resource.id for one in busy}
    return DaySheet(
        date=day,
        blocks=busy,
        idle=tuple(one for one in resources if one.id not in kept),
        requests=_requests(begin, end),
        lets=_lets(begin),
    )


def _held(ids: Sequence[int], begin: datetime, end: datetime) -> dict[int, list[Allocation]]:
    """Live allocations that overlap the day, by resource, ascending, with all that the sheet says of them."""
    query = select(Allocation).options(
        joinedload(Allocation.reservation).joinedload(Reservation.person),
        joinedload(Allocation.reservation).joinedload(Reservation.let),
        joinedload(Allocation.reservation).selectinload(Reservation.companions).joinedload(Companion.person),
    )
    within = query.where(Allocation.resource_id.in_(ids), LIVE, Allocation.ends_at > begin, Allocation.ends_at <= end)
    beyond = query.where(Allocation.id.in_(first_ids(ids, end)), Allocation.starts_at < end)
    found: dict[int, list[Allocation]] = {}
    for one in [*db.session.scalars(within), *db.session.scalars(beyond)]:
        found.setdefault(one.resource_id, []).append(one)
    for of_one in found.values():
        of_one.sort(key=lambda one: one.starts_at)
    return found


def _line(one: Allocation, required: Mapping[int, Required], granted: Mapping[int, list[GrantFacts]]) -> Line:
    needs = required.get(one.resource_id, NOTHING)
    grants = granted.get(one.reservation.person_id, ())
    risks: dict[object, Denial] = {}
    for at in (one.starts_at, one.ends_at - MOMENT):
        for denial in grant_denials(needs, grants, at):
            risks.setdefault(denial.params["certification_id"], denial)
    until = at_risk.release_at(one.reservation) if at_risk.is_at_risk(one.reservation) else None
    return Line(one.reservation, one.starts_at, one.ends_at, tuple(risks.values()), until)


def _requests(begin: datetime, end: datetime) -> tuple[Reservation, ...]:
    query = select(Reservation).where(Reservation.state == ReservationState.REQUESTED)
    query = query.where(Reservation.starts_at < end, Reservation.ends_at > begin)
    whole = (selectinload(Reservation.allocations).joinedload(Allocation.resource), joinedload(Reservation.person))
    return tuple(db.session.scalars(query.options(*whole).order_by(Reservation.starts_at, Reservation.id)))


def _lets(begin: datetime) -> tuple[Reservation, ...]:
    query = select(Reservation).join(Let, Let.reservation_id == Reservation.id)
    query = query.where(Reservation.state == ReservationState.BOOKED)
    query = query.where(Reservation.ends_at > begin, Reservation.ends_at <= begin + LETS_AHEAD)
    whole = (
        selectinload(Reservation.allocations).joinedload(Allocation.resource),
        joinedload(Reservation.person),
        joinedload(Reservation.let),
    )
    return tuple(db.session.scalars(query.options(*whole).order_by(Reservation.ends_at, Reservation.id)))
