"""What waits for the staff's agreement: the inbox, accepting and turning down."""

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Denied
from fablab.reservations import inbox, reading, requests
from fablab.reservations.routes_base import blueprint, refused
from fablab.web import safe_next
from fablab.web.access import access, actor


@blueprint.get("/reservations/requests")
@access(Role.INSTRUCTOR)
def requests_page() -> str:
    """Every request, soonest first, with what accepting it would turn down."""
    return render_template("reservations/requests.html", requests=inbox.inbox(requests.pending()))


@blueprint.post("/reservations/<int:reservation_id>/accept")
@access(Role.INSTRUCTOR, scope="book")
def accept(reservation_id: int) -> Response:
    """Makes a request a booking; requests that collide with it are turned down, and their people told."""
    try:
        requests.accept(actor(), reservation_id, clock.now())
        flash(_("Accepted. The person is told."), "success")
    except (Conflict, Denied) as error:
        refused(error)
    return _back(reservation_id)


@blueprint.get("/reservations/<int:reservation_id>/reject")
@access(Role.INSTRUCTOR)
def ask_reject(reservation_id: int) -> str:
    """Asks why, on a page of its own: for browsers without dialogs."""
    return _reject_page(reservation_id, {})


@blueprint.post("/reservations/<int:reservation_id>/reject")
@access(Role.INSTRUCTOR, scope="book")
def reject(reservation_id: int) -> Response | tuple[str, int]:
    """Turns it down, with the reason that the person reads."""
    reason = request.form.get("reason", "").strip()
    if not reason or len(reason) > 500:
        text = _("Please say why, in at most 500 characters: the person reads it.")
        return _reject_page(reservation_id, {"reason": text}), 422
    try:
        requests.reject(actor(), reservation_id, reason, clock.now())
        flash(_("Turned down. The person is told why."), "success")
    except Conflict as error:
        refused(error)
    return _back(reservation_id)


def _reject_page(reservation_id: int, errors: dict[str, str]) -> str:
    found = reading.get_reservation(actor(), reservation_id)
    return render_template("reservations/reject.html", reservation=found, errors=errors)


def _back(reservation_id: int) -> Response:
    home = url_for("reservations.show", reservation_id=reservation_id)
    return redirect(safe_next.target(request.form.get("next"), home), code=303)
