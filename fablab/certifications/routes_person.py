"""Pages: one person and one certification: granting, withdrawing, holding back, giving free."""

from collections.abc import Mapping, Sequence

from flask import flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications import cell as cells
from fablab.certifications import granting, service, suspending
from fablab.certifications.models import Evidence
from fablab.certifications.routes_base import blueprint
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.denials import Denial
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.people.forms import day_end, wrong
from fablab.people.service import get_person
from fablab.web.access import access, actor


@blueprint.get("/<int:certification_id>/people/<int:person_id>")
@access(Role.INSTRUCTOR)
def cell(certification_id: int, person_id: int) -> str:
    """What happened so far, and the forms to grant, renew, hold back or withdraw."""
    return _cell(certification_id, person_id, {})


@blueprint.post("/<int:certification_id>/people/<int:person_id>/grant")
@access(Role.INSTRUCTOR, scope="manage")
def grant(certification_id: int, person_id: int) -> Response | tuple[str, int]:
    """Certifies the person."""
    form = request.form
    try:
        until = day_end(form.get("valid_until", ""), "valid_until")
        granting.grant(
            actor(),
            certification_id,
            person_id,
            form.get("reason", ""),
            clock.now(),
            valid_until=until,
            evidence=_evidence(form.get("evidence", Evidence.OBSERVED.value)),
            proof=form.get("proof", ""),
        )
    except Invalid as error:
        return _cell(certification_id, person_id, _wrong(error)), 422
    except Denied as error:
        return _cell(certification_id, person_id, {}, error.denials), 409
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


@blueprint.post("/<int:certification_id>/people/<int:person_id>/suspend")
@access(Role.INSTRUCTOR, scope="manage")
def suspend(certification_id: int, person_id: int) -> Response:
    """Holds the certification back from the person, at once."""
    try:
        suspending.suspend(actor(), certification_id, person_id, request.form.get("reason", ""), clock.now())
        flash(_("The certification is held back; it counts from now on."), "success")
    except Invalid:
        flash(_("Please say why, in at most 500 characters."), "error")
    except Conflict:
        flash(_("This certification is not held, or is held back already."), "info")
    return _back(certification_id, person_id)


@blueprint.post("/<int:certification_id>/people/<int:person_id>/lift/<int:suspension_id>")
@access(Role.INSTRUCTOR, scope="manage")
def lift(certification_id: int, person_id: int, suspension_id: int) -> Response:
    """Gives free what was held back."""
    try:
        suspending.lift(actor(), suspension_id, request.form.get("note", ""), clock.now())
        flash(_("It is not held back any more."), "success")
    except Invalid:
        flash(_("Please use at most 500 characters."), "error")
    except Conflict:
        flash(_("It was given free already."), "info")
    return _back(certification_id, person_id)


def _cell(certification_id: int, person_id: int, errors: Mapping[str, str], denials: Sequence[Denial] = ()) -> str:
    found = cells.cell(actor(), certification_id, person_id, clock.now())
    return render_template("certifications/cell.html", cell=found, errors=errors, denials=denials, form=request.form)


def _evidence(typed: str) -> Evidence:
    if typed not in set(Evidence):
        raise Invalid({"evidence": f"must be one of {', '.join(Evidence)}"})
    return Evidence(typed)


def _wrong(error: Invalid) -> dict[str, str]:
    sentences = {
        "proof": _("Please say where it was learnt and how that was shown, in at most 500 characters."),
        "evidence": _("Please choose one of the list."),
    }
    return {name: sentences.get(name, sentence) for name, sentence in wrong(error).items()}


def _back(certification_id: int, person_id: int) -> Response:
    where = url_for("certifications.cell", certification_id=certification_id, person_id=person_id)
    return redirect(where, code=303)
