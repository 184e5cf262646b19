"""REST: `/reservations`, and the free slots of a resource."""

from datetime import datetime
from typing import Literal

from apiflask import APIBlueprint
from flask import Response
from pydantic import Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.reservations import api_series, reading, recurrence, service
from fablab.reservations.api_bodies import EXAMPLE, CancelQuery, ReservationChange, Wanted
from fablab.reservations.api_shown import ShownReservation, ShownSlot, Verdict, shown, slot_json, verdict_json
from fablab.reservations.models import Reservation, ReservationState
from fablab.reservations.rules import Slot
from fablab.resources.service import get_resource
from fablab.web.access import access, actor
from fablab.web.api import (
    Ident,
    Instant,
    PageQuery,
    Shown,
    idempotent,
    page_of,
    problems,
)

blueprint = APIBlueprint("reservations_api", __name__, url_prefix="/api/v1", tag="Reservations")

STATES = Literal["requested", "held", "booked", "finished", "cancelled", "rejected", "expired", "released"]


class ReservationList(Shown):
    """A page of reservations."""

    items: list[ShownReservation]
    next: str | None


class SlotList(Shown):
    """Slots, ascending."""

    items: list[ShownSlot]
    next: str | None


class ReservationQuery(PageQuery):
    """Filters of the list; every part that is given must fit."""

    resource_id: Ident | None = None
    person_id: Ident | None = Field(None, description="Staff; makers see their own anyway")
    from_: Instant | None = Field(None, alias="from", description="Ending after this instant")
    to: Instant | None = Field(None, description="Starting before this instant")
    state: STATES | None = None


class AvailabilityQuery(PageQuery):
    """Which slots."""

    from_: Instant = Field(alias="from", description="Not before this instant")
    to: Instant = Field(description="Ending by this instant, at most 62 days later")
    minutes: int = Field(60, ge=5, le=525600, description="Length of each slot")


@blueprint.get("/reservations")
@access(Role.MAKER)
@blueprint.input(ReservationQuery, location="query")
@blueprint.output(ReservationList)
@blueprint.doc(summary="List reservations", description="One's own; all for staff.", responses=problems(422))
def list_reservations(query_data: ReservationQuery) -> ReservationList:
    wanted = reading.reservations_query(
        actor(),
        resource_id=query_data.resource_id,
        person_id=query_data.person_id,
        from_=query_data.from_,
        to=query_data.to,
        state=None if query_data.state is None else ReservationState(query_data.state),
    )
    rows, following = page_of(wanted, Reservation.id, query_data.limit, query_data.cursor)
    return ReservationList(items=[shown(row) for row in rows], next=following)


@blueprint.post("/reservations")
@access(Role.MAKER, scope="book")
@blueprint.input(Wanted, example=EXAMPLE)
@blueprint.output(ShownReservation, status_code=201)
@blueprint.doc(
    summary="Book",
    description="409 names every reason against it at once. Takes an `Idempotency-Key`. With `recurrence` the answer "
    "is the series, as `/series/{id}` shows it; dates that cannot be had are in `skipped`, with their reasons.",
    responses=problems(409, 415, 422),
)
@idempotent
def book(json_data: Wanted) -> tuple[ShownReservation, int] | Response:
    extras = json_data.extras(actor())
    if json_data.recurrence is not None:
        body, rule = json_data, json_data.recurrence
        return api_series.book(actor(), _person(body), body.ids, body.start, body.end, rule, extras, clock.now())
    made = service.book(
        actor(),
        _person(json_data),
        json_data.ids,
        json_data.start,
        json_data.end,
        extras,
        clock.now(),
    )
    return shown(made), 201


@blueprint.post("/reservations/check")
@access(Role.MAKER, scope="book")
@blueprint.input(Wanted, example=EXAMPLE)
@blueprint.output(Verdict)
@blueprint.doc(summary="Ask what booking would say", description="Books nothing.", responses=problems(415, 422))
def check(json_data: Wanted) -> Verdict:
    if json_data.recurrence is not None:
        recurrence.parse(json_data.recurrence)
    verdict = service.check(
        actor(),
        _person(json_data),
        json_data.ids,
        json_data.start,
        json_data.end,
        clock.now(),
        json_data.extras(actor()),
    )
    return verdict_json(verdict)


@blueprint.get("/reservations/<int:reservation_id>")
@access(Role.MAKER)
@blueprint.output(ShownReservation)
@blueprint.doc(summary="One reservation", responses=problems(404))
def get_reservation(reservation_id: int) -> ShownReservation:
    return shown(reading.get_reservation(actor(), reservation_id))


@blueprint.patch("/reservations/<int:reservation_id>")
@access(Role.MAKER, scope="book")
@blueprint.input(ReservationChange, example={"end": "2026-03-03T13:00:00+01:00"})
@blueprint.output(ShownReservation)
@blueprint.doc(
    summary="Move a reservation or change its note",
    description="Every rule is asked again for another time.",
    responses=problems(404, 409, 415, 422),
)
def change_reservation(reservation_id: int, json_data: ReservationChange) -> ShownReservation:
    changed = service.change(
        actor(),
        reservation_id,
        clock.now(),
        starts_at=json_data.start,
        ends_at=json_data.end,
        note=json_data.note,
        party_size=json_data.party_size,
        resource_ids=json_data.resource_ids,
        reason=json_data.reason,
        overrides=json_data.overrides,
    )
    return shown(changed)


@blueprint.post("/reservations/<int:reservation_id>/check")
@access(Role.MAKER, scope="book")
@blueprint.input(ReservationChange, example={"start": EXAMPLE["start"], "end": EXAMPLE["end"]})
@blueprint.output(Verdict)
@blueprint.doc(
    summary="Ask what changing would say",
    description="Changes nothing; the reservation is not in its own way. 409 when it cannot be changed any more.",
    responses=problems(404, 409, 415, 422),
)
def check_change(reservation_id: int, json_data: ReservationChange) -> Verdict:
    verdict = service.check_change(
        actor(),
        reservation_id,
        clock.now(),
        starts_at=json_data.start,
        ends_at=json_data.end,
        party_size=json_data.party_size,
        resource_ids=json_data.resource_ids,
        overrides=json_data.overrides,
    )
    return verdict_json(verdict)


@blueprint.delete("/reservations/<int:reservation_id>")
@access(Role.MAKER, scope="book")
@blueprint.input(CancelQuery, location="query")
@blueprint.output({}, status_code=204)
@blueprint.doc(
    summary="Cancel a reservation",
    description="Later than the rules let it be for free, it counts as late, unless the staff gives a reason.",
    responses=problems(404, 409),
)
def cancel_reservation(reservation_id: int, query_data: CancelQuery) -> tuple[str, int]:
    service.cancel(actor(), reservation_id, clock.now(), query_data.reason)
    return "", 204


@blueprint.get("/resources/<int:resource_id>/availability")
@access(Role.MAKER)
@blueprint.input(AvailabilityQuery, location="query")
@blueprint.output(SlotList)
@blueprint.doc(
    summary="Free slots that the caller may book",
    description="One for each possible start on the resource's step, so neighbours overlap.",
    responses=problems(404, 422),
    tags=["Resources"],
)
def availability(resource_id: int, query_data: AvailabilityQuery) -> SlotList:
    get_resource(resource_id)
    slots = service.availability(_me(), resource_id, query_data.from_, query_data.to, query_data.minutes, clock.now())
    begin = _after(slots, query_data.cursor)
    page = slots[begin : begin + query_data.limit]
    more = begin + query_data.limit < len(slots)
    return SlotList(items=[slot_json(slot) for slot in page], next=page[-1].starts_at.isoformat() if more else None)


def _person(body: Wanted) -> int:
    return _me() if body.person_id is None else body.person_id


def _me() -> int:
    person_id = actor().person_id
    if person_id is None:
        raise Invalid({"person_id": "is needed: this token belongs to nobody"})
    return person_id


def _after(slots: list[Slot], cursor: str | None) -> int:
    if cursor is None:
        return 0
    try:
        last = datetime.fromisoformat(cursor.replace(" ", "+"))
        return sum(slot.starts_at <= last for slot in slots)
    except (ValueError, TypeError):
        raise Invalid({"cursor": "must be the `next` of a list"}) from None
