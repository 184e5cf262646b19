"""Devices as the staff see them: each with its resource, and what of the journal could not be understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from fablab.core.db import db
from fablab.devices.models import Device, DeviceState, Journal
from fablab.resources.models import Resource

MOST = 50


@dataclass(frozen=True, slots=True)
class Misunderstood:
    """Messages of one topic that gave nothing, for one reason: how many, the newest one, and why in its own words."""

    problem: str
    topic: str
    count: int
    last_at: datetime
    detail: str | None


def devices_query(state: DeviceState | None = None, resource_id: int | None = None) -> Select[Any]:
    """Devices in this state, of this resource."""
    query = select(Device)
    if state is not None:
        query = query.where(Device.state == state)
    return query if resource_id is None else query.where(Device.resource_id == resource_id)


def with_resources(state: DeviceState) -> list[tuple[Device, Resource | None]]:
    """The devices in one state by name, each with its resource. One query."""
    query = select(Device, Resource).outerjoin(Resource, Resource.id == Device.resource_id)
    rows = db.session.execute(query.where(Device.state == state).order_by(Device.name, Device.id))
    return [(device, resource) for device, resource in rows]


def misunderstood(limit: int = MOST) -> Sequence[Misunderstood]:
    """What could not be understood, by reason and topic, most frequent first."""
    count, newest = func.count().label("count"), func.max(Journal.id).label("newest")
    groups = select(Journal.problem, Journal.topic, count, newest).where(Journal.problem.is_not(None))
    groups = groups.group_by(Journal.problem, Journal.topic).order_by(count.desc(), newest.desc()).limit(limit)
    found = groups.subquery()
    query = select(found.c.problem, found.c.topic, found.c.count, Journal.received_at, Journal.detail)
    query = query.join(Journal, Journal.id == found.c.newest).order_by(found.c.count.desc(), found.c.newest.desc())
    return [Misunderstood(*row) for row in db.session.execute(query)]


def last_words(device_ids: Sequence[int]) -> dict[int, Journal]:
    """The newest message of each device. One query."""
    newest = select(Journal.id).where(Journal.device_id == Device.id, Journal.outbound.is_(False))
    last = newest.order_by(Journal.id.desc()).limit(1).correlate(Device).scalar_subquery()
    query = select(Journal).where(Journal.id.in_(select(last).select_from(Device).where(Device.id.in_(device_ids))))
    return {one.device_id: one for one in db.session.scalars(query) if one.device_id is not None}
