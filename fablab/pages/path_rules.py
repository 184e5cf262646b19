"""The way to what a resource asks for, as steps in the order in which they are taken. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar

from fablab.certifications.rules import (
    Award,
    Candidate,
    Either,
    GrantFacts,
    Held,
    Level,
    Need,
    award_denials,
    ended,
)

Value = TypeVar("Value")


class Kind(StrEnum):
    """What is to be done."""

    BIRTH_DATE = "birth_date"
    """The staff must know the date of birth."""
    TOO_YOUNG = "too_young"
    """Only time helps: until `Step.on`."""
    SUSPENDED = "suspended"
    """The staff holds it back: to be talked about."""
    QUIZ = "quiz"
    TRAINING = "training"
    """A training, or an instructor who sees the practice."""
    STAFF = "staff"
    """Only the staff gives it: an instructor's certification, or one that was withdrawn and needs no practice."""


HOPELESS = frozenset({Kind.TOO_YOUNG, Kind.SUSPENDED, Kind.STAFF})
"""What one cannot do oneself: another way is nearer."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What a certification asks of who wants to be trained for it (`award`); `practical`: somebody must see it."""

    award: Award
    level: Level = Level.AUTONOMOUS
    practical: bool = True


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do for a certification. `first`: the certifications that are needed before; `stuck`: something else
    is in the way, such as the age."""

    kind: Kind
    certification_id: int
    on: date | None = None
    first: tuple[int, ...] = ()
    stuck: bool = False

    @property
    def ready(self) -> bool:
        """Whether it can be done now."""
        return self.kind not in HOPELESS and not self.first and not self.stuck


@dataclass(frozen=True, slots=True)
class Other:
    """Certifications that would do instead of others that are on the way, and the steps to them."""

    instead_of: tuple[int, ...]
    certification_ids: tuple[int, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """The nearest way. `held` count already, `wanted` are still to be got, in the order of the steps, `goals` those of
    them that are asked for and not only needed before; `others` would do instead, the nearest first."""

    steps: tuple[Step, ...] = ()
    held: tuple[int, ...] = ()
    wanted: tuple[int, ...] = ()
    goals: tuple[int, ...] = ()
    others: tuple[Other, ...] = ()

    @property
    def done(self) -> bool:
        """Whether nothing is missing."""
        return not self.steps


@dataclass(frozen=True, slots=True)
class Traveller:
    """Who goes it. `passed`: quizzes that he passed; `revoked`: certifications whose newest grant to him was withdrawn;
    `dates`: when the next training begins that has a free place, by certification."""

    candidate: Candidate = Candidate()
    passed: Collection[int] = ()
    revoked: Collection[int] = ()
    dates: Mapping[int, datetime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Map:
    """All that the way depends on: what each certification asks for, who goes, and when."""

    asks: Mapping[int, Ask]
    who: Traveller
    at: datetime
    today: date


def way_to(need: Need, known: Map) -> Way:
    """The nearest way to this need. Of several ways that would do, one is nearer that can be gone by oneself, then that
    has fewer steps, then of which less was never held, then whose training with a free place comes first."""
    if isinstance(need, Held):
        found = _certified(need.certification_id, known, ())
        return found if found.done else replace(found, goals=(need.certification_id,))
    ways = [way_to(part, known) for part in need.parts]
    if not isinstance(need, Either):
        return _joined(ways)
    ranked = sorted(ways, key=lambda one: _far(one, known))
    if not ranked or ranked[0].done:
        return ranked[0] if ranked else Way()
    nearest, *rest = ranked
    others = [other for one in rest for other in (Other(nearest.goals, one.goals, one.steps), *one.others)]
    return replace(nearest, others=(*nearest.others, *others))


def _certified(ident: int, known: Map, seen: tuple[int, ...]) -> Way:
    """The way to one certification, by way of what it needs first. `seen`: on whose account it is wanted."""
    if _holds(known.who.candidate.grants, ident, known.at):
        return Way(held=(ident,))
    ask = known.asks.get(ident)
    if ask is None:
        return Way((Step(Kind.STAFF, ident),), wanted=(ident,))
    if _held_but_for_suspension(known.who.candidate.grants, ident, known.at):
        return Way((Step(Kind.SUSPENDED, ident),), wanted=(ident,))
    before = [one for one in sorted(ask.award.prerequisites) if one not in seen]
    ways = [_certified(one, known, (*seen, ident)) for one in before]
    first = tuple(one for one, way in zip(before, ways, strict=True) if not way.done)
    hurdles = _hurdles(ident, ask, known)
    own = [replace(one, first=first, stuck=bool(hurdles)) for one in _learning(ident, ask, known)]
    joined = _joined([Way(tuple(hurdles)), *ways, Way(tuple(own))])
    return replace(joined, wanted=_unique((*joined.wanted, ident)))


def _hurdles(ident: int, ask: Ask, known: Map) -> list[Step]:
    """What is in the way but for things to learn."""
    who = replace(known.who.candidate, theory_passed=True)
    found = []
    for denial in award_denials(ask.award, who, known.at, known.today):
        if denial.code == "age_unknown":
            found.append(Step(Kind.BIRTH_DATE, ident))
        elif denial.code == "too_young":
            found.append(Step(Kind.TOO_YOUNG, ident, on=date.fromisoformat(denial.params["on"])))
        elif denial.code == "certification_suspended":
            found.append(Step(Kind.SUSPENDED, int(denial.params["certification_id"])))
    return found


def _learning(ident: int, ask: Ask, known: Map) -> list[Step]:
    """The quiz, then the practice. Where nobody has to see the practice, the quiz is taken again to be certified."""
    if ask.level is Level.INSTRUCTOR or (not ask.practical and ident in known.who.revoked):
        return [Step(Kind.STAFF, ident)]
    quiz = ask.award.theory and (not ask.practical or ident not in known.who.passed)
    kinds = [kind for kind, wanted in ((Kind.QUIZ, quiz), (Kind.TRAINING, ask.practical)) if wanted]
    return [Step(kind, ident) for kind in kinds or [Kind.STAFF]]


def _joined(ways: Sequence[Way]) -> Way:
    """One way after the other, each step once; the date of birth is asked for once, before all."""
    steps = _unique([one for way in ways for one in way.steps])
    born = [one for one in steps if one.kind is Kind.BIRTH_DATE][:1]
    return Way(
        steps=(*born, *(one for one in steps if one.kind is not Kind.BIRTH_DATE)),
        held=_unique([one for way in ways for one in way.held]),
        wanted=_unique([one for way in ways for one in way.wanted]),
        goals=_unique([one for way in ways for one in way.goals]),
        others=_unique([one for way in ways for one in way.others]),
    )


def _unique(values: Sequence[Value]) -> tuple[Value, ...]:
    return tuple(dict.fromkeys(values))


def _far(way: Way, known: Map) -> tuple[int, int, int, datetime]:
    """How far away its end is; less is nearer."""
    grants = known.who.candidate.grants
    never = sum(not any(one.is_for(ident) for one in grants) for ident in way.wanted)
    trainings = [one.certification_id for one in way.steps if one.kind is Kind.TRAINING]
    last = max((known.who.dates.get(one, _NEVER) for one in trainings), default=known.at)
    return sum(one.kind in HOPELESS for one in way.steps), len(way.steps), never, last


_NEVER = datetime.fromisoformat("9999-01-01T00:00:00+00:00")


def _holds(grants: Sequence[GrantFacts], ident: int, at: datetime) -> bool:
    return any(one.is_for(ident) and one.granted_at <= at and ended(one, at) is None for one in grants)


def _held_but_for_suspension(grants: Sequence[GrantFacts], ident: int, at: datetime) -> bool:
    return _holds([replace(one, suspensions=()) for one in grants], ident, at)
