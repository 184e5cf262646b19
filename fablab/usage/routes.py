"""The usage log for people: with filters, as a page and as a table to take away."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flask import Blueprint, Response, flash, redirect, render_template, request, stream_with_context, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.reservations.reading import people
from fablab.resources.service import list_resources
from fablab.usage import log
from fablab.usage.models import Outcome
from fablab.web import safe_next
from fablab.web.access import access, actor

blueprint = Blueprint("usage", __name__)

FIELDS = ("resource", "person", "from", "to", "outcome", "unattributed", "before")
COLUMNS = (
    "id",
    "start",
    "end",
    "resource_id",
    "resource",
    "person_id",
    "person",
    "outcome",
    "job",
    "working_s",
    "paused_s",
    "energy_wh",
    "material",
    "grams",
    "flags",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Asked:
    """The filters as they were typed, and what they mean."""

    shown: dict[str, str]
    wanted: log.Filter
    before: int | None


@blueprint.get("/usage")
@access(Role.MAKER)
def log_page() -> str:
    """What machines did, newest first; makers see their own."""
    asked = _asked()
    found, older = log.uses(actor(), asked.wanted, asked.before)
    return render_template(
        "usage/log.html",
        uses=found,
        older=older,
        sums=log.sums(actor(), asked.wanted),
        shown=asked.shown,
        resources=list_resources(),
        people=people() if actor().is_staff else [],
        outcomes=list(Outcome),
    )


@blueprint.get("/usage.csv")
@access(Role.MAKER)
def table() -> Response:
    """The same, all of it, as CSV in UTF-8, oldest first, written while it is read."""
    found = log.rows(actor(), _asked().wanted)
    response = Response(stream_with_context(_lines(found)), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="usage.csv"'
    return response


@blueprint.post("/usage/<int:session_id>/person")
@access(Role.INSTRUCTOR, scope="manage")
def attribute(session_id: int) -> AnyResponse:
    """Says whose use it was."""
    given = request.form.get("person", "")
    try:
        if given and whole_number(given) is None:
            raise Invalid({"person": "must be somebody of the list"})
        log.attribute(actor(), session_id, whole_number(given), clock.now())
        flash(_("Noted whose use it was."), "success")
    except Invalid:
        flash(_("Please choose a person of the list."), "error")
    return redirect(safe_next.target(request.form.get("next"), url_for("usage.log_page")), code=303)


def safe_cell(value: object) -> str:
    """A value for a spreadsheet: text that would be read as a formula gets a leading apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def _lines(found: Iterator[log.Use]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for use in found:
        writer.writerow([safe_cell(value) for value in _row(use)])
        if buffer.tell() > 32_768:
            yield buffer.getvalue()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue()


def _row(use: log.Use) -> list[object]:
    session = use.session
    return [
        session.id,
        _instant(session.started_at),
        _instant(session.ended_at),
        session.resource_id,
        words.text(use.resource.name) if use.resource else "",
        session.person_id,
        use.person.name if use.person else "",
        session.outcome.value if session.outcome else "",
        session.job,
        session.working_s,
        session.paused_s,
        session.energy_wh,
        session.material,
        session.grams,
        " ".join(session.flags),
    ]


def _instant(at: datetime | None) -> str:
    return "" if at is None else at.astimezone(config().lab.zone).isoformat(timespec="seconds")


def _asked() -> Asked:
    """The filters; what makes no sense is left out."""
    shown = {name: request.args.get(name, "").strip()[:40] for name in FIELDS}
    first, last = _day(shown["from"]), _day(shown["to"])
    wanted = log.Filter(
        resource_id=whole_number(shown["resource"]),
        person_id=whole_number(shown["person"]),
        from_=first,
        to=last + timedelta(days=1) if last else None,
        outcome=Outcome(shown["outcome"]) if shown["outcome"] in set(Outcome) else None,
        unattributed=bool(shown["unattributed"]) and actor().is_staff,
        running=shown["outcome"] == "running",
    )
    return Asked(shown, wanted, whole_number(shown["before"]))


def _day(text: str) -> datetime | None:
    """The begin of a day in the lab's zone."""
    try:
        day = date.fromisoformat(text)
        return datetime.combine(day, time(0), tzinfo=config().lab.zone).astimezone(UTC) if day.year > 1970 else None
    except (ValueError, OverflowError):
        return None
