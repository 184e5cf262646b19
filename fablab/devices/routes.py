"""Devices for the staff: what speaks on the broker, new ones to adopt, and what could not be understood."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.core.typed import whole_number
from fablab.devices import overview, service
from fablab.devices.models import DeviceState
from fablab.resources.service import list_resources
from fablab.web.access import access, actor

blueprint = Blueprint("devices", __name__)

LONGEST_WORD = 120


@blueprint.get("/devices")
@access(Role.MANAGER)
def index() -> str:
    """New ones first, then the adopted ones with their last word, then what was not understood."""
    adopted = overview.with_resources(DeviceState.ADOPTED)
    discovered = overview.with_resources(DeviceState.DISCOVERED)
    said = overview.last_words([device.id for device, _resource in [*adopted, *discovered]])
    return render_template(
        "devices/list.html",
        adopted=adopted,
        discovered=discovered,
        ignored=overview.with_resources(DeviceState.IGNORED),
        words_of={ident: (one.topic, _readable(one.payload), one.received_at) for ident, one in said.items()},
        resources=list_resources(),
        problems=overview.misunderstood(),
    )


@blueprint.post("/devices/<int:device_id>/adopt")
@access(Role.MANAGER, scope="manage")
def adopt(device_id: int) -> Response:
    """Binds a device to a machine, or to none yet."""
    given = request.form.get("resource", "")
    resource_id = whole_number(given)
    try:
        service.adopt(actor(), device_id, clock.now(), resource_id=resource_id)
        flash(_("The device is adopted; it is listened to from now on."), "success")
    except Invalid:
        flash(_("Please choose a machine of the list."), "error")
    return redirect(url_for("devices.index"), code=303)


@blueprint.post("/devices/<int:device_id>/forget")
@access(Role.MANAGER, scope="manage")
def forget(device_id: int) -> Response:
    """Stops listening to a device; `ignore` keeps it from being offered again."""
    service.forget(actor(), device_id, clock.now(), ignore=request.form.get("ignore") == "yes")
    flash(_("The device is not listened to any more. What it said is kept."), "success")
    return redirect(url_for("devices.index"), code=303)


def _readable(payload: bytes) -> str:
    text = payload[: LONGEST_WORD * 4].decode("utf-8", errors="replace")
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return shown if len(shown) <= LONGEST_WORD else shown[:LONGEST_WORD] + "…"
