"""What a person is told and how, subscribed calendars; for the administrator what could not be delivered."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Invalid
from fablab.notices import feeds, rules, service
from fablab.notices.rules import Wish
from fablab.resources import service as resources
from fablab.web.access import access, actor

blueprint = Blueprint("notices", __name__)


@blueprint.get("/account/notices")
@access(Role.MAKER)
def mine() -> str:
    """One's own choices, channels and calendars."""
    return _page()


@blueprint.post("/account/notices")
@access(Role.MAKER, scope="admin")
def choose() -> Response:
    """Keeps what is ticked: fields `want` hold message and channel."""
    pairs = (value.partition("/") for value in request.form.getlist("want"))
    service.choose(actor(), frozenset(Wish(message, channel) for message, _slash, channel in pairs))
    flash(_("Your choice is kept."), "success")
    return _back()


@blueprint.post("/account/notices/channels")
@access(Role.MAKER, scope="admin")
def add_channel() -> Response | tuple[str, int]:
    """Connects a channel."""
    label = request.form.get("label", "")
    try:
        service.add_channel(actor(), label, request.form.get("url", ""), clock.now())
    except Invalid as error:
        return _page(errors=error.fields, label=label), 422
    except Conflict as error:
        return _page(errors={"url": str(error)}, label=label), 409
    flash(_("The channel is connected. A first notice is on its way to it."), "success")
    return _back()


@blueprint.post("/account/notices/channels/<int:channel_id>/remove")
@access(Role.MAKER, scope="admin")
def remove_channel(channel_id: int) -> Response:
    """Disconnects a channel."""
    service.remove_channel(actor(), channel_id, clock.now())
    flash(_("The channel is removed."), "success")
    return _back()


@blueprint.post("/account/calendars")
@access(Role.MAKER, scope="admin")
def open_calendar() -> str | tuple[str, int]:
    """A new address for a calendar, shown on this answer and never again; the old one ends."""
    wanted = request.form.get("resource", "")
    try:
        made = feeds.open_feed(actor(), int(wanted) if wanted.isdecimal() else None, clock.now())
    except Conflict as error:
        return _page(errors={"resource": str(error)}), 409
    return _page(made=made)


@blueprint.post("/account/calendars/<int:feed_id>/end")
@access(Role.MAKER, scope="admin")
def end_calendar(feed_id: int) -> Response:
    """Ends a calendar: its address finds nothing any more."""
    feeds.close_feed(actor(), feed_id, clock.now())
    flash(_("The calendar is ended."), "success")
    return _back()


@blueprint.get("/notices")
@access(Role.ADMINISTRATOR, scope="admin")
def failed() -> str:
    """What could not be delivered."""
    return render_template("notices/failed.html", failed=service.failed(), can_mail=service.can_mail())


@blueprint.post("/notices/try")
@access(Role.ADMINISTRATOR, scope="admin")
def try_out() -> Response:
    """A test notice to oneself."""
    service.try_out(actor(), clock.now())
    flash(_("A test notice to you is on its way."), "success")
    return redirect(url_for("notices.failed"), code=303)


@blueprint.post("/notices/<int:delivery_id>/<any(again, drop):what>")
@access(Role.ADMINISTRATOR, scope="admin")
def settle(delivery_id: int, what: str) -> Response:
    """Tries a failed delivery again, or takes it off the list."""
    try:
        (service.try_again if what == "again" else service.drop)(actor(), delivery_id, clock.now())
    except Conflict as error:
        flash(str(error), "info")
    return redirect(url_for("notices.failed"), code=303)


def _page(errors: dict[str, str] | None = None, label: str = "", made: str = "") -> str:
    acting = actor()
    own = feeds.feeds_of(acting.person_id)
    return render_template(
        "notices/mine.html",
        preferences=service.preferences(acting),
        services=sorted(rules.SERVICES.items(), key=lambda one: one[1].lower()),
        feeds=own,
        resources=resources.list_resources(),
        names=resources.resources_by_id([feed.resource_id for feed in own if feed.resource_id is not None]),
        can_mail=service.can_mail(),
        count_failed=service.count_failed() if acting.role is Role.ADMINISTRATOR else 0,
        errors=errors or {},
        label=label,
        made=made,
    )


def _back() -> Response:
    return redirect(url_for("notices.mine"), code=303)
