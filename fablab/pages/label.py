"""What a machine's label leads to: how it stands, one's own booking of it, and the next times to book, for a thumb."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from fablab.core.actor import Actor
from fablab.core.denials import Denial
from fablab.pages.rules import VISITOR, Viewer
from fablab.pages.service import Tag, cards, seen_by
from fablab.reservations import presence, reading, showing
from fablab.reservations.gather import booking_facts
from fablab.reservations.models import Reservation, ReservationState
from fablab.reservations.rules import BookingFacts, Slot, booking_denials
from fablab.reservations.search import find_slots
from fablab.reservations.showing import Act
from fablab.reservations.wishes import Wish
from fablab.resources.models import Resource
from fablab.resources.service import get_resource

LENGTHS = (30, 60, 120)
AHEAD = timedelta(hours=12)
"""Times later than this are for the page with the calendar, not for somebody who stands before the machine."""


@dataclass(frozen=True, slots=True)
class Label:
    """The page. `mine` is one's own booking now or soon, with what can be done with it; `free_until` None: not free;
    `choices` are the next times of the usual lengths that may be booked; `denials`: why there are none."""

    resource: Resource
    tag: Tag
    mine: Reservation | None = None
    acts: frozenset[Act] = frozenset()
    free_until: datetime | None = None
    choices: Sequence[Slot] = ()
    denials: Sequence[Denial] = ()


def label(actor: Actor | None, resource_id: int, now: datetime) -> Label:
    """For whoever scans it; visitors learn how the machine stands. Raises NotFound."""
    resource = get_resource(resource_id)
    (card,) = cards(now, [resource_id])
    if actor is None:
        return Label(resource, seen_by(card, VISITOR))
    tag = seen_by(card, Viewer(person_id=actor.person_id, staff=actor.is_staff))
    held = reading.held_between([resource_id], now, now + timedelta(days=1))
    mine = next((one.reservation for one in held if _is_mine(actor, one.reservation, now)), None)
    if mine is not None:
        return Label(resource, tag, mine, showing.acts(actor, mine, now))
    facts = _facts(actor, resource, now)
    choices = _choices(facts)
    busy_from = min((one.starts_at for one in held), default=None)
    return Label(
        resource,
        tag,
        free_until=_free_until(facts, busy_from),
        choices=choices,
        denials=() if choices else booking_denials(_from(facts, reading.next_start(resource, now))),
    )


def _is_mine(actor: Actor, reservation: Reservation, now: datetime) -> bool:
    """Booked by this person, now or so soon that he may check in."""
    of_person = reservation.person_id == actor.person_id and reservation.state is ReservationState.BOOKED
    return of_person and reservation.starts_at - presence.CHECK_IN <= now < reservation.ends_at


def _facts(actor: Actor, resource: Resource, now: datetime) -> BookingFacts:
    """What the rules need for any time that the page may offer."""
    wish = Wish(actor.person_id or 0, (resource.id,), now, now + timedelta(minutes=LENGTHS[0]), now)
    return booking_facts(wish, (now, now + AHEAD + timedelta(minutes=LENGTHS[-1])))[0]


def _free_until(facts: BookingFacts, busy_from: datetime | None) -> datetime | None:
    """The next booking or the closing, whichever comes first; None where it is closed or taken now."""
    today = facts.calendar.intervals(facts.now.astimezone(facts.calendar.zone).date())
    closes = next((end for begin, end in today if begin <= facts.now < end), None)
    if closes is None or (busy_from is not None and busy_from <= facts.now):
        return None
    return closes if busy_from is None else min(closes, busy_from)


def _choices(facts: BookingFacts) -> list[Slot]:
    """For each usual length the first time that this person may book, where that is soon."""
    policy = facts.policy
    wanted = {min(max(one, policy.min_minutes), policy.max_minutes) for one in LENGTHS}
    found = (find_slots([facts], facts.now + AHEAD, minutes, 1) for minutes in sorted(wanted))
    return [one.slot for choices in found for one in choices]


def _from(facts: BookingFacts, starts_at: datetime) -> BookingFacts:
    """The shortest usual booking from an instant on, to say what speaks against it."""
    minutes = max(facts.policy.min_minutes, LENGTHS[0])
    return replace(facts, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=minutes))
