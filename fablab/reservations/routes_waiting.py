"""The page of a waiting list: where one stands, and what one waits for."""

from datetime import datetime, time, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.core.words import config
from fablab.reservations import forms, policies, waiting
from fablab.reservations.routes_base import given, lengths, wrong
from fablab.reservations.rules import Slot
from fablab.resources.models import Resource
from fablab.resources.service import get_resource
from fablab.web.access import access, actor

blueprint = Blueprint("waiting", __name__)


@blueprint.get("/resources/<int:resource_id>/waiting")
@access(Role.MAKER)
def show(resource_id: int) -> str:
    """One's own places in the line, for staff everybody's, and the form to join it, which `slot` fills."""
    resource = get_resource(resource_id)
    return _page(resource, _usual(request.args.get("slot", "")), {})


@blueprint.post("/resources/<int:resource_id>/waiting")
@access(Role.MAKER, scope="book")
def join(resource_id: int) -> Response | tuple[str, int]:
    """Stands in line for a slot, or for so many minutes on the days from one to another."""
    resource = get_resource(resource_id)
    form, errors = forms.sent(given()), forms.Errors()
    wish = _wish(form, errors)
    if wish is None or errors:
        return _page(resource, dict(form.values), errors), 422
    slot, minutes = wish
    me = actor().person_id or 0
    try:
        waiting.join(actor(), me, resource_id, slot.starts_at, slot.ends_at, minutes, clock.now())
    except Denied as error:
        return _page(resource, dict(form.values), {}, error.denials), 409
    except Conflict as error:
        flash(str(error), "info")
        return _page(resource, dict(form.values), {}), 409
    except Invalid as error:
        return _page(resource, dict(form.values), wrong(error)), 422
    flash(_("You stand in line. You are told as soon as a time is free for you."), "success")
    return redirect(url_for("waiting.show", resource_id=resource_id), code=303)


@blueprint.post("/resources/<int:resource_id>/waiting/<int:entry_id>/leave")
@access(Role.MAKER, scope="book")
def leave(resource_id: int, entry_id: int) -> Response:
    """Steps out of the line."""
    try:
        waiting.leave(actor(), entry_id, clock.now())
        flash(_("You do not wait for this time any more."), "success")
    except Conflict as error:
        flash(str(error), "info")
    return redirect(url_for("waiting.show", resource_id=resource_id), code=303)


def _wish(form: forms.Sent, errors: forms.Errors) -> tuple[Slot, int] | None:
    """The time that is wished for: on one day from a time of day on, or on any of several days."""
    zone = config().lab.zone
    minutes = forms.minutes_of(form["minutes"], 60, errors)
    if form["time"]:
        starts_at = forms.start_of(form["day"], form["time"], zone, errors)
        slot = None if starts_at is None else forms.slot_from(starts_at, minutes, errors)
        return None if slot is None else (slot, minutes)
    first = forms.day_of(form["day"], "day", errors)
    last = first if not form["last_day"] else forms.day_of(form["last_day"], "last_day", errors)
    if first is None or last is None:
        return None
    if not timedelta(0) <= last - first < timedelta(days=waiting.MOST_DAYS):
        errors["last_day"] = _("The last day must not be before the first, nor two months later.")
        return None
    begin = datetime.combine(first, time(0), tzinfo=zone)
    end = datetime.combine(last + timedelta(days=1), time(0), tzinfo=zone)
    return Slot(begin, end), minutes


def _usual(slot: str) -> dict[str, str]:
    """The form filled with a slot as the booking page sends it, else with today."""
    zone, errors = config().lab.zone, forms.Errors()
    found = forms.suggested(slot, errors) if slot else None
    begin = (found.starts_at if found else clock.now()).astimezone(zone)
    minutes = int((found.ends_at - found.starts_at).total_seconds()) // 60 if found else 60
    at = f"{begin:%H:%M}" if found else ""
    return {"day": begin.date().isoformat(), "time": at, "minutes": str(minutes), "last_day": ""}


def _page(
    resource: Resource, values: dict[str, str], errors: dict[str, str], denials: list[Denial] | None = None
) -> str:
    line = waiting.line(resource.id)
    acting = actor()
    policy = policies.policy_of(resource, acting.person_id)
    offered = dict(lengths(policy))
    if values["minutes"].isdigit() and 0 < int(values["minutes"]) <= forms.MOST_MINUTES:
        offered.setdefault(int(values["minutes"]), words.length(int(values["minutes"])))
    return render_template(
        "waiting/show.html",
        resource=resource,
        own=[one for one in line if one.entry.person_id == acting.person_id],
        line=line if acting.is_staff else [],
        count=sum(one.position is not None for one in line),
        values=values,
        errors=errors,
        denials=denials or (),
        lengths=sorted(offered.items()),
        policy=policy,
    )
