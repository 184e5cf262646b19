"""A hold: time kept for the first in a waiting list until he has answered. `waiting.py` says for whom, `offers.py` what
becomes of it. Its allocation is live, so nobody else gets the time meanwhile: the guard of the database sees to that.
"""

from dataclasses import replace
from datetime import datetime

from sqlalchemy.exc import IntegrityError

from fablab.core.db import db
from fablab.core.denials import Denial
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import Allocation, Reservation, ReservationState
from fablab.reservations.rules import BookingFacts, booking_denials
from fablab.reservations.wishes import Wish


def hold(
    person_id: int,
    resource_id: int,
    starts_at: datetime,
    ends_at: datetime,
    until: datetime,
    now: datetime,
    facts: BookingFacts | None = None,
) -> Reservation | None:
    """Keeps the time for the person until `until`, where the rules let him book it; else None.

    Only inside `transaction()`, with the resource locked; `facts` where they were gathered since, for this time or one
    around it. The limits of a person are asked again, exactly, when he accepts: his row is not locked here, because it
    comes before the resources in the order of locks.
    """
    if facts is None:
        against = denials_of(person_id, resource_id, starts_at, ends_at, now)
    else:
        against = booking_denials(replace(facts, starts_at=starts_at, ends_at=ends_at))
    if against:
        return None
    made = Reservation(
        person_id=person_id,
        created_by_id=None,
        created_at=now,
        state=ReservationState.HELD,
        held_until=until,
        starts_at=starts_at,
        ends_at=ends_at,
        allocations=[Allocation(resource_id=resource_id, starts_at=starts_at, ends_at=ends_at, live=True)],
    )
    try:
        with db.session.begin_nested():
            db.session.add(made)
    except IntegrityError:
        return None
    return made


def denials_of(
    person_id: int,
    resource_id: int,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
    ignore: int | None = None,
) -> list[Denial]:
    """Every reason against the time; `ignore` is the hold itself."""
    wish = Wish(person_id, (resource_id,), starts_at, ends_at, now, ignore=ignore)
    return [denial for facts in booking_facts(wish) for denial in booking_denials(facts)]
