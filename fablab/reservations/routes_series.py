"""The pages of a booking that comes again: all its dates, what was skipped and why, changing and cancelling many."""

from datetime import datetime

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Invalid, NotFound
from fablab.core.words import config
from fablab.reservations import forms, recurrence, recurrence_words, series, series_rows
from fablab.reservations.models import Reservation, SkippedOccurrence
from fablab.reservations.routes_base import given, refused, to_reservation, wrong
from fablab.reservations.rules import Slot
from fablab.reservations.series import Edited, Scope
from fablab.reservations.series_rows import TO_COME, SeriesResult
from fablab.web.access import access, actor

blueprint = Blueprint("series", __name__)


@blueprint.get("/series/<int:series_id>")
@access(Role.MAKER)
def show(series_id: int) -> str:
    """All dates, the skipped ones with their reasons among them."""
    found = _found(series_id)
    rows: list[tuple[datetime, Reservation | None, SkippedOccurrence | None]] = [
        *((one.starts_at, one, None) for one in found.booked),
        *((one.occurrence_at, None, one) for one in found.skipped),
    ]
    return render_template(
        "series/show.html",
        series=found.series,
        dates=sorted(rows, key=lambda row: row[0]),
        rule=_in_words(found),
        coming=_coming(found),
        reasons={one.id: [Denial(why["code"], why["params"]) for why in one.denials] for one in found.skipped},
        resources=_resources(found),
    )


@blueprint.post("/series/<int:series_id>/skipped/<int:skipped_id>/add")
@access(Role.MAKER, scope="book")
def add(series_id: int, skipped_id: int) -> Response:
    """Books a date that was skipped, where that is possible now."""
    series_rows.own_skipped(actor(), series_id, skipped_id)
    try:
        made = series.readd(actor(), skipped_id, clock.now())
        flash(_("Added: %(when)s.", when=words.when(made.starts_at.isoformat())), "success")
    except Denied as error:
        reasons = " ".join(words.sentence(denial) for denial in error.denials)
        flash(_("It still cannot be booked: %(why)s", why=reasons), "error")
    except Conflict:
        flash(_("This date was added already."), "info")
    return redirect(url_for("series.show", series_id=series_id), code=303)


@blueprint.get("/series/<int:series_id>/cancel")
@access(Role.MAKER, scope="book")
def ask_cancel(series_id: int) -> str:
    """Asks which dates are to be cancelled, and once more whether."""
    found = _found(series_id)
    picked = _picked(found)
    return render_template("series/cancel.html", **_choice(found, picked), reason="")


@blueprint.post("/series/<int:series_id>/cancel")
@access(Role.MAKER, scope="book")
def cancel(series_id: int) -> Response:
    """Cancels one date, this and the following or all that are still to come."""
    found = _found(series_id)
    reason = request.form.get("reason", "").strip()[: forms.LONGEST_TEXT]
    try:
        done = series.cancel_series(actor(), _picked(found).id, _scope(), clock.now(), reason).done
        text = ngettext("%(num)d booking is cancelled.", "%(num)d bookings are cancelled.", len(done))
        flash(text, "success" if done else "info")
    except (Conflict, Denied) as error:
        refused(error)
    return redirect(url_for("series.show", series_id=series_id), code=303)


@blueprint.get("/series/<int:series_id>/change")
@access(Role.MAKER, scope="book")
def ask_change(series_id: int) -> str:
    """The form for another time of one date, with which the others move."""
    found = _found(series_id)
    picked = _picked(found)
    local = picked.starts_at.astimezone(config().lab.zone)
    minutes = recurrence.minutes_between(picked.starts_at, picked.ends_at, config().lab.zone)
    values = {
        "day": local.date().isoformat(),
        "time": f"{local:%H:%M}",
        "minutes": str(minutes),
        "note": picked.note,
        "reason": "",
    }
    return _change_page(found, picked, values, {})


@blueprint.post("/series/<int:series_id>/change")
@access(Role.MAKER, scope="book")
def change(series_id: int) -> Response | tuple[str, int]:
    """Moves the dates; says which could not be moved."""
    found = _found(series_id)
    picked = _picked(found)
    form, errors = forms.sent(given()), forms.Errors()
    slot, note = _slot(form, errors), forms.text_of(form, "note", errors)
    reason = forms.text_of(form, "reason", errors)
    if errors or slot is None:
        return _change_page(found, picked, dict(form.values), errors), 422
    try:
        edited = series.change_series(
            actor(),
            picked.id,
            _scope(),
            clock.now(),
            starts_at=slot.starts_at,
            ends_at=slot.ends_at,
            note=note,
            reason=reason,
        )
    except Denied as error:
        return _change_page(found, picked, dict(form.values), {}, error.denials), 409
    except Invalid as error:
        return _change_page(found, picked, dict(form.values), _faults(error)), 422
    except Conflict as error:
        refused(error)
        return to_reservation(picked.id)
    _told(edited)
    return redirect(url_for("series.show", series_id=edited.series.id), code=303)


def _slot(form: forms.Sent, errors: forms.Errors) -> Slot | None:
    zone = config().lab.zone
    minutes = forms.minutes_of(form["minutes"], 60, errors)
    starts_at = forms.start_of(form["day"], form["time"], zone, errors)
    return None if starts_at is None else Slot(starts_at, recurrence.end_of(starts_at, minutes, zone))


def _told(edited: Edited) -> None:
    done, stays = len(edited.done), len(edited.refused)
    flash(ngettext("%(num)d booking is changed.", "%(num)d bookings are changed.", done), "success" if done else "info")
    if stays:
        codes = {denial.code: denial for one in edited.refused for denial in one.denials}
        why = " ".join(words.sentence(denial) for denial in codes.values())
        text = ngettext(
            "%(num)d date could not be changed and stays as it was: %(why)s",
            "%(num)d dates could not be changed and stay as they were: %(why)s",
            stays,
            why=why,
        )
        flash(text, "warning")


def _faults(error: Invalid) -> dict[str, str]:
    if "recurrence" in error.fields:
        return {"day": _("A booking that comes again by month or year can only move to another time of the same day.")}
    return wrong(error)


def _change_page(
    found: SeriesResult,
    picked: Reservation,
    values: dict[str, str],
    errors: dict[str, str],
    denials: list[Denial] | None = None,
) -> str:
    return render_template(
        "series/change.html", **_choice(found, picked), values=values, errors=errors, denials=denials or ()
    )


def _choice(found: SeriesResult, picked: Reservation) -> dict[str, object]:
    """What the pages need that ask which dates are meant."""
    coming = _coming(found)
    return {
        "series": found.series,
        "picked": picked,
        "scope": request.values.get("scope", Scope.ALL.value),
        "following": [one for one in coming if one.starts_at >= picked.starts_at],
        "coming": coming,
        "resources": _resources(found),
        "rule": _in_words(found),
    }


def _found(series_id: int) -> SeriesResult:
    return series_rows.result(series_rows.own(actor(), series_id))


def _coming(found: SeriesResult) -> list[Reservation]:
    return [one for one in found.booked if one.state in TO_COME and one.starts_at > clock.now()]


def _picked(found: SeriesResult) -> Reservation:
    """The date the page is about: the one in `from`, else the first to come. Raises NotFound, Conflict."""
    chosen = request.values.get("from", "")
    known = {str(one.id): one for one in found.booked if one.state in TO_COME}
    if chosen in known:
        return known[chosen]
    coming = _coming(found)
    if chosen:
        raise NotFound("There is no such date to come.")
    if not coming:
        raise Conflict(_("No date of this series is still to come."))
    return coming[0]


def _scope() -> Scope:
    try:
        return Scope(request.form.get("scope", ""))
    except ValueError:
        raise Invalid({"scope": _("Please choose which dates you mean.")}) from None


def _resources(found: SeriesResult) -> list[str]:
    """The names of what each date holds, as the first one does."""
    return [words.text(one.resource.name) for one in found.booked[0].allocations] if found.booked else []


def _in_words(found: SeriesResult) -> str:
    text = recurrence_words.words(recurrence.parse(found.series.rule))
    return text[:1].upper() + text[1:]
