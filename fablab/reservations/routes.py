"""Booking, as people do it: a form that works without scripts and by keyboard, and one's own bookings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Denied, Invalid, NotFound
from fablab.core.words import config
from fablab.reservations import reading, service
from fablab.reservations.gather import policy_of
from fablab.reservations.rules import BookingPolicy, Slot, instants
from fablab.resources.models import Resource
from fablab.resources.service import get_resource
from fablab.web.access import access, actor

blueprint = Blueprint("reservations", __name__)

FIELDS = ("day", "time", "minutes", "note", "person")
SHOWN_SLOTS = 48
MOST_LENGTHS = 80


@dataclass(slots=True)
class Form:
    """What was typed, what is wrong with it by field, and the time it means where nothing is."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    slot: Slot | None = None
    person_id: int = 0
    minutes: int = 0


@blueprint.get("/resources/<int:resource_id>/book")
@access(Role.MAKER, scope="book")
def book(resource_id: int) -> str:
    """The form, with the next free time already in it, and what the rules say to what is in it."""
    resource = get_resource(resource_id)
    form = _read(request.args, resource)
    return _page(resource, form, _verdict(resource, form), status=200)[0]


@blueprint.get("/resources/<int:resource_id>/book/check")
@access(Role.MAKER, scope="book")
def check(resource_id: int) -> str:
    """What the rules say, as a part of the page, while somebody chooses."""
    resource = get_resource(resource_id)
    form = _read(request.args, resource)
    return render_template(
        "reservations/verdict.html",
        resource=resource,
        form=form,
        verdict=_verdict(resource, form),
        free=_free(resource, form),
    )


@blueprint.post("/resources/<int:resource_id>/book")
@access(Role.MAKER, scope="book")
def do_book(resource_id: int) -> Response | tuple[str, int]:
    """Books what was chosen, or a suggested slot; names everything that speaks against it."""
    resource = get_resource(resource_id)
    form = _read(request.form, resource)
    if form.slot is None or form.errors:
        return _page(resource, form, None, status=422)
    slot = form.slot
    try:
        service.book(
            actor(), form.person_id, [resource.id], slot.starts_at, slot.ends_at, form.values["note"], clock.now()
        )
    except Denied:
        return _page(resource, form, _verdict(resource, form), status=409)
    except Invalid as error:
        form.errors |= {"time" if name in {"start", "end"} else name: _impossible() for name in error.fields}
        return _page(resource, form, None, status=422)
    flash(
        _("Booked: %(name)s, %(when)s.", name=words.text(resource.name), when=words.when(slot.starts_at.isoformat())),
        "success",
    )
    return redirect(url_for("reservations.mine"), code=303)


@blueprint.get("/reservations")
@access(Role.MAKER)
def mine() -> str:
    """One's own bookings: the coming ones to cancel, the past ones folded."""
    coming, past = reading.mine(actor().person_id or 0, clock.now())
    return render_template("reservations/mine.html", coming=coming, past=past)


@blueprint.get("/reservations/<int:reservation_id>/cancel")
@access(Role.MAKER, scope="book")
def ask_cancel(reservation_id: int) -> str:
    """Asks once more, on a page of its own: for browsers without dialogs."""
    return render_template("reservations/cancel.html", reservation=reading.get_reservation(actor(), reservation_id))


@blueprint.post("/reservations/<int:reservation_id>/cancel")
@access(Role.MAKER, scope="book")
def cancel(reservation_id: int) -> Response:
    """Cancels it."""
    try:
        service.cancel(actor(), reservation_id, clock.now())
        flash(_("The booking is cancelled; the time is free for others."), "success")
    except Conflict:
        flash(_("This booking was over or cancelled already."), "info")
    return redirect(url_for("reservations.mine"), code=303)


def _verdict(resource: Resource, form: Form) -> service.Verdict | None:
    """What the rules say to the time in the form; None where it holds no time."""
    if form.slot is None or form.errors:
        return None
    try:
        slot = form.slot
        return service.check(actor(), form.person_id, [resource.id], slot.starts_at, slot.ends_at, clock.now())
    except Invalid:
        form.errors["time"] = _impossible()
        return None


def _page(resource: Resource, form: Form, verdict: service.Verdict | None, status: int) -> tuple[str, int]:
    policy = policy_of(resource, config())
    page = render_template(
        "reservations/book.html",
        resource=resource,
        form=form,
        verdict=verdict,
        free=_free(resource, form),
        lengths=_lengths(policy),
        policy=policy,
        people=reading.people() if actor().is_staff else [],
        today=clock.now().astimezone(config().lab.zone).date(),
    )
    return page, status


def _read(values: Mapping[str, str], resource: Resource) -> Form:
    """The form as it was sent, or with the next free time where it was not. A suggested slot counts before the rest."""
    policy = policy_of(resource, config())
    form = Form({name: values.get(name, "").strip()[:600] for name in FIELDS})
    form.person_id = _person(form)
    form.minutes = _minutes(form, policy)
    if values.get("slot"):
        form.slot = _suggested(values["slot"], form)
    elif form.values["day"] or form.values["time"]:
        form.slot = _chosen(form)
    else:
        _prefill(form, resource)
    if len(form.values["note"]) > 500:
        form.errors["note"] = _("At most 500 characters, please.")
    return form


def _person(form: Form) -> int:
    mine_id = actor().person_id or 0
    chosen = form.values["person"]
    if not chosen or not actor().is_staff:
        return mine_id
    if chosen.isascii() and chosen.isdigit() and int(chosen) in {ident for ident, _name in reading.people()}:
        return int(chosen)
    form.errors["person"] = _("Please choose a person of the list.")
    return mine_id


def _minutes(form: Form, policy: BookingPolicy) -> int:
    text = form.values["minutes"] or str(min(max(60, policy.min_minutes), policy.max_minutes))
    form.values["minutes"] = text
    if text.isascii() and text.isdigit() and 0 < int(text[:7]) <= 366 * 1440:
        return int(text)
    form.errors["minutes"] = _("Please choose how long.")
    return policy.min_minutes


def _chosen(form: Form) -> Slot | None:
    """The time that day and time of day mean in the lab's zone; says so where they mean none or two."""
    try:
        day = date.fromisoformat(form.values["day"])
    except ValueError:
        form.errors["day"] = _("Please choose a day, such as 2026-03-02.")
        return None
    try:
        at = time.fromisoformat(form.values["time"])
        if at.tzinfo is not None:
            raise ValueError
    except ValueError:
        form.errors["time"] = _("Please choose a time, such as 14:30.")
        return None
    try:
        found = instants(day, at, config().lab.zone)
    except OverflowError:
        found = []
        form.errors["day"] = _impossible()
    if len(found) != 1:
        twice = _("This time comes twice that day, because the clocks are put back. Please choose another time.")
        never = _("This time does not exist that day, because the clocks are put forward. Please choose another time.")
        form.errors.setdefault("time" if "day" not in form.errors else "day", twice if found else never)
        return None
    return _slot(found[0], form.minutes, form)


def _slot(starts_at: datetime, minutes: int, form: Form) -> Slot | None:
    try:
        return Slot(starts_at, starts_at + timedelta(minutes=minutes))
    except OverflowError:
        form.errors["day"] = _impossible()
        return None


def _suggested(text: str, form: Form) -> Slot | None:
    """A slot as the buttons send it: two instants with a blank between."""
    try:
        first, second = (datetime.fromisoformat(part) for part in text.split(" "))
        if first.tzinfo is None or second.tzinfo is None:
            raise ValueError
    except ValueError:
        form.errors["time"] = _("Please choose a time, such as 14:30.")
        return None
    slot = Slot(first, second)
    form.minutes = int((second - first).total_seconds()) // 60
    _show(form, slot)
    return slot


def _prefill(form: Form, resource: Resource) -> None:
    """Puts the next slot that this person may book into the form, or just the next step of today."""
    now = clock.now()
    if form.errors:
        return
    found = service.availability(form.person_id, resource.id, now, now + timedelta(days=7), form.minutes, now)
    form.slot = found[0] if found else _slot(reading.next_start(resource, now), form.minutes, form)
    if form.slot is not None:
        _show(form, form.slot)


def _show(form: Form, slot: Slot) -> None:
    local = slot.starts_at.astimezone(config().lab.zone)
    form.values |= {"day": local.date().isoformat(), "time": f"{local:%H:%M}", "minutes": str(form.minutes)}


def _free(resource: Resource, form: Form) -> list[Slot]:
    """The slots of the chosen day that this person may book."""
    if form.slot is None or form.errors:
        return []
    zone = config().lab.zone
    day = form.slot.starts_at.astimezone(zone).date()
    now = clock.now()
    try:
        first = datetime.combine(day, time(0), tzinfo=zone)
        last = datetime.combine(day + timedelta(days=1), time(0), tzinfo=zone)
        begin = max(first, now)
        if begin >= last:
            return []
        found = service.availability(form.person_id, resource.id, begin, last, form.minutes, now)
    except (Invalid, NotFound, OverflowError):
        return []
    return found[:SHOWN_SLOTS]


def _lengths(policy: BookingPolicy) -> list[tuple[int, str]]:
    """The lengths that are offered: fine steps first, hours and days after that."""
    minutes = policy.min_minutes
    found: list[int] = []
    while minutes <= policy.max_minutes and len(found) < MOST_LENGTHS:
        found.append(minutes)
        minutes += policy.step_minutes if minutes < 240 else 60 if minutes < 1440 else 1440
    if found and found[-1] != policy.max_minutes:
        found.append(policy.max_minutes)
    return [(one, words.length(one)) for one in found]


def _impossible() -> str:
    return _("This time is too far away to be booked.")
