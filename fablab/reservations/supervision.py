"""Who must come along to a booking: an instructor or a buddy. Pure; one of the rules of `rules.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from fablab.certifications.rules import NOTHING, GrantFacts, Level, grant_denials, needs_supervision
from fablab.core.denials import Denial
from fablab.reservations.policy import Supervision

if TYPE_CHECKING:
    from fablab.reservations.rules import BookingFacts, CompanionFacts

_MOMENT = timedelta(microseconds=1)


def supervised(facts: BookingFacts) -> list[Denial]:
    """Where an instructor is needed, one is booked along and free then, unless the person is one himself; where a buddy
    is needed, one who is certified at the start and at the end. `why` of the companion who comes nearest: nobody, wrong
    (no instructor), uncertified, busy; for a buddy who is no instructor `unfit`, as that is nobody else's business.

    Who is certified at level supervised only needs an instructor too, whatever the rules of the resource and his role:
    then the reason has no `limit` but the `level`.
    """
    kind = facts.policy.supervision
    found: list[Denial] = []
    if kind is Supervision.BUDDY or (kind is Supervision.INSTRUCTOR and not facts.instructor):
        found = _missing(facts, kind, {"limit": "supervision"})
    if at_level_supervised(facts) and not (found and kind is Supervision.INSTRUCTOR):
        found += _missing(facts, Supervision.INSTRUCTOR, {"level": Level.SUPERVISED.value})
    return found


def brings_instructor(facts: BookingFacts) -> bool:
    """Whether an instructor must be booked along and nobody is named: who books chooses one."""
    if facts.companions or facts.brought:
        return False
    asked = facts.policy.supervision is Supervision.INSTRUCTOR and not facts.instructor
    return asked or at_level_supervised(facts)


def at_level_supervised(facts: BookingFacts) -> bool:
    """Whether the person is certified, but at the start or at the end only with an instructor there."""
    if not any(one.level is Level.SUPERVISED for one in facts.grants):
        return False
    times = (facts.starts_at, facts.ends_at - _MOMENT)
    return any(needs_supervision(facts.required, facts.grants, at) for at in times)


def uncertified(facts: BookingFacts, grants: Sequence[GrantFacts]) -> list[Denial]:
    """What the holder of `grants` lacks at the start or at the end; for each certification one reason, that of the
    start first."""
    if facts.required is NOTHING:
        return []
    found: dict[object, Denial] = {}
    for at in (facts.starts_at, facts.ends_at - _MOMENT):
        for denial in grant_denials(facts.required, grants, at):
            found.setdefault(denial.params["certification_id"], denial)
    return list(found.values())


def _missing(facts: BookingFacts, kind: Supervision, about: dict[str, str]) -> list[Denial]:
    reasons = [_unfit(facts, one, kind) for one in facts.companions]
    if "" in reasons or (facts.brought and kind is Supervision.INSTRUCTOR):
        return []
    why = next((one for one in ("busy", "unfit", "uncertified", "wrong") if one in reasons), "nobody")
    params = {**about, "allowed": kind.value, "value": len(facts.companions), "why": why}
    return [Denial("needs_supervisor", params)]


def _unfit(facts: BookingFacts, one: CompanionFacts, kind: Supervision) -> str:
    """Why this companion does not supervise; empty when he does."""
    if not one.active or (kind is Supervision.INSTRUCTOR and not one.instructor):
        return "wrong"
    if kind is Supervision.BUDDY and uncertified(facts, one.grants):
        return "uncertified" if one.instructor else "unfit"
    if any(slot.starts_at < facts.ends_at and slot.ends_at > facts.starts_at for slot in one.busy):
        return "busy" if one.instructor else "unfit"
    return ""
