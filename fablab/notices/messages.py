"""What people are told: one dataclass for each message, its fields what the words need.

A caller makes one and hands it to `notices.service.notify`. Each has its templates `templates/mail/<name>.*`, the
page of the lab it leads to, and a key: the same message with the same key reaches the same person once, however often
and however late a job runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l
from pydantic import TypeAdapter

from fablab.core.db import Texts
from fablab.notices import trainings
from fablab.notices.base import Message, OfReservation
from fablab.notices.certifications import (
    CertificationEnded,
    ReservationsAtRisk,
    ReservationsAtRiskOf,
    ReservationsLost,
    ReservationsSafe,
)
from fablab.notices.lets import LetEnds, LetNotice
from fablab.notices.requests import ReservationAwaited, ReservationRejected, ReservationRequested
from fablab.notices.series import SeriesAwaited, SeriesCancelled, SeriesChanged, SeriesConfirmed, SeriesRequested
from fablab.notices.suspensions import CertificationResumed, CertificationSuspended
from fablab.notices.waiting import WaitingEnded


@dataclass(frozen=True, kw_only=True)
class ReservationConfirmed(OfReservation):
    """Booked, or a request was accepted."""

    TEMPLATE: ClassVar[str] = "mail/reservation_confirmed"
    TITLE: ClassVar[Any] = _l("A booking of mine is confirmed")


@dataclass(frozen=True, kw_only=True)
class ReservationChanged(OfReservation):
    """Moved or resized by the person; `was_…` is the time before."""

    TEMPLATE: ClassVar[str] = "mail/reservation_changed"
    TITLE: ClassVar[Any] = _l("A booking of mine is changed")

    was_starts_at: datetime
    was_ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class ReservationCancelled(OfReservation):
    """Cancelled by the person or, with a reason, by the staff; also a request that its person took back."""

    TEMPLATE: ClassVar[str] = "mail/reservation_cancelled"
    TITLE: ClassVar[Any] = _l("A booking of mine is cancelled")

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ReservationReminder(OfReservation):
    """It is soon. Told once for each start, so again when the booking was moved."""

    TEMPLATE: ClassVar[str] = "mail/reservation_reminder"
    TITLE: ClassVar[Any] = _l("Reminder of a booking")

    @property
    def key(self) -> str:
        return f"{self.reservation_id}/{self.starts_at:%Y%m%dT%H%M%z}"

    @property
    def useful_until(self) -> datetime | None:
        return self.starts_at


@dataclass(frozen=True, kw_only=True)
class ReservationReleased(OfReservation):
    """Nobody came within the grace time, others may have it now."""

    TEMPLATE: ClassVar[str] = "mail/reservation_released"
    TITLE: ClassVar[Any] = _l("A booking of mine was given up because nobody came")

    grace_minutes: int


@dataclass(frozen=True, kw_only=True)
class ReservationOffered(OfReservation):
    """First in the waiting list: held until `held_until`. `accept_path` is the page with the one button."""

    TEMPLATE: ClassVar[str] = "mail/reservation_offered"
    TITLE: ClassVar[Any] = _l("A time I wait for is free")

    held_until: datetime
    accept_path: str

    @property
    def path(self) -> str:
        return self.accept_path

    @property
    def useful_until(self) -> datetime | None:
        return self.held_until


@dataclass(frozen=True, kw_only=True)
class ReservationMovedByStaff(OfReservation):
    """The staff moved it, with a reason."""

    TEMPLATE: ClassVar[str] = "mail/reservation_moved_by_staff"
    TITLE: ClassVar[Any] = _l("The staff moved a booking of mine")

    was_starts_at: datetime
    was_ends_at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True)
class ReservationInClosure(OfReservation):
    """What is booked will be closed at that time, from `closed_from` to `closed_until`, for the reason `why`. The
    booking stays as it is: the person moves or cancels it. `closure` tells closures apart."""

    TEMPLATE: ClassVar[str] = "mail/reservation_in_closure"
    TITLE: ClassVar[Any] = _l("Something I booked will be closed then")

    closure: str
    closed_from: datetime
    closed_until: datetime
    why: Texts

    @property
    def key(self) -> str:
        return f"{self.reservation_id}/{self.sequence}/{self.closure}"

    @property
    def useful_until(self) -> datetime | None:
        return self.ends_at


@dataclass(frozen=True, kw_only=True)
class OverrunWarning(OfReservation):
    """The person before is still at it; the own booking begins late, perhaps at `expected_until`."""

    TEMPLATE: ClassVar[str] = "mail/overrun_warning"
    TITLE: ClassVar[Any] = _l("The person before me takes longer")

    expected_until: datetime | None = None

    @property
    def key(self) -> str:
        return f"{self.reservation_id}/{self.starts_at:%Y%m%dT%H%M%z}"

    @property
    def useful_until(self) -> datetime | None:
        return self.ends_at


@dataclass(frozen=True, kw_only=True)
class ResourceOutOfService(OfReservation):
    """Something the person has booked cannot be used. `since` tells one breakdown from the next."""

    TEMPLATE: ClassVar[str] = "mail/resource_out_of_service"
    TITLE: ClassVar[Any] = _l("Something I have booked is out of service")

    resource_id: int
    resource: Texts
    why: str = ""
    since: datetime

    @property
    def key(self) -> str:
        return f"{self.reservation_id}/{self.resource_id}/{self.since:%Y%m%dT%H%M%S%z}"


@dataclass(frozen=True, kw_only=True)
class _OfCertification(Message):
    """A message about one grant of a certification to the person."""

    grant_id: int
    certification: Texts

    @property
    def key(self) -> str:
        return str(self.grant_id)

    @property
    def path(self) -> str:
        return "/resources"


@dataclass(frozen=True, kw_only=True)
class CertificationGranted(_OfCertification):
    """From now on the person is certified; `until` is the last day, None for ever."""

    TEMPLATE: ClassVar[str] = "mail/certification_granted"
    TITLE: ClassVar[Any] = _l("I get a certification")

    until: date | None = None


@dataclass(frozen=True, kw_only=True)
class CertificationLapsing(_OfCertification):
    """It ends on `lapses_on` unless something is done; once for each step of `days_before` (30, 7).
    `by_disuse`: because it was not used, for `unused_days` by now, otherwise because its time is over."""

    TEMPLATE: ClassVar[str] = "mail/certification_lapsing"
    TITLE: ClassVar[Any] = _l("A certification of mine ends soon")

    lapses_on: date
    days_before: int
    by_disuse: bool = False
    unused_days: int = 0

    @property
    def key(self) -> str:
        return f"{self.grant_id}/{self.lapses_on:%Y%m%d}/{self.days_before}"


@dataclass(frozen=True, kw_only=True)
class CertificationRevoked(_OfCertification):
    """Withdrawn by the staff."""

    TEMPLATE: ClassVar[str] = "mail/certification_revoked"
    TITLE: ClassVar[Any] = _l("A certification of mine is withdrawn")
    FIXED: ClassVar[bool] = True

    reason: str


@dataclass(frozen=True, kw_only=True)
class ProblemReported(Message):
    """For the staff: somebody reported a problem with a resource."""

    TEMPLATE: ClassVar[str] = "mail/problem_reported"
    TITLE: ClassVar[Any] = _l("A problem is reported")
    STAFF: ClassVar[bool] = True

    problem_id: int
    resource_id: int
    resource: Texts
    problem: str
    reported_by: str

    @property
    def key(self) -> str:
        return str(self.problem_id)

    @property
    def path(self) -> str:
        return f"/resources/{self.resource_id}"


@dataclass(frozen=True, kw_only=True)
class ChannelAdded(Message):
    """A new channel of the account: told by mail, so that nobody else adds one unnoticed, and over the channel."""

    TEMPLATE: ClassVar[str] = "mail/channel_added"
    TITLE: ClassVar[Any] = _l("A channel is added to my account")
    FIXED: ClassVar[bool] = True

    channel_id: int
    label: str
    service: str

    @property
    def key(self) -> str:
        return str(self.channel_id)

    @property
    def path(self) -> str:
        return "/account/notices"


@dataclass(frozen=True, kw_only=True)
class TrialNotice(Message):
    """For the administrator who tries whether notices leave the lab."""

    TEMPLATE: ClassVar[str] = "mail/trial_notice"
    TITLE: ClassVar[Any] = _l("A test of the notices")
    FIXED: ClassVar[bool] = True
    STAFF: ClassVar[bool] = True

    asked_at: datetime

    @property
    def key(self) -> str:
        return self.asked_at.isoformat()

    @property
    def path(self) -> str:
        return "/account/notices"


MESSAGES: tuple[type[Message], ...] = (
    ReservationConfirmed,
    ReservationRequested,
    ReservationRejected,
    ReservationChanged,
    ReservationCancelled,
    ReservationReminder,
    ReservationReleased,
    ReservationOffered,
    WaitingEnded,
    SeriesConfirmed,
    SeriesRequested,
    SeriesChanged,
    SeriesCancelled,
    ReservationMovedByStaff,
    LetEnds,
    OverrunWarning,
    ReservationInClosure,
    ResourceOutOfService,
    CertificationGranted,
    CertificationLapsing,
    CertificationEnded,
    CertificationRevoked,
    CertificationSuspended,
    CertificationResumed,
    ReservationsAtRisk,
    ReservationsSafe,
    ReservationsLost,
    *trainings.MESSAGES,
    ProblemReported,
    ReservationAwaited,
    ReservationsAtRiskOf,
    SeriesAwaited,
    LetNotice,
    ChannelAdded,
    TrialNotice,
)
"""In the order in which the page of choices shows them."""

BY_NAME: Mapping[str, type[Message]] = {message.name(): message for message in MESSAGES}


def to_params(message: Message) -> dict[str, Any]:
    """The fields as plain JSON values, to be kept until the words are made."""
    dumped: dict[str, Any] = _adapter(message.name()).dump_python(message, mode="json")
    return dumped


def from_params(name: str, params: Mapping[str, Any]) -> Message:
    """The message again. Raises KeyError for an unknown name, ValueError for fields that do not fit."""
    made: Message = _adapter(name).validate_python(dict(params))
    return made


@cache
def _adapter(name: str) -> TypeAdapter[Any]:
    return TypeAdapter(BY_NAME[name])
