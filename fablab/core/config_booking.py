"""The section `[booking]` of the configuration: the default of every booking rule, its bounds and what it means.

The same model checks what managers set by kind, group, resource, plan and role (`reservations.policies`).
"""

from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class QuietHours(BaseModel):
    """A time of the week in which limits do not count, local time; `until` at or before `from` is next morning's."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    days: tuple[Weekday, ...] = Field(min_length=1, max_length=7)
    from_: time = Field(alias="from")
    until: time

    @field_validator("from_", "until", mode="before")
    @classmethod
    def _clock(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            return time(0) if value == "24:00" else time.fromisoformat(value).replace(second=0, microsecond=0)
        except ValueError:
            raise ValueError("must be a time of day such as 22:00") from None


class BookingConfig(BaseModel):
    """Defaults of the booking rules; each may differ by kind, group, resource, membership plan and role in the app."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    step_minutes: int = Field(15, ge=5, le=240, description="Bookings start and end on multiples of this")
    min_minutes: int = Field(15, ge=5, le=43200, description="Shortest booking")
    max_minutes: int = Field(480, ge=5, le=525600, description="Longest booking")
    notice_minutes: int = Field(0, ge=0, le=43200, description="How long before its start a booking must be made")
    horizon_days: int = Field(60, ge=1, le=1100, description="How far ahead one may book")
    buffer_before_minutes: int = Field(0, ge=0, le=1440, description="Kept free before a booking, to set up")
    buffer_after_minutes: int = Field(0, ge=0, le=1440, description="Kept free after a booking, to clean or cool down")
    limit_scope: Literal["resource", "group", "lab"] = Field(
        "lab", description="Which bookings of a person count towards the limits: of the resource, of its group, or all"
    )
    max_minutes_per_day: int | None = Field(None, ge=5, le=1440, description="Most that one person books on a day")
    max_minutes_per_week: int | None = Field(None, ge=5, le=10080, description="Most that one person books in a week")
    max_future_count: int | None = Field(None, ge=1, le=1000, description="Most bookings to come that one person has")
    max_future_minutes: int | None = Field(
        None, ge=5, le=525600, description="Most time to come that one person has booked"
    )
    gap_minutes: int = Field(0, ge=0, le=43200, description="Least time between two bookings of one person")
    quiet_hours: tuple[QuietHours, ...] = Field(
        (),
        max_length=20,
        description="Times of the week in which limits do not count,"
        " such as [{days = ['saturday', 'sunday'], from = '00:00', until = '24:00'}]",
    )
    supervision: Literal["none", "instructor", "buddy"] = Field(
        "none", description="Who must be booked along: nobody, an instructor, or a buddy who may use it himself"
    )
    approval: bool = Field(False, description="A booking is a request until the staff accept it")
    check_in: bool = Field(True, description="Somebody must come, else the booking is released after the grace time")
    grace_minutes: int = Field(15, ge=5, le=240, description="Unclaimed after this long, a booking is released")
    cancel_hours: int = Field(
        0, ge=0, le=720, description="Cancelled later than this before its start, it counts as late"
    )
    no_show_limit: int | None = Field(
        None, ge=1, le=100, description="This many no-shows within no_show_days suspend a person from booking"
    )
    no_show_days: int = Field(90, ge=1, le=730, description="How long a no-show counts")
    no_show_block_days: int = Field(14, ge=1, le=365, description="How long a person is suspended")
    hold_minutes: int = Field(
        120, ge=5, le=10080, description="How long a free time is held for the first in the waiting list"
    )
    reminder_hours: int = Field(24, ge=0, le=336, description="How long before its start one is reminded; 0: never")
    overrun_extend_minutes: int = Field(
        0, ge=0, le=480, description="How far a booking in use is made longer by itself, where nobody waits"
    )

    @model_validator(mode="after")
    def _in_order(self) -> "BookingConfig":
        if self.min_minutes > self.max_minutes:
            raise ValueError(f"min_minutes ({self.min_minutes}) must not be above max_minutes ({self.max_minutes})")
        return self
