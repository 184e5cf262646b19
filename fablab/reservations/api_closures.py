"""REST: `/closures` and `/opening-exceptions`: when the lab or a resource is closed or open otherwise."""

from datetime import date
from typing import Annotated, Any

from apiflask import APIBlueprint
from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from fablab.core import clock, words
from fablab.core.actor import Role
from fablab.core.words import config
from fablab.reservations import closing
from fablab.resources import closures, holidays
from fablab.resources.closures import Closing
from fablab.resources.models import Closure, OpeningException
from fablab.web.access import access, actor
from fablab.web.api import (
    Body,
    Ident,
    Instant,
    PageQuery,
    Shown,
    ShownIdent,
    ShownInstant,
    idempotent,
    page_of,
    problems,
)
from fablab.web.api_texts import of_the_lab, texts_of

blueprint = APIBlueprint("closures_api", __name__, url_prefix="/api/v1", tag="Closures")


def _day(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a day such as 2026-03-31")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("must be a day such as 2026-03-31") from None


Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
Line = Annotated[str, Field(min_length=1, max_length=300)]
Words = Line | Annotated[dict[str, Line], AfterValidator(of_the_lab)]
CANCEL = Field(False, description="Cancels the reservations it hits; else they stay and their people are told")


class ClosureChange(Body):
    """What may be changed of a closure; what is left out stays."""

    start: Instant | None = Field(None, examples=["2026-08-03T00:00:00+02:00"])
    end: Instant | None = Field(None, examples=["2026-08-17T00:00:00+02:00"])
    reason: Words | None = Field(None, examples=[{"en": "Works", "fr": "Travaux"}])
    danger: bool | None = Field(None, description="Nobody may set it aside, and no machine is opened meanwhile")
    cancel_reservations: bool = CANCEL


class NewClosure(Body):
    """A closure of the lab or of one resource."""

    resource_id: Ident | None = Field(None, description="null: the whole lab")
    start: Instant = Field(examples=["2026-08-03T00:00:00+02:00"])
    end: Instant = Field(examples=["2026-08-17T00:00:00+02:00"])
    reason: Words = Field(examples=[{"en": "Works", "fr": "Travaux"}])
    danger: bool = Field(False, description="Nobody may set it aside, and no machine is opened meanwhile")
    cancel_reservations: bool = CANCEL


class ShownClosure(Shown):
    """A closure; `reason` in the caller's language, `reasons` in all."""

    id: ShownIdent
    resource_id: str | None
    start: ShownInstant
    end: ShownInstant
    reason: str
    reasons: dict[str, str]
    danger: bool
    created_at: ShownInstant


class MadeClosure(ShownClosure):
    """A new closure and how many reservations it hits."""

    reservations_hit: int


class ClosureList(Shown):
    """A page of closures."""

    items: list[ShownClosure]
    next: str | None


class ClosureQuery(PageQuery):
    """Filters of the list; every part that is given must fit."""

    resource_id: Ident | None = Field(None, description="Of this resource, and of the whole lab")
    from_: Instant | None = Field(None, alias="from", description="Ending after this instant")
    to: Instant | None = Field(None, description="Starting before this instant")


class NewException(Body):
    """Other hours on a day, of the lab or of one resource."""

    resource_id: Ident | None = Field(None, description="null: the lab")
    day: Day = Field(examples=["2026-12-24"])
    hours: list[str] = Field([], max_length=6, description="None: closed", examples=[["09:00-12:30"]])
    reason: Words = Field(default_factory=dict, examples=[{"en": "Christmas Eve", "fr": "Veille de Noël"}])
    cancel_reservations: bool = CANCEL


class ShownException(Shown):
    """A day with other hours; `reason` in the caller's language, `reasons` in all."""

    id: ShownIdent
    resource_id: str | None
    day: date
    hours: list[str]
    reason: str
    reasons: dict[str, str]


class MadeException(ShownException):
    """A day with other hours and how many reservations it hits."""

    reservations_hit: int


class ExceptionList(Shown):
    """A page of days with other hours."""

    items: list[ShownException]
    next: str | None


class ExceptionQuery(PageQuery):
    """Filters of the list; every part that is given must fit."""

    resource_id: Ident | None = Field(None, description="Of this resource, and of the lab")
    from_: Day | None = Field(None, alias="from", description="Not before this day")
    to: Day | None = Field(None, description="Not after this day")


class HolidaysWanted(Body):
    """Public holidays to close the lab on."""

    country: str = Field(min_length=2, max_length=2, description="ISO 3166 code", examples=["FR"])
    region: str = Field("", max_length=20, description="Where a region has days of its own", examples=["57"])
    year: int = Field(examples=[2026])
    cancel_reservations: bool = CANCEL


class HolidaysMade(Shown):
    """The days that are closed now and were not before."""

    items: list[ShownException]
    reservations_hit: int


@blueprint.get("/closures")
@access(Role.MAKER)
@blueprint.input(ClosureQuery, location="query")
@blueprint.output(ClosureList)
@blueprint.doc(summary="List closures", responses=problems(422))
def list_closures(query_data: ClosureQuery) -> ClosureList:
    wanted = closures.closures_query(resource_id=query_data.resource_id, from_=query_data.from_, to=query_data.to)
    rows, following = page_of(wanted, Closure.id, query_data.limit, query_data.cursor)
    return ClosureList(items=[ShownClosure(**_closure(row)) for row in rows], next=following)


@blueprint.post("/closures")
@access(Role.MANAGER, scope="manage")
@blueprint.input(
    NewClosure,
    example={"start": "2026-08-03T00:00:00+02:00", "end": "2026-08-17T00:00:00+02:00", "reason": {"en": "Holidays"}},
)
@blueprint.output(MadeClosure, status_code=201)
@blueprint.doc(
    summary="Close the lab or a resource",
    description="Everybody whose reservation it hits is told.",
    responses=problems(415, 422),
)
@idempotent
def add_closure(json_data: NewClosure) -> tuple[MadeClosure, int]:
    wanted = Closing(
        json_data.resource_id, json_data.start, json_data.end, texts_of(json_data.reason), json_data.danger
    )
    made, hit = closing.close(actor(), wanted, clock.now(), cancel=json_data.cancel_reservations)
    return MadeClosure(**_closure(made), reservations_hit=hit), 201


@blueprint.get("/closures/<int:closure_id>")
@access(Role.MAKER)
@blueprint.output(ShownClosure)
@blueprint.doc(summary="One closure", responses=problems(404))
def get_closure(closure_id: int) -> ShownClosure:
    return ShownClosure(**_closure(closures.get_closure(closure_id)))


@blueprint.patch("/closures/<int:closure_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.input(ClosureChange, example={"end": "2026-08-14T00:00:00+02:00"})
@blueprint.output(ShownClosure)
@blueprint.doc(summary="Change a closure that is not over", responses=problems(404, 409, 415, 422))
def change_closure(closure_id: int, json_data: ClosureChange) -> ShownClosure:
    values = {
        "starts_at": json_data.start,
        "ends_at": json_data.end,
        "reason": None if json_data.reason is None else texts_of(json_data.reason),
        "danger": json_data.danger,
    }
    changed = closing.change(actor(), closure_id, values, clock.now(), cancel=json_data.cancel_reservations)
    return ShownClosure(**_closure(changed))


@blueprint.delete("/closures/<int:closure_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Take a closure away", responses=problems(404))
def remove_closure(closure_id: int) -> tuple[str, int]:
    closing.reopen(actor(), closure_id, clock.now())
    return "", 204


@blueprint.get("/opening-exceptions")
@access(Role.MAKER)
@blueprint.input(ExceptionQuery, location="query")
@blueprint.output(ExceptionList)
@blueprint.doc(summary="List days with other hours", responses=problems(422))
def list_exceptions(query_data: ExceptionQuery) -> ExceptionList:
    wanted = closures.exceptions_query(resource_id=query_data.resource_id, from_=query_data.from_, to=query_data.to)
    rows, following = page_of(wanted, OpeningException.id, query_data.limit, query_data.cursor)
    return ExceptionList(items=[ShownException(**_exception(row)) for row in rows], next=following)


@blueprint.post("/opening-exceptions")
@access(Role.MANAGER, scope="manage")
@blueprint.input(NewException, example={"day": "2026-12-24", "hours": ["09:00-12:30"], "reason": {"en": "Christmas"}})
@blueprint.output(MadeException, status_code=201)
@blueprint.doc(
    summary="Give a day other hours",
    description="What was set for the day before is replaced.",
    responses=problems(415, 422),
)
@idempotent
def add_exception(json_data: NewException) -> tuple[MadeException, int]:
    made, hit = closing.set_day(
        actor(),
        json_data.resource_id,
        json_data.day,
        json_data.hours,
        texts_of(json_data.reason),
        clock.now(),
        cancel=json_data.cancel_reservations,
    )
    return MadeException(**_exception(made), reservations_hit=hit), 201


@blueprint.get("/opening-exceptions/<int:exception_id>")
@access(Role.MAKER)
@blueprint.output(ShownException)
@blueprint.doc(summary="One day with other hours", responses=problems(404))
def get_exception(exception_id: int) -> ShownException:
    return ShownException(**_exception(closures.get_exception(exception_id)))


@blueprint.delete("/opening-exceptions/<int:exception_id>")
@access(Role.MANAGER, scope="manage")
@blueprint.output({}, status_code=204)
@blueprint.doc(summary="Give a day its usual hours back", responses=problems(404))
def remove_exception(exception_id: int) -> tuple[str, int]:
    closing.usual_day(actor(), exception_id, clock.now())
    return "", 204


@blueprint.post("/opening-exceptions/holidays")
@access(Role.MANAGER, scope="manage")
@blueprint.input(HolidaysWanted, example={"country": "FR", "region": "57", "year": 2026})
@blueprint.output(HolidaysMade, status_code=201)
@blueprint.doc(
    summary="Close the lab on the public holidays of a year",
    description="Days that have hours of their own already stay as they are.",
    responses=problems(415, 422),
)
@idempotent
def add_holidays(json_data: HolidaysWanted) -> tuple[HolidaysMade, int]:
    found = holidays.holidays_of(json_data.country, json_data.region, json_data.year, config().lab.languages)
    days = {one.day: one.name for one in found}
    made, hit = closing.close_days(actor(), days, clock.now(), cancel=json_data.cancel_reservations)
    return HolidaysMade(items=[ShownException(**_exception(one)) for one in made], reservations_hit=hit), 201


def _ident(value: int | None) -> str | None:
    return None if value is None else str(value)


def _closure(row: Closure) -> dict[str, Any]:
    return {
        "id": row.id,
        "resource_id": _ident(row.resource_id),
        "start": row.starts_at,
        "end": row.ends_at,
        "reason": words.text(row.reason),
        "reasons": row.reason,
        "danger": row.danger,
        "created_at": row.created_at,
    }


def _exception(row: OpeningException) -> dict[str, Any]:
    return {
        "id": row.id,
        "resource_id": _ident(row.resource_id),
        "day": row.day,
        "hours": row.hours,
        "reason": words.text(row.reason),
        "reasons": row.reason,
    }
