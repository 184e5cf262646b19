"""Booking, as people do it: one form for machines, rooms, offices, desks and advisors; by keyboard, without scripts."""

from datetime import datetime, time, timedelta
from typing import Any

from flask import flash, redirect, render_template, url_for
from flask_babel import ngettext
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.denials import Denial
from fablab.core.errors import Denied, Invalid, NotFound
from fablab.core.words import config
from fablab.reservations import bookable, filling, placing, preview, series, service
from fablab.reservations.bookable import Offer
from fablab.reservations.filling import BookingForm
from fablab.reservations.routes_base import blueprint, given, lengths, to_reservation, told, wrong
from fablab.reservations.rules import Slot
from fablab.resources.service import get_resource
from fablab.web.access import access, actor

SHOWN_SLOTS = 48


@blueprint.get("/resources/<int:resource_id>/book")
@access(Role.MAKER, scope="book")
def book(resource_id: int) -> str:
    """The form, with the next free time already in it, and what the rules say to what is in it."""
    offer = bookable.offer(actor(), get_resource(resource_id))
    form = filling.read(actor(), offer, given(), clock.now())
    return _page(offer, form, status=200)[0]


@blueprint.get("/resources/<int:resource_id>/book/check")
@access(Role.MAKER, scope="book")
def check(resource_id: int) -> str:
    """What the rules say, as a part of the page, while somebody chooses."""
    offer = bookable.offer(actor(), get_resource(resource_id))
    form = filling.read(actor(), offer, given(), clock.now())
    return render_template("reservations/check.html", **_judged(offer, form))


@blueprint.post("/resources/<int:resource_id>/book")
@access(Role.MAKER, scope="book")
def do_book(resource_id: int) -> Response | tuple[str, int]:
    """Books what was chosen, or a suggested slot; names everything that speaks against it."""
    offer = bookable.offer(actor(), get_resource(resource_id))
    form = filling.read(actor(), offer, given(), clock.now())
    if not form.ready or form.slot is None:
        return _page(offer, form, status=422)
    try:
        return _book_series(form, form.slot) if form.rule else _book_once(form, form.slot)
    except Denied as error:
        return _page(offer, form, status=409, refused=error.denials)
    except Invalid as error:
        form.errors |= wrong(error)
        return _page(offer, form, status=422)


def _book_once(form: BookingForm, slot: Slot) -> Response:
    made = service.book(
        actor(), form.person_id, form.resource_ids, slot.starts_at, slot.ends_at, form.extras, clock.now()
    )
    told(made)
    return to_reservation(made.id)


def _book_series(form: BookingForm, slot: Slot) -> Response:
    made = series.book_series(
        actor(), form.person_id, form.resource_ids, slot.starts_at, slot.ends_at, form.rule, form.extras, clock.now()
    )
    flash(ngettext("%(num)d booking made.", "%(num)d bookings made.", len(made.booked)), "success")
    return redirect(url_for("series.show", series_id=made.series.id), code=303)


def _page(offer: Offer, form: BookingForm, status: int, refused: list[Denial] | None = None) -> tuple[str, int]:
    page = render_template(
        "reservations/book.html",
        lengths=lengths(offer.policy, form.minutes),
        most_people=placing.MOST_PEOPLE,
        today=clock.now().astimezone(config().lab.zone).date(),
        **_judged(offer, form, refused),
    )
    return page, status


def _judged(offer: Offer, form: BookingForm, refused: list[Denial] | None = None) -> dict[str, Any]:
    """What the templates of the verdict need. `refused` is what a booking was refused for just now: it stays in sight
    even where the rules would allow it a moment later."""
    verdict = _verdict(form)
    return {
        "offer": offer,
        "resource": offer.resource,
        "form": form,
        "verdict": verdict,
        "denials": (verdict.denials if verdict and verdict.denials else refused) or (),
        "dates": _dates(form),
        "free": _free(offer, form),
    }


def _verdict(form: BookingForm) -> service.Verdict | None:
    """What the rules say to the time in the form; None where it holds no time."""
    if not form.ready or form.slot is None:
        return None
    slot = form.slot
    try:
        return service.check(
            actor(), form.person_id, form.resource_ids, slot.starts_at, slot.ends_at, clock.now(), form.extras
        )
    except Invalid as error:
        form.errors |= wrong(error)
        return None


def _dates(form: BookingForm) -> list[preview.Date]:
    """The dates of a series, where one is wished and makes sense."""
    if not form.rule or not form.ready or form.slot is None:
        return []
    try:
        return preview.dates(actor(), form.person_id, form.resource_ids, form.slot, form.rule, form.extras, clock.now())
    except Invalid as error:
        form.errors |= wrong(error)
        return []


def _free(offer: Offer, form: BookingForm) -> list[Slot]:
    """The slots of the chosen day that this person may book."""
    if not form.ready or form.slot is None or not form.is_plain:
        return []
    zone, now = config().lab.zone, clock.now()
    day = form.slot.starts_at.astimezone(zone).date()
    try:
        first = datetime.combine(day, time(0), tzinfo=zone)
        last = datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)
        begin = max(first, now)
        if begin >= last:
            return []
        found = service.availability(form.person_id, offer.resource.id, begin, last, form.minutes, now)
    except (Invalid, NotFound, OverflowError):
        return []
    return found[:SHOWN_SLOTS]
