"""REST: `/events`, what happens as a stream of server-sent events."""

from typing import Any

from apiflask import APIBlueprint
from flask import request
from werkzeug.wrappers import Response

from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.pages import streams
from fablab.pages.rules import Viewer
from fablab.web.access import access, actor

blueprint = APIBlueprint("pages_api", __name__, url_prefix="/api/v1", tag="Events")

ANSWERS: dict[int | str, dict[str, str | dict[str, dict[str, Any]]]] = {
    200: {"description": "The stream", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    503: {"description": "Too many streams are open; ask again after Retry-After seconds"},
}


@blueprint.get("/events")
@access(Role.MAKER)
@blueprint.doc(
    summary="Live events",
    description="`resource.status`, `reservation.*`, `usage.*` and `access.*` as server-sent events. `Last-Event-ID` "
    "resumes after that event. A stream ends now and then; open it again. Names of other people are for staff.",
    responses=ANSWERS,
)
def live_events() -> Response:
    """The stream for the caller."""
    acting = actor()
    return streams.event_stream(Viewer(person_id=acting.person_id, staff=acting.is_staff), _resumed())


def _resumed() -> int | None:
    given = request.headers.get("Last-Event-ID", "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) <= 18):
        raise Invalid({"Last-Event-ID": "must be the id of an event, digits only"})
    return int(given)
