"""The pages of the passport: one's own, and for the staff anybody's."""

from flask import Blueprint, render_template, request

from fablab.certifications.routes_overview import what_words
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import NotFound
from fablab.core.typed import whole_number
from fablab.credentials.words import evidence_words
from fablab.pages import passport as passports
from fablab.web.access import access, actor

blueprint = Blueprint("passports", __name__)


@blueprint.get("/passport")
@access(Role.MAKER)
def mine() -> str:
    """One's own."""
    return _page(actor().person_id)


@blueprint.get("/people/<int:person_id>/passport")
@access(Role.MAKER)
def show(person_id: int) -> str:
    """One's own, for the staff anybody's; others' are not there for makers."""
    return _page(person_id)


def _page(person_id: int | None) -> str:
    if person_id is None:
        raise NotFound("Only people have a passport.")
    typed = request.args.get("page", "")
    number = whole_number(typed) or 1
    now = clock.now()
    return render_template(
        "pages/passport.html",
        passport=passports.passport(actor(), person_id, now, number),
        evidence_words=evidence_words,
        whats=what_words(),
        printed_at=now,
    )
