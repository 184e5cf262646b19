"""Pages: the matrix of people and certifications, and one certification; those of other subjects beside it."""

from datetime import date, datetime

from flask import render_template, request

from fablab.certifications import (
    granting,
    linking,
    matrix,
    routes_definition,
    routes_person,
    service,
)
from fablab.certifications.routes_base import blueprint, number
from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.resources.service import resources_by_id
from fablab.web.access import access, actor

PAGES = (routes_definition, routes_person)
"""The modules whose views the blueprint holds: to be imported is enough."""

__all__ = ["PAGES", "blueprint"]


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
        certification_id=number(shown["certification"]),
        number=number(request.args.get("page", "")) or 1,
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
    everything = matrix.standings_of(acting.person_id or 0, now)
    mine = {one.id: standing for one, standing in everything}
    known = {one.id: one for one, _standing in everything}
    links = service.links_of(found.id)
    return render_template(
        "certifications/show.html",
        certification=found,
        opened=[one for one in opened.values() if one.retired_at is None],
        mine=mine.get(found.id, matrix.NONE),
        needed=[(known[one], mine[one]) for one in links["prerequisites"] if one in known],
        included=[known[one] for one in sorted(linking.all_included(found.id)) if one in known],
        holders=matrix.holders(found, now) if acting.is_staff else [],
        teaches=granting.may_grant(acting, found.id, now),
    )


def _today(now: datetime) -> date:
    return now.astimezone(words.config().lab.zone).date()
