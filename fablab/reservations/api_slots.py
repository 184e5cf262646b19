"""REST: `/slots`: the earliest times on any of several resources."""

from typing import Any, Literal

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.reservations import bookable, finding
from fablab.reservations.finding import Asked
from fablab.reservations.wishes import Extras
from fablab.resources.models import Kind
from fablab.web.access import access, actor
from fablab.web.api import Ident, Instant, Shown, ShownIdent, ShownInstant, problems
from fablab.web.errors import denial_json

blueprint = APIBlueprint("slots_api", __name__, url_prefix="/api/v1", tag="Reservations")


class SlotQuery(BaseModel):
    """What is looked for; every filter that is given must fit."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(60, ge=1, le=finding.MOST_MINUTES, description="How long")
    from_: Instant = Field(alias="from", description="Not before this instant")
    to: Instant = Field(description=f"Ending by this instant, at most {finding.MOST_DAYS} days later")
    kind: Literal["machine", "room", "office", "desk", "advisor"] | None = Field(None, description="Any of this kind")
    group_id: Ident | None = Field(None, description="Any of this group")
    resource_id: Ident | None = Field(None, description="This one")
    person_id: Ident | None = Field(None, description="For whom; oneself when left out. Others: staff only")
    party_size: int = Field(1, ge=1, le=10_000, description="How many people")
    with_instructor: bool = Field(False, description="Only while an instructor is in the lab")
    companion_id: Ident | None = Field(None, description="The instructor who is booked along; for staff anybody")
    limit: int = Field(10, ge=1, le=finding.MOST_CHOICES, description="How many at most")


class ShownChoice(Shown):
    """A time at which a resource may be booked."""

    resource_id: ShownIdent = Field(examples=["7"])
    start: ShownInstant
    end: ShownInstant
    with_instructor: bool = Field(description="It takes an instructor: name one in `companion_ids` to book it")


class ChoiceList(Shown):
    """Choices, the earliest first; there are no further pages."""

    items: list[ShownChoice]
    next: str | None = None
    denials: list[dict[str, Any]] = Field(description="Where there are none: what speaks against it at any time")


@blueprint.get("/slots")
@access(Role.MAKER)
@blueprint.input(SlotQuery, location="query")
@blueprint.output(ChoiceList)
@blueprint.doc(
    summary="Find a slot",
    description="The earliest times that the caller may book on any one of the resources that fit: «2 h, any laser "
    "cutter, this week, when an instructor is there». Of one resource, times that do not overlap.",
    responses=problems(422),
)
def find_slots(query_data: SlotQuery) -> ChoiceList:
    acting, person_id, now = actor(), _person(query_data), clock.now()
    asked = _asked(query_data)
    found = finding.find(acting, person_id, asked, now, query_data.limit)
    denials = [] if found else finding.against(acting, person_id, asked, now)
    return ChoiceList(
        items=[
            ShownChoice(
                resource_id=str(one.resource_id),
                start=one.slot.starts_at,
                end=one.slot.ends_at,
                with_instructor=one.with_instructor,
            )
            for one in found
        ],
        denials=[denial_json(one) for one in denials],
    )


def _asked(query: SlotQuery) -> Asked:
    ids = [] if query.companion_id is None else [query.companion_id]
    along = bookable.companions(actor(), ids, [])
    return Asked(
        kind=None if query.kind is None else Kind(query.kind),
        group_id=query.group_id,
        resource_ids=() if query.resource_id is None else (query.resource_id,),
        minutes=query.minutes,
        from_=query.from_,
        to=query.to,
        with_instructor=query.with_instructor,
        extras=Extras(party_size=query.party_size, companion_ids=tuple(along), called=along),
    )


def _person(query: SlotQuery) -> int:
    ident = actor().person_id if query.person_id is None else query.person_id
    if ident is None:
        raise Invalid({"person_id": "is needed: this token belongs to nobody"})
    return ident
