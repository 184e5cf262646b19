"""May this person book this resource for this time? Pure rules over plain facts.

Each rule gives every reason that it has, with the key of the booking rule (`limit`), what it allows (`allowed`) and
what was asked for (`value`) where there are such. The same function answers the booking, `/reservations/check`, free
slots and the search for the nearest allowed ones (`search.py`).
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fablab.certifications.rules import NOTHING, GrantFacts, Required
from fablab.core.db import Texts
from fablab.core.denials import Denial
from fablab.people.rules import PersonFacts, person_denials
from fablab.reservations.limits import NONE_USED, Used, quota_denials, rfc3339
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.supervision import supervised, uncertified
from fablab.resources.rules import Calendar, ResourceFacts, closure_denials, opening_denials, resource_denials

MOMENT = timedelta(microseconds=1)
MINUTE = timedelta(minutes=1)

HOPELESS = frozenset(
    {
        "person_disabled",
        "resource_out_of_service",
        "not_certified",
        "certification_revoked",
        "certification_suspended",
        "over_capacity",
        "suspended",
    }
)
"""Another time does not help against these, so none is searched."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A time [starts_at, ends_at)."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class CompanionFacts:
    """Somebody booked along. `busy` are his other reservations, ascending; `grants` his certifications."""

    active: bool
    instructor: bool = False
    grants: Sequence[GrantFacts] = ()
    busy: Sequence[Slot] = ()


@dataclass(frozen=True, slots=True)
class BookingFacts:
    """Everything the rules need, for one person and one resource.

    `taken` are live bookings of the resource, ascending and without overlap: at least the first one that ends after
    `starts_at`, with buffers all that touch the time and its buffers; for a search all of the time searched. `begun`
    says that an existing booking keeps its start, `let` that it is a lasting let, for which no limits count, `along`
    that the resource is only held because its room is taken as a whole. `instructor`: the person himself is one;
    `brought`: he will bring one, whom he has not named yet.
    """

    now: datetime
    starts_at: datetime
    ends_at: datetime
    calendar: Calendar
    policy: BookingPolicy
    person: PersonFacts
    resource: ResourceFacts
    required: Required = NOTHING
    grants: Sequence[GrantFacts] = ()
    taken: Sequence[Slot] = ()
    begun: bool = False
    resource_id: int = 0
    resource_name: Texts = field(default_factory=dict)
    capacity: int | None = None
    party_size: int = 1
    instructor: bool = False
    brought: bool = False
    companions: Sequence[CompanionFacts] = ()
    held: Used = NONE_USED
    no_shows: Sequence[datetime] = ()
    let: bool = False
    along: bool = False


# -- the rules --------------------------------------------------------------------------------------------------------


def person_allowed(facts: BookingFacts) -> list[Denial]:
    """An active account, and a membership until the end of the booking."""
    return person_denials(facts.person, facts.ends_at - MOMENT, facts.calendar.zone)


def suspended(facts: BookingFacts) -> list[Denial]:
    """After `no_show_limit` no-shows within `no_show_days`, nothing can be booked for `no_show_block_days` from the
    start of the last of them on."""
    policy, most = facts.policy, facts.policy.no_show_limit
    if most is None or len(facts.no_shows) < most:
        return []
    missed = sorted(facts.no_shows)
    window, block = timedelta(days=policy.no_show_days), timedelta(days=policy.no_show_block_days)
    ends = [last + block for first, last in zip(missed, missed[most - 1 :], strict=False) if last - first < window]
    until = max(ends, default=facts.now)
    if until <= facts.now:
        return []
    missing = sum(one > until - block - window for one in missed)
    return [Denial("suspended", _limit("no_show_limit", most, missing) | {"until": rfc3339(until)})]


def certified(facts: BookingFacts) -> list[Denial]:
    """Certified at the start and still at the end; for each certification one reason, that of the start first."""
    return uncertified(facts, facts.grants)


def resource_allowed(facts: BookingFacts) -> list[Denial]:
    """The resource is in service."""
    return resource_denials(facts.resource)


def over_capacity(facts: BookingFacts) -> list[Denial]:
    """No more people than it takes; companions are people too."""
    people = max(facts.party_size, 1 + len(facts.companions))
    if facts.capacity is None or people <= facts.capacity:
        return []
    return [Denial("over_capacity", _limit("capacity", facts.capacity, people))]


def in_past(facts: BookingFacts) -> list[Denial]:
    """A booking starts now or later; one that has begun may still be made longer, up to now at least."""
    late = facts.ends_at if facts.begun else facts.starts_at
    return [Denial("in_past")] if late < facts.now else []


def too_soon(facts: BookingFacts) -> list[Denial]:
    """Made at least so long before its start; the start of one that keeps it is not asked again."""
    notice = timedelta(minutes=facts.policy.notice_minutes)
    if facts.begun or not facts.now <= facts.starts_at < facts.now + notice:
        return []
    params = _limit("notice_minutes", facts.policy.notice_minutes, (facts.starts_at - facts.now) // MINUTE)
    earliest = {"notice_minutes": facts.policy.notice_minutes, "earliest": rfc3339(facts.now + notice)}
    return [Denial("too_soon", params | earliest)]


def too_far_ahead(facts: BookingFacts) -> list[Denial]:
    """Counted in days of the lab's zone: at any hour, the same days can be booked."""
    zone, most = facts.calendar.zone, facts.policy.horizon_days
    ahead = (local_day(facts.starts_at, zone) - local_day(facts.now, zone)).days
    if ahead <= most:
        return []
    return [Denial("too_far_ahead", _limit("horizon_days", most, ahead) | {"horizon_days": most})]


def off_step(facts: BookingFacts) -> list[Denial]:
    """Start and end on the grid of the local day; the start of one that keeps it is not asked again."""
    step, zone = facts.policy.step_minutes, facts.calendar.zone
    wrong = [at for at in (facts.starts_at, facts.ends_at) if not on_step(at, step, zone)]
    if not wrong or (facts.begun and wrong == [facts.starts_at]):
        return []
    return [Denial("off_step", _limit("step_minutes", step, rfc3339(wrong[-1] if facts.begun else wrong[0])))]


def too_short(facts: BookingFacts) -> list[Denial]:
    """The shortest length itself is allowed."""
    least, length = facts.policy.min_minutes, facts.ends_at - facts.starts_at
    if length >= timedelta(minutes=least):
        return []
    return [Denial("too_short", _limit("min_minutes", least, length // MINUTE) | {"min_minutes": least})]


def too_long(facts: BookingFacts) -> list[Denial]:
    """The longest length itself is allowed."""
    most, length = facts.policy.max_minutes, facts.ends_at - facts.starts_at
    if length <= timedelta(minutes=most):
        return []
    return [Denial("too_long", _limit("max_minutes", most, -(-length // MINUTE)) | {"max_minutes": most})]


def within_limits(facts: BookingFacts) -> list[Denial]:
    """The person's limits by day and week, to come, and the gap between his bookings; a lasting let has none."""
    if facts.let:
        return []
    return quota_denials(facts.held, facts.policy, facts.calendar.zone, facts.now, facts.starts_at, facts.ends_at)


def is_open(facts: BookingFacts) -> list[Denial]:
    """It is open for the whole time."""
    return opening_denials(facts.calendar, facts.starts_at, facts.ends_at)


def blocked(facts: BookingFacts) -> list[Denial]:
    """No closure of the resource or of the lab lies in the time; one reason for each."""
    return closure_denials(facts.calendar.closures, facts.starts_at, facts.ends_at)


def slot_taken(facts: BookingFacts) -> list[Denial]:
    """Nobody holds the resource for any of the time; touching is fine. Names the first booking in the way."""
    after = bisect_right(facts.taken, facts.starts_at, key=_end)
    if after == len(facts.taken) or facts.taken[after].starts_at >= facts.ends_at:
        return []
    return [taken_denial(facts.taken[after])]


def too_close(facts: BookingFacts) -> list[Denial]:
    """Between two bookings of the resource lies the longer of the time after the earlier and the time before the later
    (cleaning and setting up can be done at once: not their sum). Names each neighbour that is too close."""
    buffer = buffer_of(facts.policy)
    if not buffer:
        return []
    first = bisect_right(facts.taken, facts.starts_at - buffer, key=_end)
    found = []
    for slot in facts.taken[first:]:
        if slot.starts_at >= facts.ends_at + buffer:
            break
        if slot.ends_at <= facts.starts_at or slot.starts_at >= facts.ends_at:
            between = max(facts.starts_at - slot.ends_at, slot.starts_at - facts.ends_at) // MINUTE
            found.append(Denial("too_close", _limit("buffer_minutes", buffer // MINUTE, between) | _times(slot)))
    return found


Rule = Callable[[BookingFacts], list[Denial]]

BOOKING_RULES: tuple[Rule, ...] = (
    person_allowed,
    suspended,
    certified,
    supervised,
    resource_allowed,
    over_capacity,
    in_past,
    too_soon,
    too_far_ahead,
    off_step,
    too_short,
    too_long,
    within_limits,
    is_open,
    blocked,
    slot_taken,
    too_close,
)
"""In the order people read them: first what concerns the person, then the resource, then the time."""

_QUICK: tuple[Rule, ...] = (
    slot_taken,
    too_close,
    in_past,
    too_soon,
    too_far_ahead,
    off_step,
    too_short,
    too_long,
    blocked,
    is_open,
    within_limits,
    supervised,
    certified,
    person_allowed,
    resource_allowed,
    over_capacity,
    suspended,
)
"""The same rules, those first that cost little and refuse often: for a search that asks hundreds of times."""


# -- the whole answer -------------------------------------------------------------------------------------------------


def booking_denials(facts: BookingFacts) -> list[Denial]:
    """Every reason against the booking, in reading order; an empty list means yes."""
    if facts.along:
        return slot_taken(facts)
    return [denial for rule in BOOKING_RULES for denial in rule(facts)]


def is_allowed(facts: BookingFacts) -> bool:
    """True when nothing speaks against it: as `booking_denials`, but it stops at the first reason."""
    if facts.along:
        return not slot_taken(facts)
    return not any(rule(facts) for rule in _QUICK)


def all_denials(choices: Sequence[BookingFacts]) -> list[Denial]:
    """The reasons against one booking of all these resources, each once, in reading order. Each says which resource it
    is about, of several with its name, unless it is true of all of them: `resource_id` and `resource_name`."""
    found = [(denial, facts) for facts in choices for denial in booking_denials(facts)]
    made: list[Denial] = []
    for denial, facts in found:
        shared = sum(denial == other for other, _ in found) == len(choices)
        about = {} if shared and len(choices) > 1 else _about(facts, named=len(choices) > 1)
        denial = Denial(denial.code, {**denial.params, **about}) if about else denial
        if denial not in made:
            made.append(denial)
    return made


def needs_approval(choices: Sequence[BookingFacts]) -> bool:
    """True when the staff must approve a booking of these resources."""
    return any(facts.policy.approval for facts in choices if not facts.along)


def hopeless(denials: Sequence[Denial]) -> bool:
    """True when no other time could help against one of these reasons."""
    return any(
        one.code in HOPELESS or (one.code == "needs_supervisor" and one.params.get("why") in {"nobody", "wrong"})
        for one in denials
    )


def no_time_helps(choices: Sequence[BookingFacts]) -> bool:
    """True when no other time could help against one of the reasons that speak against this booking: as `hopeless`,
    and where the limit of what is to come is reached and no time of the week is quiet."""
    found = [(facts, denial) for facts in choices for denial in booking_denials(facts)]
    return hopeless([denial for _, denial in found]) or any(
        denial.params.get("limit") in {"max_future_count", "max_future_minutes"} and not facts.policy.quiet_hours
        for facts, denial in found
    )


def taken_denial(slot: Slot) -> Denial:
    """`slot_taken` with the time that is taken."""
    return Denial("slot_taken", _times(slot))


# -- small things -----------------------------------------------------------------------------------------------------


def buffer_of(policy: BookingPolicy) -> timedelta:
    """The least time between two bookings of a resource: both its buffers at once, so the longer of them."""
    return timedelta(minutes=max(policy.buffer_before_minutes, policy.buffer_after_minutes))


def on_step(at: datetime, step: int, zone: ZoneInfo) -> bool:
    """Whether clocks of the zone show a multiple of `step` minutes since midnight."""
    local = at.astimezone(zone)
    return not (local.second or local.microsecond) and (local.hour * 60 + local.minute) % step == 0


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The day that the zone has at this instant."""
    return at.astimezone(zone).date()


def _limit(key: str, allowed: int | str, value: int | str) -> dict[str, int | str]:
    return {"limit": key, "allowed": allowed, "value": value}


def _about(facts: BookingFacts, *, named: bool) -> dict[str, Any]:
    if not facts.resource_id:
        return {}
    name = {"resource_name": dict(facts.resource_name)} if named and facts.resource_name else {}
    return {"resource_id": str(facts.resource_id), **name}


def _times(slot: Slot) -> dict[str, str]:
    return {"starts_at": rfc3339(slot.starts_at), "ends_at": rfc3339(slot.ends_at)}


def _end(slot: Slot) -> datetime:
    return slot.ends_at
