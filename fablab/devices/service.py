"""Devices and their journal: what was seen on the broker, what was adopted for which resource, what each one said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import bindparam, func, select, update

from fablab.core import audit, events, outbox
from fablab.core.actor import Actor
from fablab.core.db import db, is_postgresql, lock, transaction
from fablab.core.errors import Conflict, Invalid, NotFound
from fablab.devices.models import Device, DeviceState, Journal
from fablab.devices.readings import Sighting
from fablab.resources.models import Resource

DIALECTS = ("fablab_v1", "octoprint", "moonraker", "tasmota")
NOT_HEARD = ("oversized", "unknown_topic", "unknown_device", "conflicting_record", "not_storable", "planted")
"""Problems of messages that were kept but never given to a decoder, live or in a replay."""

APPEND_ROWS = 100
_COLUMNS = tuple(column.name for column in Journal.__table__.columns if column.name != "id")
_NATIVE_BASE = re.compile(r"^fablab/v1/[a-z0-9-]{1,32}/[a-z0-9-]{1,32}$")


@dataclass(frozen=True, slots=True)
class Problem:
    """How many messages of one kind nothing was derived from, and when the last one came."""

    problem: str
    count: int
    last_at: datetime


# -- for people -------------------------------------------------------------------------------------------------------


def list_devices(state: DeviceState | None = None) -> list[Device]:
    """All devices, or those in one state, by name."""
    query = select(Device).order_by(Device.name, Device.id)
    return list(db.session.scalars(query if state is None else query.where(Device.state == state)))


def get_device(device_id: int) -> Device:
    """One device; raises NotFound."""
    device = db.session.get(Device, device_id)
    if device is None:
        raise NotFound(f"There is no device {device_id}.")
    return device


def adopt(
    actor: Actor,
    device_id: int,
    now: datetime,
    *,
    resource_id: int | None,
    name: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Device:
    """Bind a device to a resource (or to none yet) and begin to listen to it; `options` are merged into what is known.

    Also changes an adopted device. Raises NotFound for an unknown device, Invalid for an unknown resource or options.
    """
    with transaction():
        device = _locked(device_id)
        if resource_id is not None and db.session.get(Resource, resource_id) is None:
            raise Invalid({"resource_id": "there is no such resource"})
        before = _facts(device)
        device.options = _checked_options({**device.options, **(options or {})})
        device.resource_id = resource_id
        device.name = (name or device.name).strip()[:100] or device.base
        if device.state is not DeviceState.ADOPTED:
            device.state, device.adopted_at, device.fold = DeviceState.ADOPTED, now, None
        _changed(actor, "device.adopted", device, before, now)
        return device


def add_device(actor: Actor, dialect: str, base: str, now: datetime, *, name: str = "", broker: str = "main") -> Device:
    """A device that nobody has seen yet, by its dialect and topic root. Raises Invalid or Conflict."""
    _check_identity(dialect, base)
    with transaction() as session:
        known = session.scalar(_identity(broker, dialect, base))
        if known is not None:
            raise Conflict(f"This device is known already: number {known.id}, {known.name}.")
        device = Device(name=name or base, dialect=dialect, broker=broker, base=base, first_seen_at=now)
        session.add(device)
        session.flush()
        audit.record(actor, "device.added", device, now, after=_facts(device))
        return device


def forget(actor: Actor, device_id: int, now: datetime, *, ignore: bool = False) -> Device:
    """Stop listening to a device. Its journal and usage stay; seen again, it is offered anew unless `ignore`."""
    with transaction():
        device = _locked(device_id)
        before = _facts(device)
        device.state = DeviceState.IGNORED if ignore else DeviceState.DISCOVERED
        device.resource_id, device.fold, device.password_hash, device.online, device.live = None, None, None, False, {}
        _changed(actor, "device.forgotten", device, before, now)
        return device


def set_password(actor: Actor, device_id: int, password_hash: str, now: datetime) -> Device:
    """Give a device an account of its own on the broker (Mosquitto's hash); the next `broker-config` writes it."""
    with transaction():
        device = _locked(device_id)
        device.password_hash = password_hash
        audit.record(actor, "device.password", device, now)
        return device


def account_name(device: Device) -> str:
    """The user name of a device on the broker; a native device is called as in its topics."""
    return device.base.rsplit("/", 1)[-1] if device.dialect == "fablab_v1" else f"device-{device.id}"


def problems() -> list[Problem]:
    """What could not be understood, by kind, most frequent first."""
    count = func.count()
    query = select(Journal.problem, count, func.max(Journal.received_at)).where(Journal.problem.is_not(None))
    rows = db.session.execute(query.group_by(Journal.problem).order_by(count.desc()))
    return [Problem(problem or "", number, last_at) for problem, number, last_at in rows]


def journal(device_id: int | None = None, *, only_problems: bool = False, limit: int = 100) -> list[Journal]:
    """The newest messages, newest first: of one device or of all, on wish only those with a problem."""
    query = select(Journal).order_by(Journal.id.desc()).limit(limit)
    if device_id is not None:
        query = query.where(Journal.device_id == device_id)
    if only_problems:
        query = query.where(Journal.problem.is_not(None))
    return list(db.session.scalars(query))


# -- for the bridge, inside its transaction ---------------------------------------------------------------------------


def see(sighting: Sighting, broker: str, now: datetime) -> Device | None:
    """Remember a device that a message gave away; None when it is known already (only its last sign is noted then)."""
    with transaction() as session:
        known = session.scalar(_identity(broker, sighting.dialect, sighting.base))
        if known is not None:
            known.last_seen_at = now
            known.model = known.model or sighting.model[:200]
            return None
        device = Device(
            name=(sighting.name or sighting.base)[:100],
            dialect=sighting.dialect,
            broker=broker,
            base=sighting.base[:255],
            model=sighting.model[:200],
            options=dict(sighting.options),
            live={"abilities": list(sighting.abilities), "serial": sighting.serial},
            first_seen_at=now,
            last_seen_at=now,
        )
        session.add(device)
        session.flush()
        events.append("device.discovered", now, device_id=str(device.id), dialect=device.dialect, name=device.name)
        return device


def append_journal(rows: Sequence[Mapping[str, Any]]) -> None:
    """Append what was heard or said, in this order; each row names every column of `Journal` but the id.

    This is the bridge's hot path: statements of many rows, past SQLAlchemy's work on single values. (Besides, Python
    lets another thread in at every statement, so few statements keep the thread that receives from interfering.)
    """
    if not rows:
        return
    stamp = _as_it_is if is_postgresql() else _sqlite_text
    with transaction() as session:
        connection = session.connection()
        for start in range(0, len(rows), APPEND_ROWS):
            part = rows[start : start + APPEND_ROWS]
            values = [stamp(row[name]) if name == "received_at" else row[name] for row in part for name in _COLUMNS]
            connection.exec_driver_sql(_append_sql(len(part), connection.dialect.paramstyle), tuple(values))


@lru_cache(maxsize=2 * 100)
def _append_sql(count: int, paramstyle: str) -> str:
    mark = "?" if paramstyle == "qmark" else "%s"
    row = f"({', '.join([mark] * len(_COLUMNS))})"
    return f"INSERT INTO journal ({', '.join(_COLUMNS)}) VALUES {', '.join([row] * count)}"


def _as_it_is(at: datetime) -> datetime:
    return at


def _sqlite_text(at: datetime) -> str:
    """As SQLAlchemy writes instants into SQLite."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def newest_record(device_id: int, boot: str) -> int:
    """The highest journal record of one life of a native device that is stored; 0 for none."""
    query = select(func.max(Journal.seq)).where(Journal.device_id == device_id, Journal.boot == boot)
    return db.session.scalar(query) or 0


def stored_records(device_id: int, boot: str, seqs: Sequence[int]) -> dict[int, bytes]:
    """The payloads of those journal records that are stored, by number."""
    query = select(Journal.seq, Journal.payload).where(
        Journal.device_id == device_id, Journal.boot == boot, Journal.seq.in_(seqs)
    )
    return {seq: payload for seq, payload in db.session.execute(query) if seq is not None}


def save_states(rows: list[dict[str, Any]]) -> None:
    """Save what the bridge remembers of devices: rows of {device, fold, live, online, last_seen_at, model}."""
    if rows:
        statement = update(Device).where(Device.id == bindparam("device"))
        with transaction() as session:
            session.connection().execute(statement, rows)


def journal_of(device_id: int, since: datetime | None = None) -> Iterable[Journal]:
    """All that one device said and was told, in the order of hearing, without what was never given to its decoder."""
    query = (
        select(Journal)
        .where(Journal.device_id == device_id, Journal.problem.is_(None) | Journal.problem.not_in(NOT_HEARD))
        .order_by(Journal.id)
        .execution_options(yield_per=1000)
    )
    return db.session.scalars(query if since is None else query.where(Journal.received_at >= since))


def _identity(broker: str, dialect: str, base: str) -> Any:
    return select(Device).where(Device.broker == broker, Device.dialect == dialect, Device.base == base)


def _locked(device_id: int) -> Device:
    device = lock(Device, device_id)
    if device is None:
        raise NotFound(f"There is no device {device_id}.")
    return device


def _changed(actor: Actor, action: str, device: Device, before: dict[str, Any], now: datetime) -> None:
    """Note who changed a device and tell the bridge, which then listens to other topics."""
    audit.record(actor, action, device, now, before=before, after=_facts(device))
    events.append(action, now, device_id=str(device.id))
    outbox.put("device", "devices", {"op": "reload"}, now)


def _facts(device: Device) -> dict[str, Any]:
    return {
        "name": device.name,
        "state": device.state.value if device.state else DeviceState.DISCOVERED.value,
        "resource_id": device.resource_id,
        "options": device.options,
    }


def _check_identity(dialect: str, base: str) -> None:
    if dialect not in DIALECTS:
        raise Invalid({"dialect": f"must be one of {', '.join(DIALECTS)}"})
    if not base or len(base) > 255 or set(base) & set("+#\0"):
        raise Invalid({"base": "must be a topic without + and #"})
    if dialect == "fablab_v1" and not _NATIVE_BASE.match(base):
        raise Invalid({"base": "must look like fablab/v1/<site>/<device>, in small letters, digits and hyphens"})


def _checked_options(options: dict[str, Any]) -> dict[str, Any]:
    """Options as they may be stored; what they mean to a dialect, its decoder checks."""
    power = options.get("power")
    if power is not None and not isinstance(power, dict):
        raise Invalid({"options.power": "must be an object with on_w and off_w"})
    for name, value in (power or {}).items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
            raise Invalid({f"options.power.{name}": "must be a number from 0 to 1000000"})
    if power and "on_w" in power and power.get("off_w", 0) > power["on_w"]:
        raise Invalid({"options.power.off_w": "must not be above on_w"})
    return options
