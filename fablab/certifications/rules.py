"""Is this person certified? One pure rule, for reservations and for the badge reader alike."""

from calendar import monthrange
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from fablab.core.db import Texts
from fablab.core.denials import Denial


class Level(StrEnum):
    """What a certification lets its holder do with what it opens."""

    SUPERVISED = "supervised"
    """Use it while an instructor is there."""
    AUTONOMOUS = "autonomous"
    """Use it alone."""
    INSTRUCTOR = "instructor"
    """Use it alone, teach it, and grant the certifications that this one includes."""


@dataclass(frozen=True, slots=True)
class Held:
    """Asks for one certification."""

    certification_id: int


@dataclass(frozen=True, slots=True)
class Every:
    """Asks for all of its parts; without parts for nothing."""

    parts: tuple["Need", ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """Asks for one of its parts."""

    parts: tuple["Need", ...]


Need = Held | Every | Either


@dataclass(frozen=True, slots=True)
class Required:
    """What a resource asks for, and the names of the certifications in it."""

    need: Need = Every()
    names: Mapping[int, Texts] = field(default_factory=dict)


NOTHING = Required()


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """One grant, ended or not, of `certification_id` and of all that this one includes (`counts_as`, itself among
    them). `lapse_after_unused` counts from the last use, else from the grant. `suspensions` are the times [from, to)
    in which it was held back, to None: still."""

    certification_id: int
    granted_at: datetime
    valid_until: datetime | None = None
    lapse_after_unused: timedelta | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    suspensions: Sequence[tuple[datetime, datetime | None]] = ()
    level: Level = Level.AUTONOMOUS
    counts_as: Collection[int] = ()

    @property
    def lapses_at(self) -> datetime | None:
        """When it ends for want of use, as known now; None when it never does."""
        if self.lapse_after_unused is None:
            return None
        return (self.last_used_at or self.granted_at) + self.lapse_after_unused

    def is_for(self, certification_id: int) -> bool:
        """Whether it is a grant of this certification or of one that includes it."""
        return certification_id == self.certification_id or certification_id in self.counts_as


def grant_denials(required: Required, grants: Sequence[GrantFacts], at: datetime) -> list[Denial]:
    """Reasons why the holder of `grants` may not use what asks for `required` at `at`, one for each certification
    that is missing then, in the order of `required`; empty means certified. Any one grant that holds is enough.

    Where one of several would do, the nearest is named, the others are its `alternatives`.
    """
    found = {denial.params["certification_id"]: denial for denial in _missing(required.need, required, grants, at)}
    return list(found.values())


def needs_supervision(required: Required, grants: Sequence[GrantFacts], at: datetime) -> bool:
    """True for who is certified at `at`, but would not be without his certifications of level supervised."""
    alone = [one for one in grants if one.level is not Level.SUPERVISED]
    return not grant_denials(required, grants, at) and bool(grant_denials(required, alone, at))


def ended(grant: GrantFacts, at: datetime) -> tuple[str, datetime] | None:
    """Why and since when the grant does not hold at `at`; None while it holds. Of several ends the earliest counts.

    A grant ends at the instant named: at `valid_until` itself it no longer holds. One that is suspended holds again
    when the suspension is over.
    """
    ends = [
        (since, code)
        for code, since in (
            ("certification_revoked", grant.revoked_at),
            ("certification_expired", grant.valid_until),
            ("certification_lapsed_unused", grant.lapses_at),
            ("certification_suspended", _suspended_since(grant, at)),
        )
        if since is not None and since <= at
    ]
    if not ends:
        return None
    since, code = min(ends)
    return code, since


def _suspended_since(grant: GrantFacts, at: datetime) -> datetime | None:
    spans = [since for since, until in grant.suspensions if since <= at and (until is None or at < until)]
    return min(spans, default=None)


def _when(end: tuple[str, datetime]) -> tuple[datetime, str]:
    """By time; of two ends at one instant always the same one."""
    return end[1], end[0]


def _missing(need: Need, required: Required, grants: Sequence[GrantFacts], at: datetime) -> list[Denial]:
    if isinstance(need, Held):
        return _unheld(need.certification_id, required.names, grants, at)
    parts = [_missing(part, required, grants, at) for part in need.parts]
    if isinstance(need, Every):
        return [denial for part in parts for denial in part]
    if not parts or [] in parts:
        return []
    nearest = min(range(len(parts)), key=lambda place: (len(parts[place]), _distance(parts[place]), place))
    others = [_plain(one) for place, part in enumerate(parts) if place != nearest for one in part]
    return [Denial(one.code, {**one.params, "alternatives": others}) for one in parts[nearest]]


def _unheld(ident: int, names: Mapping[int, Texts], grants: Sequence[GrantFacts], at: datetime) -> list[Denial]:
    begun = [grant for grant in grants if grant.is_for(ident) and grant.granted_at <= at]
    params = {"certification_id": str(ident), "certification_name": names.get(ident, {})}
    if not begun:
        return [Denial("not_certified", params)]
    ends = [ended(grant, at) for grant in begun]
    if None in ends:
        return []
    code, since = max((end for end in ends if end), key=_when)
    return [Denial(code, params | {"since": since.isoformat()})]


def _distance(denials: Sequence[Denial]) -> int:
    """How many of them were never held: what was held once is nearer."""
    return sum(denial.code == "not_certified" for denial in denials)


def _plain(denial: Denial) -> dict[str, Any]:
    return {name: denial.params[name] for name in ("certification_id", "certification_name")}


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands with a certification. `code`: `held`, `lapsing` (held, ends soon), `none`, or the denial code
    of how it ended; `at`: until when it is held as known now, or since when it is not; None where there is no such
    instant. `cause`: the denial code of how it will end."""

    code: str
    at: datetime | None = None
    cause: str = ""

    @property
    def holds(self) -> bool:
        """True while it is held."""
        return self.code in ("held", "lapsing")


def standing(grants: Sequence[GrantFacts], at: datetime, soon: timedelta) -> Standing:
    """The standing at `at` from all grants that count as one certification, to one person, in any order; `lapsing` when
    the grant that holds longest ends within `soon`. What is suspended is, whatever else has ended: it can be lifted."""
    begun = [grant for grant in grants if grant.granted_at <= at]
    ends = [ended(grant, at) for grant in begun]
    holding = [grant for grant, end in zip(begun, ends, strict=True) if end is None]
    if holding:
        coming = [ends_by(grant) for grant in holding]
        if None in coming:
            return Standing("held")
        last, cause = max(one for one in coming if one is not None)
        return Standing("lapsing" if last - at <= soon else "held", last, cause)
    if not begun:
        return Standing("none")
    known = [end for end in ends if end]
    suspended = [end for end in known if end[0] == "certification_suspended"]
    code, since = max(suspended or known, key=_when)
    return Standing(code, since)


def ends_by(grant: GrantFacts) -> tuple[datetime, str] | None:
    """When and how (denial code) a grant ends as known now; None when it never does. Suspensions do not end it."""
    known = [
        (since, code)
        for code, since in (
            ("certification_revoked", grant.revoked_at),
            ("certification_expired", grant.valid_until),
            ("certification_lapsed_unused", grant.lapses_at),
        )
        if since is not None
    ]
    return min(known, default=None)


@dataclass(frozen=True, slots=True)
class Validity:
    """How long a grant holds by itself: `days` of 24 hours, `months`, or to the end of the local day `ends_on` (MM-DD).
    At most one of them is set; none: for ever."""

    days: int | None = None
    months: int | None = None
    ends_on: str | None = None


def valid_until(validity: Validity, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When a grant given `now` ends in the lab's `zone`, as an instant in UTC; None for never.

    After `months` it ends at the same time of day, on the last day of a month that is too short. `ends_on` is the next
    such day whose end is still to come; 29 February is the 28th in years that have no 29th.
    """
    if validity.days is not None:
        return now + timedelta(days=validity.days)
    local = now.astimezone(zone)
    if validity.months is not None:
        year, month = divmod(local.year * 12 + local.month - 1 + validity.months, 12)
        day = _day(year, month + 1, local.day)
        return datetime.combine(day, local.time(), zone).astimezone(now.tzinfo)
    if validity.ends_on is None:
        return None
    wanted_month, wanted_day = (int(part) for part in validity.ends_on.split("-"))
    ends = (_day(local.year + later, wanted_month, wanted_day) + timedelta(days=1) for later in (0, 1))
    midnights = (datetime.combine(end, time(), zone).astimezone(now.tzinfo) for end in ends)
    return next(midnight for midnight in midnights if midnight > now)


def _day(year: int, month: int, day: int) -> date:
    return date(year, month, min(day, monthrange(year, month)[1]))


@dataclass(frozen=True, slots=True)
class Award:
    """What a certification asks of whom it shall be granted to. `includes` are the names of all that comes with it;
    `min_age` in years is the highest that one of them asks for; `theory`: the quiz must be passed."""

    certification_id: int
    name: Texts = field(default_factory=dict)
    prerequisites: Mapping[int, Texts] = field(default_factory=dict)
    includes: Mapping[int, Texts] = field(default_factory=dict)
    min_age: int | None = None
    theory: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who shall be granted something. `suspended`: what staff holds back just now, and since when."""

    grants: Sequence[GrantFacts] = ()
    theory_passed: bool = False
    born_on: date | None = None
    suspended: Mapping[int, datetime] = field(default_factory=dict)


def award_denials(award: Award, candidate: Candidate, at: datetime, today: date) -> list[Denial]:
    """Reasons why this certification may not be granted to this person at `at`, which is `today` in the lab; empty
    means that it may."""
    return [
        *_prerequisites_missing(award, candidate, at),
        *_theory_missing(award, candidate),
        *_age_missing(award, candidate, today),
        *_held_back(award, candidate),
    ]


def teaches(grants: Sequence[GrantFacts], certification_id: int, level: Level, at: datetime) -> bool:
    """Whether the holder of `grants` may grant this certification, of this level, to others: by a certification of
    level instructor that includes it and holds at `at`. Those of level instructor are not an instructor's to give."""
    if level is Level.INSTRUCTOR:
        return False
    return any(
        one.level is Level.INSTRUCTOR
        and certification_id in one.counts_as
        and one.granted_at <= at
        and ended(one, at) is None
        for one in grants
    )


def _prerequisites_missing(award: Award, candidate: Candidate, at: datetime) -> list[Denial]:
    asked = Required(Every(tuple(Held(one) for one in award.prerequisites)), award.prerequisites)
    return [
        Denial("prerequisite_missing", {**_plain(one), "why": one.code})
        for one in grant_denials(asked, candidate.grants, at)
    ]


def _theory_missing(award: Award, candidate: Candidate) -> list[Denial]:
    return [Denial("theory_missing", _of(award))] if award.theory and not candidate.theory_passed else []


def _age_missing(award: Award, candidate: Candidate, today: date) -> list[Denial]:
    if award.min_age is None:
        return []
    params = _of(award) | {"allowed": award.min_age}
    if candidate.born_on is None:
        return [Denial("age_unknown", params)]
    since = _birthday(candidate.born_on, award.min_age)
    return [] if since <= today else [Denial("too_young", params | {"on": since.isoformat()})]


def _birthday(born_on: date, age: int) -> date:
    """The day on which somebody is so old; who was born on 29 February waits for 1 March in years that have no 29th."""
    year = born_on.year + age
    if born_on.day > monthrange(year, born_on.month)[1]:
        return date(year, 3, 1)
    return born_on.replace(year=year)


def _held_back(award: Award, candidate: Candidate) -> list[Denial]:
    names = {award.certification_id: award.name, **award.includes}
    return [
        Denial(
            "certification_suspended",
            {"certification_id": str(one), "certification_name": names[one], "since": since.isoformat()},
        )
        for one, since in sorted(candidate.suspended.items())
        if one in names
    ]


def _of(award: Award) -> dict[str, Any]:
    return {"certification_id": str(award.certification_id), "certification_name": award.name}
