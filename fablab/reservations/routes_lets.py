"""What is done with a lasting let from its page: notice is given, keys and deposit come back."""

from collections.abc import Callable

from flask import flash, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Conflict
from fablab.reservations import lets
from fablab.reservations.routes_base import blueprint, refused, to_reservation
from fablab.web.access import access, actor


@blueprint.get("/reservations/<int:reservation_id>/let/notice")
@access(Role.MAKER, scope="book")
def ask_notice(reservation_id: int) -> str | Response:
    """Asks once more, on a page of its own: for browsers without dialogs."""
    reservation, _let = lets.get(actor(), reservation_id)
    terms = lets.terms(actor(), reservation, clock.now())
    if terms is None or terms.if_given is None:
        return to_reservation(reservation_id)
    return render_template("reservations/notice.html", reservation=reservation, terms=terms)


@blueprint.post("/reservations/<int:reservation_id>/let/notice")
@access(Role.MAKER, scope="book")
def give_notice(reservation_id: int) -> Response:
    """Gives notice: the let ends when the days of notice are over."""

    def act() -> str:
        made = lets.give_notice(actor(), reservation_id, clock.now())
        last = lets.last_day(made.ends_at, words.config().lab.zone)
        return _("Notice is given. The last day is %(day)s.", day=words.shown(last, "EEEE d MMMM y"))

    return _done(reservation_id, act)


@blueprint.post("/reservations/<int:reservation_id>/let/keys")
@access(Role.INSTRUCTOR, scope="book")
def return_keys(reservation_id: int) -> Response:
    """Notes that the keys are back, or takes that back."""
    back = _is_back()

    def act() -> str:
        lets.keys_returned(actor(), reservation_id, clock.now(), back=back)
        return _("Noted: the keys are back.") if back else _("Noted: the keys are not back.")

    return _done(reservation_id, act)


@blueprint.post("/reservations/<int:reservation_id>/let/deposit")
@access(Role.INSTRUCTOR, scope="book")
def return_deposit(reservation_id: int) -> Response:
    """Notes that the deposit is given back, or takes that back."""
    back = _is_back()

    def act() -> str:
        lets.deposit_returned(actor(), reservation_id, clock.now(), back=back)
        return _("Noted: the deposit is given back.") if back else _("Noted: the deposit is not given back.")

    return _done(reservation_id, act)


def _is_back() -> bool:
    return request.form.get("back", "yes") != "no"


def _done(reservation_id: int, act: Callable[[], str]) -> Response:
    """Does it and says so, or says why it does not fit any more; then back to the reservation."""
    try:
        flash(act(), "success")
    except Conflict as error:
        refused(error)
    return to_reservation(reservation_id)
