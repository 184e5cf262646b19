"""What people are told of certifications that end, and of the bookings that need them; `messages.py` lists these with
all others."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from fablab.core.db import Texts
from fablab.notices.base import Message


@dataclass(frozen=True, kw_only=True)
class CertificationEnded(Message):
    """The person does not hold it any more: its time is over or, `unused_days` before, it was used last. `last_day` is
    the last one on which it held."""

    TEMPLATE: ClassVar[str] = "mail/certification_ended"
    TITLE: ClassVar[Any] = _l("A certification of mine has ended")

    grant_id: int
    certification_id: int
    certification: Texts
    last_day: date
    unused_days: int = 0

    @property
    def key(self) -> str:
        return f"{self.grant_id}/{self.last_day:%Y%m%d}"

    @property
    def path(self) -> str:
        return f"/certifications/{self.certification_id}"


@dataclass(frozen=True, kw_only=True)
class Risk:
    """One booking at risk. It is cancelled at `release_at`, unless its person is certified by then; None where it stays
    until the staff decides."""

    reservation_id: int
    resources: tuple[Texts, ...]
    starts_at: datetime
    ends_at: datetime
    release_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class _OfRisks(Message):
    """A message about all bookings of a person that changed together, `at` an instant; `certifications` are those that
    are missing, the first of them is `certification_id`."""

    person_id: int
    at: datetime
    risks: tuple[Risk, ...]
    certifications: tuple[Texts, ...] = ()
    certification_id: int = 0

    @property
    def key(self) -> str:
        return f"{self.person_id}/{self.at.isoformat()}/{self.risks[0].reservation_id}"

    @property
    def path(self) -> str:
        if len(self.risks) == 1:
            return f"/reservations/{self.risks[0].reservation_id}"
        return "/reservations"


@dataclass(frozen=True, kw_only=True)
class ReservationsAtRisk(_OfRisks):
    """For the person: bookings to come need a certification that he does not hold then."""

    TEMPLATE: ClassVar[str] = "mail/reservations_at_risk"
    TITLE: ClassVar[Any] = _l("A booking of mine is at risk, as a certification is missing")

    @property
    def path(self) -> str:
        return f"/certifications/{self.certification_id}"


@dataclass(frozen=True, kw_only=True)
class ReservationsAtRiskOf(_OfRisks):
    """For the staff: the same of `person`."""

    TEMPLATE: ClassVar[str] = "mail/reservations_at_risk_of"
    TITLE: ClassVar[Any] = _l("Bookings are at risk, as somebody's certification is missing")
    STAFF: ClassVar[bool] = True

    person: str

    @property
    def path(self) -> str:
        return f"/people/{self.person_id}"


@dataclass(frozen=True, kw_only=True)
class ReservationsSafe(_OfRisks):
    """For the person: they are not at risk any more."""

    TEMPLATE: ClassVar[str] = "mail/reservations_safe"
    TITLE: ClassVar[Any] = _l("A booking of mine is not at risk any more")


@dataclass(frozen=True, kw_only=True)
class ReservationsLost(_OfRisks):
    """For the person: they were cancelled, as the certification was not there in time."""

    TEMPLATE: ClassVar[str] = "mail/reservations_lost"
    TITLE: ClassVar[Any] = _l("A booking of mine is cancelled, as a certification is missing")
