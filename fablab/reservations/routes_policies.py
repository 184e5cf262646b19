"""Pages: the booking rules of a resource in plain words for everybody, and where managers set them."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Conflict, Invalid, NotFound
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.people import plans
from fablab.reservations import explaining, policies, policy_forms, policy_words
from fablab.reservations.models import PolicyLevel
from fablab.reservations.policy import WEEKDAYS
from fablab.resources import groups
from fablab.web.access import access, actor

blueprint = Blueprint("policies", __name__)


@blueprint.get("/resources/<int:resource_id>/rules")
@access(Role.MAKER)
def explain(resource_id: int) -> str:
    """The rules of a resource, and where each comes from."""
    return render_template("policies/show.html", found=explaining.explained(actor(), resource_id, clock.now()))


@blueprint.get("/rules")
@access(Role.MANAGER)
def index() -> str:
    """All places at which rules may be set."""
    return _index({}, {})


@blueprint.get("/rules/resource")
@access(Role.MANAGER)
def choose_resource() -> Response:
    """Leads to the rules of the chosen resource."""
    chosen = request.args.get("resource", "")
    if whole_number(chosen) is None:
        return redirect(url_for("policies.index"), code=303)
    return redirect(url_for("policies.edit", level="resource", target=chosen), code=303)


@blueprint.get("/rules/<level>/<target>")
@access(Role.MANAGER)
def edit(level: str, target: str) -> str:
    """The form of the rules at one place."""
    place = _level(level, target)
    return _form(place, target, policy_forms.typed(policies.rules_at(place, target)), {})


@blueprint.post("/rules/<level>/<target>")
@access(Role.MANAGER, scope="manage")
def change(level: str, target: str) -> Response | tuple[str, int]:
    """Saves the form: what is empty is taken back."""
    place = _level(level, target)
    try:
        rules, reset = policy_forms.read(request.form)
        policies.set_rules(actor(), place, target, rules, clock.now(), reset=reset)
    except Invalid as error:
        return _form(place, target, request.form, policy_forms.faults(error)), 422
    except Conflict:
        flash(_("Somebody else has just set rules here. Please look at them and try again."), "error")
        return redirect(url_for("policies.edit", level=level, target=target), code=303)
    flash(_("The rules are saved."), "success")
    return redirect(url_for("policies.index"), code=303)


@blueprint.post("/rules/<level>/<target>/reset")
@access(Role.MANAGER, scope="manage")
def reset(level: str, target: str) -> Response:
    """Takes back all rules of one place."""
    policies.remove_rules(actor(), _level(level, target), target, clock.now())
    flash(_("These rules are taken back."), "success")
    return redirect(url_for("policies.index"), code=303)


@blueprint.post("/rules/groups")
@access(Role.MANAGER, scope="manage")
def add_group() -> Response | tuple[str, int]:
    """Adds a group of resources."""
    return _named("group", lambda name: groups.add(actor(), name, clock.now()), _("The group is there."))


@blueprint.post("/rules/groups/<int:group_id>/rename")
@access(Role.MANAGER, scope="manage")
def rename_group(group_id: int) -> Response | tuple[str, int]:
    """Gives a group another name."""
    groups.get_group(group_id)
    return _named(
        f"group_{group_id}", lambda name: groups.rename(actor(), group_id, name, clock.now()), _("The name is changed.")
    )


@blueprint.post("/rules/groups/<int:group_id>/remove")
@access(Role.MANAGER, scope="manage")
def remove_group(group_id: int) -> Response:
    """Takes a group away, with its rules."""
    try:
        policies.delete_group(actor(), group_id, clock.now())
        flash(_("The group is gone."), "success")
    except Conflict:
        flash(_("There are resources in this group. Please take them out of it first."), "error")
    return redirect(url_for("policies.index"), code=303)


@blueprint.post("/rules/plans")
@access(Role.MANAGER, scope="manage")
def add_plan() -> Response | tuple[str, int]:
    """Adds a membership plan."""
    return _named("plan", lambda name: plans.add(actor(), name, clock.now()), _("The membership plan is there."))


@blueprint.post("/rules/plans/<int:plan_id>/rename")
@access(Role.MANAGER, scope="manage")
def rename_plan(plan_id: int) -> Response | tuple[str, int]:
    """Gives a plan another name."""
    plans.get_plan(plan_id)
    return _named(
        f"plan_{plan_id}", lambda name: plans.rename(actor(), plan_id, name, clock.now()), _("The name is changed.")
    )


@blueprint.post("/rules/plans/<int:plan_id>/remove")
@access(Role.MANAGER, scope="manage")
def remove_plan(plan_id: int) -> Response:
    """Takes a plan away, with its rules."""
    try:
        policies.delete_plan(actor(), plan_id, clock.now())
        flash(_("The membership plan is gone."), "success")
    except Conflict:
        flash(_("There are people with this plan. Please give them another one first."), "error")
    return redirect(url_for("policies.index"), code=303)


def _named(prefix: str, act: Callable[[dict[str, str]], Any], told: str) -> Response | tuple[str, int]:
    """Makes or renames something that has a name in each of the lab's languages."""
    typed = {f"{prefix}_{code}": request.form.get(f"{prefix}_{code}", "").strip() for code in config().lab.languages}
    try:
        act({name.rpartition("_")[2]: text for name, text in typed.items() if text})
    except Invalid:
        wrong = {f"{prefix}_{config().lab.languages[0]}": _("Please enter a name of at most 100 characters.")}
        return _index(typed, wrong), 422
    flash(told, "success")
    return redirect(url_for("policies.index"), code=303)


def _index(typed: dict[str, str], errors: dict[str, str]) -> str:
    return render_template(
        "policies/index.html", all=explaining.overview(), form=typed, errors=errors, codes=config().lab.languages
    )


def _level(level: str, target: str) -> PolicyLevel:
    """The level of an address; raises NotFound where there is no such place."""
    try:
        policies.below(PolicyLevel(level), target)
        return PolicyLevel(level)
    except (ValueError, Invalid):
        raise NotFound("There are no rules of this kind.") from None


def _form(level: PolicyLevel, target: str, form: MultiDict[str, str], errors: dict[str, str]) -> str:
    beneath = policies.below(level, target)
    return render_template(
        "policies/edit.html",
        level=level.value,
        target=target,
        subject=explaining.subject_of(level, target),
        form=form,
        errors=errors,
        beneath={key: policy_words.value(key, beneath.policy) for key in beneath.origins},
        origins=beneath.origins,
        sections=policy_words.SECTIONS,
        labels=policy_words.LABELS,
        numbers=policy_forms.NUMBERS,
        endless=policy_forms.ENDLESS,
        unit=policy_forms.unit,
        limits=policy_forms.limits,
        choices={"supervision": policy_words.SUPERVISIONS, "limit_scope": policy_words.SCOPES},
        windows=min(policy_forms.WINDOWS, 2 + sum(name.startswith("quiet_from_") for name in form)),
        weekdays=list(zip(WEEKDAYS, explaining.weekdays(), strict=True)),
    )
