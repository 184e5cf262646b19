"""Reservations as pages and the API read them: one of them, a resource's coming days, all of a list."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import contains_eager, joinedload, selectinload

from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.errors import NotFound
from fablab.core.words import config
from fablab.people.models import Person
from fablab.people.rules import PersonFacts
from fablab.reservations.gather import first_ids, taken_between
from fablab.reservations.models import LIVE, Allocation, Reservation, ReservationState
from fablab.reservations.policies import policy_for, policy_of
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.rules import BookingFacts, Slot
from fablab.reservations.search import SEARCH_DAYS, next_free, next_step
from fablab.resources.hours import calendars
from fablab.resources.models import Resource, ServiceState
from fablab.resources.rules import Calendar, ResourceFacts

NEAR_DAYS = 2
WITH_RESOURCES = selectinload(Reservation.allocations).joinedload(Allocation.resource)


def get_reservation(actor: Actor, reservation_id: int) -> Reservation:
    """One reservation with its resources: one's own, any for staff. Raises NotFound for others'."""
    query = select(Reservation).where(Reservation.id == reservation_id)
    found = db.session.scalar(query.options(WITH_RESOURCES, joinedload(Reservation.person)))
    if found is None or not (actor.is_staff or found.person_id == actor.person_id):
        raise NotFound(f"There is no reservation {reservation_id}.")
    return found


def reservations_query(
    actor: Actor,
    *,
    resource_id: int | None = None,
    person_id: int | None = None,
    from_: datetime | None = None,
    to: datetime | None = None,
    state: ReservationState | None = None,
) -> Select[Any]:
    """The reservations that fit every filter and overlap [from_, to): one's own, all for staff."""
    query = select(Reservation).options(WITH_RESOURCES)
    if not actor.is_staff:
        query = query.where(Reservation.person_id == actor.person_id)
    if person_id is not None:
        query = query.where(Reservation.person_id == person_id)
    if from_ is not None:
        query = query.where(Reservation.ends_at > from_)
    if to is not None:
        query = query.where(Reservation.starts_at < to)
    if state is not None:
        query = query.where(Reservation.state == state)
    if resource_id is not None:
        query = query.where(Reservation.allocations.any(Allocation.resource_id == resource_id))
    return query


def held_between(resource_ids: Sequence[int], from_: datetime, to: datetime) -> list[Allocation]:
    """Live allocations that overlap [from_, to), ascending, each with its reservation and person. Two queries."""
    query = select(Allocation).join(Allocation.reservation).join(Reservation.person)
    query = query.options(contains_eager(Allocation.reservation).contains_eager(Reservation.person))
    of_them = query.where(Allocation.resource_id.in_(resource_ids), LIVE)
    within = db.session.scalars(of_them.where(Allocation.ends_at > from_, Allocation.ends_at <= to))
    beyond = db.session.scalars(query.where(Allocation.id.in_(first_ids(resource_ids, to)), Allocation.starts_at < to))
    return sorted([*within, *beyond], key=lambda one: (one.starts_at, one.id))


def free_from(resources: Sequence[Resource], now: datetime) -> dict[int, datetime]:
    """From when on each resource can be had, where that is within two weeks. Most are free soon, so the next days are
    read first. At most ten queries, however many resources."""
    found = _free_within(resources, now, NEAR_DAYS)
    rest = [one for one in resources if one.id not in found]
    return found | _free_within(rest, now, SEARCH_DAYS) if rest else found


def _free_within(resources: Sequence[Resource], now: datetime, days: int) -> dict[int, datetime]:
    until = now + timedelta(days=days + 1)
    taken = taken_between([one.id for one in resources], now, until)
    opening = calendars(resources, now, until)
    policies = policy_for(resources, None)
    found = {
        one.id: first_free(one, opening[one.id], policies[one.id].policy, taken.get(one.id, ()), now, days)
        for one in resources
    }
    return {ident: at for ident, at in found.items() if at is not None}


def first_free(
    resource: Resource, opening: Calendar, policy: BookingPolicy, taken: Sequence[Slot], now: datetime, days: int
) -> datetime | None:
    """From when on the resource can be had, where that is within so many days, which `taken` must cover."""
    facts = BookingFacts(
        now=now,
        starts_at=now,
        ends_at=now,
        calendar=opening,
        policy=policy,
        person=PersonFacts(active=True, member_until=None),
        resource=ResourceFacts(resource.service_state is ServiceState.IN_SERVICE),
        taken=taken,
    )
    return next_free(facts, days)


def next_start(resource: Resource, now: datetime) -> datetime:
    """The next instant on the resource's step."""
    return next_step(now, policy_of(resource).step_minutes, config().lab.zone)


def people(*which: ColumnElement[bool]) -> list[tuple[int, str]]:
    """Everybody who can be booked for, of those that fit, by name: id and name."""
    query = select(Person.id, Person.name).where(Person.active, Person.anonymised_at.is_(None), *which)
    return [(ident, name) for ident, name in db.session.execute(query.order_by(Person.name, Person.id))]
