"""Which grant says how somebody stands with a certification, and since when it is held. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from fablab.certifications.rules import GrantFacts, ended, ends_by

SUSPENDED = "certification_suspended"


def deciding(grants: Mapping[int, GrantFacts], at: datetime) -> int:
    """Of the grants that count as one certification, by their id, the one that decides: of those that hold the one
    that holds longest, else one that is suspended, else the one that ended last. Of equals the newest given, and a
    certification's own before one that includes it. `grants` must not be empty, and all have begun."""
    ends = {ident: end for ident, one in grants.items() if (end := ended(one, at))}
    holding = [ident for ident in grants if ident not in ends]
    suspended = [ident for ident, (code, _since) in ends.items() if code == SUSPENDED]
    if best := holding or suspended:
        return max(best, key=lambda ident: _lasts(grants[ident], ident))
    return max(grants, key=lambda ident: (ends[ident][1], ident))


def _lasts(grant: GrantFacts, ident: int) -> tuple[bool, float, bool, int]:
    end = ends_by(grant)
    return end is None, end[0].timestamp() if end else 0.0, not grant.counts_as, ident


def held_since(grants: Sequence[GrantFacts], at: datetime) -> datetime:
    """Since when a certification is held without a break, from the grants that count as it; one of them holds at `at`.

    A grant that was given while another one still held goes on from it.
    """
    since = min(one.granted_at for one in grants if one.granted_at <= at and ended(one, at) is None)
    while True:
        before = [one.granted_at for one in grants if one.granted_at < since and ended(one, since) is None]
        if not before:
            return since
        since = min(before)
