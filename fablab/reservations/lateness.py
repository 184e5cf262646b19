"""Until when a reservation can be cancelled for free: one rule for the service, the pages and the agenda."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from fablab.reservations.models import Reservation
from fablab.reservations.policies import policy_for
from fablab.reservations.policy import Effective


def cancel_hours(reservation: Reservation, policies: Mapping[int, Effective] | None = None) -> int:
    """How many hours before its start that ends: the strictest of all that it holds. One query, none where `policies`
    are the rules of its resources for its person."""
    if policies is None:
        policies = policy_for([one.resource for one in reservation.allocations], reservation.person)
    return max((policies[one.resource_id].policy.cancel_hours for one in reservation.allocations), default=0)


def is_late(reservation: Reservation, hours: int, now: datetime) -> bool:
    """Cancelling now is later than the rules let it be for free."""
    return reservation.starts_at - timedelta(hours=hours) < now
