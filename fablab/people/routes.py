"""Pages: the list of people, adding and changing somebody, badges. A person's page shows what many packages know, so it
is in `fablab.pages`."""

from datetime import date
from typing import Any

from flask import flash, redirect, render_template, request
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Forbidden, Invalid
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.people import badges, plans, service
from fablab.people.forms import day, wrong
from fablab.people.models import Audience
from fablab.people.routes_signin import blueprint, init_app
from fablab.web.access import access, actor

__all__ = ["blueprint", "init_app"]

FIELDS = ("name", "email", "role", "language", "born_on", "member_until", "plan_id", "audience", "organisation")


@blueprint.get("/people")
@access(Role.MANAGER)
def people() -> str:
    """Everybody, with search and filters, in pages."""
    shown = {name: request.args.get(name, "").strip()[:100] for name in ("q", "role", "state")}
    query = service.people_query(
        search=shown["q"],
        role=Role(shown["role"]) if shown["role"] in set(Role) else None,
        active={"disabled": False}.get(shown["state"]),
        member={"member": True, "ended": False}.get(shown["state"]),
        today=_today(),
    )
    number = request.args.get("page", "1")
    page = service.page_of_people(query, whole_number(number) or 1)
    return render_template("people/list.html", page=page, shown=shown, roles=list(Role), today=_today())


@blueprint.get("/people/new")
@access(Role.MANAGER)
def new_person() -> str:
    """The form for somebody new."""
    start = {"language": config().lab.languages[0], "role": "maker", "audience": "citizen"}
    return _form(None, dict.fromkeys(FIELDS, "") | start, {})


@blueprint.post("/people/new")
@access(Role.MANAGER, scope="manage")
def add_person() -> Response | tuple[str, int]:
    """Adds somebody."""
    try:
        person = service.add(actor(), _values(), clock.now(), password=request.form.get("password") or None)
    except (Invalid, Conflict, Forbidden) as error:
        return _form(None, _typed(), _faults(error)), _status(error)
    flash(_("%(name)s is added.", name=person.name), "success")
    return redirect(f"/people/{person.id}", code=303)


@blueprint.get("/people/<int:person_id>/edit")
@access(Role.MANAGER)
def edit_person(person_id: int) -> str:
    """The form with what is known."""
    person = service.get_person(actor(), person_id)
    return _form(person, {name: getattr(person, name) for name in FIELDS}, {})


@blueprint.post("/people/<int:person_id>/edit")
@access(Role.MANAGER, scope="manage")
def change_person(person_id: int) -> Response | tuple[str, int]:
    """Saves the form; a password is changed only when one is typed."""
    person = service.get_person(actor(), person_id)
    try:
        service.change(actor(), person_id, _values(), clock.now())
        if password := request.form.get("password"):
            service.set_password(actor(), person_id, password, clock.now())
    except (Invalid, Conflict, Forbidden) as error:
        return _form(person, _typed(), _faults(error)), _status(error)
    flash(_("The changes are saved."), "success")
    return redirect(f"/people/{person_id}", code=303)


@blueprint.post("/people/<int:person_id>/disable")
@access(Role.MANAGER, scope="manage")
def disable_person(person_id: int) -> Response:
    """No signing in and no machine from now on."""
    return _done(person_id, lambda: service.disable(actor(), person_id, clock.now()), _("The account is disabled."))


@blueprint.post("/people/<int:person_id>/enable")
@access(Role.MANAGER, scope="manage")
def enable_person(person_id: int) -> Response:
    """May come back."""
    values = {"active": True}
    return _done(
        person_id, lambda: service.change(actor(), person_id, values, clock.now()), _("The account is active again.")
    )


@blueprint.post("/people/<int:person_id>/anonymise")
@access(Role.MANAGER, scope="manage")
def anonymise_person(person_id: int) -> Response:
    """Takes away who it was, for good."""
    done = _("The person is anonymised.")
    return _done(person_id, lambda: service.anonymise(actor(), person_id, clock.now()), done, "/people")


@blueprint.post("/people/<int:person_id>/badges")
@access(Role.MANAGER, scope="manage")
def add_badge(person_id: int) -> Response:
    """Gives a badge."""
    uid, label = request.form.get("uid", ""), request.form.get("label", "")
    return _done(
        person_id, lambda: badges.add(actor(), person_id, uid, label, clock.now()), _("The badge works from now on.")
    )


@blueprint.post("/people/<int:person_id>/badges/<int:badge_id>/revoke")
@access(Role.MAKER, scope="manage")
def revoke_badge(person_id: int, badge_id: int) -> Response:
    """Withdraws a badge, at once."""
    reason = request.form.get("reason", "")
    return _done(person_id, lambda: badges.revoke(actor(), badge_id, reason, clock.now()), _("The badge is withdrawn."))


def _done(person_id: int, act: Any, told: str, back: str = "") -> Response:
    """Carries out and goes back to the person's page with a sentence about how it went."""
    service.get_person(actor(), person_id)
    try:
        act()
        flash(told, "success")
    except (Invalid, Conflict, Forbidden) as error:
        for sentence in _faults(error).values():
            flash(sentence, "error")
        back = ""
    return redirect(back or f"/people/{person_id}", code=303)


def _values() -> dict[str, Any]:
    given = {name: request.form[name] for name in FIELDS if name in request.form}
    made: dict[str, Any] = dict(given)
    for name in {"born_on", "member_until"} & given.keys():
        made[name] = day(given[name], name)
    if "plan_id" in given:
        made["plan_id"] = _number(given["plan_id"], "plan_id")
    return made


def _number(text: str, field: str) -> int | None:
    if text and whole_number(text) is None:
        raise Invalid({field: "there is no such membership plan"})
    return whole_number(text)


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in FIELDS}


def _faults(error: Exception) -> dict[str, str]:
    if isinstance(error, Invalid):
        return wrong(error)
    if isinstance(error, Forbidden):
        return {"role": _("Roles are given by administrators; managers look after makers.")}
    known = {
        "Somebody else has this address.": ("email", _("Somebody else has this address.")),
        "The lab needs an administrator; name another one first.": (
            "role",
            _("The lab needs an administrator; name another one first."),
        ),
        "This badge is in use already, or was withdrawn for good.": (
            "uid",
            _("This badge is in use already, or was withdrawn for good."),
        ),
    }
    name, sentence = known.get(str(error), ("name", _("This does not fit the present state.")))
    return {name: sentence}


def _status(error: Exception) -> int:
    return 422 if isinstance(error, Invalid) else 403 if isinstance(error, Forbidden) else 409


def _form(person: Any, form: Any, errors: dict[str, str]) -> str:
    return render_template(
        "people/edit.html",
        person=person,
        form=form,
        errors=errors,
        may_give_roles=actor().is_at_least(Role.ADMINISTRATOR),
        roles=list(Role),
        audiences=list(Audience),
        languages=config().lab.languages,
        plans=plans.list_plans(),
    )


def _today() -> date:
    return clock.now().astimezone(config().lab.zone).date()
