"""Pages of trainings for the staff: planning, changing, publishing, cancelling, who is in it, the list of one's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response

from fablab.certifications.granting import grantable
from fablab.certifications.service import list_certifications
from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid
from fablab.core.typed import whole_number
from fablab.people.models import Audience
from fablab.reservations.overriding import overridable
from fablab.reservations.rules import Slot
from fablab.resources.service import list_resources
from fablab.training import nearest, overview, routes_form, service
from fablab.training.holding import OF_ONE_PERSON
from fablab.training.models import Training
from fablab.training.routes_base import back, blueprint, page
from fablab.training.routes_form import Form
from fablab.training.rules import EnrolmentState
from fablab.training.wishes import DateWish
from fablab.web.access import access, actor


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the dates cannot be held: the reasons of all (None) or of one date, and the nearest free times for it."""

    at: datetime | None
    denials: Sequence[Denial]
    free: Sequence[Slot] = ()


# -- the list ---------------------------------------------------------------------------------------------------------


@blueprint.get("/given")
@access(Role.INSTRUCTOR)
def given() -> str:
    """The trainings that one gives, drafts too, with the way to their sheets; managers may look at all."""
    everybody = request.args.get("whose") == "all" and actor().is_at_least(Role.MANAGER)
    coming, over = overview.given_by(actor(), clock.now(), everybody=everybody)
    return render_template("trainings/given.html", coming=coming, over=over, everybody=everybody)


# -- planning ---------------------------------------------------------------------------------------------------------


@blueprint.get("/new")
@access(Role.INSTRUCTOR, scope="manage")
def new() -> str:
    """The form for a training; `?like=` begins with what another one has, but its dates."""
    like = whole_number(request.args.get("like", ""))
    if like is None:
        return _form(None, routes_form.fresh(actor().person_id))
    form = _form_of(service.get_training(actor(), like))
    form.rows = ()
    return _form(None, form)


@blueprint.post("/new")
@access(Role.INSTRUCTOR, scope="manage")
def plan() -> Response | tuple[str, int] | str:
    """Plans it, or says everything that speaks against it."""
    form = routes_form.sent(request.form.to_dict(flat=False))
    values, dates = routes_form.values_of(form, manager=_manages()), routes_form.wishes_of(form)
    if form.errors:
        return _form(None, form), 422
    try:
        made = service.plan(
            actor(),
            values,
            dates,
            form.resource_ids,
            clock.now(),
            exclusive=form.exclusive,
            overrides=form.overrides,
        )
        if request.form.get("act") == "publish":
            service.publish(actor(), made.id, clock.now())
    except Denied as error:
        return _form(None, form, _refusals(form, dates, None, error.denials)), 409
    except Invalid as error:
        routes_form.wrong(form, error.fields)
        return _form(None, form), 422
    except (Conflict, Forbidden) as error:
        return _form(None, form, said=_said(error)), 409
    published = request.form.get("act") == "publish"
    flash(
        _("The training is published.") if published else _("The draft is kept. Publish it when it is ready."),
        "success",
    )
    return back(made.id)


@blueprint.get("/<int:training_id>/edit")
@access(Role.INSTRUCTOR, scope="manage")
def edit(training_id: int) -> str:
    """The form of a training."""
    training = _managed(training_id)
    return _form(training, _form_of(training))


@blueprint.post("/<int:training_id>/edit")
@access(Role.INSTRUCTOR, scope="manage")
def change(training_id: int) -> Response | tuple[str, int] | str:
    """Changes it, or says everything that speaks against it."""
    training = _managed(training_id)
    form = routes_form.sent(request.form.to_dict(flat=False))
    values, dates = routes_form.values_of(form, manager=_manages()), routes_form.wishes_of(form)
    if form.errors:
        return _form(training, form), 422
    try:
        service.change(
            actor(),
            training_id,
            clock.now(),
            values=values,
            dates=dates,
            resource_ids=form.resource_ids,
            exclusive=form.exclusive,
            overrides=form.overrides,
            reason=form.values["reason"],
        )
    except Denied as error:
        return _form(training, form, _refusals(form, dates, training, error.denials)), 409
    except Invalid as error:
        routes_form.wrong(form, error.fields)
        return _form(training, form), 422
    except (Conflict, Forbidden) as error:
        return _form(training, form, said=_said(error)), 409
    flash(_("The training is changed."), "success")
    return back(training_id)


@blueprint.post("/<int:training_id>/publish")
@access(Role.INSTRUCTOR, scope="manage")
def publish(training_id: int) -> Response:
    """From now on everybody sees it."""
    try:
        service.publish(actor(), training_id, clock.now())
        flash(_("Published: everybody sees it now and can enrol."), "success")
    except Conflict as error:
        flash(str(error), "warning")
    return back(training_id)


@blueprint.post("/<int:training_id>/cancel")
@access(Role.INSTRUCTOR, scope="manage")
def cancel(training_id: int) -> Response:
    """It does not take place; a draft is thrown away."""
    shown = overview.shown(actor(), service.get_training(actor(), training_id), clock.now())
    draft, told = shown.training.state.value == "draft", shown.in_it
    try:
        service.cancel(actor(), training_id, request.form.get("reason", "")[:500], clock.now())
    except Invalid:
        flash(_("Please say why: those in it read it."), "error")
        return back(training_id)
    except Conflict as error:
        flash(str(error), "warning")
        return back(training_id)
    if draft:
        flash(_("The draft is gone. What it held is free again."), "success")
        return redirect(url_for("trainings.given"), code=303)
    text = ngettext("Cancelled. %(num)d person is told.", "Cancelled. %(num)d people are told.", told)
    flash(text, "success")
    return back(training_id)


@blueprint.post("/<int:training_id>/people")
@access(Role.INSTRUCTOR, scope="book")
def enrol_somebody(training_id: int) -> Response | tuple[str, int]:
    """Enrols somebody else, with a reason."""
    person_id = whole_number(request.form.get("person", ""))
    reason = request.form.get("reason", "").strip()[:500]
    form = {"person": str(person_id or ""), "reason": reason}
    if person_id is None or not reason:
        return page(training_id, form=form, wrong=_("Please choose a person, and say why.")), 422
    try:
        made = service.enrol(actor(), training_id, person_id, clock.now(), reason=reason)
    except Denied as error:
        return page(training_id, form=form, wrong=" ".join(words.sentence(one) for one in error.denials)), 409
    except Invalid:
        return page(training_id, form=form, wrong=_("Nobody is known here by this name.")), 422
    taken = made.state is EnrolmentState.ENROLLED
    flash(
        _("The person takes part and is told.") if taken else _("The person waits for a place and is told."), "success"
    )
    return back(training_id)


# -- parts ------------------------------------------------------------------------------------------------------------


def _manages() -> bool:
    return actor().is_at_least(Role.MANAGER)


def _managed(training_id: int) -> Training:
    found = service.get_training(actor(), training_id)
    if not service.may_manage(actor(), found):
        raise Forbidden("a training is managed by its instructor and by managers")
    return found


def _said(error: Conflict | Forbidden) -> str:
    if isinstance(error, Conflict):
        return str(error)
    return str(_("You plan for yourself what you teach: leave out the certifications that you may not give."))


def _form_of(training: Training) -> Form:
    date = training.dates[-1]
    held = [one.id for one in service.resources_of(date, service.tree_of(training.dates))]
    return routes_form.of(training, held, exclusive=date.reservation is not None and date.reservation.exclusive)


def _form(training: Training | None, form: Form, refusals: Sequence[Refusal] = (), said: str = "") -> str:
    certifications = list_certifications()
    teaches = grantable(actor(), certifications, clock.now())
    against = {one.code: one for found in refusals for one in found.denials if overridable(one, actor().role)}
    return render_template(
        "trainings/edit.html",
        training=training,
        form=form,
        refusals=refusals,
        said=said,
        overridable=[one for code, one in against.items() if code not in OF_ONE_PERSON],
        codes=words.config().lab.languages,
        all_certifications=[one for one in certifications if one.id in teaches or one.id in form.certification_ids],
        resources=list_resources(),
        teachers=overview.teachers() if _manages() else [],
        audiences=list(Audience),
    )


def _refusals(
    form: Form, dates: Sequence[DateWish], training: Training | None, denials: Sequence[Denial]
) -> list[Refusal]:
    """The reasons by date, each with the nearest times at which room, machines and instructor are free."""
    by_date: dict[str, list[Denial]] = {}
    for one in denials:
        at = str(one.params.get("of_date", "")) or (dates[0].starts_at.isoformat() if len(dates) == 1 else "")
        by_date.setdefault(at, []).append(one)
    found = []
    for at, reasons in by_date.items():
        wish = next((one for one in dates if one.starts_at.isoformat() == at or _same(one.starts_at, at)), None)
        free = [] if wish is None else _free(form, wish, training)
        found.append(Refusal(None if wish is None else wish.starts_at, reasons, free))
    return found


def _same(at: datetime, text: str) -> bool:
    return text != "" and datetime.fromisoformat(text) == at


def _free(form: Form, wish: DateWish, training: Training | None) -> list[Slot]:
    chosen = whole_number(form.values["instructor_id"]) if _manages() else None
    instructor_id = chosen or (actor().person_id if training is None else training.instructor_id) or 0
    known = None if training is None else next((one for one in training.dates if one.id == wish.id), None)
    return nearest.free_times(
        actor(),
        instructor_id,
        form.resource_ids,
        wish.times,
        clock.now(),
        exclusive=form.exclusive,
        overrides=form.overrides,
        known=known,
    )
