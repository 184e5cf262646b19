"""The pages of bookings: one blueprint, its views by subject; and one's own bookings."""

from fablab.core.actor import Role
from fablab.reservations import (
    routes_agenda,
    routes_booking,
    routes_find,
    routes_lets,
    routes_requests,
    routes_reservation,
)
from fablab.reservations.routes_base import blueprint
from fablab.web.access import access

PAGES = (routes_booking, routes_find, routes_lets, routes_requests, routes_reservation)
"""The modules whose views the blueprint holds: to be imported is enough."""

__all__ = ["PAGES", "blueprint"]


@blueprint.get("/reservations")
@access(Role.MAKER)
def mine() -> str:
    """One's own bookings: the agenda."""
    return routes_agenda.page()
