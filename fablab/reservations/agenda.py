"""A person's agenda: what comes, what waits for an answer, where he stands in line, and what is past."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select, union
from sqlalchemy.orm import joinedload, selectinload

from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.core.words import config
from fablab.notices.feeds import feeds_of
from fablab.people.models import Person
from fablab.reservations import at_risk, lateness, showing, waiting
from fablab.reservations.models import Allocation, Companion, Reservation, ReservationState
from fablab.reservations.policies import policy_for
from fablab.reservations.policy import Effective
from fablab.reservations.record import TO_COME
from fablab.reservations.showing import Act
from fablab.reservations.waiting import Standing
from fablab.resources.models import Resource

PAST = 30
"""How many past reservations are shown, the latest."""

_WHOLE = (
    selectinload(Reservation.allocations).joinedload(Allocation.resource).joinedload(Resource.place),
    joinedload(Reservation.person),
    joinedload(Reservation.let),
    selectinload(Reservation.companions).joinedload(Companion.person),
)


@dataclass(frozen=True, slots=True)
class Item:
    """One reservation in the agenda. `own`: booked for the person, not only with him; `late`: cancelling it now counts
    as late; `acts`: what he may do with it now; `risks`: the certifications that he lacks for it, for which it is
    cancelled at `release_at`."""

    reservation: Reservation
    own: bool
    late: bool
    acts: frozenset[Act]
    risks: Sequence[Denial]
    release_at: datetime | None


@dataclass(frozen=True, slots=True)
class Agenda:
    """Everything of one person. `days` are the coming bookings and requests by local day; `subscribed`: he has a
    calendar to subscribe to already."""

    offers: Sequence[Item]
    days: Sequence[tuple[date, Sequence[Item]]]
    lines: Sequence[Standing]
    past: Sequence[Reservation]
    subscribed: bool


def agenda(actor: Actor, now: datetime) -> Agenda:
    """The acting person's agenda. A constant number of queries."""
    person_id = actor.person_id or 0
    coming = _coming(person_id, now)
    held = {one.id: one.resource for reservation in coming for one in reservation.allocations}
    policies = policy_for(list({one.id: one for one in held.values()}.values()), db.session.get(Person, person_id))
    risks = at_risk.reasons([one for one in coming if one.person_id == person_id])
    items = [_item(actor, one, policies, risks, now) for one in coming]
    offers = [one for one in items if one.reservation.state is ReservationState.HELD and one.own]
    days: dict[date, list[Item]] = {}
    for one in items:
        if one.reservation.state is not ReservationState.HELD:
            begin = max(one.reservation.starts_at, now) if _runs(one.reservation, now) else one.reservation.starts_at
            days.setdefault(begin.astimezone(config().lab.zone).date(), []).append(one)
    return Agenda(
        offers=offers,
        days=sorted(days.items()),
        lines=[one for one in waiting.mine(person_id) if one.position is not None],
        past=_past(person_id, now),
        subscribed=any(one.resource_id is None for one in feeds_of(person_id)),
    )


def _coming(person_id: int, now: datetime) -> list[Reservation]:
    along = select(Companion.reservation_id).where(Companion.person_id == person_id)
    comes = (Reservation.ends_at > now, Reservation.state.in_(TO_COME))
    # Two seeks, as "one or the other" would make PostgreSQL read all that comes.
    ids = union(
        select(Reservation.id).where(Reservation.person_id == person_id, *comes),
        select(Reservation.id).where(Reservation.id.in_(along), *comes),
    )
    query = select(Reservation).where(Reservation.id.in_(ids)).options(*_WHOLE)
    return list(db.session.scalars(query.order_by(Reservation.starts_at, Reservation.id)))


def _past(person_id: int, now: datetime) -> list[Reservation]:
    query = select(Reservation).where(Reservation.person_id == person_id)
    comes = (Reservation.ends_at > now) & Reservation.state.in_(TO_COME)
    # Latest by their ends, as the index has them; else all of a person's past would be sorted for a few.
    query = query.where(~comes).options(*_WHOLE).order_by(Reservation.ends_at.desc()).limit(PAST)
    return sorted(db.session.scalars(query), key=lambda one: one.starts_at, reverse=True)


def _item(
    actor: Actor,
    one: Reservation,
    policies: Mapping[int, Effective],
    risks: Mapping[int, Sequence[Denial]],
    now: datetime,
) -> Item:
    own = one.person_id == actor.person_id
    late = lateness.is_late(one, lateness.cancel_hours(one, policies), now)
    acts = showing.acts(actor, one, now) if own else frozenset[Act]()
    until = at_risk.release_at(one) if one.id in risks else None
    return Item(one, own, late, acts, risks.get(one.id, ()), until)


def _runs(one: Reservation, now: datetime) -> bool:
    return one.starts_at <= now
