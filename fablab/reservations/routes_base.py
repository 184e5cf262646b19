"""The blueprint of the pages of bookings, and what several of them share."""

from collections.abc import Mapping

from flask import Blueprint, flash, g, redirect, request, url_for
from flask_babel import format_currency
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import words
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.reservations import asked, forms
from fablab.reservations.models import Reservation, ReservationState
from fablab.reservations.policy import BookingPolicy
from fablab.resources.models import Resource

blueprint = Blueprint("reservations", __name__)

MOST_LENGTHS = 80

FIELDS = {
    "start": "time",
    "end": "minutes",
    "person_id": "person",
    "companion_ids": "companion_name",
    "resource_id": "resource",
    "resource_ids": "resource",
    "recurrence": "repeat",
}
"""Which field of a page holds what a service calls by another name."""


def lengths(policy: BookingPolicy, chosen: int | None = None) -> list[tuple[int, str]]:
    """The lengths that are offered: fine steps first, hours and days after that; and what is chosen."""
    minutes = policy.min_minutes
    found: list[int] = []
    while minutes <= policy.max_minutes and len(found) < MOST_LENGTHS:
        found.append(minutes)
        minutes += policy.step_minutes if minutes < 240 else 60 if minutes < 1440 else 1440
    if found and found[-1] != policy.max_minutes:
        found.append(policy.max_minutes)
    return [(one, words.length(one)) for one in sorted({*found, chosen or policy.min_minutes})]


def wrong(error: Invalid) -> dict[str, str]:
    """What a service found wrong, by field of the page, in the reader's words."""
    return {FIELDS.get(name, name): forms.fault(name) for name in error.fields}


def told(reservation: Reservation) -> None:
    """Says what became of a wish: booked, or asked for."""
    name = words.text(reservation.allocations[0].resource.name)
    when = words.when(reservation.starts_at.isoformat())
    if reservation.state is ReservationState.REQUESTED:
        flash(
            _("Asked for: %(name)s, %(when)s. You are told when the staff has decided.", name=name, when=when), "info"
        )
    else:
        flash(_("Booked: %(name)s, %(when)s.", name=name, when=when), "success")


def to_reservation(reservation_id: int) -> Response:
    """Back to the page of a reservation."""
    return redirect(url_for("reservations.show", reservation_id=reservation_id), code=303)


def refused(error: Conflict | Denied) -> None:
    """Says why an act did not fit any more."""
    if isinstance(error, Denied):
        flash(" ".join(words.sentence(denial) for denial in error.denials), "error")
    else:
        flash(str(error), "warning")


@blueprint.app_template_filter("asked")
def asked_of(reservation: Reservation) -> list[Resource]:
    """What was asked for of all that it holds; the tree of places is read once a page."""
    if reservation.exclusive and "places" not in g:
        g.places = asked.parents()
    return asked.asked(reservation, g.get("places", {}))


def given() -> Mapping[str, list[str]]:
    """What the form or the query of this request holds: every text by name."""
    source = request.form if request.method == "POST" else request.args
    return source.to_dict(flat=False)


def money(minor: int) -> str:
    """An amount in minor units of the lab's currency, as people read it."""
    return str(format_currency(minor / 100, words.config().lab.currency))
