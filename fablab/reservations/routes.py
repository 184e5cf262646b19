"""The pages of bookings: one blueprint, its views by subject; and one's own bookings."""

from flask import render_template

from fablab.core import clock
from fablab.core.actor import Role
from fablab.reservations import reading, routes_booking, routes_find, routes_reservation
from fablab.reservations.routes_base import blueprint
from fablab.web.access import access, actor

PAGES = (routes_booking, routes_find, routes_reservation)
"""The modules whose views the blueprint holds: to be imported is enough."""

__all__ = ["PAGES", "blueprint"]


@blueprint.get("/reservations")
@access(Role.MAKER)
def mine() -> str:
    """One's own bookings: the coming ones to cancel, the past ones folded."""
    coming, past = reading.mine(actor().person_id or 0, clock.now())
    return render_template("reservations/mine.html", coming=coming, past=past)
