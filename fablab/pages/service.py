"""The wall: everything about all resources now, with a constant number of queries, and what a viewer may see of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from fablab.core.db import Texts, db
from fablab.devices.models import Device, DeviceState
from fablab.interlock.models import AccessDecision, Alarm
from fablab.pages.rules import Person, State, StateFacts, Viewer, Whom, state_of, whom
from fablab.people.models import Person as PersonRow
from fablab.reservations.models import LIVE, Allocation, Reservation
from fablab.resources.models import Kind, Place, Resource, ServiceState
from fablab.usage.models import UsageSession

AHEAD = timedelta(hours=24)
"""How far the wall looks for the next booking."""

PRESSING_ALARMS = ("relay_on_without_grant", "does_not_obey", "overpower", "fault")
"""Alarms that make a machine one to look at now; others stay on the page of devices."""

SOONEST_ESTIMATE = 3.0
"""Per cent: below it, the end of a job cannot be told from its progress."""


@dataclass(frozen=True, slots=True)
class Held:
    """A booking of the resource."""

    starts_at: datetime
    ends_at: datetime
    person: Person | None


@dataclass(frozen=True, slots=True)
class Card:
    """One resource now, as the lab knows it. Not for showing: see `seen_by`."""

    id: int
    kind: str
    name: Texts
    place_id: int | None
    place: Texts | None
    state: State
    note: str
    job: str | None
    progress: float | None
    power_w: float | None
    since: datetime | None
    until: datetime | None
    until_is_estimate: bool
    by: Person | None
    held: Held | None
    next: Held | None
    heard_at: datetime | None
    alarms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Booked:
    """A booking as somebody may see it."""

    starts_at: datetime
    ends_at: datetime
    by: Whom | None


@dataclass(frozen=True, slots=True)
class Tag:
    """One resource as one viewer may see it. `signed_in`: its page is open to the viewer; `may_book`: a link for
    booking makes sense."""

    id: int
    kind: str
    name: Texts
    place_id: int | None
    place: Texts | None
    state: State
    note: str
    job: str | None
    progress: float | None
    power_w: float | None
    since: datetime | None
    until: datetime | None
    until_is_estimate: bool
    by: Whom | None
    held: Booked | None
    next: Booked | None
    heard_at: datetime | None
    alarms: tuple[str, ...]
    signed_in: bool
    may_book: bool

    def __hash__(self) -> int:
        """Of what tells most of them apart; names in several languages have none."""
        return hash((self.id, self.state, self.progress, self.power_w, self.until, self.next, self.by))


@dataclass(frozen=True, slots=True)
class Group:
    """Resources that stand together on the wall: machines by their place, others by their kind."""

    kind: str
    place: Texts | None
    tags: tuple[Tag, ...]

    @property
    def free(self) -> int:
        """How many of them are free."""
        return sum(one.state is State.FREE for one in self.tags)


def cards(now: datetime, ids: Sequence[int] | None = None) -> tuple[Card, ...]:
    """All resources that are not retired (of `ids`, where given): machines first, by place, then the others by kind.
    Six queries."""
    query = select(Resource).where(Resource.retired_at.is_(None)).options(joinedload(Resource.place))
    if ids is not None:
        query = query.where(Resource.id.in_(ids))
    rows = list(db.session.scalars(query))
    order = list(Kind)
    rows.sort(key=lambda one: (order.index(one.kind), _place_order(one), one.id))
    return _made(rows, now)


def seen_by(card: Card, viewer: Viewer) -> Tag:
    """The card without what `viewer` may not know: names, and for visitors also what is being made."""
    own = card.by is not None and card.by.id == viewer.person_id
    return Tag(
        id=card.id,
        kind=card.kind,
        name=card.name,
        place_id=card.place_id,
        place=card.place,
        state=card.state,
        note=card.note,
        job=card.job if viewer.staff or own else None,
        progress=card.progress,
        power_w=card.power_w,
        since=card.since,
        until=card.until,
        until_is_estimate=card.until_is_estimate,
        by=whom(card.by, viewer),
        held=_booked(card.held, viewer),
        next=_booked(card.next, viewer),
        heard_at=card.heard_at,
        alarms=card.alarms if viewer.staff else (),
        signed_in=viewer.signed_in,
        may_book=viewer.signed_in and card.state is not State.OUT_OF_SERVICE,
    )


def groups(tags: Iterable[Tag]) -> list[Group]:
    """The tags in their order, in groups."""
    found: dict[tuple[str, int | None], list[Tag]] = {}
    for one in tags:
        found.setdefault((one.kind, one.place_id if one.kind == Kind.MACHINE else None), []).append(one)
    return [
        Group(kind=kind, place=ones[0].place if kind == Kind.MACHINE else None, tags=tuple(ones))
        for (kind, _place), ones in found.items()
    ]


def counts(tags: Iterable[Tag]) -> list[tuple[State, int]]:
    """How many are in each state, in the order of the states; states of none are left out."""
    states = [one.state for one in tags]
    return [(state, states.count(state)) for state in State if state in states]


def _place_order(row: Resource) -> tuple[int, int]:
    return (row.place.parent_id or 0, row.place.id) if isinstance(row.place, Place) else (1 << 30, 0)


def _booked(held: Held | None, viewer: Viewer) -> Booked | None:
    return None if held is None else Booked(held.starts_at, held.ends_at, whom(held.person, viewer))


@dataclass(frozen=True, slots=True)
class _Known:
    """The rows about one resource. `held` ascending; `session` and `grant` the newest that have not ended."""

    devices: list[Any]
    session: Any
    grant: Any
    alarms: list[Any]
    held: list[Any]


def _made(rows: Sequence[Resource], now: datetime) -> tuple[Card, ...]:
    ids = [one.id for one in rows]
    devices, sessions = _by_resource(_devices(ids)), _by_resource(_sessions(ids))
    grants, alarms = _by_resource(_grants(ids)), _by_resource(_alarms(ids))
    held = _by_resource(_allocations(ids, now))
    made = []
    for row in rows:
        session = next(iter(sessions.get(row.id, [])), None)
        grant = next(iter(grants.get(row.id, [])), None)
        known = _Known(devices.get(row.id, []), session, grant, alarms.get(row.id, []), held.get(row.id, []))
        card = _card(row, known, now)
        made.append(card if session is None else _with_session(card, known, now))
    return tuple(made)


def _card(row: Resource, known: _Known, now: datetime) -> Card:
    current = next((_held(one) for one in known.held if one.starts_at <= now), None)
    state = _state(row, known, reserved=current is not None)
    return Card(
        id=row.id,
        kind=row.kind.value,
        name=row.name,
        place_id=row.place_id,
        place=row.place.name if row.place else None,
        state=state,
        note=row.service_note if state is State.OUT_OF_SERVICE else "",
        job=None,
        progress=None,
        power_w=_live(known.devices).get("power_w"),
        since=known.grant.at if known.grant else None,
        until=current.ends_at if current else None,
        until_is_estimate=False,
        by=_person(known.grant) if known.grant else None,
        held=current,
        next=next((_held(one) for one in known.held if one.starts_at > now), None),
        heard_at=max((one.last_seen_at for one in known.devices if one.last_seen_at), default=None),
        alarms=tuple(one.kind for one in known.alarms),
    )


def _state(row: Resource, known: _Known, *, reserved: bool) -> State:
    return state_of(
        StateFacts(
            in_service=row.service_state is ServiceState.IN_SERVICE,
            alarmed=any(one.kind in PRESSING_ALARMS for one in known.alarms),
            devices=tuple(bool(one.online) for one in known.devices),
            in_use=known.session is not None,
            paused=_live(known.devices).get("state") == "paused",
            granted=known.grant is not None,
            reserved=reserved,
        )
    )


def _with_session(card: Card, known: _Known, now: datetime) -> Card:
    session, told = known.session, _live(known.devices).get("progress")
    progress = told if told is not None else session.progress
    estimate = _estimate(session.started_at, progress, now)
    return replace(
        card,
        job=session.job,
        progress=progress,
        since=session.started_at,
        until=estimate or card.until,
        until_is_estimate=estimate is not None,
        by=_person(session) or card.by,
    )


def _estimate(started_at: datetime, progress: float | None, now: datetime) -> datetime | None:
    """When a job will be done that goes on as it went; None where its progress says too little."""
    if progress is None or not SOONEST_ESTIMATE <= progress <= 100 or now <= started_at:
        return None
    return now + (now - started_at) * (100 - progress) / progress


def _live(devices: list[Any]) -> dict[str, Any]:
    """What the devices of one resource told last, together: a printer tells progress, the plug below it power."""
    together: dict[str, Any] = {}
    for one in sorted(devices, key=lambda one: bool(one.online)):
        together.update({key: value for key, value in (one.live or {}).items() if value is not None})
        if not one.online:
            together.pop("power_w", None)
    return together


def _held(row: Any) -> Held:
    return Held(row.starts_at, row.ends_at, _person(row))


def _person(row: Any) -> Person | None:
    return None if row.person_id is None else Person(row.person_id, row.person_name or "")


def _by_resource(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = {}
    for row in rows:
        found.setdefault(row.resource_id, []).append(row)
    return found


def _devices(ids: Sequence[int]) -> Iterable[Any]:
    columns = (Device.resource_id, Device.live, Device.online, Device.last_seen_at)
    adopted = (Device.state == DeviceState.ADOPTED, Device.resource_id.in_(ids))
    return db.session.execute(select(*columns).where(*adopted).order_by(Device.id))


def _sessions(ids: Sequence[int]) -> Iterable[Any]:
    table = UsageSession
    columns = (table.resource_id, table.job, table.progress, table.started_at, table.person_id)
    query = select(*columns, PersonRow.name.label("person_name")).outerjoin(PersonRow, PersonRow.id == table.person_id)
    return db.session.execute(
        query.where(table.ended_at.is_(None), table.resource_id.in_(ids)).order_by(table.id.desc())
    )


def _grants(ids: Sequence[int]) -> Iterable[Any]:
    table = AccessDecision
    columns = (table.resource_id, table.at, table.person_id, PersonRow.name.label("person_name"))
    query = select(*columns).outerjoin(PersonRow, PersonRow.id == table.person_id)
    running = (table.granted, table.act == "start", table.ended_at.is_(None), table.resource_id.in_(ids))
    return db.session.execute(query.where(*running).order_by(table.id.desc()))


def _alarms(ids: Sequence[int]) -> Iterable[Any]:
    query = select(Alarm.resource_id, Alarm.kind).where(Alarm.ended_at.is_(None), Alarm.resource_id.in_(ids))
    return db.session.execute(query.order_by(Alarm.id.desc()))


def _allocations(ids: Sequence[int], now: datetime) -> Iterable[Any]:
    """Of each resource the first two that are not over: one that runs and the next one. Two rows sought for each."""
    columns = (Allocation.resource_id, Allocation.starts_at, Allocation.ends_at, Reservation.person_id)
    query = select(*columns, PersonRow.name.label("person_name")).join(Reservation, Allocation.reservation)
    query = query.join(PersonRow, PersonRow.id == Reservation.person_id)
    seek = select(Allocation.id).where(Allocation.resource_id == Resource.id, LIVE, Allocation.ends_at > now)
    seek = seek.order_by(Allocation.ends_at).limit(1).correlate(Resource)
    first, second = (
        select(seek.offset(number).scalar_subquery()).select_from(Resource).where(Resource.id.in_(ids))
        for number in (0, 1)
    )
    near = (or_(Allocation.id.in_(first), Allocation.id.in_(second)), Allocation.starts_at < now + AHEAD)
    return db.session.execute(query.where(*near).order_by(Allocation.starts_at))
