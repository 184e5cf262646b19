"""REST: `/calendar`, everything that a timeline shows: resources with their hours, closures and bookings."""

from datetime import date, datetime, timedelta

from apiflask import APIBlueprint
from flask import Response
from pydantic import BaseModel, ConfigDict, Field

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.errors import Invalid
from fablab.reservations import timeline
from fablab.reservations.rules import Slot, buffer_of
from fablab.reservations.service import FURTHEST
from fablab.reservations.timeline import Entry, Row, Sheet, Wanted
from fablab.resources.models import Kind
from fablab.resources.rules import Closed
from fablab.web.access import access, actor
from fablab.web.api import Ident, Instant, Shown, ShownIdent, ShownInstant, problems

blueprint = APIBlueprint("calendar_api", __name__, url_prefix="/api/v1", tag="Reservations")


class ShownSpan(Shown):
    """A time."""

    start: ShownInstant
    end: ShownInstant


class ShownDay(ShownSpan):
    """The part of a local day in which something happens."""

    date: str = Field(examples=["2026-03-02"])


class ShownClosure(ShownSpan):
    """What closes a resource although it would be open."""

    reason: str
    danger: bool = Field(description="Nobody may set it aside")


class ShownBooking(ShownSpan):
    """A booking, an offer or a request. Of other people's, makers learn only the time."""

    reservation_id: str | None = None
    person_id: str | None = None
    state: str = Field("booked", examples=["booked"])
    own: bool = False
    exclusive: bool = False
    movable: bool = Field(False, description="The caller may give it another time")
    at_risk: bool = Field(False, description="Its person lacks a certification for it")
    name: str = ""
    note: str = ""


class ShownRow(Shown):
    """A resource and all that lies in its time."""

    id: ShownIdent
    kind: str
    name: str
    place: str
    in_service: bool
    service_note: str
    step_minutes: int
    min_minutes: int
    max_minutes: int
    buffer_minutes: int = Field(description="Least time between two bookings")
    approval: bool = Field(description="A booking is a request until the staff accept it")
    open: list[ShownSpan]
    closures: list[ShownClosure]
    bookings: list[ShownBooking]


class ShownCalendar(Shown):
    """A timeline."""

    start: ShownInstant
    end: ShownInstant
    zone: str = Field(examples=["Europe/Paris"])
    days: list[ShownDay]
    resources: list[ShownRow]


class CalendarQuery(BaseModel):
    """Which days, which resources."""

    model_config = ConfigDict(extra="forbid")

    from_: Instant = Field(alias="from", description="An instant of the first day")
    to: Instant = Field(description="The instant after the last day, at most 35 days later")
    kind: Kind | None = None
    place_id: Ident | None = Field(None, description="With the places in it")
    group_id: Ident | None = None
    q: str = Field("", max_length=100, description="Words of a name or model")


@blueprint.get("/calendar")
@access(Role.MAKER)
@blueprint.input(CalendarQuery, location="query")
@blueprint.output(ShownCalendar)
@blueprint.doc(
    summary="Everything that is booked, open and closed",
    description="Whole local days. Names, notes and ids of other people's bookings are shown to staff only.",
    responses=problems(422),
)
def calendar(query_data: CalendarQuery) -> Response:
    now = clock.now()
    if abs(query_data.from_ - now) > FURTHEST:
        raise Invalid({"from": "must be within ten years from now"})
    wanted = Wanted(
        first=_day(query_data.from_),
        days=_days(query_data.from_, query_data.to),
        kind=query_data.kind,
        place_id=query_data.place_id,
        group_id=query_data.group_id,
        search=query_data.q,
    )
    # As text at once: thousands of bookings as dictionaries between would cost a third of the answer.
    return Response(shown(timeline.sheet(actor(), wanted, now)).model_dump_json(), mimetype="application/json")


def shown(sheet: Sheet) -> ShownCalendar:
    """A timeline as the API shows it, in the present language."""
    return ShownCalendar(
        start=sheet.from_,
        end=sheet.to,
        zone=words.config().lab.timezone,
        days=[ShownDay(date=one.date.isoformat(), start=one.starts_at, end=one.ends_at) for one in sheet.segments],
        resources=[_row(one) for one in sheet.rows],
    )


def _row(row: Row) -> ShownRow:
    resource, policy = row.resource, row.policy
    return ShownRow(
        id=resource.id,
        kind=resource.kind.value,
        name=words.text(resource.name),
        place=words.text(resource.place.name) if resource.place else "",
        in_service=row.in_service,
        service_note=resource.service_note,
        step_minutes=policy.step_minutes,
        min_minutes=policy.min_minutes,
        max_minutes=policy.max_minutes,
        buffer_minutes=buffer_of(policy) // timedelta(minutes=1),
        approval=policy.approval,
        open=[_span(one) for one in row.openings],
        closures=[_closure(one) for one in row.closures],
        bookings=[_booking(one) for one in row.entries],
    )


def _span(one: Slot) -> ShownSpan:
    return ShownSpan(start=one.starts_at, end=one.ends_at)


def _closure(one: Closed) -> ShownClosure:
    return ShownClosure(start=one.starts_at, end=one.ends_at, reason=words.text(one.reason), danger=one.danger)


def _booking(one: Entry) -> ShownBooking:
    return ShownBooking(
        start=one.starts_at,
        end=one.ends_at,
        reservation_id=None if one.reservation_id is None else str(one.reservation_id),
        person_id=None if one.person_id is None else str(one.person_id),
        state=one.state.value,
        own=one.own,
        exclusive=one.exclusive,
        movable=one.movable,
        at_risk=one.at_risk,
        name=one.name,
        note=one.note,
    )


def _day(at: datetime) -> date:
    return at.astimezone(words.config().lab.zone).date()


def _days(from_: datetime, to: datetime) -> int:
    if not timedelta(0) < to - from_ <= timedelta(days=timeline.MOST_DAYS):
        raise Invalid({"to": f"must be after `from`, by at most {timeline.MOST_DAYS} days"})
    return min((_day(to - timedelta(microseconds=1)) - _day(from_)).days + 1, timeline.MOST_DAYS)
