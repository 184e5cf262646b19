"""The page of a reservation with its history, and what is done from it: change, cancel, check in, finish, answer."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock, words
from fablab.core.actor import Actor, Role
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.core.words import config
from fablab.notices import calendars
from fablab.reservations import (
    calendar_feed,
    forms,
    lateness,
    lets,
    offers,
    placing,
    policies,
    presence,
    reading,
    replacing,
    service,
    showing,
)
from fablab.reservations.models import Reservation, ReservationState
from fablab.reservations.routes_base import blueprint, given, lengths, money, refused, to_reservation, wrong
from fablab.reservations.rules import Slot
from fablab.reservations.story import rule_name
from fablab.web import safe_next
from fablab.web.access import access, actor


@blueprint.get("/reservations/<int:reservation_id>")
@access(Role.MAKER)
def show(reservation_id: int) -> str:
    """All about one reservation, and what can be done with it now."""
    found = showing.get(actor(), reservation_id)
    hours = lateness.cancel_hours(found)
    return render_template(
        "reservations/show.html",
        page=showing.page(actor(), found, hours, clock.now()),
        terms=lets.terms(actor(), found, clock.now()),
        cancel_hours=hours,
        money=money,
        rule_name=rule_name,
    )


@blueprint.get("/reservations/<int:reservation_id>/event.ics")
@access(Role.MAKER)
def event(reservation_id: int) -> Response:
    """The reservation as a calendar file; a later one changes the same event."""
    found = showing.get(actor(), reservation_id)
    content = calendars.feed(words.text(found.allocations[0].resource.name), [calendar_feed.event_of(found)])
    response = Response(content, mimetype="text/calendar")
    response.headers["Content-Disposition"] = f'attachment; filename="booking-{reservation_id}.ics"'
    return response


@blueprint.get("/reservations/<int:reservation_id>/cancel")
@access(Role.MAKER, scope="book")
def ask_cancel(reservation_id: int) -> str:
    """Asks once more, on a page of its own: for browsers without dialogs."""
    found = reading.get_reservation(actor(), reservation_id)
    late = lateness.is_late(found, lateness.cancel_hours(found), clock.now())
    return render_template("reservations/cancel.html", reservation=found, late=late)


@blueprint.post("/reservations/<int:reservation_id>/cancel")
@access(Role.MAKER, scope="book")
def cancel(reservation_id: int) -> Response:
    """Cancels it."""
    reason = request.form.get("reason", "").strip()[: forms.LONGEST_TEXT]

    def act(acting: Actor, now: datetime) -> None:
        service.cancel(acting, reservation_id, now, reason)
        flash(_("The booking is cancelled; the time is free for others."), "success")

    return _done(reservation_id, act)


@blueprint.post("/reservations/<int:reservation_id>/check-in")
@access(Role.MAKER, scope="book")
def check_in(reservation_id: int) -> Response:
    """Says that its person has come; staff say it for others."""

    def act(acting: Actor, now: datetime) -> None:
        presence.check_in(acting, reservation_id, now)
        flash(_("Checked in. Have a good time."), "success")

    return _done(reservation_id, act)


@blueprint.post("/reservations/<int:reservation_id>/finish")
@access(Role.MAKER, scope="book")
def finish(reservation_id: int) -> Response:
    """Ends it now; the rest of the time is free for others."""

    def act(acting: Actor, now: datetime) -> None:
        presence.finish(acting, reservation_id, now)
        flash(_("Finished. The rest of the time is free for others."), "success")

    return _done(reservation_id, act)


@blueprint.post("/reservations/<int:reservation_id>/accept-offer")
@access(Role.MAKER, scope="book")
def accept_offer(reservation_id: int) -> Response:
    """Takes the time that was held for the first in the waiting list."""

    def act(acting: Actor, now: datetime) -> None:
        offers.accept_hold(acting, reservation_id, now)
        flash(_("It is yours: the booking is made."), "success")

    return _done(reservation_id, act)


@blueprint.post("/reservations/<int:reservation_id>/decline-offer")
@access(Role.MAKER, scope="book")
def decline_offer(reservation_id: int) -> Response:
    """Says no to it; the next in line is asked."""

    def act(acting: Actor, now: datetime) -> None:
        offers.decline_hold(acting, reservation_id, now)
        flash(_("Declined. The next person in the waiting list is asked."), "success")

    return _done(reservation_id, act)


def _done(reservation_id: int, act: Callable[[Actor, datetime], None]) -> Response:
    """Does it, or says why it does not fit any more; then back to where the form was, else to the reservation."""
    try:
        act(actor(), clock.now())
    except (Conflict, Denied) as error:
        refused(error)
    back = url_for("reservations.show", reservation_id=reservation_id)
    return redirect(safe_next.target(request.form.get("next"), back), code=303)


# -- changing ---------------------------------------------------------------------------------------------------------


@blueprint.get("/reservations/<int:reservation_id>/change")
@access(Role.MAKER, scope="book")
def ask_change(reservation_id: int) -> str:
    """The form to move it, make it longer or shorter, or change what is written with it."""
    found = reading.get_reservation(actor(), reservation_id)
    return _change_page(found, _as_it_is(found), forms.Errors(), None)


@blueprint.post("/reservations/<int:reservation_id>/change")
@access(Role.MAKER, scope="book")
def change(reservation_id: int) -> Response | tuple[str, int]:
    """Changes it under the same rules as a new booking."""
    found = reading.get_reservation(actor(), reservation_id)
    form, errors = forms.sent(given()), forms.Errors()
    slot, ids = _slot(found, form, errors), replacing.chosen(replacing.exchanges(found, given(), errors))
    texts = {name: forms.text_of(form, name, errors) for name in ("note", "reason")}
    party = forms.party_of(form, errors)
    overrides = forms.overrides_of(form, errors) if actor().is_staff else {}
    if errors or slot is None:
        return _change_page(found, dict(form.values), errors, None), 422
    try:
        made = service.change(
            actor(),
            reservation_id,
            clock.now(),
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            party_size=party,
            resource_ids=ids,
            overrides=overrides,
            note=texts["note"],
            reason=texts["reason"],
        )
    except Denied as error:
        return _change_page(found, dict(form.values), errors, slot, error.denials, form.overrides), 409
    except Invalid as error:
        return _change_page(found, dict(form.values), wrong(error), None), 422
    except Conflict as error:
        refused(error)
        return to_reservation(reservation_id)
    if made.state is ReservationState.REQUESTED:
        flash(_("The booking is changed. The staff has to agree to it."), "info")
    else:
        flash(_("The booking is changed."), "success")
    return to_reservation(reservation_id)


def _slot(found: Reservation, form: forms.Sent, errors: dict[str, str]) -> Slot | None:
    """The time in the form; a suggested one counts before the rest."""
    chosen = given().get("slot", [""])[0]
    if chosen:
        return forms.suggested(chosen, errors)
    minutes = forms.minutes_of(form["minutes"], _minutes(found), errors)
    if all(form[name] == text for name, text in _as_it_is(found).items() if name in {"day", "time"}):
        return forms.slot_from(found.starts_at, minutes, errors)  # which of two hours it is, the clock does not say
    starts_at = forms.start_of(form["day"], form["time"], config().lab.zone, errors)
    return None if starts_at is None else forms.slot_from(starts_at, minutes, errors)


def _change_page(
    found: Reservation,
    values: dict[str, str],
    errors: dict[str, str],
    slot: Slot | None,
    denials: list[Denial] | None = None,
    overrides: Any = None,
) -> str:
    exchanges = replacing.exchanges(found, given(), errors)
    policy = policies.policy_of(found.allocations[0].resource, found.person_id)
    verdict = None
    if denials and slot is not None:
        ids, (begin, end) = replacing.chosen(exchanges), (slot.starts_at, slot.ends_at)
        verdict = service.check_change(actor(), found.id, clock.now(), starts_at=begin, ends_at=end, resource_ids=ids)
    return render_template(
        "reservations/change.html",
        reservation=found,
        exchanges=[one for one in exchanges if len(one.options) > 1],
        values=values,
        errors=errors,
        denials=denials or (),
        verdict=verdict,
        overrides=overrides or {},
        lengths=lengths(policy, forms.number(values["minutes"], 1, forms.MOST_MINUTES) or _minutes(found)),
        policy=policy,
        most_people=placing.MOST_PEOPLE,
    )


def _as_it_is(found: Reservation) -> dict[str, str]:
    local = found.starts_at.astimezone(config().lab.zone)
    return {
        "day": local.date().isoformat(),
        "time": f"{local:%H:%M}",
        "minutes": str(_minutes(found)),
        "note": found.note,
        "party_size": str(found.party_size),
        "reason": "",
    }


def _minutes(found: Reservation) -> int:
    return int((found.ends_at - found.starts_at).total_seconds()) // 60
