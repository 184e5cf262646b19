"""Another machine or room for a booking: what each one that was asked for can be exchanged for, and what was chosen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import select

from fablab.core import words
from fablab.core.db import db
from fablab.reservations import forms
from fablab.reservations.asked import asked
from fablab.reservations.models import Reservation
from fablab.resources.models import Resource, ServiceState

FIELD = "instead-"
"""The fields of the form, each with the id of the resource that is exchanged behind it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One resource that was asked for; `options` are those of its kind, itself among them; `chosen` is one of these."""

    resource: Resource
    options: Sequence[tuple[int, str]]
    chosen: int

    @property
    def field(self) -> str:
        """Its field of the form."""
        return f"{FIELD}{self.resource.id}"


def exchanges(reservation: Reservation, given: Mapping[str, Sequence[str]], errors: forms.Errors) -> list[Exchange]:
    """What was asked for, each with what may stand in its place and what was chosen in the form. One query, one more
    for a room taken as a whole."""
    wanted = asked(reservation)
    ids = {one.id for one in wanted}
    query = select(Resource).where(Resource.kind.in_({one.kind for one in wanted}), Resource.retired_at.is_(None))
    alike = db.session.scalars(query.where(Resource.service_state == ServiceState.IN_SERVICE).order_by(Resource.id))
    free = [one for one in alike if one.id not in ids]
    found = [_exchange(one, free, given, errors) for one in wanted]
    if len({one.chosen for one in found}) < len(found):
        errors[found[0].field] = _("Please choose each machine or room only once.")
    return found


def chosen(found: Sequence[Exchange]) -> list[int] | None:
    """The resources that the booking shall hold; None where they stay."""
    ids = [one.chosen for one in found]
    return None if ids == [one.resource.id for one in found] else ids


def _exchange(
    one: Resource, alike: Sequence[Resource], given: Mapping[str, Sequence[str]], errors: forms.Errors
) -> Exchange:
    options = [(other.id, words.text(other.name)) for other in (one, *alike) if other.kind is one.kind]
    text = next(iter(given.get(f"{FIELD}{one.id}", ())), "") or str(one.id)
    ident = forms.number(text, 1, 2**53)
    if ident is None or ident not in dict(options):
        errors[f"{FIELD}{one.id}"] = _("Please choose from the list.")
        ident = one.id
    return Exchange(one, options, ident)
