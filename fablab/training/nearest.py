"""Free times near one that a training cannot have: room, machines and instructor together. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fablab.core.actor import Actor
from fablab.core.errors import FablabError
from fablab.reservations import placing
from fablab.reservations.gather import booking_facts
from fablab.reservations.policy import BookingPolicy, Supervision
from fablab.reservations.rules import BookingFacts, Slot
from fablab.reservations.search import SEARCH_DAYS, suggestions
from fablab.reservations.wishes import Extras
from fablab.training.holding import instructor_denials
from fablab.training.models import TrainingDate

LOOKED_AT = 12
"""So many free times of room and machines are looked at for one that suits the instructor too."""


def free_times(
    actor: Actor,
    instructor_id: int,
    resource_ids: Sequence[int],
    times: tuple[datetime, datetime],
    now: datetime,
    *,
    exclusive: bool = False,
    overrides: Mapping[str, str] | None = None,
    known: TrainingDate | None = None,
    most: int = 3,
) -> list[Slot]:
    """The nearest times of the same length, at most `most`, within two weeks, at which the room and machines are free
    and the instructor has nothing else; none where nothing is held. `known` is the date that moves: it is not in its
    own way."""
    if not resource_ids:
        return []
    extras = Extras(exclusive=exclusive, on_behalf_reason="training", overrides=overrides or {})
    try:
        wish = placing.wish_of(actor, instructor_id, resource_ids, *times, now, extras)
    except FablabError:
        return []
    if known is not None and known.reservation_id is not None:
        wish = replace(wish, ignore=known.reservation_id)
    days = timedelta(days=SEARCH_DAYS + 1)
    facts = [_of_a_training(one) for one in booking_facts(wish, (times[0] - days, times[1] + days))]
    training_id = 0 if known is None else known.training_id
    fitting: list[Slot] = []
    for slot in suggestions(facts, LOOKED_AT):
        whole = slot.ends_at - slot.starts_at == times[1] - times[0]
        if whole and not instructor_denials(instructor_id, [(slot.starts_at, slot.ends_at)], now, training_id):
            fitting.append(slot)
        if len(fitting) == most:
            break
    return fitting


def _of_a_training(facts: BookingFacts) -> BookingFacts:
    """Without the rules that are about what one person takes for himself."""
    policy: BookingPolicy = replace(
        facts.policy,
        min_minutes=1,
        max_minutes=24 * 60,
        notice_minutes=0,
        horizon_days=3660,
        max_minutes_per_day=None,
        max_minutes_per_week=None,
        max_future_count=None,
        max_future_minutes=None,
        gap_minutes=0,
        no_show_limit=None,
        supervision=Supervision.NONE,
    )
    return replace(facts, policy=policy)
