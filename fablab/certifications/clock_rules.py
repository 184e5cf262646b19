"""The clocks of a grant: which reminder is due, and of which end its holder is told. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fablab.certifications.rules import GrantFacts, ended, ends_by

STEPS = (30, 7)
"""So many days of 24 hours before its end the holder of a grant is reminded."""

UNUSED = "certification_lapsed_unused"


@dataclass(frozen=True, slots=True)
class Reminder:
    """The holder is to be told, as it is `days` before `end`. `cause` is the denial code of that end; `began`: when the
    clock began that runs out then."""

    days: int
    end: datetime
    cause: str
    began: datetime

    def unused_days(self, now: datetime) -> int:
        """For how many whole days it was not used; 0 where that is not why it ends."""
        return (now - self.began).days if self.cause == UNUSED else 0


@dataclass(frozen=True, slots=True)
class Known:
    """A grant by its id: a later one has a higher one."""

    ident: int
    facts: GrantFacts


def reminder_due(
    grant: GrantFacts, reminded_end: datetime | None, reminded_days: int | None, now: datetime
) -> Reminder | None:
    """The reminder that is due; None where none is, or it was sent: `reminded_days` before `reminded_end`.

    Of several steps that have passed only the last is due, so who slept over the first sends the second alone. A step
    that lies before the clock began is none: who was granted something for a week was told so then. A use that moves
    the end makes the steps begin again. What has ended, or is held back, is not reminded of.
    """
    coming = ends_by(grant)
    if coming is None or ended(grant, now) is not None:
        return None
    end, cause = coming
    began = grant.last_used_at or grant.granted_at if cause == UNUSED else grant.granted_at
    days = min((one for one in STEPS if began < end - timedelta(days=one) <= now), default=None)
    if days is None or (reminded_end == end and reminded_days is not None and reminded_days <= days):
        return None
    return Reminder(days, end, cause, began)


def is_last(one: Known, others: Iterable[Known]) -> bool:
    """Whether the certification is not held any more when this grant ends: no other of the holder's grants that counts
    as it ends later. Of two of the same certification that end together, the later given is the last."""
    mine = ends_by(one.facts)
    if mine is None:
        return False
    return not any(_outlasts(other, mine[0], one) for other in others if other.facts.is_for(one.facts.certification_id))


def _outlasts(other: Known, end: datetime, one: Known) -> bool:
    its = ends_by(other.facts)
    if other.ident == one.ident or its is None:
        return other.ident != one.ident
    same = other.facts.certification_id == one.facts.certification_id
    return its[0] > end or (same and its[0] == end and other.ident > one.ident)
