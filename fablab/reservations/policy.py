"""The booking rules of a place, as values: each has a default in the configuration and may differ by kind, group,
resource, membership plan and role. Pure; `policies.py` keeps them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import time
from enum import StrEnum
from typing import Any

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Supervision(StrEnum):
    """Who must be booked along: nobody, an instructor, or a buddy who may use the resource himself."""

    NONE = "none"
    INSTRUCTOR = "instructor"
    BUDDY = "buddy"


class LimitScope(StrEnum):
    """Which own bookings count towards a person's limits: those of the resource, of its group, or all."""

    RESOURCE = "resource"
    GROUP = "group"
    LAB = "lab"


@dataclass(frozen=True, slots=True)
class QuietWindow:
    """A time of the week in which limits do not count, in local time. `until` at or before `from_` is next morning's:
    22:00 to 06:00 on fridays ends on saturday; 00:00 to 00:00 is the whole day. Days are 0 (monday) to 6."""

    days: frozenset[int]
    from_: time
    until: time


@dataclass(frozen=True, slots=True)
class BookingPolicy:
    """Every booking rule that can be set. Minutes, days, hours and counts; None is no limit. The names are the keys of
    `[booking]` in the configuration, whose descriptions say what each means."""

    step_minutes: int = 15
    min_minutes: int = 15
    max_minutes: int = 480
    notice_minutes: int = 0
    horizon_days: int = 60
    buffer_before_minutes: int = 0
    buffer_after_minutes: int = 0
    limit_scope: LimitScope = LimitScope.LAB
    max_minutes_per_day: int | None = None
    max_minutes_per_week: int | None = None
    max_future_count: int | None = None
    max_future_minutes: int | None = None
    gap_minutes: int = 0
    quiet_hours: tuple[QuietWindow, ...] = ()
    supervision: Supervision = Supervision.NONE
    approval: bool = False
    check_in: bool = True
    grace_minutes: int = 15
    cancel_hours: int = 0
    no_show_limit: int | None = None
    no_show_days: int = 90
    no_show_block_days: int = 14
    hold_minutes: int = 120
    reminder_hours: int = 24
    overrun_extend_minutes: int = 0


KEYS = tuple(field.name for field in fields(BookingPolicy))


@dataclass(frozen=True, slots=True)
class Layer:
    """Rules set at one place: `origin` is what set them (`config`, `kind`, `group`, `resource`, `plan`, `role`)."""

    origin: str
    rules: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Effective:
    """The rules that count, and for each key which layer it came from."""

    policy: BookingPolicy
    origins: Mapping[str, str]


def effective(base: BookingPolicy, layers: Sequence[Layer]) -> Effective:
    """Each layer overrides those before it; what none sets is the configuration's. A key that this version does not
    know (a newer one wrote it) is passed over."""
    rules: dict[str, Any] = {}
    origins = dict.fromkeys(KEYS, "config")
    for layer in layers:
        for key, value in layer.rules.items():
            if key not in origins:
                continue
            rules[key] = parsed(key, value)
            origins[key] = layer.origin
    return Effective(replace(base, **rules) if rules else base, origins)


def parsed(key: str, value: Any) -> Any:
    """The value of a key as the rules take it, from its plain JSON form (which the edge has checked)."""
    if key == "limit_scope":
        return LimitScope(value)
    if key == "supervision":
        return Supervision(value)
    if key == "quiet_hours":
        return tuple(_window(one) for one in value)
    return value


def plain(policy: BookingPolicy) -> dict[str, Any]:
    """Every key with its value in the plain JSON form that `parsed` reads."""
    return {key: plain_value(getattr(policy, key)) for key in KEYS}


def plain_value(value: Any) -> Any:
    """One value of a policy in its plain JSON form."""
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [
            {
                "days": [WEEKDAYS[day] for day in sorted(one.days)],
                "from": f"{one.from_:%H:%M}",
                "until": f"{one.until:%H:%M}",
            }
            for one in value
        ]
    return value


def _window(value: Mapping[str, Any]) -> QuietWindow:
    days = frozenset(WEEKDAYS.index(day) for day in value["days"])
    return QuietWindow(days, time.fromisoformat(value["from"]), time.fromisoformat(value["until"]))
