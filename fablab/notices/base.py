"""What all messages have in common, and all messages about one reservation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from fablab.core.db import Texts


@dataclass(frozen=True, kw_only=True)
class Message:
    """What all messages have. `FIXED` ones cannot be switched off, `STAFF` ones are offered to staff alone."""

    TEMPLATE: ClassVar[str]
    TITLE: ClassVar[Any]
    FIXED: ClassVar[bool] = False
    STAFF: ClassVar[bool] = False

    @classmethod
    def name(cls) -> str:
        """The stable name of the message, as in its templates: `reservation_confirmed`."""
        return cls.TEMPLATE.removeprefix("mail/")

    @property
    def key(self) -> str:
        """What makes this message another one than the last of its kind, at most 120 characters."""
        raise NotImplementedError

    @property
    def path(self) -> str:
        """The page of the lab where the person goes on."""
        raise NotImplementedError

    @property
    def useful_until(self) -> datetime | None:
        """The moment after which nobody is helped by it, so it is not sent any more; None when it always helps."""
        return None


@dataclass(frozen=True, kw_only=True)
class OfReservation(Message):
    """A message about one reservation. `sequence` counts its changes; `resources` are the names of what it holds."""

    reservation_id: int
    resources: tuple[Texts, ...]
    starts_at: datetime
    ends_at: datetime
    sequence: int = 0

    @property
    def key(self) -> str:
        return f"{self.reservation_id}/{self.sequence}"

    @property
    def path(self) -> str:
        return f"/reservations/{self.reservation_id}"
