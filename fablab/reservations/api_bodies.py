"""REST: what programs send to book and to change a booking."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fablab.core.actor import Actor
from fablab.reservations import bookable, placing
from fablab.reservations.wishes import Extras, LetTerms
from fablab.web.api import Body, Ident, Instant

EXAMPLE = {"resource_id": "7", "start": "2026-03-03T10:00:00+01:00", "end": "2026-03-03T12:00:00+01:00"}

Reason = Annotated[str, Field(max_length=placing.LONGEST_TEXT)]


class LetWanted(Body):
    """What makes a booking a lasting let."""

    keys: str = Field("", max_length=200, description="Which keys are handed out")
    deposit: int = Field(0, ge=0, le=placing.MOST_DEPOSIT, description="In minor units of the lab's currency")
    notice_days: int = Field(
        0, ge=0, le=placing.MOST_NOTICE_DAYS, description="How long before the tenant gives notice"
    )


class Wanted(Body):
    """What is to be booked: one resource, or several in one reservation, all or none."""

    resource_id: Ident | None = Field(None, description="The resource; or name several in `resource_ids`")
    resource_ids: list[Ident] = Field([], max_length=placing.MOST_RESOURCES, description="Several, all or none")
    start: Instant = Field(description="First instant, with offset")
    end: Instant = Field(description="Instant after the last one, with offset")
    person_id: Ident | None = Field(None, description="For whom; oneself when left out. Others: staff only")
    note: str = Field("", max_length=placing.LONGEST_TEXT)
    recurrence: str | None = Field(
        None,
        max_length=500,
        description="An RFC 5545 rule with an end: the booking comes again",
        examples=["FREQ=WEEKLY;BYDAY=TU;COUNT=10"],
    )
    party_size: int = Field(1, ge=1, le=placing.MOST_PEOPLE, description="How many people come")
    exclusive: bool = Field(False, description="The whole room, with all that is in it")
    companion_ids: list[Ident] = Field(
        [], max_length=placing.MOST_COMPANIONS, description="Who is booked along: instructors, for staff anybody"
    )
    companions: list[Annotated[str, Field(min_length=1, max_length=254)]] = Field(
        [], max_length=placing.MOST_COMPANIONS, description="Others, each by full name or e-mail address"
    )
    on_behalf_reason: Reason = Field("", description="Why it is booked for somebody else")
    overrides: dict[str, Reason] = Field({}, description="Staff: rules set aside, each code with the reason")
    let: LetWanted | None = Field(None, description="Staff: a lasting let")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.resource_id is None) == (not self.resource_ids):
            raise ValueError("name either resource_id or resource_ids")
        return self

    @property
    def ids(self) -> list[int]:
        """The wanted resources."""
        return self.resource_ids if self.resource_id is None else [self.resource_id]

    def extras(self, actor: Actor) -> Extras:
        """All but who, what and when. Raises Invalid for companions whom there is not, or whom one may not name."""
        along = bookable.companions(actor, self.companion_ids, self.companions)
        return Extras(
            note=self.note,
            party_size=self.party_size,
            exclusive=self.exclusive,
            companion_ids=tuple(along),
            called=along,
            on_behalf_reason=self.on_behalf_reason,
            overrides=self.overrides,
            let=None if self.let is None else LetTerms(self.let.keys, self.let.deposit, self.let.notice_days),
        )


class ReservationChange(Body):
    """What shall be different; what is left out stays."""

    start: Instant | None = None
    end: Instant | None = None
    note: str | None = Field(None, max_length=placing.LONGEST_TEXT)
    party_size: int | None = Field(None, ge=1, le=placing.MOST_PEOPLE)
    resource_ids: list[Ident] | None = Field(None, min_length=1, max_length=placing.MOST_RESOURCES)
    reason: Reason = Field("", description="Why, for the person whose booking the staff changes")
    overrides: dict[str, Reason] = Field({}, description="Staff: rules set aside, each code with the reason")


class CancelQuery(BaseModel):
    """Why it is cancelled."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field("", description="The person reads it")
