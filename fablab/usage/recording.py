"""Storing what the fold derived: usage sessions by (device, key), whose they are, and the curve behind them.

To store a change twice does no harm: it is the whole present value of its session. What people have corrected
(the person of a session) stays corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, tuple_, update

from fablab.certifications.use import note_use
from fablab.core import audit, badges, events
from fablab.core.actor import Actor, system
from fablab.core.db import bulk_insert, db, transaction
from fablab.devices.models import Device, DeviceState
from fablab.people.models import Badge
from fablab.reservations import presence
from fablab.reservations.models import ArrivedBy
from fablab.usage.changes import SessionChange
from fablab.usage.models import Outcome, UsageReading, UsageSession

_CHUNK = 500
"""Pairs in one IN (…): SQLite allows 32 766 values in a statement."""


@dataclass(frozen=True, slots=True)
class Derived:
    """The newest value of one session of one device, with the resource that the device is bound to."""

    device_id: int
    resource_id: int | None
    change: SessionChange
    progress: float | None = None
    tapped: str | None = None
    """The card that a plain reader of this resource let in shortly before, where the device itself knows none."""

    @property
    def uid(self) -> str | None:
        """Whose use this is, as a card number."""
        return self.change.uid or self.tapped


@dataclass(frozen=True, slots=True)
class Stored:
    """A session as it now stands. `began`: it is new; `ended`: it was open before and is not any more."""

    id: int
    device_id: int
    resource_id: int | None
    person_id: int | None
    key: str
    open: bool
    began: bool
    ended: bool


def store_sessions(derived: Iterable[Derived], now: datetime, *, tell: bool = True) -> list[Stored]:
    """Insert or update these sessions and delete the withdrawn ones; with `tell`, note `usage.started` and `.ended`.

    Of several values of one session the last counts. Returns those that stand, in the order given.
    """
    newest = {(one.device_id, one.change.key): one for one in derived}
    if not newest:
        return []
    with transaction():
        known = _known(list(newest))
        _withdraw([row.id for key, row in known.items() if newest[key].change.withdrawn])
        standing = {key: one for key, one in newest.items() if not one.change.withdrawn}
        owners = _owners([one for key, one in standing.items() if key not in known or known[key].person_id is None])
        _write(standing, known, owners, now)
        fresh = _known([key for key in standing if key not in known])
        _note_use([(standing[key], row) for key, row in fresh.items()])
        stored = [_stored(one, known.get(key), fresh.get(key)) for key, one in standing.items()]
        for one in stored if tell else ():
            _tell(one, standing[one.device_id, one.key].change, now)
        return stored


def correct(actor: Actor, derived: Iterable[Derived], gone: Sequence[int], now: datetime) -> None:
    """Store what a replay of the journal gave, delete what it did not give; an audit entry for each session."""
    with transaction():
        _withdraw(list(gone))
        stored = store_sessions(derived, now, tell=False)
        for ident in gone:  # the log comes last: on PostgreSQL its lock does, after those of the reservations
            audit.record(actor, "usage.withdrawn", ("usage_session", str(ident)), now)
        for one in stored:
            audit.record(actor, "usage.derived_again", ("usage_session", str(one.id)), now)


def end_abandoned(now: datetime) -> int:
    """End the open sessions of devices that are listened to no more, at the last proof of use; gives their number."""
    gone = select(Device.id).where(Device.state != DeviceState.ADOPTED)
    query = select(UsageSession).where(UsageSession.ended_at.is_(None), UsageSession.device_id.in_(gone))
    with transaction() as session:
        abandoned = list(session.scalars(query))
        for one in abandoned:
            one.ended_at, one.outcome, one.flags = one.updated_at, Outcome.INTERRUPTED, [*one.flags, "end_estimated"]
            ids = {"session_id": str(one.id), "device_id": str(one.device_id)}
            people = {"resource_id": _text(one.resource_id), "person_id": _text(one.person_id)}
            events.append("usage.ended", now, **ids, **people, outcome=Outcome.INTERRUPTED.value)
        return len(abandoned)


def store_readings(rows: list[dict[str, Any]]) -> None:
    """Points of curves: rows of {session_id, at, power_w, energy_wh, progress}."""
    with transaction():
        bulk_insert(UsageReading, rows)


def open_sessions(device_ids: Sequence[int]) -> dict[int, int]:
    """The open session of each of these devices that has one: device → session."""
    query = select(UsageSession.device_id, UsageSession.id).where(
        UsageSession.ended_at.is_(None), UsageSession.device_id.in_(device_ids)
    )
    return {device: session for device, session in db.session.execute(query.order_by(UsageSession.id)) if device}


def sessions_of(device_id: int) -> list[UsageSession]:
    """All sessions derived from one device, by their start."""
    query = select(UsageSession).where(UsageSession.device_id == device_id)
    return list(db.session.scalars(query.order_by(UsageSession.started_at, UsageSession.id)))


def values(change: SessionChange) -> dict[str, Any]:
    """The columns that a change determines; what people add (person, reservation) is not among them."""
    return {
        "started_at": instant(change.start_at),
        "ended_at": None if change.end_at is None else instant(change.end_at),
        "outcome": None if change.outcome is None else Outcome(change.outcome),
        "job": clean(change.job, 500),
        "working_s": change.working_s,
        "paused_s": change.paused_s,
        "energy_wh": change.energy_wh,
        "material": clean(change.material, 100),
        "grams": change.grams,
        "flags": list(change.flags),
    }


def instant(seconds: float) -> datetime:
    """Unix seconds as an instant."""
    return datetime.fromtimestamp(seconds, UTC)


def _known(keys: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    found: dict[tuple[int, str], Any] = {}
    table = UsageSession
    for start in range(0, len(keys), _CHUNK):
        query = select(table.id, table.device_id, table.key, table.ended_at, table.person_id, table.reservation_id)
        pairs = tuple_(table.device_id, table.key).in_(keys[start : start + _CHUNK])
        found.update({(row.device_id, row.key): row for row in db.session.execute(query.where(pairs))})
    return found


def _withdraw(ids: list[int]) -> None:
    if ids:
        db.session.execute(delete(UsageReading).where(UsageReading.session_id.in_(ids)))
        db.session.execute(delete(UsageSession).where(UsageSession.id.in_(ids)))


def _owners(unowned: list[Derived]) -> dict[tuple[int, str], tuple[int | None, int | None]]:
    """Person and reservation of each session: by the badge that opened it, else by the booking it falls into."""
    hashes = {badges.hash_in(one.uid) for one in unowned if one.uid}
    holders: dict[str, int] = {}
    if hashes:
        query = select(Badge.uid_hash, Badge.person_id).where(Badge.uid_hash.in_(hashes))
        holders = {row.uid_hash: row.person_id for row in db.session.execute(query)}
    owners: dict[tuple[int, str], tuple[int | None, int | None]] = {}
    for one in unowned:
        person = holders.get(badges.hash_in(one.uid)) if one.uid else None
        reservation_id, booked_by = _booking(one, person)
        owners[one.device_id, one.change.key] = (person or (None if one.uid else booked_by), reservation_id)
    return owners


def _booking(one: Derived, person: int | None) -> tuple[int | None, int | None]:
    """The reservation that holds the resource when the session begins, and whose it is; one of `person` if known."""
    if one.resource_id is None or (one.uid and person is None):
        return None, None
    return presence.booking_at(one.resource_id, instant(one.change.start_at), person) or (None, None)


def _write(
    standing: dict[tuple[int, str], Derived],
    known: dict[tuple[int, str], Any],
    owners: dict[tuple[int, str], tuple[int | None, int | None]],
    now: datetime,
) -> None:
    fresh, changed = [], []
    for key, one in standing.items():
        row = {**values(one.change), "progress": one.progress, "updated_at": now}
        old = known.get(key)
        person, reservation = owners.get(key, (None, None))
        if old is None:
            owner = {"person_id": person, "reservation_id": reservation, "resource_id": one.resource_id}
            fresh.append({**row, **owner, "device_id": one.device_id, "key": one.change.key})
        else:
            person = old.person_id if old.person_id is not None else person
            reservation = old.reservation_id if old.reservation_id is not None else reservation
            changed.append({**row, "person_id": person, "reservation_id": reservation, "session": old.id})
    connection = db.session.connection()
    if fresh:
        connection.execute(insert(UsageSession), fresh)
    if changed:
        connection.execute(update(UsageSession).where(UsageSession.id == bindparam("session")), changed)


def _note_use(begun: Sequence[tuple[Derived, Any]]) -> None:
    """Tell the rows below that somebody came, and used what he is certified for."""
    came: dict[int, datetime] = {}
    for one, row in begun:
        start = instant(one.change.start_at)
        if row.reservation_id is not None:
            came[row.reservation_id] = min(start, came.get(row.reservation_id, start))
        if row.person_id is not None and one.resource_id is not None:
            note_use(row.person_id, one.resource_id, start)
    presence.note_arrivals(came, ArrivedBy.USAGE, system("bridge"))


def _stored(one: Derived, old: Any, fresh: Any) -> Stored:
    row = fresh if old is None else old
    is_open = one.change.end_at is None
    return Stored(
        id=row.id,
        device_id=one.device_id,
        resource_id=one.resource_id,
        person_id=row.person_id,
        key=one.change.key,
        open=is_open,
        began=old is None,
        ended=not is_open and (old is None or old.ended_at is None),
    )


def _tell(one: Stored, change: SessionChange, now: datetime) -> None:
    told = {
        "session_id": str(one.id),
        "device_id": str(one.device_id),
        "resource_id": _text(one.resource_id),
        "person_id": _text(one.person_id),
    }
    if one.began:
        events.append("usage.started", now, **told)
    if one.ended:
        events.append("usage.ended", now, **told, outcome=change.outcome)


def _text(ident: int | None) -> str | None:
    return None if ident is None else str(ident)


def clean(words: str | None, length: int) -> str | None:
    """Text as both databases can store it: no NUL, no half of a surrogate pair, not too long."""
    if words is None:
        return None
    return words.replace("\0", "").encode("utf-8", "replace").decode("utf-8")[:length]
