"""The page of one reservation: what is known of it, and what whoever looks at it may do with it now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import joinedload, selectinload

from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.core.errors import NotFound
from fablab.reservations import at_risk, changing, lateness, presence, service
from fablab.reservations.models import Allocation, Companion, Reservation, ReservationState
from fablab.reservations.story import Line, names_of, story


class Act(StrEnum):
    """What can be done with a reservation on its page."""

    CHANGE = "change"
    CANCEL = "cancel"
    CHECK_IN = "check_in"
    FINISH = "finish"
    ANSWER = "answer"
    """Accept or decline what was offered."""
    DECIDE = "decide"
    """Accept or reject what was asked for."""


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page shows. `created_by` is '' where the person booked it; `late`: cancelling now counts as late;
    `risks`: the certifications that its person lacks, so that it is cancelled at `release_at`."""

    reservation: Reservation
    acts: frozenset[Act]
    late: bool
    own: bool
    created_by: str
    ended_by: str
    story: Sequence[Line]
    risks: Sequence[Denial]
    release_at: datetime | None


def page(actor: Actor, found: Reservation, cancel_hours: int, now: datetime) -> Page:
    """What the page of a reservation that `get` found shows besides. Three queries, two more where it is at risk."""
    names = names_of([one for one in (found.created_by_id, found.ended_by_id) if one is not None])
    return Page(
        reservation=found,
        acts=acts(actor, found, now),
        late=lateness.is_late(found, cancel_hours, now),
        own=found.person_id == actor.person_id,
        created_by="" if found.created_by_id == found.person_id else names.get(found.created_by_id or 0, ""),
        ended_by="" if found.ended_by_id == found.person_id else names.get(found.ended_by_id or 0, ""),
        story=story(actor, found),
        risks=at_risk.reasons([found]).get(found.id, ()),
        release_at=at_risk.release_at(found) if at_risk.is_at_risk(found) else None,
    )


def get(actor: Actor, reservation_id: int) -> Reservation:
    """A reservation with all that belongs to it. Who comes along may see it too. Raises NotFound."""
    query = select(Reservation).where(Reservation.id == reservation_id)
    found = db.session.scalar(
        query.options(
            selectinload(Reservation.allocations).joinedload(Allocation.resource),
            selectinload(Reservation.companions).joinedload(Companion.person),
            joinedload(Reservation.person),
            joinedload(Reservation.let),
        )
    )
    if found is None or not (actor.is_staff or actor.person_id in _people(found)):
        raise NotFound(f"There is no reservation {reservation_id}.")
    return found


def acts(actor: Actor, reservation: Reservation, now: datetime) -> frozenset[Act]:
    """What this person may do with it at this moment."""
    if not (actor.is_staff or actor.person_id == reservation.person_id):
        return frozenset()
    state, over = reservation.state, reservation.ends_at <= now
    found: set[Act] = set()
    if state is ReservationState.BOOKED and not over:
        found |= set() if changing.against_changing(actor, reservation) else {Act.CHANGE}
        found |= set() if service.against_cancelling(actor, reservation, now) else {Act.CANCEL}
        if presence.may_check_in(reservation, now):
            found.add(Act.CHECK_IN)
        if not presence.against_finishing(actor, reservation, now):
            found.add(Act.FINISH)
    if state is ReservationState.REQUESTED and not over:
        found |= {Act.CHANGE, Act.CANCEL, *((Act.DECIDE,) if actor.is_staff else ())}
    if state is ReservationState.HELD and reservation.held_until is not None and reservation.held_until > now:
        found.add(Act.ANSWER)
    return frozenset(found)


def _people(reservation: Reservation) -> set[int]:
    return {reservation.person_id, *(one.person_id for one in reservation.companions)}
