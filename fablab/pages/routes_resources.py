"""The pages of machines, rooms, offices and advisors: all of them, and each one."""

import io

import segno
from flask import Blueprint, Response, render_template, request

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.pages import resources
from fablab.resources import service
from fablab.resources.models import Kind, ServiceState
from fablab.web.access import access, actor

blueprint = Blueprint("resources", __name__)


@blueprint.get("/resources")
@access(Role.MAKER)
def index() -> str:
    """Everything that can be booked, with filters."""
    shown = {name: request.args.get(name, "").strip()[:100] for name in ("q", "kind", "place", "state")}
    found = resources.tiles(
        actor(),
        clock.now(),
        kind=Kind(shown["kind"]) if shown["kind"] in set(Kind) else None,
        search=shown["q"],
        place_id=whole_number(shown["place"]),
        state=ServiceState(shown["state"]) if shown["state"] in set(ServiceState) else None,
    )
    return render_template("resources/list.html", tiles=found, shown=shown, kinds=list(Kind), places=service.places())


@blueprint.get("/resources/<int:resource_id>")
@access(Role.MAKER)
def show(resource_id: int) -> str:
    """All about one of them, and how to book it."""
    found = resources.machine(actor(), resource_id, clock.now())
    return render_template("resources/show.html", machine=found, address=_address(resource_id))


@blueprint.get("/resources/<int:resource_id>/qr.svg")
@access(Role.MAKER)
def label(resource_id: int) -> Response:
    """The QR code of its short address, to print and stick on it."""
    service.get_resource(resource_id)
    drawn = io.BytesIO()
    segno.make(_address(resource_id), error="m", micro=False).save(drawn, kind="svg", scale=4, border=2)
    return Response(drawn.getvalue(), mimetype="image/svg+xml")


def _address(resource_id: int) -> str:
    web = config().web
    return f"{web.base_url or f'http://{web.host}:{web.port}'}/l/{resource_id}"
