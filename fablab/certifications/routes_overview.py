"""Pages: what ends soon, and what happened to whose certification."""

from datetime import timedelta

from flask import Blueprint, render_template, request
from flask_babel import gettext as _

from fablab.certifications import chronicle, matrix, service
from fablab.certifications.chronicle import What
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.typed import whole_number
from fablab.people.service import names_of
from fablab.web.access import access, actor

blueprint = Blueprint("certification_overview", __name__, url_prefix="/certifications")

WITHIN = (7, 30, 90)
"""For how many days ahead one may look."""


@blueprint.get("/lapsing")
@access(Role.INSTRUCTOR)
def lapsing() -> str:
    """Whose certification ends soon, the first to end first."""
    typed = request.args.get("days", "")
    days = int(typed) if typed in {str(one) for one in WITHIN} else 30
    found = matrix.lapsing(actor(), clock.now(), timedelta(days=days))
    return render_template("certifications/lapsing.html", found=found, days=days, choices=WITHIN)


@blueprint.get("/history")
@access(Role.INSTRUCTOR)
def history() -> str:
    """Everything that happened, newest first."""
    shown = {name: request.args.get(name, "").strip()[:100] for name in ("q", "certification")}
    found = chronicle.chronicle(
        actor(),
        search=shown["q"],
        certification_id=whole_number(shown["certification"]),
        number=whole_number(request.args.get("page", "")) or 1,
    )
    return render_template(
        "certifications/history.html",
        found=found,
        shown=shown,
        names=names_of([ident for one in found.entries for ident in (one.person_id, one.by_id)]),
        certifications={one.id: one for one in service.list_certifications()},
        whats=what_words(),
    )


def what_words() -> dict[What, str]:
    """What happened, in the reader's language."""
    return {
        What.GRANTED: _("Certified"),
        What.REVOKED: _("Withdrawn"),
        What.SUSPENDED: _("Suspended"),
        What.RESUMED: _("Suspension lifted"),
        What.ENDED: _("Ended"),
    }
