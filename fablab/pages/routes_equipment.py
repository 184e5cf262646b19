"""The form with which managers add a machine, room, office or advisor and change what is known of it.

It stands here because it joins what two packages own: the resource, and the certifications it asks for.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications import requirement_forms, requirements
from fablab.certifications import service as certifications
from fablab.certifications.requirement_forms import Editor
from fablab.certifications.rules import Every
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.pages import equipment
from fablab.resources import groups, service
from fablab.resources.models import Kind, OpeningRule, Resource, RiskClass
from fablab.resources.rules import WEEKDAYS
from fablab.web.access import access, actor

blueprint = Blueprint("inventory", __name__, url_prefix="/resources")

LONGEST = {"name": 200, "description": 5000}


@blueprint.get("/new")
@access(Role.MANAGER)
def new() -> str:
    """The empty form."""
    return _form(None, {"kind": Kind.MACHINE.value, "risk_class": RiskClass.C.value}, _needs(None), {})


@blueprint.post("/new")
@access(Role.MANAGER, scope="manage")
def add() -> Response | tuple[str, int] | str:
    """Adds it."""
    return _save(None)


@blueprint.get("/<int:resource_id>/edit")
@access(Role.MANAGER)
def edit(resource_id: int) -> str:
    """The form with what is known."""
    found = service.get_resource(resource_id)
    form = {f"{part}_{code}": getattr(found, part).get(code, "") for part in LONGEST for code in config().lab.languages}
    form |= {"kind": found.kind.value, "risk_class": found.risk_class.value, "model": found.model}
    for part in ("place_id", "group_id", "capacity"):
        form[part] = "" if getattr(found, part) is None else str(getattr(found, part))
    form |= {"opening": found.opening.value}
    form |= {f"hours_{day}": ", ".join(hours) for day, hours in found.opening_hours.items()}
    return _form(found, form, _needs(found), {})


@blueprint.post("/<int:resource_id>/edit")
@access(Role.MANAGER, scope="manage")
def change(resource_id: int) -> Response | tuple[str, int] | str:
    """Saves the form."""
    return _save(service.get_resource(resource_id))


def _save(known: Resource | None) -> Response | tuple[str, int] | str:
    needs = requirement_forms.typed(request.form, _needs(known))
    if requirement_forms.wants_more(request.form):
        return _form(known, request.form, needs, {})
    need = requirement_forms.read(request.form)
    try:
        ident = equipment.save(actor(), known.id if known else None, _values(), _new_place(), need, clock.now())
    except Invalid as error:
        return _form(known, request.form, needs, _faults(error)), 422
    flash(_("The changes are saved."), "success")
    return redirect(url_for("resources.show", resource_id=ident), code=303)


def _values() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for part, most in LONGEST.items():
        texts = {code: request.form.get(f"{part}_{code}", "").strip() for code in config().lab.languages}
        if any(len(text) > most for text in texts.values()):
            raise Invalid({part: f"must have at most {most} characters"})
        values[part] = {code: text for code, text in texts.items() if text}
    kind, risk = request.form.get("kind", ""), request.form.get("risk_class", "")
    if kind not in set(Kind):
        raise Invalid({"kind": f"must be one of {', '.join(Kind)}"})
    if risk not in set(RiskClass):
        raise Invalid({"risk_class": f"must be one of {', '.join(RiskClass)}"})
    values |= {"kind": Kind(kind), "risk_class": RiskClass(risk), "model": request.form.get("model", "").strip()}
    values["place_id"] = _number("place_id", "there is no such place")
    values["group_id"] = _number("group_id", "there is no such group")
    values["capacity"] = _number("capacity", "must be a number")
    opening = request.form.get("opening", OpeningRule.LAB.value)
    if opening not in set(OpeningRule):
        raise Invalid({"opening": f"must be one of {', '.join(OpeningRule)}"})
    values |= {"opening": OpeningRule(opening), "opening_hours": _hours()}
    if len(values["model"]) > 200:
        raise Invalid({"model": "must have at most 200 characters"})
    return values


def _number(field: str, fault: str) -> int | None:
    chosen = request.form.get(field, "").strip()
    if chosen and whole_number(chosen) is None:
        raise Invalid({field: fault})
    return whole_number(chosen)


def _hours() -> dict[str, list[str]]:
    """The hours of its own by weekday, as typed: 09:00-12:30, 14:00-18:00."""
    typed = {day: request.form.get(f"hours_{day}", "").replace("\u2013", "-").split(",") for day in WEEKDAYS}
    hours = {day: [part.strip() for part in parts if part.strip()] for day, parts in typed.items()}
    return {day: parts for day, parts in hours.items() if parts}


def _new_place() -> dict[str, str]:
    name = request.form.get("new_place", "").strip()
    if len(name) > 100:
        raise Invalid({"new_place": "must have at most 100 characters"})
    return {config().lab.languages[0]: name} if name else {}


def _faults(error: Invalid) -> dict[str, str]:
    first = config().lab.languages[0]
    sentences = {
        "name": (f"name_{first}", _("Please enter a name of at most 200 characters.")),
        "description": (f"description_{first}", _("Please use at most 5000 characters.")),
        "kind": ("kind", _("Please choose one of the list.")),
        "risk_class": ("risk_class", _("Please choose one of the list.")),
        "place_id": ("place_id", _("Please choose one of the list.")),
        "new_place": ("new_place", _("Please use at most 100 characters.")),
        "model": ("model", _("Please use at most 200 characters.")),
        "group_id": ("group_id", _("Please choose one of the list.")),
        "capacity": ("capacity", _("Please enter a number from 1 to 10000.")),
        "opening": ("opening", _("Please choose one of the list.")),
        "opening_hours": ("hours_monday", _("Please enter the hours of a day at least.")),
    }
    rising = _("Please enter rising hours such as 09:00-12:30, 14:00-18:00.")
    sentences |= {f"opening_hours.{day}": (f"hours_{day}", rising) for day in WEEKDAYS}
    return dict(sentences.get(name, (name, reason)) for name, reason in error.fields.items())


def _needs(known: Resource | None) -> Editor:
    need = requirements.own_need(Resource, known.id) if known else Every()
    return requirement_forms.shown(need, requirements.names_in(need))


def _form(known: Resource | None, form: Mapping[str, str], needs: Editor, errors: dict[str, str]) -> str:
    return render_template(
        "resources/edit.html",
        resource=known,
        form=form,
        needs=needs,
        errors=errors,
        codes=config().lab.languages,
        kinds=list(Kind),
        places=service.places(),
        groups=groups.list_groups(),
        weekdays=[(day, date(2024, 1, 1 + number)) for number, day in enumerate(WEEKDAYS)],
        all_certifications=certifications.list_certifications(),
    )
