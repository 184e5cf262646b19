"""REST: what programs send to plan trainings, to take part and to tick the sheet, and how they are shown."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fablab.core.words import config
from fablab.reservations import placing
from fablab.training import wishes
from fablab.training.attendance import LONGEST_NOTE, MOST_TICKS, Missing, Row, Sheet, Tick
from fablab.training.models import Enrolment, Training, TrainingDate
from fablab.training.reading import Counts, resources_of, tree_of
from fablab.training.rules import Mark, Outcome
from fablab.training.wishes import DateWish
from fablab.web.api import Body, Ident, Instant, PageQuery, Shown, ShownIdent, ShownInstant
from fablab.web.errors import denial_json

STATES = Literal["draft", "published", "cancelled", "closed"]
AUDIENCES = Literal["citizen", "business", "school", "public_body"]
EXAMPLE = {
    "title": {"en": "Laser basics", "fr": "Bases du laser"},
    "places": 6,
    "certification_ids": ["3"],
    "resource_ids": ["7"],
    "dates": [{"start": "2026-03-03T18:00:00+01:00", "end": "2026-03-03T20:00:00+01:00"}],
}


# -- what is sent -----------------------------------------------------------------------------------------------------


class DateBody(Body):
    """A date of a training."""

    id: Ident | None = Field(None, description="Which one of the training it is, where it is moved")
    start: Instant = Field(description="First instant, with offset")
    end: Instant = Field(description="Instant after the last one, with offset; at most 24 hours later")

    @property
    def wish(self) -> DateWish:
        """The date as the service takes it."""
        return DateWish(self.start, self.end, self.id)


class _Values(Body):
    title: dict[str, str] | None = Field(None, description="By language")
    description: dict[str, str] | None = Field(None, description="By language")
    instructor_id: Ident | None = Field(None, description="Who gives it; others than oneself: managers only")
    places: int | None = Field(None, ge=1, le=wishes.MOST_PLACES)
    minimum: int | None = Field(
        None, ge=0, le=wishes.MOST_PLACES, description="With fewer enrolled at `decide_at` it is cancelled by itself"
    )
    decide_at: Instant | None = Field(None, description="When that is decided; null: never")
    price: int | None = Field(
        None, ge=0, le=wishes.MOST_PRICE, description="In minor units of the lab's currency; it is only noted"
    )
    audience: AUDIENCES | None = Field(None, description="For whom; null: for everybody")
    language: str | None = Field(None, max_length=5, description="Which one is spoken")
    cancel_hours: int | None = Field(
        None, ge=0, le=720, description="Withdrawn later than this before the first date, it counts as late"
    )
    certification_ids: list[Ident] | None = Field(
        None, max_length=wishes.MOST_CERTIFICATIONS, description="What passing grants"
    )
    overrides: dict[str, str] = Field({}, description="Booking rules set aside, each code with the reason")

    @property
    def values(self) -> dict[str, Any]:
        """What was given, as the service takes it; null stands for nothing only where that is a value."""
        given = {name: getattr(self, name) for name in self.model_fields_set & wishes.CHANGEABLE}
        return {name: one for name, one in given.items() if one is not None or name in ("decide_at", "audience")}


class TrainingBody(_Values):
    """A new training."""

    dates: list[DateBody] = Field(min_length=1, max_length=wishes.MOST_DATES)
    resource_ids: list[Ident] = Field(
        [], max_length=placing.MOST_RESOURCES, description="Room and machines that each date holds"
    )
    exclusive: bool = Field(False, description="The whole room, with all that is in it")


class TrainingChange(_Values):
    """What shall be different; what is left out stays."""

    dates: list[DateBody] | None = Field(None, min_length=1, max_length=wishes.MOST_DATES, description="All of them")
    resource_ids: list[Ident] | None = Field(None, max_length=placing.MOST_RESOURCES)
    exclusive: bool | None = None
    reason: str = Field("", max_length=placing.LONGEST_TEXT, description="Those in it read it")


class CancelQuery(BaseModel):
    """Why it does not take place."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=placing.LONGEST_TEXT, description="Those in it read it")


class TrainingQuery(PageQuery):
    """Filters of the list; every part that is given must fit."""

    state: STATES | None = None
    certification_id: Ident | None = Field(None, description="Passing grants it")
    instructor_id: Ident | None = None
    from_: Instant | None = Field(None, alias="from", description="Ending after this instant")
    to: Instant | None = Field(None, description="Starting before this instant")


class EnrolBody(Body):
    """Who takes part."""

    person_id: Ident | None = Field(None, description="Oneself when left out. Others: staff only, with a reason")
    reason: str = Field("", max_length=500, description="Why somebody else is enrolled")


class WithdrawQuery(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=500, description="Staff: the person reads it, and it does not count as late")


class TickBody(Body):
    """One tick of the sheet: a mark on a date, an outcome, or both."""

    enrolment_id: Ident
    at: Instant = Field(description="When the device ticked it: the newest counts, whatever order they arrive in")
    date_id: Ident | None = None
    mark: Literal["present", "absent", "excused"] | None = None
    outcome: Literal["passed", "repeat"] | None = Field(None, description="Null, where it is given, takes it back")
    note: str = Field("", max_length=LONGEST_NOTE)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.date_id is None) != (self.mark is None):
            raise ValueError("date_id and mark belong together")
        if self.mark is None and not self.judges:
            raise ValueError("needs date_id and mark, or outcome or note")
        return self

    @property
    def judges(self) -> bool:
        """Whether it says how it ended."""
        return bool({"outcome", "note"} & self.model_fields_set)

    @property
    def tick(self) -> Tick:
        """The tick as the service takes it."""
        return Tick(
            enrolment_id=self.enrolment_id,
            at=self.at,
            date_id=self.date_id,
            mark=None if self.mark is None else Mark(self.mark),
            judged=self.judges,
            outcome=None if self.outcome is None else Outcome(self.outcome),
            note=self.note,
        )


class TicksBody(Body):
    """Ticks, in any order."""

    ticks: list[TickBody] = Field(max_length=MOST_TICKS)


# -- what is shown ----------------------------------------------------------------------------------------------------


class ShownDate(Shown):
    """A date of a training."""

    id: ShownIdent
    start: ShownInstant
    end: ShownInstant
    resource_ids: list[ShownIdent] = Field(description="Room and machines that it holds")


class ShownTraining(Shown):
    """A training, and how full it is."""

    id: ShownIdent = Field(examples=["12"])
    state: str = Field(description="draft, published, cancelled or closed", examples=["published"])
    title: dict[str, str]
    description: dict[str, str]
    instructor_id: ShownIdent
    instructor: str
    certification_ids: list[ShownIdent]
    dates: list[ShownDate]
    start: ShownInstant
    end: ShownInstant
    places: int
    minimum: int
    decide_at: ShownInstant | None
    decided_at: ShownInstant | None
    enrolled: int
    offered: int = Field(description="Places that are kept for people of the waiting list")
    waiting: int
    free: int = Field(description="Places that one gets at once; none while somebody waits")
    price: int
    currency: str
    audience: str | None
    language: str
    cancel_hours: int
    end_reason: str
    sequence: int


class TrainingList(Shown):
    """A page of trainings."""

    items: list[ShownTraining]
    next: str | None


class ShownEnrolment(Shown):
    """Somebody's enrolment."""

    id: ShownIdent
    training_id: ShownIdent
    person_id: ShownIdent
    person: str
    state: str = Field(description="enrolled, waiting or offered; after that withdrawn, declined, expired or cancelled")
    position: int | None = Field(description="In the waiting list, 1 is the next to be asked")
    offered_until: ShownInstant | None
    created_at: ShownInstant
    ended_at: ShownInstant | None
    late: bool
    outcome: str | None = Field(description="passed or repeat")


class EnrolmentList(Shown):
    """A page of enrolments."""

    items: list[ShownEnrolment]
    next: str | None


class ShownMark(Shown):
    """Whether somebody came to a date."""

    date_id: ShownIdent
    mark: str
    at: ShownInstant


class ShownMissing(Shown):
    """A certification that passing gives and that could not be granted."""

    certification_id: ShownIdent
    denials: list[dict[str, Any]] = Field(description="Every reason, each with its remedy")
    why: str = Field(description="A reason of another kind, such as that the caller does not teach it")


class ShownRow(Shown):
    """A line of the sheet."""

    enrolment_id: ShownIdent
    person_id: ShownIdent
    person: str
    marks: list[ShownMark]
    outcome: str | None
    note: str
    at: ShownInstant | None = Field(description="When the outcome was ticked")
    granted: list[ShownIdent] = Field(description="Grants that came of it")
    missing: list[ShownMissing]
    still_granted: bool = Field(
        description="Granted, though it is not passed any more: withdrawing is an act of its own"
    )


class ShownRefusal(Shown):
    """A tick that cannot count."""

    place: int = Field(description="Of the tick in what was sent, from 0")
    why: str


class ShownSheet(Shown):
    """The attendance sheet, lines by name."""

    training_id: ShownIdent
    state: str
    dates: list[ShownDate]
    rows: list[ShownRow]
    refused: list[ShownRefusal]


def training_json(training: Training, counts: Counts) -> ShownTraining:
    """A training as the API shows it."""
    return ShownTraining(
        id=training.id,
        state=training.state.value,
        title=training.title,
        description=training.description,
        instructor_id=training.instructor_id,
        instructor=training.instructor.name,
        certification_ids=[one.id for one in training.certifications],
        dates=_dates(training),
        start=training.starts_at,
        end=training.ends_at,
        places=training.places,
        minimum=training.minimum,
        decide_at=training.decide_at,
        decided_at=training.decided_at,
        enrolled=counts.enrolled,
        offered=counts.offered,
        waiting=counts.waiting,
        free=counts.free,
        price=training.price,
        currency=config().lab.currency,
        audience=None if training.audience is None else training.audience.value,
        language=training.language,
        cancel_hours=training.cancel_hours,
        end_reason=training.end_reason,
        sequence=training.sequence,
    )


def enrolment_json(enrolment: Enrolment, position: int | None) -> ShownEnrolment:
    """An enrolment as the API shows it."""
    return ShownEnrolment(
        id=enrolment.id,
        training_id=enrolment.training_id,
        person_id=enrolment.person_id,
        person=enrolment.person.name,
        state=enrolment.state.value,
        position=position,
        offered_until=enrolment.offered_until,
        created_at=enrolment.created_at,
        ended_at=enrolment.ended_at,
        late=enrolment.late,
        outcome=None if enrolment.outcome is None else enrolment.outcome.value,
    )


def sheet_json(sheet: Sheet) -> ShownSheet:
    """The sheet as the API shows it."""
    missing: dict[int, list[Missing]] = {}
    for one in sheet.missing:
        missing.setdefault(one.enrolment_id, []).append(one)
    return ShownSheet(
        training_id=sheet.training.id,
        state=sheet.training.state.value,
        dates=_dates(sheet.training),
        rows=[_row(one, missing.get(one.enrolment.id, [])) for one in sheet.rows],
        refused=[ShownRefusal(place=one.place, why=one.why) for one in sheet.refused],
    )


def _row(row: Row, missing: list[Missing]) -> ShownRow:
    reasons = {one.certification.id: one for one in missing}
    enrolment = row.enrolment
    return ShownRow(
        enrolment_id=enrolment.id,
        person_id=enrolment.person_id,
        person=enrolment.person.name,
        marks=[ShownMark(date_id=one.date_id, mark=one.mark.value, at=one.marked_at) for one in enrolment.marks],
        outcome=None if enrolment.outcome is None else enrolment.outcome.value,
        note=enrolment.note,
        at=enrolment.outcome_at,
        granted=[one.id for one in row.granted],
        missing=[_missing(one.id, reasons.get(one.id)) for one in row.missing],
        still_granted=row.stays,
    )


def _missing(certification_id: int, known: Missing | None) -> ShownMissing:
    denials = [] if known is None else [denial_json(one) for one in known.denials]
    return ShownMissing(certification_id=certification_id, denials=denials, why="" if known is None else known.why)


def _dates(training: Training) -> list[ShownDate]:
    tree = tree_of(training.dates)
    return [_date(one, [resource.id for resource in resources_of(one, tree)]) for one in training.dates]


def _date(date: TrainingDate, resource_ids: list[int]) -> ShownDate:
    return ShownDate(id=date.id, start=date.starts_at, end=date.ends_at, resource_ids=resource_ids)
