"""The short address on the label of a machine: a page for the phone, and nothing happens by opening it."""

from flask import Blueprint, render_template, request, url_for

from fablab.core import clock
from fablab.pages import label
from fablab.reservations import forms
from fablab.web.access import PUBLIC, access, present_actor

blueprint = Blueprint("labels", __name__)


@blueprint.get("/l/<int:resource_id>")
@access(PUBLIC)
def show(resource_id: int) -> str:
    """How it stands now, and the next times to book. With `slot`, asks once before that time is booked."""
    found = label.label(present_actor(), resource_id, clock.now())
    chosen = forms.suggested(request.args.get("slot", "")[:100], {}) if "slot" in request.args else None
    here = url_for("labels.show", resource_id=resource_id)
    return render_template("pages/label.html", label=found, chosen=chosen, here=here)
