"""Pages: closures, days with other hours and public holidays, for managers. Whom it hits is shown before it is kept."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.reservations import closing
from fablab.reservations.models import Reservation
from fablab.reservations.search import instants
from fablab.resources import closures, holidays
from fablab.resources.closures import Closing
from fablab.resources.service import list_resources, resources_by_id
from fablab.web.access import access, actor

blueprint = Blueprint("closures", __name__, url_prefix="/closures")

MOMENT = timedelta(microseconds=1)


@blueprint.get("")
@access(Role.MANAGER)
def index() -> str:
    """What is closed, and the days with other hours."""
    now = clock.now()
    kept, days = closures.coming_closures(now), closures.coming_exceptions(_today())
    ids = {one.resource_id for one in kept if one.resource_id is not None}
    ids |= {one.resource_id for one in days if one.resource_id is not None}
    return render_template(
        "closures/index.html", closures=kept, days=days, resources=resources_by_id(sorted(ids)), moment=MOMENT
    )


@blueprint.get("/new")
@access(Role.MANAGER)
def new() -> str:
    """The form for a closure; `?resource=` chooses one."""
    start = {"from_day": _today().isoformat(), "until_day": _today().isoformat()}
    return _form({"resource_id": request.args.get("resource", "")} | start, {})


@blueprint.post("/new")
@access(Role.MANAGER, scope="manage")
def add() -> Response | tuple[str, int] | str:
    """Shows whom the closure hits; keeps it once that is confirmed, or when it hits nobody."""
    now = clock.now()
    try:
        wanted = _closing()
        closures.check_closing(wanted, now)
        if not _chosen() and (hit := closing.hit_by(closing.of_closing(wanted), now)):
            return _confirm([closing.of_closing(wanted)], hit)
        _made, count = closing.close(actor(), wanted, now, cancel=_chosen() == "cancel")
    except Invalid as error:
        return _form(request.form, _faults(error)), 422
    _told(count, _("The closure is kept."))
    return redirect(url_for("closures.index"), code=303)


@blueprint.post("/<int:closure_id>/remove")
@access(Role.MANAGER, scope="manage")
def remove(closure_id: int) -> Response:
    """Takes a closure away."""
    closing.reopen(actor(), closure_id, clock.now())
    flash(_("The closure is gone. The time can be booked again."), "success")
    return redirect(url_for("closures.index"), code=303)


@blueprint.get("/days/new")
@access(Role.MANAGER)
def new_day() -> str:
    """The form for a day with other hours."""
    return _day_form({"resource_id": request.args.get("resource", ""), "day": _today().isoformat()}, {})


@blueprint.post("/days/new")
@access(Role.MANAGER, scope="manage")
def add_day() -> Response | tuple[str, int] | str:
    """Gives a day other hours; shows first who has booked outside of them."""
    hours = [part.strip() for part in request.form.get("hours", "").replace("\u2013", "-").split(",") if part.strip()]
    try:
        day, resource_id = _day("day"), _resource()
        if request.form.get("open") == "other" and not hours:
            raise Invalid({"hours": "must hold hours"})
        hours = hours if request.form.get("open") == "other" else []
        closures.check_exception(resource_id, day, hours, _texts("reason"))
        spans = closing.of_hours(resource_id, day, hours, _texts("reason"))
        if not _chosen() and (hit := closing.hit_by_any(spans, clock.now())):
            return _confirm(spans, hit)
        _made, count = closing.set_day(
            actor(), resource_id, day, hours, _texts("reason"), clock.now(), cancel=_chosen() == "cancel"
        )
    except Invalid as error:
        return _day_form(request.form, _faults(error)), 422
    _told(count, _("The day is kept."))
    return redirect(url_for("closures.index"), code=303)


@blueprint.post("/days/<int:exception_id>/remove")
@access(Role.MANAGER, scope="manage")
def remove_day(exception_id: int) -> Response:
    """Gives a day its usual hours back."""
    closing.usual_day(actor(), exception_id, clock.now())
    flash(_("The day has its usual hours again."), "success")
    return redirect(url_for("closures.index"), code=303)


@blueprint.get("/holidays")
@access(Role.MANAGER)
def show_holidays() -> str:
    """The public holidays of a country, region and year, before they are taken over."""
    wanted, errors = _wanted_holidays(request.args), {}
    found: list[holidays.Holiday] = []
    regions: list[holidays.Region] = []
    try:
        regions = holidays.regions(wanted["country"])
        if wanted["region"] not in {one.code for one in regions}:
            wanted["region"] = ""
        found = holidays.holidays_of(wanted["country"], wanted["region"], int(wanted["year"]), config().lab.languages)
    except Invalid as error:
        errors = {name: _("Please choose one of the list.") for name in error.fields}
    known = {one.day for one in closures.coming_exceptions(date(2000, 1, 1)) if one.resource_id is None}
    spans = [closing.of_day(None, one.day, one.name) for one in found if one.day not in known and one.day >= _today()]
    hit = closing.hit_by_each(spans, clock.now())
    return render_template(
        "closures/holidays.html",
        form=wanted,
        errors=errors,
        countries=holidays.countries(words.language()),
        regions=regions,
        years=range(_today().year - 1, _today().year + 4),
        found=found,
        known=known,
        hit={one.day: hit[name] for one in found if (name := closing.of_day(None, one.day, {}).name) in hit},
        today=_today(),
    )


@blueprint.post("/holidays")
@access(Role.MANAGER, scope="manage")
def add_holidays() -> Response:
    """Closes the lab on them."""
    wanted = _wanted_holidays(request.form)
    try:
        year, languages = int(wanted["year"]), config().lab.languages
        found = holidays.holidays_of(wanted["country"], wanted["region"], year, languages)
        days = {one.day: one.name for one in found if one.day.isoformat() in request.form.getlist("day")}
        made, count = closing.close_days(actor(), days, clock.now(), cancel=_chosen() == "cancel")
    except Invalid:
        flash(_("Please choose a country, a region and a year of the list."), "error")
        return redirect(url_for("closures.show_holidays"), code=303)
    told = ngettext("%(num)d day is closed now.", "%(num)d days are closed now.", len(made))
    _told(count, told)
    return redirect(url_for("closures.index"), code=303)


def _chosen() -> str:
    """What shall become of the reservations: keep or cancel; empty while nobody has been asked."""
    choice = request.form.get("choice", "")
    return choice if choice in {"keep", "cancel"} else ""


def _confirm(spans: Sequence[closing.Span], hit: list[Reservation]) -> str:
    span = spans[0]
    found = resources_by_id([] if span.resource_id is None else [span.resource_id])
    form = [(name, value) for name, value in request.form.items(multi=True) if name not in {"csrf_token", "choice"}]
    return render_template(
        "closures/confirm.html",
        form=form,
        spans=spans,
        hit=hit,
        resource=found.get(span.resource_id or 0),
        moment=MOMENT,
    )


def _told(count: int, done: str) -> None:
    if not count:
        flash(done, "success")
    elif _chosen() == "cancel":
        flash(
            done + " " + ngettext("%(num)d booking is cancelled.", "%(num)d bookings are cancelled.", count), "success"
        )
    else:
        text = ngettext("Who booked is told: %(num)d booking.", "Those who booked are told: %(num)d bookings.", count)
        flash(done + " " + text, "success")


def _closing() -> Closing:
    """The closure of the form. A day without a time is closed from its begin, or up to its end. Raises Invalid."""
    wrong: dict[str, str] = {}
    instants_: dict[str, datetime] = {}
    for part in ("from", "until"):
        try:
            instants_[part] = _instant(part)
        except Invalid as error:
            wrong |= error.fields
    if wrong:
        raise Invalid(wrong)
    danger = request.form.get("danger") == "yes"
    return Closing(_resource(), instants_["from"], instants_["until"], _texts("reason"), danger)


def _instant(part: str) -> datetime:
    day, text = _day(f"{part}_day"), request.form.get(f"{part}_time", "").strip()
    if not text:
        return datetime.combine(day + timedelta(part == "until"), time(0), tzinfo=config().lab.zone)
    try:
        found = instants(day, time.fromisoformat(text), config().lab.zone)
    except ValueError:
        raise Invalid({f"{part}_time": "must be a time such as 09:00"}) from None
    if not found:
        raise Invalid({f"{part}_time": "is skipped"})
    return found[0] if part == "from" else found[-1]


def _day(name: str) -> date:
    try:
        found = date.fromisoformat(request.form.get(name, "").strip())
    except ValueError:
        raise Invalid({name: "must be a day"}) from None
    if not 2000 <= found.year <= 2200:
        raise Invalid({name: "must be a day"})
    return found


def _resource() -> int | None:
    chosen = request.form.get("resource_id", "")
    if chosen and whole_number(chosen) is None:
        raise Invalid({"resource_id": "there is no such resource"})
    return whole_number(chosen)


def _texts(part: str) -> dict[str, str]:
    typed = {code: request.form.get(f"{part}_{code}", "").strip() for code in config().lab.languages}
    return {code: text for code, text in typed.items() if text}


def _wanted_holidays(given: Mapping[str, str]) -> dict[str, str]:
    country = given.get("country") or holidays.guess(config().lab.timezone)
    year = given.get("year", "")
    if not (year.isascii() and year.isdigit() and len(year) == 4):
        year = str(_today().year)
    return {"country": country, "region": given.get("region", ""), "year": year}


def _faults(error: Invalid) -> dict[str, str]:
    first = config().lab.languages[0]
    sentences = {
        "reason": (f"reason_{first}", _("Please say why, in at most 300 characters.")),
        "resource_id": ("resource_id", _("Please choose one of the list.")),
        "end": ("until_day", _("The end must be after the begin, in the future, and within ten years.")),
        "from_day": ("from_day", _("Please enter a day between 2000 and 2200.")),
        "until_day": ("until_day", _("Please enter a day between 2000 and 2200.")),
        "day": ("day", _("Please enter a day between 2000 and 2200.")),
        "from_time": ("from_time", _("This time does not exist. Please enter one such as 09:00.")),
        "until_time": ("until_time", _("This time does not exist. Please enter one such as 09:00.")),
        "hours": ("hours", _("Please enter rising hours such as 09:00-12:30, 14:00-18:00.")),
    }
    return dict(sentences.get(name, (name, reason)) for name, reason in error.fields.items())


def _form(form: Mapping[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "closures/edit.html", form=form, errors=errors, codes=config().lab.languages, resources=list_resources()
    )


def _day_form(form: Mapping[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "closures/day.html", form=form, errors=errors, codes=config().lab.languages, resources=list_resources()
    )


def _today() -> date:
    return clock.now().astimezone(config().lab.zone).date()
