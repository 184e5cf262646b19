"""What people are told of a waiting list; `messages.py` lists it with all others."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from fablab.core.db import Texts
from fablab.notices.base import Message


@dataclass(frozen=True, kw_only=True)
class WaitingEnded(Message):
    """The time that somebody waited for is over, and he was offered nothing."""

    TEMPLATE: ClassVar[str] = "mail/waiting_ended"
    TITLE: ClassVar[Any] = _l("A time I waited for is over")

    entry_id: int
    resources: tuple[Texts, ...]
    starts_at: datetime
    ends_at: datetime

    @property
    def key(self) -> str:
        return str(self.entry_id)

    @property
    def path(self) -> str:
        return "/find"

    @property
    def useful_until(self) -> datetime | None:
        return self.ends_at + timedelta(days=2)
