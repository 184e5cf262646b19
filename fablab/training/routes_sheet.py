"""The attendance sheet on the instructor's phone. With scripts each tick goes to REST by itself (`attendance.js`); here
is the page, and a plain form for browsers without them."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from flask import Response as FlaskResponse
from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict
from fablab.training import overview, service
from fablab.training.attendance import Row, Sheet, Tick
from fablab.training.models import TrainingDate
from fablab.training.routes_base import blueprint
from fablab.training.rules import SHEET_OPENS, Mark, Outcome, TrainingState
from fablab.web import assets
from fablab.web.access import PUBLIC, access, actor


@blueprint.get("/<int:training_id>/attendance")
@access(Role.INSTRUCTOR)
def attendance(training_id: int) -> str:
    """Who is there, who passed."""
    now = clock.now()
    return _page(service.sheet(actor(), training_id), now)


@blueprint.post("/<int:training_id>/attendance")
@access(Role.INSTRUCTOR, scope="manage")
def tick(training_id: int) -> Response | tuple[str, int]:
    """Keeps what was changed on the plain form, and tries again to certify whoever passed."""
    now = clock.now()
    try:
        done = service.mark(actor(), training_id, _ticks(service.sheet(actor(), training_id), now), now)
    except Conflict as error:
        flash(str(error), "error")
        return redirect(url_for("trainings.attendance", training_id=training_id), code=303)
    if done.refused:
        flash(" ".join(dict.fromkeys(one.why for one in done.refused)), "warning")
    else:
        flash(_("The sheet is saved."), "success")
    if done.missing:
        count = len({one.enrolment_id for one in done.missing})
        text = ngettext(
            "%(num)d person passed but cannot be certified yet: see why below.",
            "%(num)d people passed but cannot be certified yet: see why below.",
            count,
        )
        flash(text, "warning")
    return redirect(url_for("trainings.attendance", training_id=training_id), code=303)


@blueprint.post("/<int:training_id>/close")
@access(Role.INSTRUCTOR, scope="manage")
def close(training_id: int) -> Response:
    """Closes the sheet."""
    return _turn(training_id, closing=True)


@blueprint.post("/<int:training_id>/reopen")
@access(Role.INSTRUCTOR, scope="manage")
def reopen(training_id: int) -> Response:
    """Opens it again."""
    return _turn(training_id, closing=False)


@blueprint.get("/sheets.js")
@access(PUBLIC)
def worker() -> FlaskResponse:
    """The service worker that keeps an opened sheet for when there is no connection. It stands here because a worker
    rules over the addresses beside its own."""
    response = FlaskResponse(assets.built("attendance-worker.js").read_bytes(), mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    return response


# -- parts ------------------------------------------------------------------------------------------------------------


def _page(sheet: Sheet, now: datetime) -> str:
    training = sheet.training
    opens_at = training.starts_at - SHEET_OPENS
    present = _present_date(training.dates, now)
    marks = [row.marks.get(present) for row in sheet.rows]
    return render_template(
        "trainings/attendance.html",
        sheet=sheet,
        training=training,
        why=overview.why_missing(sheet.rows, now),
        present=present,
        there=sum(one is not None and one.mark is Mark.PRESENT for one in marks),
        opens_at=opens_at,
        ticks=training.state is TrainingState.PUBLISHED and opens_at <= now,
        closable=training.state is TrainingState.PUBLISHED and training.ends_at <= now,
    )


def _present_date(dates: Sequence[TrainingDate], now: datetime) -> int:
    """The date that the sheet is open at: the last one that has begun or begins soon, else the first."""
    begun = [one for one in dates if one.starts_at - SHEET_OPENS <= now]
    return (begun or list(dates))[-1 if begun else 0].id


def _turn(training_id: int, *, closing: bool) -> Response:
    try:
        if closing:
            service.close(actor(), training_id, clock.now())
            flash(_("The sheet is closed."), "success")
        else:
            service.reopen(actor(), training_id, clock.now())
            flash(_("The sheet is open again."), "success")
    except Conflict as error:
        flash(str(error), "warning")
    return redirect(url_for("trainings.attendance", training_id=training_id), code=303)


def _ticks(sheet: Sheet, now: datetime) -> list[Tick]:
    """What differs from what the page showed when it was opened: the rest may be newer by now."""
    form = {name: value.strip()[:500] for name, value in request.form.items()}
    found: list[Tick] = []
    for row in sheet.rows:
        found += _marks(form, row, sheet.training.dates, now)
        found += _outcome(form, row, now)
    return found


def _marks(form: Mapping[str, str], row: Row, dates: Sequence[TrainingDate], now: datetime) -> list[Tick]:
    found = []
    for date in dates:
        name = f"mark-{row.enrolment.id}-{date.id}"
        typed = form.get(name, "")
        if typed in set(Mark) and typed != form.get(f"was-{name}", ""):
            found.append(Tick(row.enrolment.id, now, date_id=date.id, mark=Mark(typed)))
    return found


def _outcome(form: Mapping[str, str], row: Row, now: datetime) -> list[Tick]:
    name, noted = f"outcome-{row.enrolment.id}", f"note-{row.enrolment.id}"
    outcome, note = form.get(name, ""), form.get(noted, "")
    if noted not in form or (outcome, note) == (form.get(f"was-{name}", ""), form.get(f"was-{noted}", "")):
        return []
    said = Outcome(outcome) if outcome in set(Outcome) else None
    return [Tick(row.enrolment.id, now, judged=True, outcome=said, note=note)]
