"""Is this person certified? One pure rule, for reservations and for the badge reader alike."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

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
    code, since = max((end for end in ends if end), key=lambda end: end[1])
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
    the grant that holds longest ends within `soon`."""
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
    code, since = max((end for end in ends if end), key=lambda end: end[1])
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
