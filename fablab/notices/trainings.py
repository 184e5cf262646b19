"""What people are told of trainings: who takes part, who waits, who gives them; `messages.py` lists these with all
others."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from fablab.core.db import Texts
from fablab.notices.base import Message


@dataclass(frozen=True, kw_only=True)
class OfTraining(Message):
    """A message about one training: its title, from when to when its first date is, how many dates it has, where.

    `sequence` counts the changes of the training.
    """

    training_id: int
    title: Texts
    starts_at: datetime
    ends_at: datetime
    dates: int = 1
    places: tuple[Texts, ...] = ()
    sequence: int = 0

    @property
    def key(self) -> str:
        return f"{self.training_id}/{self.sequence}"

    @property
    def path(self) -> str:
        return f"/trainings/{self.training_id}"


@dataclass(frozen=True, kw_only=True)
class _OfEnrolment(OfTraining):
    """A message about somebody's own enrolment."""

    enrolment_id: int

    @property
    def key(self) -> str:
        return str(self.enrolment_id)


@dataclass(frozen=True, kw_only=True)
class TrainingEnrolled(_OfEnrolment):
    """Takes part: enrolled, by himself or, `by_staff`, by the lab, or accepted an offer."""

    TEMPLATE: ClassVar[str] = "mail/training_enrolled"
    TITLE: ClassVar[Any] = _l("I take part in a training")

    by_staff: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainingWaiting(_OfEnrolment):
    """It is full: he stands in line, `position` 1 is the next to be asked."""

    TEMPLATE: ClassVar[str] = "mail/training_waiting"
    TITLE: ClassVar[Any] = _l("I wait for a place in a training")

    position: int


@dataclass(frozen=True, kw_only=True)
class TrainingOffered(_OfEnrolment):
    """A place came free and is kept until `offered_until`."""

    TEMPLATE: ClassVar[str] = "mail/training_offered"
    TITLE: ClassVar[Any] = _l("A place in a training is free for me")

    offered_until: datetime

    @property
    def useful_until(self) -> datetime | None:
        return self.offered_until


@dataclass(frozen=True, kw_only=True)
class TrainingExpired(_OfEnrolment):
    """The offer was not answered in time; or, `in_vain`, the training began and no place came free."""

    TEMPLATE: ClassVar[str] = "mail/training_expired"
    TITLE: ClassVar[Any] = _l("I do not wait for a training any more")

    in_vain: bool = False


@dataclass(frozen=True, kw_only=True)
class TrainingWithdrawn(_OfEnrolment):
    """Does not take part any more; `late`: later than is free; `reason` where the staff took him out."""

    TEMPLATE: ClassVar[str] = "mail/training_withdrawn"
    TITLE: ClassVar[Any] = _l("I do not take part in a training any more")

    late: bool = False
    by_staff: bool = False
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainingChanged(OfTraining):
    """Other dates, another room or another instructor."""

    TEMPLATE: ClassVar[str] = "mail/training_changed"
    TITLE: ClassVar[Any] = _l("A training of mine is changed")

    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TrainingCancelled(OfTraining):
    """It does not take place: the staff says why, or too few people enrolled (`too_few`)."""

    TEMPLATE: ClassVar[str] = "mail/training_cancelled"
    TITLE: ClassVar[Any] = _l("A training of mine does not take place")
    FIXED: ClassVar[bool] = True

    reason: str = ""
    too_few: bool = False

    @property
    def useful_until(self) -> datetime | None:
        return self.ends_at + timedelta(days=2)


@dataclass(frozen=True, kw_only=True)
class TrainingReminder(OfTraining):
    """One date of it is soon: the times are those of this date. Told once for each start."""

    TEMPLATE: ClassVar[str] = "mail/training_reminder"
    TITLE: ClassVar[Any] = _l("Reminder of a training")

    @property
    def key(self) -> str:
        return f"{self.training_id}/{self.starts_at:%Y%m%dT%H%M%z}"

    @property
    def useful_until(self) -> datetime | None:
        return self.starts_at


@dataclass(frozen=True, kw_only=True)
class TrainingAssigned(OfTraining):
    """For the instructor: the lab planned a training that he gives."""

    TEMPLATE: ClassVar[str] = "mail/training_assigned"
    TITLE: ClassVar[Any] = _l("I am to give a training")


@dataclass(frozen=True, kw_only=True)
class TrainingReleased(OfTraining):
    """For the instructor: somebody else gives the training now."""

    TEMPLATE: ClassVar[str] = "mail/training_released"
    TITLE: ClassVar[Any] = _l("Somebody else gives a training of mine")


@dataclass(frozen=True, kw_only=True)
class TrainingNotCertified(_OfEnrolment):
    """Passed, but something is still missing for the certification, such as its quiz."""

    TEMPLATE: ClassVar[str] = "mail/training_not_certified"
    TITLE: ClassVar[Any] = _l("I passed a training, but something is still missing for the certification")

    certification_id: int
    certification: Texts

    @property
    def key(self) -> str:
        return f"{self.enrolment_id}/{self.certification_id}"

    @property
    def path(self) -> str:
        return f"/certifications/{self.certification_id}"


MESSAGES: tuple[type[Message], ...] = (
    TrainingEnrolled,
    TrainingWaiting,
    TrainingOffered,
    TrainingExpired,
    TrainingWithdrawn,
    TrainingChanged,
    TrainingCancelled,
    TrainingReminder,
    TrainingNotCertified,
    TrainingAssigned,
    TrainingReleased,
)
"""In the order in which the page of choices shows them."""
