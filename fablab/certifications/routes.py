"""Pages: the matrix of people and certifications, and one certification; those of other subjects beside it."""

from collections.abc import Sequence
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
from fablab.certifications.models import Certification
from fablab.certifications.routes_base import blueprint
from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.typed import whole_number
from fablab.resources.models import Resource
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
    shown = {name: request.args.get(name, "").strip()[:100] for name in ("q", "state", "certification", "resource")}
    found = matrix.matrix(
        acting,
        now,
        _today(now),
        search=shown["q"],
        state=shown["state"],
        certification_id=whole_number(shown["certification"]),
        resource_id=whole_number(shown["resource"]),
        number=whole_number(request.args.get("page", "")) or 1,
    )
    known = service.list_certifications()
    return render_template(
        "certifications/matrix.html", found=found, shown=shown, all_certifications=known, asking=_asking(known)
    )


def _asking(certifications: Sequence[Certification]) -> list[Resource]:
    """What asks for one of these and is not retired, for the filter."""
    opened = service.opened_by([one.id for one in certifications])
    found = resources_by_id(sorted({ident for ids in opened.values() for ident in ids}))
    return [one for one in found.values() if one.retired_at is None]


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
        ends_on=_ends_on(found.validity_ends_on),
        teaches=granting.may_grant(acting, found.id, now),
    )


def _ends_on(day_of_year: str | None) -> date | None:
    """A day of the year as a day of a leap year, for its name."""
    return None if day_of_year is None else date.fromisoformat(f"2024-{day_of_year}")


def _today(now: datetime) -> date:
    return now.astimezone(words.config().lab.zone).date()
