"""Until when a reservation can be cancelled for free: one rule for the service, the pages and the agenda.

Who gives time back late by moving or shortening his booking is not counted for that, as he still wants to come; but
cancelling it counts as late from then on, or one could move it far away and cancel it there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from fablab.people.models import Person
from fablab.reservations.models import Reservation
from fablab.reservations.policies import policy_for
from fablab.reservations.policy import Effective
from fablab.resources.models import Resource


def cancel_hours(reservation: Reservation, policies: Mapping[int, Effective] | None = None) -> int:
    """How many hours before its start that ends: the strictest of all that it holds. One query, none where `policies`
    are the rules of its resources for its person."""
    if policies is None:
        policies = policy_for([one.resource for one in reservation.allocations], reservation.person)
    return max((policies[one.resource_id].policy.cancel_hours for one in reservation.allocations), default=0)


def is_late(reservation: Reservation, hours: int, now: datetime) -> bool:
    """Cancelling now is later than the rules let it be for free, or some of its time was given back late before."""
    return reservation.given_back_late or reservation.starts_at - timedelta(hours=hours) < now


def gives_back_late(resources: Sequence[Resource], person: Person, starts_at: datetime, now: datetime) -> bool:
    """Whether time of these resources from `starts_at` on is given back later than cancelling is free. One query."""
    hours = max(one.policy.cancel_hours for one in policy_for(resources, person).values())
    return starts_at - timedelta(hours=hours) < now
