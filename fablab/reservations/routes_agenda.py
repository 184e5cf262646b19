"""`/agenda`, one's own bookings and all that waits for an answer; `/day`, the staff's sheet of a day, to print."""

from datetime import date, timedelta

from flask import Blueprint, render_template, request

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.words import config
from fablab.reservations.agenda import agenda
from fablab.reservations.day_sheet import day_sheet
from fablab.reservations.service import FURTHEST
from fablab.web.access import access, actor

blueprint = Blueprint("agenda", __name__)


@blueprint.get("/agenda")
@access(Role.MAKER)
def show() -> str:
    """What comes, offers to answer, requests, waiting lists, and what is past."""
    return page()


@blueprint.get("/day")
@access(Role.INSTRUCTOR)
def sheet() -> str:
    """Today's sheet, or that of the day asked for."""
    today = clock.now().astimezone(config().lab.zone).date()
    try:
        day = date.fromisoformat(request.args.get("day", ""))
    except ValueError:
        day = today
    if abs(day - today) > FURTHEST:
        day = today
    found = day_sheet(day)
    return render_template(
        "agenda/day.html", sheet=found, today=today, before=day - timedelta(1), after=day + timedelta(1)
    )


def page() -> str:
    """The agenda of whoever asks, also at the address that it had before."""
    now = clock.now()
    today = now.astimezone(config().lab.zone).date()
    return render_template("agenda/show.html", agenda=agenda(actor(), now), today=today)
