"""Finding a time: "2 h, any laser cutter, this week, when an instructor is there", and one click that books it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from flask import render_template, request
from flask_babel import gettext as _

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.words import config
from fablab.reservations import finding, forms
from fablab.reservations.finding import Asked
from fablab.reservations.routes_base import blueprint
from fablab.reservations.rules import Slot
from fablab.resources import groups
from fablab.resources import service as resources
from fablab.resources.models import Kind, Resource
from fablab.web.access import access, actor
from fablab.web.names import GROUPS

FIELDS = ("what", "minutes", "within", "instructor")
LENGTHS = (30, 60, 90, 120, 180, 240, 360, 480)
WITHIN = {"today": 1, "3": 3, "week": 7, "14": 14, "30": 30}
"""How many days are searched, today included."""
LIMIT = 12


@dataclass(frozen=True, slots=True)
class Found:
    """A time that can be booked with one click, or, where somebody must come along, as soon as he is chosen."""

    resource: Resource
    slot: Slot
    with_instructor: bool


@blueprint.get("/find")
@access(Role.MAKER)
def find() -> str:
    """The question, and the earliest times that answer it."""
    asked = bool(request.args.get("what"))
    values = {name: request.args.get(name, "").strip()[:40] for name in FIELDS}
    values["minutes"], values["within"] = values["minutes"] or "60", values["within"] or "week"
    whats = _whats()
    errors = _wrong(values, [value for value, _text in whats]) if asked else {}
    now = clock.now()
    wanted = _asked(values, now) if asked and not errors else None
    choices = None if wanted is None else _choices(wanted, now)
    return render_template(
        "reservations/find.html",
        form={"values": values, "errors": errors},
        whats=whats,
        lengths=[(one, words.length(one)) for one in LENGTHS],
        withins=_withins(),
        choices=choices,
        denials=[] if choices or wanted is None else finding.against(actor(), actor().person_id or 0, wanted, now),
    )


def _wrong(values: dict[str, str], whats: Sequence[str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    if values["what"] not in whats:
        errors["what"] = _("Please choose from the list.")
    if forms.number(values["minutes"], 1, forms.MOST_MINUTES) is None:
        errors["minutes"] = _("Please choose how long.")
    if values["within"] not in WITHIN:
        errors["within"] = _("Please choose from the list.")
    return errors


def _asked(values: dict[str, str], now: datetime) -> Asked:
    what, _colon, which = values["what"].partition(":")
    last = now.astimezone(config().lab.zone).date() + timedelta(days=WITHIN[values["within"]])
    until = datetime.combine(last, time(0), tzinfo=config().lab.zone)
    return Asked(
        kind=Kind(which) if what == "kind" else None,
        group_id=int(which) if what == "group" else None,
        resource_ids=[int(which)] if what == "resource" else (),
        minutes=int(values["minutes"]),
        from_=now,
        to=until.astimezone(now.tzinfo),
        with_instructor=values["instructor"] != "",
    )


def _choices(asked: Asked, now: datetime) -> list[Found]:
    found = finding.find(actor(), actor().person_id or 0, asked, now, LIMIT)
    known = resources.resources_by_id(sorted({one.resource_id for one in found}))
    return [Found(known[one.resource_id], one.slot, one.with_instructor) for one in found]


def _whats() -> list[tuple[str, str]]:
    """What can be looked for: any of a group, any of a kind, one alone."""
    everything = resources.list_resources()
    kinds = [kind for kind in Kind if any(one.kind is kind for one in everything)]
    return [
        *((f"group:{one.id}", _("Any of: %(name)s", name=words.text(one.name))) for one in groups.list_groups()),
        *((f"kind:{kind.value}", _("Any of: %(name)s", name=str(GROUPS[kind.value]))) for kind in kinds),
        *((f"resource:{one.id}", words.text(one.name)) for one in everything),
    ]


def _withins() -> list[tuple[str, str]]:
    return [
        ("today", _("Today")),
        ("3", _("Today and the next 2 days")),
        ("week", _("Within a week")),
        ("14", _("Within two weeks")),
        ("30", _("Within 30 days")),
    ]
