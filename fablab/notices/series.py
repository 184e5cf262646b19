"""What people are told of a booking that comes again, of all its dates at once; `messages.py` lists these with all
others."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from fablab.core.db import Texts
from fablab.notices.base import Message


@dataclass(frozen=True, kw_only=True)
class _OfSeries(Message):
    """A message about a booking that comes again: how often, from when to when at first, and how many in all.
    `changed_at` tells one change of the series from the next."""

    series_id: int
    resources: tuple[Texts, ...]
    starts_at: datetime
    ends_at: datetime
    count: int
    requested: int = 0
    skipped: int = 0
    changed_at: datetime

    @property
    def key(self) -> str:
        return f"{self.series_id}/{self.changed_at.isoformat()}"

    @property
    def path(self) -> str:
        return f"/series/{self.series_id}"


@dataclass(frozen=True, kw_only=True)
class SeriesConfirmed(_OfSeries):
    """All the dates of a series at once: `count` booked, `requested` asked for, `skipped` not."""

    TEMPLATE: ClassVar[str] = "mail/series_confirmed"
    TITLE: ClassVar[Any] = _l("A booking of mine that comes again is confirmed")


@dataclass(frozen=True, kw_only=True)
class SeriesChanged(_OfSeries):
    """`count` dates were moved, by the person or, `by_staff`, for a `reason`; `requested` of them wait for the staff's
    agreement now; `skipped` could not be moved and stay as they were."""

    TEMPLATE: ClassVar[str] = "mail/series_changed"
    TITLE: ClassVar[Any] = _l("A booking of mine that comes again is changed")

    by_staff: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SeriesCancelled(_OfSeries):
    """`count` dates were cancelled, the first of them is named."""

    TEMPLATE: ClassVar[str] = "mail/series_cancelled"
    TITLE: ClassVar[Any] = _l("A booking of mine that comes again is cancelled")

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SeriesRequested(_OfSeries):
    """`count` dates are asked for or, `moved`, have another time while they are, `by_staff` for a `reason`; the staff
    will answer."""

    TEMPLATE: ClassVar[str] = "mail/series_requested"
    TITLE: ClassVar[Any] = _l("A booking of mine that comes again waits for the staff's agreement")

    moved: bool = False
    by_staff: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class SeriesAwaited(_OfSeries):
    """For the staff: `person` asks for `count` dates that need their agreement."""

    TEMPLATE: ClassVar[str] = "mail/series_awaited"
    TITLE: ClassVar[Any] = _l("Somebody asks for a booking that comes again and needs the staff's agreement")
    STAFF: ClassVar[bool] = True

    person: str

    @property
    def path(self) -> str:
        return "/reservations/requests"
