"""Pages: the form with which managers define and change a certification, and take it out of use."""

from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications import retiring, service
from fablab.certifications.checking import RANGES
from fablab.certifications.linking import Circle
from fablab.certifications.models import Certification
from fablab.certifications.routes_base import blueprint
from fablab.certifications.rules import Level
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.web.access import access, actor

LONGEST = {"name": 200, "description": 5000}
DEFAULTS = {"level": Level.AUTONOMOUS.value, "quiz_questions": "0", "quiz_pass_percent": "80", "practical": "yes"}
"""What the form for another certification begins with."""


@blueprint.get("/new")
@access(Role.MANAGER)
def new() -> str:
    """The form for another certification."""
    return _form(None, DEFAULTS | {"quiz_wait_hours": "0"}, {"prerequisites": [], "includes": []}, {})


@blueprint.post("/new")
@access(Role.MANAGER, scope="manage")
def define() -> Response | tuple[str, int]:
    """Defines it."""
    try:
        made = service.define(actor(), _values(), clock.now())
    except Invalid as error:
        return _form(None, request.form, _links(), _faults(error)), 422
    return redirect(url_for("certifications.show", certification_id=made.id), code=303)


@blueprint.get("/<int:certification_id>/edit")
@access(Role.MANAGER)
def edit(certification_id: int) -> str:
    """The form with what is known."""
    found = service.get_certification(certification_id)
    form = {f"{part}_{code}": getattr(found, part).get(code, "") for part in LONGEST for code in config().lab.languages}
    form |= {name: "" if getattr(found, name) is None else str(getattr(found, name)) for name in RANGES}
    month, _dash, day = (found.validity_ends_on or "").partition("-")
    form |= {"level": found.level.value, "ends_month": month.lstrip("0"), "ends_day": day.lstrip("0")}
    if found.practical:
        form["practical"] = "yes"
    return _form(found, form, service.links_of(certification_id), {})


@blueprint.post("/<int:certification_id>/edit")
@access(Role.MANAGER, scope="manage")
def change(certification_id: int) -> Response | tuple[str, int]:
    """Saves the form."""
    found = service.get_certification(certification_id)
    try:
        service.change(actor(), certification_id, _values(), clock.now())
    except Invalid as error:
        return _form(found, request.form, _links(), _faults(error)), 422
    flash(_("The changes are saved."), "success")
    return redirect(url_for("certifications.show", certification_id=certification_id), code=303)


@blueprint.get("/<int:certification_id>/retire")
@access(Role.MANAGER)
def ask_retire(certification_id: int) -> str:
    """What still asks for it; where nothing does, the question."""
    found = service.get_certification(certification_id)
    return render_template(
        "certifications/retire.html", certification=found, askers=retiring.asked_by(certification_id)
    )


@blueprint.post("/<int:certification_id>/retire")
@access(Role.MANAGER, scope="manage")
def retire(certification_id: int) -> Response | tuple[str, int]:
    """Takes it out of use."""
    found = service.get_certification(certification_id)
    try:
        retiring.retire(actor(), certification_id, clock.now())
    except retiring.StillAsked as error:
        return render_template("certifications/retire.html", certification=found, askers=error.askers), 409
    flash(_("It is out of use. What was granted stays in the history."), "success")
    return redirect(url_for("certifications.index"), code=303)


def _form(certification: Certification | None, form: Any, links: dict[str, list[int]], errors: dict[str, str]) -> str:
    return render_template(
        "certifications/edit.html",
        certification=certification,
        form=form,
        links=links,
        errors=errors,
        codes=config().lab.languages,
        months=[date(2024, month, 1) for month in range(1, 13)],
        others=[one for one in service.list_certifications() if certification is None or one.id != certification.id],
    )


def _values() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, most in LONGEST.items():
        texts = {code: request.form.get(f"{name}_{code}", "").strip() for code in config().lab.languages}
        if any(len(text) > most for text in texts.values()):
            raise Invalid({name: f"must have at most {most} characters"})
        values[name] = {code: text for code, text in texts.items() if text}
    for name in RANGES.keys() & request.form.keys():
        typed = request.form[name].strip()
        if typed and whole_number(typed) is None:
            raise Invalid({name: "must be a number"})
        values[name] = whole_number(typed)
    if "level" in request.form:
        if request.form["level"] not in set(Level):
            raise Invalid({"level": f"must be one of {', '.join(Level)}"})
        values["level"] = Level(request.form["level"])
    if "ends_month" in request.form:
        values["validity_ends_on"] = _ends_on()
    if "ticks" in request.form:  # the whole form: what is not ticked is off
        values |= {"practical": "practical" in request.form, **_links()}
    return values


def _ends_on() -> str | None:
    """The day of the year as it is stored; None for none."""
    month, day = (request.form.get(name, "").strip() for name in ("ends_month", "ends_day"))
    if not month and not day:
        return None
    return f"{month:0>2}-{day:0>2}"


def _links() -> dict[str, list[int]]:
    typed = {name: [whole_number(one) for one in request.form.getlist(name)] for name in ("prerequisites", "includes")}
    return {name: sorted({one for one in ids if one is not None}) for name, ids in typed.items()}


def _faults(error: Invalid) -> dict[str, str]:
    if isinstance(error, Circle):
        return {error.field: _("That would make a circle: %(circle)s.", circle=error.path)}
    first = config().lab.languages[0]
    sentences = {
        "name": (f"name_{first}", _("Please enter a name of at most 200 characters.")),
        "description": (f"description_{first}", _("Please use at most 5000 characters.")),
        "level": ("level", _("An instructor's certification cannot be granted by a quiz alone.")),
        "practical": ("practical", _("Without a quiz somebody must see the practice; an instructor's always.")),
        "prerequisites": ("prerequisites", _("Please choose one of the list.")),
        "includes": ("includes", _("Please choose one of the list.")),
    }
    if any("at most one of them" in reason for reason in error.fields.values()):
        only = _("Please choose one way in which it ends: days, months, or a day of the year.")
        return {{"validity_ends_on": "ends_month"}.get(name, name): only for name in error.fields}
    if "validity_ends_on" in error.fields:
        sentences["validity_ends_on"] = ("ends_month", _("Please choose a month and a day that it has."))
    for name, (least, most) in RANGES.items():
        range_of = _("Please enter a number from %(least)s to %(most)s.", least=least, most=most)
        sentences[name] = (name, range_of)
    return dict(sentences.get(name, (name, reason)) for name, reason in error.fields.items())
