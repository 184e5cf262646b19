"""May this person use the lab at all? Pure rules over plain facts."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from fablab.core.denials import Denial


@dataclass(frozen=True, slots=True)
class PersonFacts:
    """What the rules need to know. `member_until` is the last day of membership, None for one without an end."""

    active: bool
    member_until: date | None


def person_denials(person: PersonFacts, at: datetime, zone: ZoneInfo) -> list[Denial]:
    """Reasons why this person may not use the lab at `at`; empty means he may.

    The membership counts until the end of its last day in the lab's zone.
    """
    denials = []
    if not person.active:
        denials.append(Denial("person_disabled"))
    if person.member_until is not None and at.astimezone(zone).date() > person.member_until:
        denials.append(Denial("membership_expired", {"since": _midday(person.member_until, zone)}))
    return denials


def _midday(day: date, zone: ZoneInfo) -> str:
    return datetime(day.year, day.month, day.day, 12, tzinfo=zone).isoformat()
