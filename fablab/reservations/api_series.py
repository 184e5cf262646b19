"""REST: bookings that come again, all dates at once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from apiflask import APIBlueprint
from flask import Response, jsonify
from pydantic import Field

from fablab.core import clock
from fablab.core.actor import Actor, Role
from fablab.core.denials import Denial
from fablab.reservations import series, series_rows
from fablab.reservations.api_shown import ShownReservation, shown
from fablab.reservations.models import SkippedOccurrence
from fablab.reservations.series import Edited, Scope
from fablab.reservations.series_rows import SeriesResult
from fablab.reservations.wishes import Extras
from fablab.web.access import access, actor
from fablab.web.api import Body, Ident, Instant, Shown, ShownIdent, ShownInstant, problems
from fablab.web.errors import denial_json

blueprint = APIBlueprint("series_api", __name__, url_prefix="/api/v1", tag="Reservations")

Which = Literal["following", "all"]


class SeriesChange(Body):
    """New times of one date; the others move by the same days and hours. What is left out stays."""

    reservation_id: Ident | None = Field(
        None, description="The date that the times are meant for; the first that is still to come when left out"
    )
    scope: Which = Field("all", description="This and the following dates, or all that are still to come")
    start: Instant | None = None
    end: Instant | None = None
    note: str | None = Field(None, max_length=500)
    reason: str = Field("", max_length=500)


class SeriesCancel(Body):
    """Which dates to cancel."""

    reservation_id: Ident | None = Field(
        None, description="The date from which on, with scope `following`; the first to come when left out"
    )
    scope: Which = Field("all", description="This and the following dates, or all that are still to come")
    reason: str = Field("", max_length=500)


class ShownSkipped(Shown):
    """A date that could not be booked."""

    id: ShownIdent
    start: ShownInstant
    denials: list[dict[str, Any]] = Field(
        description="Every reason: code, message, params, remedy; none: not tried yet"
    )


class ShownSeries(Shown):
    """A series with all its dates, ascending."""

    id: ShownIdent
    person_id: ShownIdent
    resource_ids: list[ShownIdent]
    rule: str = Field(description="RFC 5545", examples=["FREQ=WEEKLY;BYDAY=TU;COUNT=10"])
    zone: str = Field(description="The rule counts in the local time of this zone")
    start: ShownInstant
    minutes: int = Field(description="Length on the wall clock")
    note: str
    created_at: ShownInstant
    booked: list[ShownReservation]
    skipped: list[ShownSkipped]


class ShownRefusal(Shown):
    """A date that stays as it was."""

    reservation_id: ShownIdent
    denials: list[dict[str, Any]]


class ShownEdit(Shown):
    """What became of a change or cancellation."""

    series_id: ShownIdent = Field(description="The series that holds the dates now; another one where it was split")
    done: list[ShownReservation]
    refused: list[ShownRefusal]


@blueprint.get("/series/<int:series_id>")
@access(Role.MAKER)
@blueprint.output(ShownSeries)
@blueprint.doc(summary="A booking that comes again", responses=problems(404))
def get_series(series_id: int) -> ShownSeries:
    return shown_series(series_rows.result(series_rows.own(actor(), series_id)))


@blueprint.patch("/series/<int:series_id>")
@access(Role.MAKER, scope="book")
@blueprint.input(
    SeriesChange, example={"reservation_id": "42", "end": "2026-03-03T13:00:00+01:00", "scope": "following"}
)
@blueprint.output(ShownEdit)
@blueprint.doc(
    summary="Move dates of a series or change their note",
    description="Dates that cannot be moved stay as they were and are named; 409 with the reasons where none can.",
    responses=problems(404, 409, 415, 422),
)
def change(series_id: int, json_data: SeriesChange) -> ShownEdit:
    picked = series_rows.own_date(actor(), series_id, json_data.reservation_id, clock.now())
    edited = series.change_series(
        actor(),
        picked.id,
        Scope(json_data.scope),
        clock.now(),
        starts_at=json_data.start,
        ends_at=json_data.end,
        note=json_data.note,
        reason=json_data.reason,
    )
    return shown_edit(edited)


@blueprint.post("/series/<int:series_id>/cancel")
@access(Role.MAKER, scope="book")
@blueprint.input(SeriesCancel, example={"reservation_id": "42", "scope": "following"})
@blueprint.output(ShownEdit)
@blueprint.doc(summary="Cancel dates of a series", responses=problems(404, 409, 415, 422))
def cancel(series_id: int, json_data: SeriesCancel) -> ShownEdit:
    picked = series_rows.own_date(actor(), series_id, json_data.reservation_id, clock.now())
    edited = series.cancel_series(actor(), picked.id, Scope(json_data.scope), clock.now(), json_data.reason)
    return shown_edit(edited)


@blueprint.post("/series/<int:series_id>/skipped/<int:skipped_id>/add")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownReservation, status_code=201)
@blueprint.doc(
    summary="Book a date that was skipped", description="409 names the reasons of today.", responses=problems(404, 409)
)
def readd(series_id: int, skipped_id: int) -> tuple[ShownReservation, int]:
    series_rows.own_skipped(actor(), series_id, skipped_id)
    return shown(series.readd(actor(), skipped_id, clock.now())), 201


def book(
    actor: Actor,
    person_id: int,
    resource_ids: Sequence[int],
    starts_at: datetime,
    ends_at: datetime,
    rule: str,
    extras: Extras,
    now: datetime,
) -> Response:
    """Books a series for `POST /reservations`: the answer 201 with all its dates."""
    made = series.book_series(actor, person_id, resource_ids, starts_at, ends_at, rule, extras, now)
    response = jsonify(shown_series(made).model_dump(mode="json"))
    response.status_code = 201
    return response


def shown_series(result: SeriesResult) -> ShownSeries:
    """A series as the API shows it."""
    row = result.series
    return ShownSeries(
        id=row.id,
        person_id=row.person_id,
        resource_ids=row.resource_ids,
        rule=row.rule,
        zone=row.zone,
        start=row.starts_at,
        minutes=row.minutes,
        note=row.note,
        created_at=row.created_at,
        booked=[shown(one) for one in result.booked],
        skipped=[_skipped(one) for one in result.skipped],
    )


def shown_edit(edited: Edited) -> ShownEdit:
    """What was done, as the API shows it."""
    return ShownEdit(
        series_id=edited.series.id,
        done=[shown(one) for one in edited.done],
        refused=[
            ShownRefusal(reservation_id=one.reservation_id, denials=[denial_json(denial) for denial in one.denials])
            for one in edited.refused
        ],
    )


def _skipped(row: SkippedOccurrence) -> ShownSkipped:
    denials = [denial_json(Denial(one["code"], one["params"])) for one in row.denials]
    return ShownSkipped(id=row.id, start=row.occurrence_at, denials=denials)
