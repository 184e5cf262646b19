"""The page on which managers say what all resources of a group ask for. That of one resource is a part of its form."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from fablab.certifications import requirement_forms, requirements, service
from fablab.certifications.requirement_words import in_words
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import NotFound
from fablab.resources import groups
from fablab.resources.models import ResourceGroup
from fablab.web.access import access, actor

blueprint = Blueprint("requirements", __name__)


@blueprint.get("/rules/groups/<int:group_id>/requirements")
@access(Role.MANAGER)
def of_group(group_id: int) -> str:
    """The form with what is asked for now."""
    return _form(group_id)


@blueprint.post("/rules/groups/<int:group_id>/requirements")
@access(Role.MANAGER, scope="manage")
def set_of_group(group_id: int) -> Response | str | tuple[str, int]:
    """Saves the form."""
    if requirement_forms.wants_more(request.form):
        return _form(group_id, again=True)
    groups.get_group(group_id)
    need = requirement_forms.read(request.form)
    try:
        if need is not None:
            requirements.require(actor(), ResourceGroup, group_id, need, clock.now())
    except NotFound:
        flash(_("One of these certifications is not there any more. Please look again."), "error")
        return _form(group_id), 409
    flash(_("The changes are saved."), "success")
    return redirect(url_for("policies.index"), code=303)


def _form(group_id: int, *, again: bool = False) -> str:
    group = groups.get_group(group_id)
    need = requirements.own_need(ResourceGroup, group_id)
    names = requirements.names_in(need)
    needs = requirement_forms.shown(need, names)
    return render_template(
        "certifications/requirements.html",
        group=group,
        needs=requirement_forms.typed(request.form, needs) if again else needs,
        said=in_words(need, names),
        members=groups.members([group_id]).get(group_id, []),
        all_certifications=service.list_certifications(),
    )
