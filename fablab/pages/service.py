"""The wall: everything about all resources now, with a constant number of queries, and what a viewer may see of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, Executable, Select, bindparam, select, union_all

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
    rows = _rows(_RESOURCES) if ids is None else _rows(_THESE, ids=ids)
    order = {kind: number for number, kind in enumerate(Kind)}
    return _made(sorted(rows, key=lambda one: (order[one.kind], _place_order(one), one.id)), now)


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


def _place_order(row: Any) -> tuple[int, int]:
    return (1 << 30, 0) if row.place_id is None else (row.parent_id or 0, row.place_id)


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


def _made(rows: Sequence[Any], now: datetime) -> tuple[Card, ...]:
    ids = [one.id for one in rows]
    devices, sessions, grants, alarms = (
        _by_resource(_rows(statement, ids=ids)) for statement in (_DEVICES, _SESSIONS, _GRANTS, _ALARMS)
    )
    held = _by_resource(_rows(_ALLOCATIONS, ids=ids, now=now, soon=now + AHEAD))
    made = []
    for row in rows:
        session = next(iter(sessions.get(row.id, [])), None)
        grant = next(iter(grants.get(row.id, [])), None)
        known = _Known(devices.get(row.id, []), session, grant, alarms.get(row.id, []), held.get(row.id, []))
        card = _card(row, known, now)
        made.append(card if session is None else _with_session(card, known, now))
    return tuple(made)


def _card(row: Any, known: _Known, now: datetime) -> Card:
    first = next(iter(known.held), None)
    current = _held(first) if first is not None and first.starts_at <= now else None
    coming = known.held[1:] if current else known.held
    state = _state(row, known, reserved=current is not None)
    return Card(
        id=row.id,
        kind=row.kind.value,
        name=row.name,
        place_id=row.place_id,
        place=row.place,
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
        next=_held(coming[0]) if coming else None,
        heard_at=max((one.last_seen_at for one in known.devices if one.last_seen_at), default=None),
        alarms=tuple(one.kind for one in known.alarms),
    )


def _state(row: Any, known: _Known, *, reserved: bool) -> State:
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


# The statements are made once, as making them costs more than running them; `_rows` gives them their values.

_SOME: BindParameter[Any] = bindparam("ids", expanding=True)
_NOW: BindParameter[Any] = bindparam("now")
_NAME = PersonRow.name.label("person_name")

_RESOURCES = (
    select(Resource.id, Resource.kind, Resource.name, Resource.service_state, Resource.service_note, Resource.place_id)
    .add_columns(Place.name.label("place"), Place.parent_id)
    .outerjoin(Resource.place)
    .where(Resource.retired_at.is_(None))
)
_THESE = _RESOURCES.where(Resource.id.in_(_SOME))
_DEVICES = (
    select(Device.resource_id, Device.live, Device.online, Device.last_seen_at)
    .where(Device.state == DeviceState.ADOPTED, Device.resource_id.in_(_SOME))
    .order_by(Device.id)
)
_SESSIONS = (
    select(UsageSession.resource_id, UsageSession.job, UsageSession.progress, UsageSession.started_at)
    .add_columns(UsageSession.person_id, _NAME)
    .outerjoin(PersonRow, PersonRow.id == UsageSession.person_id)
    .where(UsageSession.ended_at.is_(None), UsageSession.resource_id.in_(_SOME))
    .order_by(UsageSession.id.desc())
)
_GRANTS = (
    select(AccessDecision.resource_id, AccessDecision.at, AccessDecision.person_id, _NAME)
    .outerjoin(PersonRow, PersonRow.id == AccessDecision.person_id)
    .where(AccessDecision.granted, AccessDecision.act == "start", AccessDecision.ended_at.is_(None))
    .where(AccessDecision.resource_id.in_(_SOME))
    .order_by(AccessDecision.id.desc())
)
_ALARMS = (
    select(Alarm.resource_id, Alarm.kind)
    .where(Alarm.ended_at.is_(None), Alarm.resource_id.in_(_SOME))
    .order_by(Alarm.id.desc())
)


def _sought(number: int) -> Select[int]:
    """Of each resource the id of the first (0) or second (1) live allocation that is not over: one row is sought."""
    seek = select(Allocation.id).where(Allocation.resource_id == Resource.id, LIVE, Allocation.ends_at > _NOW)
    seek = seek.order_by(Allocation.ends_at).limit(1).offset(number).correlate(Resource)
    return select(seek.scalar_subquery()).select_from(Resource).where(Resource.id.in_(_SOME))


_ALLOCATIONS = (
    select(Allocation.resource_id, Allocation.starts_at, Allocation.ends_at, Reservation.person_id, _NAME)
    .join(Reservation, Allocation.reservation)
    .join(PersonRow, PersonRow.id == Reservation.person_id)
    .where(Allocation.id.in_(union_all(_sought(0), _sought(1))), Allocation.starts_at < bindparam("soon"))
    .order_by(Allocation.starts_at)
)


def _rows(statement: Executable, **values: Any) -> Sequence[Any]:
    return db.session.execute(statement, values).all()
