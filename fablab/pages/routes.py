"""The start page and the live wall, for people and for a television."""

from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from fablab.core import clock
from fablab.core.errors import Unavailable
from fablab.pages import service, streams
from fablab.pages.rules import VISITOR, Viewer
from fablab.people import setup
from fablab.resources.hours import lab_calendar
from fablab.web.access import PUBLIC, access, present_actor

blueprint = Blueprint("pages", __name__)

RETRY_S = "15"


def viewer() -> Viewer:
    """Who looks at the wall in this request. A television never sees names, whoever has signed in on it."""
    acting = present_actor()
    if acting is None or _televised():
        return VISITOR
    return Viewer(person_id=acting.person_id, staff=acting.is_staff)


@blueprint.get("/")
@access(PUBLIC)
def home() -> AnyResponse | str:
    """The wall for who has signed in; for a visitor, what the lab is and how busy it is. A new lab is set up first."""
    if present_actor() is not None:
        return redirect(url_for("pages.wall"))
    if setup.is_needed():
        return redirect(url_for("people.set_up"))
    found = streams.tags(VISITOR, televised=False)
    return render_template("pages/home.html", counts=service.counts(found), **_opening())


@blueprint.get("/wall")
@access(PUBLIC)
def wall() -> str:
    """All machines and rooms as they are now."""
    found = streams.tags(viewer(), _televised())
    shown = {"counts": service.counts(found), "stream": _same("pages.wall_stream"), "cards": _same("pages.wall_cards")}
    if _televised():
        return render_template("pages/television.html", tags=found, **shown)
    return render_template("pages/wall.html", groups=service.groups(found), **shown)


@blueprint.get("/wall/stream")
@access(PUBLIC)
def wall_stream() -> AnyResponse:
    """The cards that change, as server-sent events; 503 when the server has no thread to spare."""
    try:
        return streams.wall_stream(viewer(), _televised())
    except Unavailable:
        return Response(status=503, headers={"Retry-After": RETRY_S})


@blueprint.get("/wall/cards")
@access(PUBLIC)
def wall_cards() -> str:
    """All cards once more, for pages without a stream."""
    found = streams.tags(viewer(), _televised())
    return render_template("pages/cards.html", tags=found, counts=service.counts(found))


def _opening() -> dict[str, Any]:
    now = clock.now()
    opening = lab_calendar(now, now + timedelta(days=1))
    today = opening.intervals(now.astimezone(opening.zone).date())
    return {"open": any(opens <= now < closes for opens, closes in today), "hours": today}


def _televised() -> bool:
    return request.args.get("tv") == "1"


def _same(endpoint: str) -> str:
    return url_for(endpoint, tv=1) if _televised() else url_for(endpoint)
