"""What people are told when the staff holds a certification back; `messages.py` lists these with all others."""

from dataclasses import dataclass
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from fablab.core.db import Texts
from fablab.notices.base import Message


@dataclass(frozen=True, kw_only=True)
class _OfSuspension(Message):
    """A message about one suspension of a certification of the person."""

    suspension_id: int
    certification: Texts

    @property
    def key(self) -> str:
        return str(self.suspension_id)

    @property
    def path(self) -> str:
        return "/certifications"


@dataclass(frozen=True, kw_only=True)
class CertificationSuspended(_OfSuspension):
    """The staff holds it back, pending a talk."""

    TEMPLATE: ClassVar[str] = "mail/certification_suspended"
    TITLE: ClassVar[Any] = _l("A certification of mine is held back")
    FIXED: ClassVar[bool] = True

    reason: str


@dataclass(frozen=True, kw_only=True)
class CertificationResumed(_OfSuspension):
    """It counts again."""

    TEMPLATE: ClassVar[str] = "mail/certification_resumed"
    TITLE: ClassVar[Any] = _l("A certification of mine counts again")

    note: str = ""
