"""The dates of a series before it is booked, with what speaks against each: read at once, judged by the same rules."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fablab.core.actor import Actor
from fablab.core.denials import Denial
from fablab.core.words import config
from fablab.reservations import placing, recurrence
from fablab.reservations.gather import booking_facts
from fablab.reservations.rules import Slot, all_denials
from fablab.reservations.wishes import Extras

AROUND = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Date:
    """A date of a series; no denials: it can be booked."""

    slot: Slot
    denials: tuple[Denial, ...]


def dates(
    actor: Actor, person_id: int, resource_ids: Sequence[int], slot: Slot, rule: str, extras: Extras, now: datetime
) -> list[Date]:
    """Every date of the rule from `slot` on, ascending. A constant number of queries, however many dates. Limits count
    what is booked already, not the dates before. Raises Invalid for a rule that makes no sense."""
    zone = config().lab.zone
    minutes = recurrence.minutes_between(slot.starts_at, slot.ends_at, zone)
    slots = recurrence.occurrences(recurrence.parse(rule), slot.starts_at, minutes, zone)
    extras = replace(extras, overrides={})
    wish = placing.wish_of(actor, person_id, resource_ids, slots[0].starts_at, slots[0].ends_at, now, extras)
    choices = booking_facts(wish, (slots[0].starts_at - AROUND, slots[-1].ends_at + AROUND))
    return [
        Date(
            one, tuple(all_denials([replace(facts, starts_at=one.starts_at, ends_at=one.ends_at) for facts in choices]))
        )
        for one in slots
    ]
