"""The decision at the badge reader, and the leases that follow from it.

Everything here runs inside the bridge's transaction: what a reader is told stands in the database before it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import SQLAlchemyError

from fablab.core import badges, events
from fablab.core.actor import Actor, Role
from fablab.core.db import db, transaction
from fablab.core.denials import Denial
from fablab.core.errors import NotFound
from fablab.core.words import config
from fablab.interlock.gather import access_facts, use_until, used_by_other
from fablab.interlock.models import AccessDecision
from fablab.interlock.rules import access_denials, lease_s, revoke_how
from fablab.people.models import Badge, Person
from fablab.reservations import presence
from fablab.reservations.models import ArrivedBy
from fablab.resources.models import Resource, RiskClass

log = structlog.get_logger("interlock")

SAME_ANSWER = timedelta(seconds=60)
"""A reader that asks again under the same number gets the same answer for this long; later its question is stale."""

STALE = "stale"
"""Not a reason against a person: the question was too old to be answered (devices.md, 8.2)."""


# The statements on a reader's way are made once; see `gather`.
_KNOWN = select(AccessDecision).where(
    AccessDecision.device_id == bindparam("device"), AccessDecision.rid == bindparam("rid")
)
_RUNNING = select(AccessDecision).where(
    AccessDecision.granted, AccessDecision.act == "start", AccessDecision.ended_at.is_(None)
)
_RUNNING_ON = _RUNNING.where(AccessDecision.device_id == bindparam("device")).order_by(AccessDecision.id)
_NEWEST_LEASE = (
    select(AccessDecision.lease_id)
    .where(AccessDecision.device_id == bindparam("device"), AccessDecision.lease_id.is_not(None))
    .order_by(AccessDecision.id.desc())
    .limit(1)
)
_BADGE = select(Badge).where(Badge.uid_hash == bindparam("digest")).execution_options(populate_existing=True)


@dataclass(frozen=True, slots=True)
class Tap:
    """A badge at a reader that waits for an answer under `rid`. `uid` is the canonical or the cloaked card number."""

    device_id: int
    resource_id: int | None
    at: datetime
    rid: str
    boot: str | None = None
    uid: str | None = None
    stale: bool = False
    ambiguous: bool = False
    device_max_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reader is told. `act` is `start` or `end`; `code` is the first reason of a denial.

    `until` is when the use must end as known now (closing time or the next booking), for the display.
    """

    granted: bool
    act: str | None = None
    code: str | None = None
    denials: tuple[Denial, ...] = ()
    lid: int | None = None
    ttl_ms: int | None = None
    person_id: int | None = None
    name: str = ""
    language: str = ""
    until: datetime | None = None
    minutes: int | None = None
    running: Running | None = field(default=None, compare=False)
    repeated: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Running:
    """A grant that has not ended: the machine may run for this person as long as its lease is renewed."""

    decision_id: int
    device_id: int
    resource_id: int | None
    person_id: int | None
    badge_id: int | None
    boot: str | None
    lease_id: int
    at: datetime


# -- questions --------------------------------------------------------------------------------------------------------


def check_access(person_id: int, resource_id: int, at: datetime, now: datetime | None = None) -> list[Denial]:
    """What the interlock would say to this person at this resource at `at`, or said then; empty means yes. Of who uses
    the machine it knows only up to `now` (None: `at` is now). Raises NotFound."""
    person = db.session.get(Person, person_id)
    if person is None:
        raise NotFound(f"There is no person {person_id}.")
    if db.session.get(Resource, resource_id) is None:
        raise NotFound(f"There is no resource {resource_id}.")
    in_use = (now is None or at <= now) and used_by_other(resource_id, person_id, at)
    return access_denials(access_facts(person, resource_id, at, in_use=in_use, past=True))


def renewal_denials(running: Running, at: datetime) -> list[Denial]:
    """Every reason why a running use may not go on; empty means its lease may be renewed."""
    if running.person_id is None or running.resource_id is None:
        return [Denial("blocked")]
    badge = db.session.get(Badge, running.badge_id, populate_existing=True) if running.badge_id else None
    person = db.session.get(Person, running.person_id, populate_existing=True)
    return access_denials(access_facts(person, running.resource_id, at, badge=badge, by_badge=True))


def running_grants(
    *, device_id: int | None = None, person_id: int | None = None, resource_id: int | None = None
) -> list[Running]:
    """Grants that have not ended, oldest first: all, or those of a device, a person, a resource."""
    if device_id is not None and person_id is None and resource_id is None:
        rows = db.session.scalars(_RUNNING_ON, {"device": device_id})
    else:
        named = {"device_id": device_id, "person_id": person_id, "resource_id": resource_id}
        chosen = {name: value for name, value in named.items() if value is not None}
        rows = db.session.scalars(_RUNNING.filter_by(**chosen).order_by(AccessDecision.id))
    return [_running(row) for row in rows if row.device_id]


def lease_for(resource_id: int | None, device_max_s: float | None = None) -> float:
    """Seconds that a grant opens this resource without a renewal."""
    return lease_s(config().interlock.lease_seconds, _risk(resource_id), device_max_s)


def how_to_revoke(resource_id: int | None) -> str:
    """`now`, `job` or `idle`, by the risk class of the resource."""
    return revoke_how(_risk(resource_id))


# -- answers ----------------------------------------------------------------------------------------------------------


def badge_in(tap: Tap) -> Answer:
    """Decide about a badge at a reader and write the decision down. Deny by default: any exception is a denial.

    The same `rid` within a minute gets the same answer and changes nothing. The badge of who uses the machine now, and
    that of staff, ends the use. Errors of the database are raised: without it nothing can be granted.
    """
    with transaction():
        known = db.session.scalar(_KNOWN, {"device": tap.device_id, "rid": tap.rid[:100]})
        if known is not None:
            return _again(known, tap)
        if tap.stale:
            return _deny(tap, None, None, [], code=STALE)
        badge, person = _holder(tap)
        running = running_grants(device_id=tap.device_id)
        ended = next((one for one in running if _may_end(one, person)), None)
        if ended is not None and person is not None:
            return _tap_out(tap, ended, badge, person)
        try:
            denials = _judge(tap, badge, person, running)
        except SQLAlchemyError:
            raise
        except Exception:  # whatever goes wrong in the decision, the machine stays off
            log.exception("decision failed", device=tap.device_id)
            denials = [Denial("blocked")]
        return _deny(tap, badge, person, denials) if denials else _grant(tap, badge, person)


def note_tap(tap: Tap) -> bool:
    """Write down a badge at a plain reader, which waits for no answer and opens nothing; True if it would be let in.

    The same tap is written down once.
    """
    with transaction():
        known = db.session.scalar(_KNOWN, {"device": tap.device_id, "rid": tap.rid[:100]})
        if known is not None or tap.resource_id is None:
            return known is not None and known.granted
        badge, person = _holder(tap)
        denials = _judge(tap, badge, person, ())
        if denials:
            _deny(tap, badge, person, denials)
            return False
        row = _record(tap, badge, person, granted=True)
        _check_in(tap, person)
        _tell("access.granted", row)
        return True


def renew(running: Running, at: datetime) -> tuple[int, float]:
    """Count the next lease of a running use; returns (lease id, seconds). The caller asked `renewal_denials` first."""
    with transaction():
        lease_id = next_lease(running.device_id)
        db.session.execute(
            update(AccessDecision).where(AccessDecision.id == running.decision_id).values(lease_id=lease_id)
        )
        return lease_id, lease_for(running.resource_id)


def end_use(running: Running, at: datetime, reason: str) -> int:
    """Note that a grant has ended and return the lease id that a revocation may carry."""
    with transaction():
        lease_id = next_lease(running.device_id)
        _end(running, at, reason, lease_id)
        return lease_id


def with_lease(running: Running, lease_id: int) -> Running:
    """The same use under its next lease."""
    return replace(running, lease_id=lease_id)


def next_lease(device_id: int) -> int:
    """A lease id above all that this device was ever given."""
    return (db.session.scalar(_NEWEST_LEASE, {"device": device_id}) or 0) + 1


# -- inside -----------------------------------------------------------------------------------------------------------


def _judge(tap: Tap, badge: Badge | None, person: Person | None, running: Sequence[Running]) -> list[Denial]:
    if tap.resource_id is None or tap.ambiguous:
        return [Denial("blocked")]
    taken = any(person is None or one.person_id != person.id for one in running)
    facts = access_facts(person, tap.resource_id, tap.at, badge=badge, by_badge=True, in_use=taken)
    return access_denials(facts)


def _holder(tap: Tap) -> tuple[Badge | None, Person | None]:
    if not tap.uid:
        return None, None
    badge = db.session.scalar(_BADGE, {"digest": badges.hash_in(tap.uid)})
    if badge is None:
        return None, None
    return badge, db.session.get(Person, badge.person_id, populate_existing=True)


def _may_end(running: Running, person: Person | None) -> bool:
    """Off is always allowed: to who switched it on, and to staff."""
    if person is None:
        return False
    return running.person_id == person.id or (person.active and person.role.rank >= Role.INSTRUCTOR.rank)


def _grant(tap: Tap, badge: Badge | None, person: Person | None) -> Answer:
    lease_id = next_lease(tap.device_id)
    row = _record(tap, badge, person, granted=True, act="start", lease_id=lease_id)
    _check_in(tap, person)
    _tell("access.granted", row)
    return replace(_answer(row, person, tap), running=_running(row))


def _check_in(tap: Tap, person: Person | None) -> None:
    """Who is let in has come for his booking. Before any event: those take a lock that comes last."""
    if person is None or tap.resource_id is None:
        return
    found = presence.booking_at(tap.resource_id, tap.at, person.id)
    if found is not None:
        presence.arrived(found[0], tap.at, ArrivedBy.BADGE, Actor(person.id, person.role, "bridge"))


def _deny(
    tap: Tap, badge: Badge | None, person: Person | None, denials: Sequence[Denial], code: str | None = None
) -> Answer:
    told = [{"code": code, "params": {}}] if code else [{"code": d.code, "params": dict(d.params)} for d in denials]
    row = _record(tap, badge, person, granted=False, denials=told)
    _tell("access.denied", row)
    return _answer(row, person, tap)


def _tap_out(tap: Tap, running: Running, badge: Badge | None, person: Person) -> Answer:
    _end(running, tap.at, "tap_out", running.lease_id)
    row = _record(tap, badge, person, granted=True, act="end")
    return _answer(row, person, tap, minutes=max(0, round((tap.at - running.at).total_seconds() / 60)))


def _again(row: AccessDecision, tap: Tap) -> Answer:
    """The answer that was given, made again from what was written down."""
    if tap.at - row.at > SAME_ANSWER:
        return Answer(granted=False, code=STALE, repeated=True)
    if row.granted and row.act == "start" and row.ended_at is not None:
        return Answer(granted=False, code=STALE, repeated=True)  # it was granted, used and is over
    person = db.session.get(Person, row.person_id) if row.person_id else None
    return _answer(row, person, tap, repeated=True)


def _answer(
    row: AccessDecision, person: Person | None, tap: Tap, *, minutes: int | None = None, repeated: bool = False
) -> Answer:
    starts = row.granted and row.act == "start"
    return Answer(
        granted=row.granted,
        act=row.act,
        code=None if row.granted else str(row.denials[0]["code"]),
        denials=tuple(Denial(one["code"], one["params"]) for one in row.denials if one["code"] != STALE),
        lid=row.lease_id if starts else None,
        ttl_ms=int(lease_for(row.resource_id, tap.device_max_s) * 1000) if starts else None,
        person_id=row.person_id,
        name=person.name if person else "",
        language=person.language if person else "",
        until=use_until(row.resource_id, row.person_id, tap.at) if starts else None,
        minutes=minutes,
        repeated=repeated,
    )


def _record(
    tap: Tap,
    badge: Badge | None,
    person: Person | None,
    *,
    granted: bool,
    act: str | None = None,
    lease_id: int | None = None,
    denials: list[dict[str, Any]] | None = None,
) -> AccessDecision:
    row = AccessDecision(
        at=tap.at,
        device_id=tap.device_id,
        resource_id=tap.resource_id,
        person_id=person.id if person else None,
        badge_id=badge.id if badge else None,
        rid=tap.rid[:100],
        granted=granted,
        act=act,
        denials=denials or [],
        lease_id=lease_id,
        boot=tap.boot[:64] if tap.boot else None,
    )
    db.session.add(row)
    db.session.flush()
    return row


def _end(running: Running, at: datetime, reason: str, lease_id: int) -> None:
    db.session.execute(
        update(AccessDecision)
        .where(AccessDecision.id == running.decision_id, AccessDecision.ended_at.is_(None))
        .values(ended_at=at, end_reason=reason[:100], lease_id=lease_id)
    )
    events.append(
        "access.ended",
        at,
        device_id=str(running.device_id),
        resource_id=_text(running.resource_id),
        person_id=_text(running.person_id),
        reason=reason,
    )


def _tell(kind: str, row: AccessDecision) -> None:
    events.append(
        kind,
        row.at,
        decision_id=str(row.id),
        device_id=_text(row.device_id),
        resource_id=_text(row.resource_id),
        person_id=_text(row.person_id),
        denials=[one["code"] for one in row.denials],
    )


def _running(row: AccessDecision) -> Running:
    return Running(
        decision_id=row.id,
        device_id=row.device_id or 0,
        resource_id=row.resource_id,
        person_id=row.person_id,
        badge_id=row.badge_id,
        boot=row.boot,
        lease_id=row.lease_id or 0,
        at=row.at,
    )


def _risk(resource_id: int | None) -> str:
    resource = db.session.get(Resource, resource_id) if resource_id is not None else None
    return (resource.risk_class if resource else RiskClass.A).value


def _text(ident: int | None) -> str | None:
    return None if ident is None else str(ident)
