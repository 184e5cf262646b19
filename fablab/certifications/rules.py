"""Is this person certified? One pure rule, for reservations and for the badge reader alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fablab.core.db import Texts
from fablab.core.denials import Denial


@dataclass(frozen=True, slots=True)
class RequiredFacts:
    """A certification that a resource asks for."""

    certification_id: int
    name: Texts


@dataclass(frozen=True, slots=True)
class GrantFacts:
    """One grant, ended or not. `lapse_after_unused` counts from the last use, else from the grant."""

    certification_id: int
    granted_at: datetime
    valid_until: datetime | None = None
    lapse_after_unused: timedelta | None = None
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None

    @property
    def lapses_at(self) -> datetime | None:
        """When it ends for want of use, as known now; None when it never does."""
        if self.lapse_after_unused is None:
            return None
        return (self.last_used_at or self.granted_at) + self.lapse_after_unused


def grant_denials(required: Sequence[RequiredFacts], grants: Sequence[GrantFacts], at: datetime) -> list[Denial]:
    """Reasons why the holder of `grants` may not use what asks for `required` at `at`, one for each certification
    that is not held then, in the order of `required`; empty means certified. Any one grant that holds is enough."""
    return [
        denial
        for need in required
        if (denial := _denial(need, [one for one in grants if one.certification_id == need.certification_id], at))
    ]


def ended(grant: GrantFacts, at: datetime) -> tuple[str, datetime] | None:
    """Why and since when the grant does not hold at `at`; None while it holds. Of several ends the earliest counts.

    A grant ends at the instant named: at `valid_until` itself it no longer holds.
    """
    ends = [
        (since, code)
        for code, since in (
            ("certification_revoked", grant.revoked_at),
            ("certification_expired", grant.valid_until),
            ("certification_lapsed_unused", grant.lapses_at),
        )
        if since is not None and since <= at
    ]
    if not ends:
        return None
    since, code = min(ends)
    return code, since


def _denial(need: RequiredFacts, grants: Sequence[GrantFacts], at: datetime) -> Denial | None:
    begun = [grant for grant in grants if grant.granted_at <= at]
    params = {"certification_id": str(need.certification_id), "certification_name": need.name}
    if not begun:
        return Denial("not_certified", params)
    ends = [ended(grant, at) for grant in begun]
    if None in ends:
        return None
    code, since = max((end for end in ends if end), key=lambda end: end[1])
    return Denial(code, params | {"since": since.isoformat()})


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands with a certification. `code`: `held`, `lapsing` (held, ends soon), `none`, or the denial code
    of how it ended; `at`: until when it is held as known now, or since when it is not; None where there is no such
    instant."""

    code: str
    at: datetime | None = None

    @property
    def holds(self) -> bool:
        """True while it is held."""
        return self.code in ("held", "lapsing")


def standing(grants: Sequence[GrantFacts], at: datetime, soon: timedelta) -> Standing:
    """The standing at `at` from all grants of one certification to one person, in any order; `lapsing` when the grant
    that holds longest ends within `soon`."""
    begun = [grant for grant in grants if grant.granted_at <= at]
    ends = [ended(grant, at) for grant in begun]
    holding = [grant for grant, end in zip(begun, ends, strict=True) if end is None]
    if holding:
        until = [ends_at(grant) for grant in holding]
        if None in until:
            return Standing("held")
        last = max(one for one in until if one is not None)
        return Standing("lapsing" if last - at <= soon else "held", last)
    if not begun:
        return Standing("none")
    code, since = max((end for end in ends if end), key=lambda end: end[1])
    return Standing(code, since)


def ends_at(grant: GrantFacts) -> datetime | None:
    """When a grant ends as known now; None when it never does."""
    known = [one for one in (grant.revoked_at, grant.valid_until, grant.lapses_at) if one is not None]
    return min(known) if known else None
