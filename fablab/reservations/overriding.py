"""Which reasons against a booking the staff may set aside. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from fablab.core.actor import Role
from fablab.core.denials import Denial

_INSTRUCTOR = frozenset(
    {
        "off_step",
        "too_short",
        "too_long",
        "too_soon",
        "too_far_ahead",
        "quota_exceeded",
        "too_close",
        "outside_opening_hours",
        "needs_supervisor",
        "suspended",
    }
)
_MANAGER = _INSTRUCTOR | {"lab_closed", "blocked", "over_capacity", "membership_expired"}
OVERRIDABLE: Mapping[Role, frozenset[str]] = MappingProxyType(
    {
        Role.MAKER: frozenset(),
        Role.INSTRUCTOR: _INSTRUCTOR,
        Role.MANAGER: _MANAGER,
        Role.ADMINISTRATOR: _MANAGER,
    }
)
"""What each role may set aside with a typed reason. Never: a taken slot, a thing out of service, a closure for danger,
a disabled account, a missing certification, the past."""


def overridable(denial: Denial, role: Role) -> bool:
    """Whether this role may set this reason aside; a closure for danger nobody may."""
    return denial.code in OVERRIDABLE[role] and not denial.params.get("danger")


def split(
    denials: Sequence[Denial], overrides: Mapping[str, str], role: Role
) -> tuple[list[Denial], list[dict[str, str]]]:
    """What remains of the reasons, and which rules are set aside, once each, as a reservation keeps them: {code,
    reason}. An override counts where the role may set that reason aside and gave a reason that is not blank; one for
    a rule that does not speak against the booking is not kept."""
    remaining = [one for one in denials if not (overridable(one, role) and overrides.get(one.code, "").strip())]
    gone = dict.fromkeys(one.code for one in denials if one not in remaining)
    return remaining, [{"code": code, "reason": overrides[code].strip()} for code in gone]
