"""What somebody would like to book: plain values that the rules judge and the services carry out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LetTerms:
    """What makes a booking a lasting let: the keys handed out, the deposit in minor units of the lab's currency, and
    how many days before the tenant gives notice."""

    keys: str = ""
    deposit: int = 0
    notice_days: int = 0


@dataclass(frozen=True, slots=True)
class Extras:
    """All that a booking may say beside who, what and when.

    `overrides` are the rules that staff set aside, each code with the typed reason. `companion_ids` are booked along:
    an instructor or a buddy who supervises, guests; `called` is how members were named. `occurrence_at` is the start
    that the series gave.
    """

    note: str = ""
    party_size: int = 1
    exclusive: bool = False
    companion_ids: tuple[int, ...] = ()
    called: Mapping[int, str] = field(default_factory=dict)
    on_behalf_reason: str = ""
    overrides: Mapping[str, str] = field(default_factory=dict)
    series_id: int | None = None
    occurrence_at: datetime | None = None
    let: LetTerms | None = None


@dataclass(frozen=True, slots=True)
class Wish:
    """Who wants to hold what from when to when. `resource_ids` are what was asked for; with `extras.exclusive` the
    reservation holds more: `along` are what it holds beside them, which must be free and is asked nothing else.
    `ignore` is the reservation that is being changed, `begun` says that it keeps its start."""

    person_id: int
    resource_ids: tuple[int, ...]
    starts_at: datetime
    ends_at: datetime
    now: datetime
    ignore: int | None = None
    begun: bool = False
    extras: Extras = field(default_factory=Extras)
    along: tuple[int, ...] = ()
