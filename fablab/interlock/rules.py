"""May this person switch this machine on now? One pure function, for the reader, a lease and the API.

The interlock is an access control, not a safety function: it may only add one more «no».
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fablab.certifications.rules import NOTHING, GrantFacts, Level, Required, grant_denials, needs_supervision
from fablab.core.denials import Denial
from fablab.people.rules import PersonFacts, person_denials
from fablab.resources.rules import Calendar, ResourceFacts, closure_denials, opening_denials, resource_denials

MOMENT = timedelta(microseconds=1)

LEASE_CAP_S = {"a": 30, "b": 120, "c": 600}
"""Longest lease by risk class: A can injure, B runs long jobs, C is low risk."""

REVOKE_HOW = {"a": "now", "b": "job", "c": "idle"}
"""What becomes of a running use when the right ends: off at once, no new job, off when idle (or at the lease's end)."""

STALE_S = 5.0
"""A tap is worth an answer for this long after it was heard; the reader has given up by then."""


@dataclass(frozen=True, slots=True)
class BadgeFacts:
    """The presented badge, when the lab knows it."""

    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AccessFacts:
    """Everything the decision needs, for one person at one resource.

    `badge` None and `by_badge` True mean a badge that nobody knows; `by_badge` False is a question without a badge.
    `person` or `resource` None: there is no such one, which is never a yes. `reserved_by_other_until` is the end of
    somebody else's booking that holds the resource now; `in_use_by_other` says that another person's grant runs.
    `supervised`: an instructor is part of the person's booking that runs now, or staff set that rule aside for it.
    """

    at: datetime
    calendar: Calendar
    person: PersonFacts | None
    resource: ResourceFacts | None
    badge: BadgeFacts | None = None
    by_badge: bool = True
    required: Required = NOTHING
    grants: Sequence[GrantFacts] = ()
    reserved_by_other_until: datetime | None = None
    in_use_by_other: bool = False
    supervised: bool = False


def access_denials(facts: AccessFacts) -> list[Denial]:
    """Every reason against, in the order people read them; an empty list means yes.

    An unknown badge is the only reason given for it: who holds it is not known, so nothing else can be said.
    """
    if facts.resource is None:
        return [Denial("blocked")]
    if facts.by_badge and facts.badge is None:
        return [Denial("badge_unknown")]
    if facts.person is None:
        return [Denial("person_disabled")]
    return [
        *_badge_denials(facts),
        *person_denials(facts.person, facts.at, facts.calendar.zone),
        *resource_denials(facts.resource),
        *grant_denials(facts.required, facts.grants, facts.at),
        *_supervision_denials(facts),
        *closure_denials([one for one in facts.calendar.closures if one.danger], facts.at, facts.at + MOMENT),
        *opening_denials(facts.calendar, facts.at, facts.at + MOMENT),
        *_taken_denials(facts),
    ]


def lease_s(configured_s: float, risk_class: str, device_max_s: float | None = None) -> float:
    """How long a grant opens a device without a renewal: the shortest of what lab, risk and device allow."""
    limits = [configured_s, LEASE_CAP_S.get(risk_class, min(LEASE_CAP_S.values()))]
    if device_max_s is not None and device_max_s > 0:
        limits.append(device_max_s)
    return min(limits)


def revoke_how(risk_class: str) -> str:
    """How a device of this risk class ends a running use; what is not known is as dangerous as can be."""
    return REVOKE_HOW.get(risk_class, "now")


def _badge_denials(facts: AccessFacts) -> list[Denial]:
    badge = facts.badge
    if badge is None or badge.revoked_at is None or badge.revoked_at > facts.at:
        return []
    return [Denial("badge_revoked", {"since": badge.revoked_at.isoformat()})]


def needs_instructor(required: Required, grants: Sequence[GrantFacts], at: datetime) -> bool:
    """Whether the holder of `grants` may use what asks for `required` only with an instructor there."""
    supervised = any(one.level is Level.SUPERVISED for one in grants)
    return supervised and needs_supervision(required, grants, at)


def _supervision_denials(facts: AccessFacts) -> list[Denial]:
    if facts.supervised or not needs_instructor(facts.required, facts.grants, facts.at):
        return []
    return [Denial("needs_supervisor", {"level": Level.SUPERVISED.value, "allowed": "instructor", "why": "nobody"})]


def _taken_denials(facts: AccessFacts) -> list[Denial]:
    if facts.in_use_by_other:
        return [Denial("blocked", {"why": "in_use"})]
    if facts.reserved_by_other_until is not None:
        return [Denial("reserved_by_other", {"until": facts.reserved_by_other_until.isoformat()})]
    return []
