"""Who may take part in a training, who gets a place, what becomes of it. Pure rules over plain facts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from fablab.core.db import Texts
from fablab.core.denials import Denial


class TrainingState(StrEnum):
    """Where a training stands. Draft and published ones hold their room, machines and instructor."""

    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"
    CLOSED = "closed"
    """Over, and its attendance sheet is closed."""


class EnrolmentState(StrEnum):
    """Where an enrolment stands. Enrolled and offered ones take a place."""

    ENROLLED = "enrolled"
    WAITING = "waiting"
    OFFERED = "offered"
    """A place came free and is kept for the first in the waiting list, until `offered_until`."""
    WITHDRAWN = "withdrawn"
    DECLINED = "declined"
    EXPIRED = "expired"
    """An offer that nobody answered in time, or a wait in vain until the training began."""
    CANCELLED = "cancelled"
    """The training does not take place."""


class Outcome(StrEnum):
    """What the instructor says of it in the end."""

    PASSED = "passed"
    REPEAT = "repeat"


class Mark(StrEnum):
    """Whether somebody came to a date."""

    PRESENT = "present"
    ABSENT = "absent"
    EXCUSED = "excused"


OPEN = frozenset({EnrolmentState.ENROLLED, EnrolmentState.WAITING, EnrolmentState.OFFERED})
"""The states of an enrolment that goes on."""

SHEET_OPENS = timedelta(hours=2)
"""So long before the first date the attendance sheet can be ticked."""

SET_ASIDE = frozenset(
    {
        "training_begun",
        "training_audience",
        "training_clash",
        "prerequisite_missing",
        "too_young",
        "age_unknown",
        "certification_suspended",
    }
)
"""What the staff may set aside with a reason. What a certification asks for is asked again when it is granted."""


@dataclass(frozen=True, slots=True)
class Span:
    """A time [starts_at, ends_at) and what it is for."""

    starts_at: datetime
    ends_at: datetime
    title: Texts


@dataclass(frozen=True, slots=True)
class EnrolFacts:
    """Somebody wants to take part. `lacking` is what his certifications to come ask for and he lacks; `busy` are the
    dates of other trainings that he takes part in or gives; `enrolled`: he takes part or waits already."""

    now: datetime
    training_id: int
    state: TrainingState
    dates: Sequence[tuple[datetime, datetime]]
    audience: str | None
    person_active: bool
    person_audience: str
    full: bool = False
    gives: bool = False
    enrolled: bool = False
    busy: Sequence[Span] = ()
    lacking: Sequence[Denial] = ()

    @property
    def starts_at(self) -> datetime:
        """When the first date begins."""
        return min(begin for begin, _end in self.dates)

    @property
    def ends_at(self) -> datetime:
        """When the last date is over."""
        return max(end for _begin, end in self.dates)


# -- who may take part ------------------------------------------------------------------------------------------------


def enrol_denials(facts: EnrolFacts) -> list[Denial]:
    """Every reason why this person may not take part, in the order people read them; empty means that he may."""
    return [
        *_disabled(facts),
        *_not_open(facts),
        *_begun(facts),
        *_own(facts),
        *_twice(facts),
        *_audience(facts),
        *_clash(facts),
        *facts.lacking,
    ]


def remaining(denials: Iterable[Denial], *, staff: bool, reason: str) -> list[Denial]:
    """What remains of the reasons where the staff enrols somebody and says why."""
    if not (staff and reason.strip()):
        return list(denials)
    return [one for one in denials if one.code not in SET_ASIDE]


def _about(facts: EnrolFacts, **more: Any) -> dict[str, Any]:
    return {"training_id": str(facts.training_id), **more}


def _disabled(facts: EnrolFacts) -> list[Denial]:
    return [] if facts.person_active else [Denial("person_disabled")]


def _not_open(facts: EnrolFacts) -> list[Denial]:
    if facts.state is not TrainingState.PUBLISHED:
        return [Denial("training_not_open", _about(facts, why=facts.state.value))]
    return [Denial("training_not_open", _about(facts, why="over"))] if facts.ends_at <= facts.now else []


def _begun(facts: EnrolFacts) -> list[Denial]:
    """Once it has begun the staff may still let somebody in, but there is no waiting list any more."""
    if facts.state is not TrainingState.PUBLISHED or not facts.starts_at <= facts.now < facts.ends_at:
        return []
    begun = Denial("training_begun", _about(facts, since=facts.starts_at.isoformat()))
    return [begun, Denial("training_full", _about(facts))] if facts.full else [begun]


def _own(facts: EnrolFacts) -> list[Denial]:
    return [Denial("training_own", _about(facts))] if facts.gives else []


def _twice(facts: EnrolFacts) -> list[Denial]:
    return [Denial("training_enrolled", _about(facts))] if facts.enrolled else []


def _audience(facts: EnrolFacts) -> list[Denial]:
    if facts.audience is None or facts.audience == facts.person_audience:
        return []
    return [Denial("training_audience", _about(facts, allowed=facts.audience))]


def _clash(facts: EnrolFacts) -> list[Denial]:
    """Each other training that takes place at the same time, once."""
    found = [
        Denial(
            "training_clash",
            _about(facts, title=span.title, starts_at=span.starts_at.isoformat(), ends_at=span.ends_at.isoformat()),
        )
        for span in facts.busy
        if any(span.starts_at < end and begin < span.ends_at for begin, end in facts.dates)
    ]
    return found


# -- places -----------------------------------------------------------------------------------------------------------


def joins_as(places: int, taken: int, waiting: int, now: datetime, starts_at: datetime) -> EnrolmentState:
    """What somebody becomes who enrols: he takes a free place where nobody waits for it, else he waits. Once it has
    begun nobody waits any more."""
    free = taken < places and (waiting == 0 or starts_at <= now)
    return EnrolmentState.ENROLLED if free else EnrolmentState.WAITING


def to_offer(places: int, taken: int, waiting: int, now: datetime, starts_at: datetime) -> int:
    """How many of those who wait are offered a place now; none once it has begun."""
    return 0 if starts_at <= now else max(0, min(places - taken, waiting))


def offer_ends(now: datetime, hours: int, starts_at: datetime) -> datetime:
    """Until when an offer is kept: some hours, but not longer than until the first date begins."""
    return min(now + timedelta(hours=hours), starts_at)


def is_late(state: EnrolmentState, starts_at: datetime, cancel_hours: int, now: datetime, *, excused: bool) -> bool:
    """Whether withdrawing is later than is free. Only a place can be given back late; `excused`: the staff did it, and
    said why."""
    if state is not EnrolmentState.ENROLLED or excused:
        return False
    return starts_at - timedelta(hours=cancel_hours) < now


# -- the decision -----------------------------------------------------------------------------------------------------


class Decision(StrEnum):
    """Whether a training takes place."""

    NOT_YET = "not_yet"
    HELD = "held"
    CANCELLED = "cancelled"


def decide(
    decide_at: datetime | None,
    decided_at: datetime | None,
    minimum: int,
    enrolled: int,
    starts_at: datetime,
    now: datetime,
) -> Decision:
    """Whether it is time to decide, and how. Who was only offered a place does not count. What has begun takes place,
    however late this is asked: those who came are there."""
    if decide_at is None or decided_at is not None or now < decide_at:
        return Decision.NOT_YET
    return Decision.HELD if enrolled >= minimum or starts_at <= now else Decision.CANCELLED


def reminder_due(starts_at: datetime, reminded_at: datetime | None, hours: int, now: datetime) -> bool:
    """Whether those enrolled are to be reminded of a date: once, shortly before it, and not after it began."""
    return reminded_at is None and starts_at - timedelta(hours=hours) <= now < starts_at


# -- ticks ------------------------------------------------------------------------------------------------------------


def counts(known: tuple[datetime, str] | None, new: tuple[datetime, str]) -> bool:
    """Whether a tick takes the place of the known one: (when, what). The newest counts, whatever order they arrive in;
    of two at the same instant always the same one."""
    return known is None or new > known


def ticked_at(at: datetime, now: datetime) -> datetime:
    """When something was ticked: a device whose clock is ahead ticked it now."""
    return min(at, now)
