"""REST: the waiting list of a resource, and the answers to an offer."""

from typing import Self

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid, NotFound
from fablab.reservations import offers, waiting
from fablab.reservations.api_shown import ShownReservation, shown
from fablab.reservations.waiting import Standing
from fablab.resources.service import get_resource
from fablab.web.access import access, actor
from fablab.web.api import Body, Ident, Instant, Shown, ShownIdent, ShownInstant, idempotent, problems

blueprint = APIBlueprint("waiting_api", __name__, url_prefix="/api/v1", tag="Reservations")

EXAMPLE = {"start": "2026-03-03T10:00:00+01:00", "end": "2026-03-03T18:00:00+01:00", "minutes": 120}


class WishToWait(Body):
    """What somebody waits for: the slot, or any `minutes` within it."""

    start: Instant = Field(description="First instant, with offset")
    end: Instant = Field(description="Instant after the last one, with offset; at most 62 days later")
    minutes: int | None = Field(None, ge=1, le=62 * 1440, description="Any so many minutes; all of it when left out")
    person_id: Ident | None = Field(None, description="For whom; oneself when left out. Others: staff only")

    @model_validator(mode="after")
    def _order(self) -> Self:
        if self.end <= self.start:
            raise ValueError("end must be after start")
        return self

    @property
    def length(self) -> int:
        """The minutes wanted."""
        return int((self.end - self.start).total_seconds()) // 60 if self.minutes is None else self.minutes


class LeaveQuery(BaseModel):
    """Which entries."""

    model_config = ConfigDict(extra="forbid")

    entry_id: Ident | None = Field(None, description="One entry; all of one's own in this list when left out")


class ShownEntry(Shown):
    """An entry of a waiting list."""

    id: ShownIdent
    resource_id: ShownIdent
    person_id: ShownIdent
    start: ShownInstant
    end: ShownInstant
    minutes: int
    state: str = Field(description="waiting or offered; after that accepted, declined, expired or left")
    position: int | None = Field(description="1 is the next to be asked; null while an offer is open")
    reservation_id: str | None = Field(description="The reservation that is held for the person, once offered")
    created_at: ShownInstant


class WaitingList(Shown):
    """One's own entries, for staff all; in the order in which they are asked."""

    items: list[ShownEntry]
    next: str | None
    waiting: int = Field(description="How many wait in all")


@blueprint.get("/resources/<int:resource_id>/waitlist")
@access(Role.MAKER)
@blueprint.output(WaitingList)
@blueprint.doc(
    summary="The waiting list of a resource", description="One's own entries; all for staff.", responses=problems(404)
)
def waitlist(resource_id: int) -> WaitingList:
    get_resource(resource_id)
    line = waiting.line(resource_id)
    acting = actor()
    return WaitingList(
        items=[entry_json(one) for one in line if acting.is_staff or one.entry.person_id == acting.person_id],
        next=None,
        waiting=sum(one.position is not None for one in line),
    )


@blueprint.post("/resources/<int:resource_id>/waitlist")
@access(Role.MAKER, scope="book")
@blueprint.input(WishToWait, example=EXAMPLE)
@blueprint.output(ShownEntry, status_code=201)
@blueprint.doc(
    summary="Stand in line",
    description="409 where the time is free, or where waiting does not help; `denials` says why.",
    responses=problems(404, 409, 415, 422),
)
@idempotent
def join(resource_id: int, json_data: WishToWait) -> tuple[ShownEntry, int]:
    person_id = actor().person_id if json_data.person_id is None else json_data.person_id
    if person_id is None:
        raise Invalid({"person_id": "is needed: this token belongs to nobody"})
    made = waiting.join(actor(), person_id, resource_id, json_data.start, json_data.end, json_data.length, clock.now())
    place = next(one for one in waiting.mine(person_id) if one.entry.id == made.id)
    return entry_json(place), 201


@blueprint.delete("/resources/<int:resource_id>/waitlist")
@access(Role.MAKER, scope="book")
@blueprint.input(LeaveQuery, location="query")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Leave the line",
    description="All of one's own entries that wait in this list, or the one named. 409 while an offer is open.",
    responses=problems(404, 409),
)
def leave(resource_id: int, query_data: LeaveQuery) -> tuple[str, int]:
    get_resource(resource_id)
    line = waiting.line(resource_id)
    if query_data.entry_id is not None:
        chosen = [one for one in line if one.entry.id == query_data.entry_id]
    else:
        chosen = [one for one in line if one.entry.person_id == actor().person_id and one.position is not None]
    if not chosen:
        raise NotFound("There is no such entry in this waiting list.")
    for one in chosen:
        waiting.leave(actor(), one.entry.id, clock.now())
    return "", 204


@blueprint.post("/reservations/<int:reservation_id>/accept-offer")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownReservation)
@blueprint.doc(
    summary="Accept what is held for one",
    description="The rules are asked once more. 409 when it is not held any more.",
    responses=problems(404, 409),
)
def accept_offer(reservation_id: int) -> ShownReservation:
    return shown(offers.accept_hold(actor(), reservation_id, clock.now()))


@blueprint.post("/reservations/<int:reservation_id>/decline-offer")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownReservation)
@blueprint.doc(
    summary="Decline what is held for one", description="The next in line is asked.", responses=problems(404, 409)
)
def decline_offer(reservation_id: int) -> ShownReservation:
    return shown(offers.decline_hold(actor(), reservation_id, clock.now()))


def entry_json(standing: Standing) -> ShownEntry:
    """An entry as the API shows it."""
    entry = standing.entry
    return ShownEntry(
        id=entry.id,
        resource_id=entry.resource_id,
        person_id=entry.person_id,
        start=entry.starts_at,
        end=entry.ends_at,
        minutes=entry.minutes,
        state=entry.state.value,
        position=standing.position,
        reservation_id=None if entry.offer_id is None else str(entry.offer_id),
        created_at=entry.created_at,
    )
