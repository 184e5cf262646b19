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
