"""Pages of trainings for everybody: what comes, as list and as calendar, one training, enrolling and withdrawing."""

import re
from datetime import date, datetime, timedelta

from flask import flash, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications.service import list_certifications
from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Denied
from fablab.core.typed import whole_number
from fablab.training import overview, routes_sheet, routes_staff, service
from fablab.training.overview import Wanted
from fablab.training.routes_base import back, blueprint, page, said
from fablab.training.rules import EnrolmentState
from fablab.web.access import PUBLIC, access, actor, present_actor

PAGES = (routes_sheet, routes_staff)
"""The modules whose views the blueprint holds: to be imported is enough."""

__all__ = ["PAGES", "blueprint"]

_MONTH = re.compile(r"(20\d\d)-(0[1-9]|1[0-2])")


# -- what comes -------------------------------------------------------------------------------------------------------


@blueprint.get("")
@access(PUBLIC)
def index() -> str:
    """What comes, with filters: as a list or, with `?view=month`, as a calendar."""
    acting, now = present_actor(), clock.now()
    shown = {name: request.args.get(name, "").strip()[:20] for name in ("certification", "language", "free", "view")}
    spoken = shown["language"] if shown["language"] in words.config().lab.languages else None
    wanted = Wanted(whole_number(shown["certification"]), spoken, shown["free"] == "yes")
    month = _month(request.args.get("month", ""), now)
    monthly = shown["view"] == "month"
    mine = [] if acting is None or acting.person_id is None else service.own_enrolments(acting.person_id, now)
    return render_template(
        "trainings/index.html",
        shown=shown,
        filtered=wanted != Wanted(),
        month=month,
        around=((month - timedelta(days=1)).replace(day=1), (month + timedelta(days=32)).replace(day=1)),
        days=overview.month_of(acting, month, wanted) if monthly else (),
        coming=[] if monthly else [one for one in service.coming(acting, now) if wanted.fits(one)],
        mine=overview.places_now(mine),
        certifications=list_certifications(),
        today=now.astimezone(words.config().lab.zone).date(),
    )


@blueprint.get("/<int:training_id>")
@access(PUBLIC)
def show(training_id: int) -> str:
    """One training, and how the reader stands with it."""
    return page(training_id)


def _month(typed: str, now: datetime) -> date:
    """The month that is asked for, else the present one."""
    found = _MONTH.fullmatch(typed)
    if found:
        return date(int(found[1]), int(found[2]), 1)
    return now.astimezone(words.config().lab.zone).date().replace(day=1)


# -- taking part ------------------------------------------------------------------------------------------------------


@blueprint.post("/<int:training_id>/enrol")
@access(Role.MAKER, scope="book")
def enrol(training_id: int) -> Response | tuple[str, int]:
    """Takes a place, or one in the waiting list; from any page, with one click."""
    acting, now = actor(), clock.now()
    try:
        made = service.enrol(acting, training_id, acting.person_id or 0, now)
    except Denied as error:
        return page(training_id, refused=error.denials), 409
    if made.state is EnrolmentState.ENROLLED:
        flash(_("You take part. The dates are on their way to you."), "success")
    else:
        place = service.line(training_id).get(made.id, 1)
        flash(
            _("You are number %(place)d in the waiting list. You are told when a place is free.", place=place), "info"
        )
    return back(training_id)


@blueprint.post("/<int:training_id>/enrolments/<int:enrolment_id>/withdraw")
@access(Role.MAKER, scope="book")
def withdraw(training_id: int, enrolment_id: int) -> Response:
    """Gives the place back, or leaves the waiting list; the staff with a reason for somebody else."""
    try:
        done = service.withdraw(actor(), enrolment_id, clock.now(), reason=request.form.get("reason", "")[:500])
        own = done.person_id == actor().person_id
        flash(_("You do not take part any more.") if own else _("The place is free for the next person."), "success")
    except Conflict as error:
        flash(str(error), "warning")
    return back(training_id)


@blueprint.post("/<int:training_id>/enrolments/<int:enrolment_id>/accept")
@access(Role.MAKER, scope="book")
def accept(training_id: int, enrolment_id: int) -> Response:
    """Takes the place that is kept."""
    try:
        service.accept(actor(), enrolment_id, clock.now())
        flash(_("The place is yours. The dates are on their way to you."), "success")
    except (Conflict, Denied) as error:
        said(error)
    return back(training_id)


@blueprint.post("/<int:training_id>/enrolments/<int:enrolment_id>/decline")
@access(Role.MAKER, scope="book")
def decline(training_id: int, enrolment_id: int) -> Response:
    """Leaves the kept place to the next in line."""
    try:
        service.decline(actor(), enrolment_id, clock.now())
        flash(_("The next person in line is asked."), "success")
    except Conflict as error:
        said(error)
    return back(training_id)
