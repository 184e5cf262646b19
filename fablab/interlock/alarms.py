"""Alarms: commanded, reported and measured disagree, and a person should look."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from fablab.core import events
from fablab.core.db import db, transaction
from fablab.interlock.models import Alarm


def raise_alarm(device_id: int, resource_id: int | None, kind: str, at: datetime) -> bool:
    """Open an alarm unless the same one is open already; True when it is new."""
    with transaction() as session:
        kind = kind[:64]
        same = select(Alarm.id).where(Alarm.device_id == device_id, Alarm.kind == kind, Alarm.ended_at.is_(None))
        if session.scalar(same.limit(1)) is not None:
            return False
        session.add(Alarm(at=at, device_id=device_id, resource_id=resource_id, kind=kind))
        events.append(
            "access.alarm",
            at,
            device_id=str(device_id),
            resource_id=None if resource_id is None else str(resource_id),
            alarm=kind,
        )
        return True


def end_alarms(device_id: int, kinds: Sequence[str], at: datetime) -> None:
    """Close the open alarms of these kinds: what they said is over."""
    with transaction() as session:
        session.execute(
            update(Alarm)
            .where(Alarm.device_id == device_id, Alarm.kind.in_(kinds), Alarm.ended_at.is_(None))
            .values(ended_at=at)
        )


def open_alarms(device_id: int | None = None) -> list[Alarm]:
    """Alarms that nobody and nothing has ended, newest first: all, or those of one device."""
    query = select(Alarm).where(Alarm.ended_at.is_(None)).order_by(Alarm.id.desc())
    return list(db.session.scalars(query if device_id is None else query.where(Alarm.device_id == device_id)))
