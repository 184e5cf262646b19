"""The base case of the rules' tests: a booking that is allowed. A test says what differs."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fablab.certifications.rules import Every, GrantFacts, Held, Required
from fablab.people.rules import PersonFacts
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.rules import BookingFacts
from fablab.resources.rules import Calendar, Opening, ResourceFacts

PARIS = ZoneInfo("Europe/Paris")
WEEK = dict.fromkeys(("monday", "tuesday", "wednesday", "thursday", "friday"), (Opening(time(9), time(18)),))
ALWAYS = dict.fromkeys((*WEEK, "saturday", "sunday"), (Opening(time(0), time(0)),))
NAMES = {7: {"en": "Laser"}, 8: {"en": "Saw"}}
LASER = Required(Held(7), NAMES)
SAW = Required(Held(8), NAMES)
BOTH = Required(Every((Held(7), Held(8))), NAMES)


def paris(*parts: int, fold: int = 0) -> datetime:
    """An instant by the clock of Paris, in UTC."""
    return datetime(*parts, tzinfo=PARIS, fold=fold).astimezone(UTC)  # type: ignore[misc,arg-type]  # a tuple of numbers


NOW = paris(2026, 3, 2, 9)
START, END = paris(2026, 3, 3, 10), paris(2026, 3, 3, 11)
HELD = GrantFacts(7, granted_at=NOW - timedelta(days=30))

BASE = BookingFacts(
    now=NOW,
    starts_at=START,
    ends_at=END,
    calendar=Calendar(PARIS, WEEK, closed_days=frozenset({date(2026, 3, 5)})),
    policy=BookingPolicy(step_minutes=15, min_minutes=15, max_minutes=240, horizon_days=60),
    person=PersonFacts(active=True, member_until=None),
    resource=ResourceFacts(in_service=True),
)


def slot(start: datetime, minutes: int) -> dict[str, Any]:
    """The two times of the facts."""
    return {"starts_at": start, "ends_at": start + timedelta(minutes=minutes)}
