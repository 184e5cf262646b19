"""Pages: the matrix of people and certifications, one certification, and granting or withdrawing one."""

from datetime import date, datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications import granting, matrix, service
from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Invalid
from fablab.core.words import config
from fablab.people.forms import day_end, wrong
from fablab.people.service import get_person, names_of
from fablab.resources.service import resources_by_id
from fablab.web.access import access, actor

blueprint = Blueprint("certifications", __name__, url_prefix="/certifications")


@blueprint.get("")
@access(Role.MAKER)
def index() -> str:
    """The matrix for the staff; for makers what there is, and how they stand with it."""
    acting, now = actor(), clock.now()
    if not acting.is_staff:
        mine = matrix.standings_of(acting.person_id or 0, now)
        return render_template("certifications/list.html", mine=mine)
    shown = {name: request.args.get(name, "").strip()[:100] for name in ("q", "state", "certification")}
    found = matrix.matrix(
        acting,
        now,
        _today(now),
        search=shown["q"],
        state=shown["state"],
        certification_id=_number(shown["certification"]),
        number=_number(request.args.get("page", "")) or 1,
    )
    return render_template(
        "certifications/matrix.html", found=found, shown=shown, all_certifications=service.list_certifications()
    )


@blueprint.get("/<int:certification_id>")
@access(Role.MAKER)
def show(certification_id: int) -> str:
    """What it is, what it opens, how to get it; for the staff who holds it."""
    acting, now = actor(), clock.now()
    found = service.get_certification(certification_id)
    opened = resources_by_id(service.opened_by([found.id]).get(found.id, []))
    mine = {one.id: standing for one, standing in matrix.standings_of(acting.person_id or 0, now)}
    return render_template(
        "certifications/show.html",
        certification=found,
        opened=[one for one in opened.values() if one.retired_at is None],
        mine=mine.get(found.id, matrix.NONE),
        holders=matrix.holders(found, now) if acting.is_staff else [],
    )


@blueprint.get("/<int:certification_id>/people/<int:person_id>")
@access(Role.INSTRUCTOR)
def cell(certification_id: int, person_id: int) -> str:
    """One person and one certification: the grants so far, and the forms to grant, renew or withdraw."""
    return _cell(certification_id, person_id, {})


@blueprint.post("/<int:certification_id>/people/<int:person_id>/grant")
@access(Role.INSTRUCTOR, scope="manage")
def grant(certification_id: int, person_id: int) -> Response | tuple[str, int]:
    """Certifies the person."""
    try:
        until = day_end(request.form.get("valid_until", ""), "valid_until")
        reason = request.form.get("reason", "")
        granting.grant(actor(), certification_id, person_id, reason, clock.now(), valid_until=until)
    except Invalid as error:
        return _cell(certification_id, person_id, wrong(error)), 422
    except Conflict:
        flash(_("This account is disabled: it cannot be certified."), "error")
        return _back(certification_id, person_id)
    flash(_("%(name)s is certified.", name=get_person(actor(), person_id).name), "success")
    return _back(certification_id, person_id)


@blueprint.post("/<int:certification_id>/people/<int:person_id>/revoke")
@access(Role.INSTRUCTOR, scope="manage")
def revoke(certification_id: int, person_id: int) -> Response:
    """Withdraws the certification from the person, at once."""
    service.get_certification(certification_id)
    try:
        granting.revoke_all(actor(), certification_id, person_id, request.form.get("reason", ""), clock.now())
        flash(_("The certification is withdrawn; it counts from now on."), "success")
    except Invalid:
        flash(_("Please say why, in at most 500 characters."), "error")
    except Conflict:
        flash(_("This certification is not held any more."), "info")
    return _back(certification_id, person_id)


@blueprint.get("/new")
@access(Role.MANAGER)
def new() -> str:
    """The form for another certification."""
    return _form(None, {}, {})


@blueprint.post("/new")
@access(Role.MANAGER, scope="manage")
def define() -> Response | tuple[str, int]:
    """Defines it."""
    try:
        made = service.define(actor(), _values(), clock.now())
    except Invalid as error:
        return _form(None, request.form, _faults(error)), 422
    return redirect(url_for("certifications.show", certification_id=made.id), code=303)


@blueprint.get("/<int:certification_id>/edit")
@access(Role.MANAGER)
def edit(certification_id: int) -> str:
    """The form with what is known."""
    found = service.get_certification(certification_id)
    form = {f"name_{code}": found.name.get(code, "") for code in config().lab.languages}
    form |= {f"description_{code}": found.description.get(code, "") for code in config().lab.languages}
    form |= {name: str(getattr(found, name) or "") for name in ("validity_days", "lapse_after_unused_days")}
    return _form(found, form, {})


@blueprint.post("/<int:certification_id>/edit")
@access(Role.MANAGER, scope="manage")
def change(certification_id: int) -> Response | tuple[str, int]:
    """Saves the form."""
    found = service.get_certification(certification_id)
    try:
        service.change(actor(), certification_id, _values(), clock.now())
    except Invalid as error:
        return _form(found, request.form, _faults(error)), 422
    flash(_("The changes are saved."), "success")
    return redirect(url_for("certifications.show", certification_id=certification_id), code=303)


def _cell(certification_id: int, person_id: int, errors: dict[str, str]) -> str:
    acting, now = actor(), clock.now()
    certification, person = service.get_certification(certification_id), get_person(acting, person_id)
    standing = {one.id: found for one, found in matrix.standings_of(person_id, now)}[certification_id]
    grants = granting.grants_between(certification_id, person_id)
    return render_template(
        "certifications/cell.html",
        certification=certification,
        person=person,
        standing=standing,
        grants=grants,
        names=names_of([by for one in grants for by in (one.granted_by_id, one.revoked_by_id)]),
        own=acting.person_id == person_id,
        errors=errors,
        form=request.form,
    )


def _form(certification: Any, form: Any, errors: dict[str, str]) -> str:
    return render_template(
        "certifications/edit.html", certification=certification, form=form, errors=errors, codes=config().lab.languages
    )


def _values() -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, most in (("name", 200), ("description", 5000)):
        texts = {code: request.form.get(f"{name}_{code}", "").strip() for code in config().lab.languages}
        if any(len(text) > most for text in texts.values()):
            raise Invalid({name: f"must have at most {most} characters"})
        values[name] = {code: text for code, text in texts.items() if text}
    for name in ("validity_days", "lapse_after_unused_days"):
        typed = request.form.get(name, "").strip()
        number = _number(typed)
        if typed and number is None:
            raise Invalid({name: "must be a number of days"})
        values[name] = number
    return values


def _faults(error: Invalid) -> dict[str, str]:
    first = config().lab.languages[0]
    sentences = {
        "name": (f"name_{first}", _("Please enter a name of at most 200 characters.")),
        "description": (f"description_{first}", _("Please use at most 5000 characters.")),
        "validity_days": ("validity_days", _("Please enter 1 to 36500 days.")),
        "lapse_after_unused_days": ("lapse_after_unused_days", _("Please enter 1 to 36500 days.")),
    }
    return dict(sentences.get(name, (name, reason)) for name, reason in error.fields.items())


def _back(certification_id: int, person_id: int) -> Response:
    where = url_for("certifications.cell", certification_id=certification_id, person_id=person_id)
    return redirect(where, code=303)


def _number(typed: str) -> int | None:
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None


def _today(now: datetime) -> date:
    return now.astimezone(words.config().lab.zone).date()
