"""The page of all bookable things and the page of one, as somebody may see them: read from many packages at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from fablab.certifications.facts import certificates_of
from fablab.certifications.requirement_words import in_words
from fablab.certifications.rules import NOTHING, GrantFacts, Held, Required, grant_denials
from fablab.core.actor import Actor
from fablab.core.db import Texts, db
from fablab.core.denials import Denial
from fablab.core.words import config
from fablab.pages.rules import Viewer
from fablab.pages.service import Tag, cards, seen_by
from fablab.people.models import Person
from fablab.reservations.models import LIVE, Allocation, Reservation
from fablab.reservations.policies import policy_of
from fablab.reservations.policy import BookingPolicy
from fablab.reservations.reading import first_free, free_from
from fablab.reservations.rules import Slot
from fablab.resources.hours import calendar_of
from fablab.resources.models import Kind, Resource, ServiceState
from fablab.resources.rules import Calendar
from fablab.resources.service import get_resource, list_resources, place_path
from fablab.usage.log import Use, last_uses

MINUTE = timedelta(minutes=1)
DAYS = 7
"""How many coming days the page of a machine shows."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One thing in the list. `free_at` None: not within two weeks. `missing`: certifications that the viewer lacks."""

    resource: Resource
    tag: Tag
    free_at: datetime | None
    missing: tuple[Denial, ...]


class Booking(NamedTuple):
    """A booking on a day. `name` is '' where hidden. A tuple, as a page has hundreds of them."""

    starts_at: datetime
    ends_at: datetime
    own: bool
    name: str
    note: str
    reservation_id: int | None


@dataclass(frozen=True, slots=True)
class Day:
    """A coming day, from `begin` on: when the lab is open and what is booked. `length` is the day's minutes (not always
    1440); minutes count in real time."""

    date: date
    begin: datetime
    length: int
    open: tuple[tuple[int, int], ...]
    hours: tuple[tuple[datetime, datetime], ...]
    bookings: tuple[Booking, ...]
    now_minute: int | None

    def minute(self, at: datetime) -> int:
        """The minute of the day at which an instant lies, cut to the day."""
        return min(max((at - self.begin) // MINUTE, 0), self.length)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A certification that the resource asks for; `denial` says why the viewer does not hold it, None: he does."""

    certification_id: int
    name: Texts
    denial: Denial | None


@dataclass(frozen=True, slots=True)
class Machine:
    """All that the page of one resource shows; `needs` says in words which certifications it asks for, `certified`
    whether the viewer holds what is needed of them."""

    resource: Resource
    tag: Tag
    place: list[Texts]
    policy: BookingPolicy
    requirements: tuple[Requirement, ...]
    needs: str
    certified: bool
    days: tuple[Day, ...]
    free_at: datetime | None
    uses: list[Use]


def tiles(
    actor: Actor, now: datetime, *, kind: Kind | None, search: str, place_id: int | None, state: ServiceState | None
) -> list[Tile]:
    """The things that fit the filters, machines first. A constant number of queries."""
    found = list_resources(kind=kind, search=search, place_id=place_id, state=state)
    ids = [one.id for one in found]
    known = {one.id: one for one in cards(now, ids)}
    free, missing = free_from(found, now), _missing(actor, ids, now)
    order = list(Kind)
    return [
        Tile(one, seen_by(known[one.id], _viewer(actor)), free.get(one.id), missing.get(one.id, ()))
        for one in sorted(found, key=lambda one: (order.index(one.kind), one.id))
    ]


def machine(actor: Actor, resource_id: int, now: datetime) -> Machine:
    """The page of one resource for this viewer. Raises NotFound."""
    resource = get_resource(resource_id)
    (card,) = cards(now, [resource_id])
    edges = _midnights(now)
    held = _held(actor, resource_id, edges[0], edges[-1])
    required, grants = _certificates(actor, resource_id)
    opening, policy = calendar_of(resource, edges[0], edges[-1]), policy_of(resource)
    taken = [Slot(one.starts_at, one.ends_at) for one in held]
    soon = first_free(resource, opening, policy, taken, now, DAYS)
    return Machine(
        resource=resource,
        tag=seen_by(card, _viewer(actor)),
        place=place_path(resource.place_id),
        policy=policy,
        requirements=_requirements(required, grants, now),
        needs=in_words(required.need, required.names),
        certified=not grant_denials(required, grants, now),
        days=_days(opening, edges, held, now),
        free_at=soon or free_from([resource], now).get(resource_id),
        uses=last_uses(actor, resource_id),
    )


def _viewer(actor: Actor) -> Viewer:
    return Viewer(person_id=actor.person_id, staff=actor.is_staff)


def _missing(actor: Actor, ids: Sequence[int], now: datetime) -> dict[int, tuple[Denial, ...]]:
    required, granted = certificates_of([actor.person_id or 0], ids)
    grants = granted.get(actor.person_id or 0, [])
    return {ident: tuple(grant_denials(needs, grants, now)) for ident, needs in required.items()}


def _certificates(actor: Actor, resource_id: int) -> tuple[Required, Sequence[GrantFacts]]:
    """What the resource asks for, and what the viewer was granted."""
    required, granted = certificates_of([actor.person_id or 0], [resource_id])
    return required.get(resource_id, NOTHING), granted.get(actor.person_id or 0, [])


def _requirements(required: Required, grants: Sequence[GrantFacts], now: datetime) -> tuple[Requirement, ...]:
    return tuple(
        Requirement(ident, name, next(iter(grant_denials(Required(Held(ident), required.names), grants, now)), None))
        for ident, name in required.names.items()
    )


def _midnights(now: datetime) -> list[datetime]:
    """Where today and the days after it begin and end."""
    zone = config().lab.zone
    today = now.astimezone(zone).date()
    days = (today + timedelta(number) for number in range(DAYS + 1))
    return [datetime.combine(day, time(0), tzinfo=zone).astimezone(now.tzinfo) for day in days]


def _days(opening: Calendar, edges: Sequence[datetime], held: Sequence[Booking], now: datetime) -> tuple[Day, ...]:
    today = edges[0].astimezone(opening.zone).date()
    return tuple(
        Day(
            date=today + timedelta(number),
            begin=begin,
            length=(end - begin) // MINUTE,
            open=tuple(((one - begin) // MINUTE, (other - begin) // MINUTE) for one, other in hours),
            hours=tuple(hours),
            bookings=tuple(one for one in held if one.starts_at < end and one.ends_at > begin),
            now_minute=(now - begin) // MINUTE if begin <= now < end else None,
        )
        for number, (begin, end) in enumerate(zip(edges[:-1], edges[1:], strict=True))
        for hours in (opening.intervals(today + timedelta(number)),)
    )


_LIVE = (Allocation.resource_id == bindparam("resource"), LIVE)
_BEYOND = select(Allocation.ends_at).where(*_LIVE, Allocation.ends_at > bindparam("to"))
_HELD = (
    select(Allocation.starts_at, Allocation.ends_at, Allocation.reservation_id)
    .add_columns(Reservation.person_id, Reservation.note, Person.name)
    .join(Allocation.reservation)
    .join(Reservation.person)
    .where(*_LIVE, Allocation.ends_at > bindparam("from"), Allocation.starts_at < bindparam("to"))
    .where(
        Allocation.ends_at
        <= func.coalesce(_BEYOND.order_by(Allocation.ends_at).limit(1).scalar_subquery(), bindparam("to"))
    )
    .order_by(Allocation.ends_at)
)
"""Live ones never overlap: of those that end after the time, only the first can begin within it."""


def _held(actor: Actor, resource_id: int, from_: datetime, to: datetime) -> list[Booking]:
    """The live bookings that overlap [from_, to), ascending, as this person may see them."""
    staff, found = actor.is_staff, []
    for starts_at, ends_at, ident, person_id, note, name in db.session.execute(
        _HELD, {"resource": resource_id, "from": from_, "to": to}
    ):
        own = person_id == actor.person_id
        known = (note, ident) if own or staff else ("", None)
        found.append(Booking(starts_at, ends_at, own, name if staff else "", *known))
    return found
