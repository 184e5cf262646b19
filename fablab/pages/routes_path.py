"""The page of the way to a machine."""

from flask import Blueprint, render_template, request

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import NotFound
from fablab.core.typed import whole_number
from fablab.pages import path as paths
from fablab.web.access import access, actor

blueprint = Blueprint("paths", __name__)


@blueprint.get("/resources/<int:resource_id>/path")
@access(Role.MAKER)
def show(resource_id: int) -> str:
    """One's own way; `?person_id=` for the staff that of somebody else."""
    found = paths.path(actor(), resource_id, clock.now(), _person_id())
    return render_template("pages/path.html", path=found)


def _person_id() -> int | None:
    """The person in the address. Raises NotFound for what is no id."""
    typed = request.args.get("person_id", "").strip()
    if not typed:
        return None
    number = whole_number(typed)
    if number is None:
        raise NotFound("There is no such person.")
    return number
