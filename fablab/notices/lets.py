"""What people are told of a lasting let that ends after notice; `messages.py` lists these with all others."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

from flask_babel import lazy_gettext as _l

from fablab.notices.base import OfReservation


@dataclass(frozen=True, kw_only=True)
class _LetEnds(OfReservation):
    """`last_day` is the last one of the let; `keys` and `deposit` say what has to come back."""

    last_day: date
    keys: str = ""
    deposit: bool = False


@dataclass(frozen=True, kw_only=True)
class LetEnds(_LetEnds):
    """For the tenant: notice is given, by him or, `by_staff`, by the lab."""

    TEMPLATE: ClassVar[str] = "mail/let_ends"
    TITLE: ClassVar[Any] = _l("A let of mine ends after notice")

    by_staff: bool = False


@dataclass(frozen=True, kw_only=True)
class LetNotice(_LetEnds):
    """For the staff: notice is given for the let of `person`."""

    TEMPLATE: ClassVar[str] = "mail/let_notice"
    TITLE: ClassVar[Any] = _l("Notice is given for a let")
    STAFF: ClassVar[bool] = True

    person: str
