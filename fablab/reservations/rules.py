"""May this person book this resource for this time? Pure rules over plain facts.

The same function answers the booking, `/reservations/check`, the free slots of a day and the search for the nearest
allowed ones.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fablab.certifications.rules import GrantFacts, RequiredFacts, grant_denials
from fablab.core.denials import Denial
from fablab.people.rules import PersonFacts, person_denials
from fablab.resources.rules import Calendar, ResourceFacts, opening_denials, resource_denials

MOMENT = timedelta(microseconds=1)
SEARCH_DAYS = 14
"""How many days before and after the wanted one are searched for an allowed slot."""

HOPELESS = frozenset({"person_disabled", "resource_out_of_service", "not_certified", "certification_revoked"})
"""Another time does not help against these, so none is searched."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A time [starts_at, ends_at)."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class BookingPolicy:
    """How long and how far ahead a resource may be booked. `step_minutes` is the grid of the times that are offered."""

    step_minutes: int
    min_minutes: int
    max_minutes: int
    horizon_days: int


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """Everything the rules need, for one person and one resource.

    `taken` are live bookings of the resource, ascending and without overlap: at least the first one that ends after
    `starts_at`; for a search all of the time searched. `begun` says that an existing booking keeps its start.
    """

    now: datetime
    starts_at: datetime
    ends_at: datetime
    calendar: Calendar
    policy: BookingPolicy
    person: PersonFacts
    resource: ResourceFacts
    required: Sequence[RequiredFacts] = ()
    grants: Sequence[GrantFacts] = ()
    taken: Sequence[Slot] = ()
    begun: bool = False


def in_past(facts: BookingFacts) -> list[Denial]:
    """A booking starts now or later; one that has begun may still be made longer, up to now at least."""
    late = facts.ends_at if facts.begun else facts.starts_at
    return [Denial("in_past")] if late < facts.now else []


def too_short(facts: BookingFacts) -> list[Denial]:
    """The shortest length itself is allowed."""
    least = facts.policy.min_minutes
    return [Denial("too_short", {"min_minutes": least})] if _length(facts) < timedelta(minutes=least) else []


def too_long(facts: BookingFacts) -> list[Denial]:
    """The longest length itself is allowed."""
    most = facts.policy.max_minutes
    return [Denial("too_long", {"max_minutes": most})] if _length(facts) > timedelta(minutes=most) else []


def too_far_ahead(facts: BookingFacts) -> list[Denial]:
    """Counted in days of the lab's zone: at any hour, the same days can be booked."""
    zone, most = facts.calendar.zone, facts.policy.horizon_days
    ahead = (_day(facts.starts_at, zone) - _day(facts.now, zone)).days
    return [Denial("too_far_ahead", {"horizon_days": most})] if ahead > most else []


def person_allowed(facts: BookingFacts) -> list[Denial]:
    """An active account, and a membership until the end of the booking."""
    return person_denials(facts.person, facts.ends_at - MOMENT, facts.calendar.zone)


def certified(facts: BookingFacts) -> list[Denial]:
    """Certified at the start and still at the end; for each certification one reason, that of the start first."""
    found: dict[object, Denial] = {}
    for at in (facts.starts_at, facts.ends_at - MOMENT):
        for denial in grant_denials(facts.required, facts.grants, at):
            found.setdefault(denial.params["certification_id"], denial)
    return list(found.values())


def resource_allowed(facts: BookingFacts) -> list[Denial]:
    """The resource is in service."""
    return resource_denials(facts.resource)


def lab_open(facts: BookingFacts) -> list[Denial]:
    """The lab is open for the whole time."""
    return opening_denials(facts.calendar, facts.starts_at, facts.ends_at)


def slot_taken(facts: BookingFacts) -> list[Denial]:
    """Nobody holds the resource for any of the time; touching is fine. Names the first booking in the way."""
    after = bisect_right(facts.taken, facts.starts_at, key=lambda slot: slot.ends_at)
    if after == len(facts.taken) or facts.taken[after].starts_at >= facts.ends_at:
        return []
    return [taken_denial(facts.taken[after])]


BOOKING_RULES: tuple[Callable[[BookingFacts], list[Denial]], ...] = (
    person_allowed,
    certified,
    resource_allowed,
    in_past,
    too_far_ahead,
    too_short,
    too_long,
    lab_open,
    slot_taken,
)
"""In the order people read them: first what concerns the person, then the resource, then the time."""


def booking_denials(facts: BookingFacts) -> list[Denial]:
    """Every reason against the booking, in reading order; an empty list means yes."""
    return [denial for rule in BOOKING_RULES for denial in rule(facts)]


def taken_denial(slot: Slot) -> Denial:
    """`slot_taken` with the time that is taken."""
    return Denial("slot_taken", {"starts_at": _text(slot.starts_at), "ends_at": _text(slot.ends_at)})


def suggestions(choices: Sequence[BookingFacts], limit: int = 3) -> list[Slot]:
    """The allowed slots nearest to the wanted one, nearest first, the earlier first of two as near; at most `limit`.

    `choices` are the facts of each resource of one booking, all for the same time; a slot must suit all of them. The
    length is the wanted one, made longer or shorter where it is not allowed. Searches `SEARCH_DAYS` to both sides.
    """
    if any(denial.code in HOPELESS for facts in choices for denial in booking_denials(facts)):
        return []
    first = choices[0]
    least = max(facts.policy.min_minutes for facts in choices)
    most = min(facts.policy.max_minutes for facts in choices)
    length = max(min(_length(first), timedelta(minutes=most)), timedelta(minutes=least))
    found: list[Slot] = []
    for starts_at in _near(choices, length):
        slot = Slot(starts_at, starts_at + length)
        if all(_fits(facts, slot) for facts in choices):
            found.append(slot)
            if len(found) == limit:
                break
    return found


def free_slots(facts: BookingFacts, until: datetime, minutes: int) -> list[Slot]:
    """Every slot of this length that may be booked from `facts.starts_at` on, begins on the step and ends by `until`.

    Ascending, one for each possible start, so neighbours overlap. `facts.taken` must cover the whole time.
    """
    length, zone = timedelta(minutes=minutes), facts.calendar.zone
    first, last = _day(facts.starts_at, zone), _day(until, zone)
    return [
        slot
        for number in range((last - first).days + 1)
        for starts_at in _starts(facts, first + timedelta(number), length)
        if facts.starts_at <= starts_at and starts_at + length <= until
        for slot in (Slot(starts_at, starts_at + length),)
        if _fits(facts, slot)
    ]


def next_free(facts: BookingFacts, days: int = SEARCH_DAYS) -> datetime | None:
    """From when on the resource is free for its shortest booking, at `facts.now` at the earliest; None when not within
    so many days. Asks the opening hours and what is taken (which must cover the time), not the person."""
    if not facts.resource.in_service:
        return None
    least = timedelta(minutes=facts.policy.min_minutes)
    today = _day(facts.now, facts.calendar.zone)
    for opens, closes in (
        span for number in range(days) for span in facts.calendar.intervals(today + timedelta(number))
    ):
        at = max(opens, facts.now)
        for slot in facts.taken:
            if slot.ends_at > at and slot.starts_at < at + least:
                at = slot.ends_at
        if at + least <= closes:
            return at
    return None


def instants(day: date, at: time, zone: ZoneInfo) -> list[datetime]:
    """The UTC instants at which clocks of the zone show `day` and `at`: one; none in the hour that spring skips;
    two, ascending, in the hour that autumn repeats."""
    wall = datetime.combine(day, at)
    seen = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(one for one in seen if one.astimezone(zone).replace(tzinfo=None) == wall)


def _fits(facts: BookingFacts, slot: Slot) -> bool:
    return not booking_denials(replace(facts, starts_at=slot.starts_at, ends_at=slot.ends_at, begun=False))


def _near(choices: Sequence[BookingFacts], length: timedelta) -> Iterator[datetime]:
    """Possible starts, nearest to the wanted one first. All of a day are nearer than those two days further."""
    first = choices[0]
    wanted, zone = first.starts_at, first.calendar.zone
    day = _day(wanted, zone)
    ready: list[datetime] = []
    for distance in range(SEARCH_DAYS + 1):
        days = {day - timedelta(distance), day + timedelta(distance)}
        ready += [start for one in days for start in _starts(first, one, length) if start >= first.now]
        ready.sort(key=lambda start: (abs(start - wanted), start))
        sure = timedelta(days=distance, hours=-1)  # an hour for the days on which clocks change
        near = [start for start in ready if abs(start - wanted) < sure or distance == SEARCH_DAYS]
        yield from near
        ready = ready[len(near) :]


def _starts(facts: BookingFacts, day: date, length: timedelta) -> list[datetime]:
    """Starts on the step within the opening hours of a local day; a day whose next one goes on may be booked over."""
    step = facts.policy.step_minutes
    found = []
    for opens, closes in facts.calendar.intervals(day):
        local = opens.astimezone(facts.calendar.zone)
        past = (local.hour * 60 + local.minute) % step
        at = opens + timedelta(minutes=(step - past) % step)
        over_midnight = closes.astimezone(facts.calendar.zone).time() == time(0)
        while at < closes and (over_midnight or at + length <= closes):
            found.append(at)
            at += timedelta(minutes=step)
    return found


def _length(facts: BookingFacts) -> timedelta:
    return facts.ends_at - facts.starts_at


def _day(at: datetime, zone: ZoneInfo) -> date:
    return at.astimezone(zone).date()


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()
