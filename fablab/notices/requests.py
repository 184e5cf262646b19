"""What people are told of a booking that needs the staff's agreement; `messages.py` lists these with all others."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from fablab.notices.base import OfReservation


@dataclass(frozen=True, kw_only=True)
class ReservationRequested(OfReservation):
    """Asked for, or moved while it is, `by_staff` for a `reason`; the staff will answer."""

    TEMPLATE: ClassVar[str] = "mail/reservation_requested"
    TITLE: ClassVar[Any] = _l("A booking of mine waits for the staff's agreement")

    by_staff: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class ReservationAwaited(OfReservation):
    """For the staff: `person` asks for something that needs their agreement."""

    TEMPLATE: ClassVar[str] = "mail/reservation_awaited"
    TITLE: ClassVar[Any] = _l("Somebody asks for a booking that needs the staff's agreement")
    STAFF: ClassVar[bool] = True

    person: str

    @property
    def path(self) -> str:
        return "/reservations/requests"

    @property
    def useful_until(self) -> datetime | None:
        return self.starts_at


class Why(StrEnum):
    """Why a request was turned down."""

    STAFF = "staff"
    OTHER = "other"
    UNANSWERED = "unanswered"


@dataclass(frozen=True, kw_only=True)
class ReservationRejected(OfReservation):
    """A request was turned down: by the staff, with a reason; because another one was accepted; or because nobody
    answered before its start."""

    TEMPLATE: ClassVar[str] = "mail/reservation_rejected"
    TITLE: ClassVar[Any] = _l("A request of mine is turned down")

    why: Why
    reason: str = ""
