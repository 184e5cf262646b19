"""What the booking rules need to know, read from the database: for many resources with a constant number of queries.

Live allocations of one resource never overlap, so only the *first one that ends after* the wanted start can be in the
way: that one row is sought in the partial index of live allocations, however many bookings follow it. What only some
rules ask (own bookings, no-shows, companions) is read only where such a rule is set.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, bindparam, select

from fablab.certifications.facts import certificates_of
from fablab.certifications.rules import NOTHING, GrantFacts, Level
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Invalid
from fablab.people.models import Person
from fablab.people.rules import PersonFacts
from fablab.reservations.limits import NONE_USED, Span, Used, limited, used
from fablab.reservations.models import LIVE, Allocation
from fablab.reservations.policies import policy_for
from fablab.reservations.policy import BookingPolicy, LimitScope, Supervision
from fablab.reservations.record import OwnBooking, no_shows, own_bookings, people_busy
from fablab.reservations.rules import BookingFacts, CompanionFacts, Slot, buffer_of
from fablab.reservations.wishes import Wish
from fablab.resources.hours import calendars
from fablab.resources.models import Resource, ServiceState
from fablab.resources.rules import Calendar, ResourceFacts

Window = tuple[datetime, datetime]


def _first_ids(resource_ids: Any, at: Any, ignore: Any) -> Select[int]:
    seek = select(Allocation.id).where(Allocation.resource_id == Resource.id, LIVE, Allocation.ends_at > at)
    seek = seek.where(Allocation.reservation_id != ignore)
    first = seek.order_by(Allocation.ends_at).limit(1).correlate(Resource).scalar_subquery()
    return select(first).select_from(Resource).where(Resource.id.in_(resource_ids))


_RESOURCE_IDS: Any = bindparam("resources", expanding=True)
_SPAN = select(Allocation.resource_id, Allocation.starts_at, Allocation.ends_at)
_FIRST = _SPAN.where(Allocation.id.in_(_first_ids(_RESOURCE_IDS, bindparam("at"), bindparam("ignore"))))
_WITHIN = _SPAN.where(
    Allocation.resource_id.in_(_RESOURCE_IDS),
    LIVE,
    Allocation.ends_at > bindparam("from"),
    Allocation.ends_at <= bindparam("to"),
    Allocation.reservation_id != bindparam("ignore"),
).order_by(Allocation.ends_at)
_PEOPLE = select(Person.id, Person.active, Person.role).where(Person.id.in_(bindparam("people", expanding=True)))
_RESOURCES = select(Resource).where(Resource.id.in_(bindparam("resources", expanding=True)))
"""Statements that every booking sends are made once: to make one takes longer than to carry it out."""


def booking_facts(
    wish: Wish,
    window: Window | None = None,
    locked: Mapping[int, Resource] | None = None,
    person: Person | None = None,
    opening: Mapping[int, Calendar] | None = None,
) -> list[BookingFacts]:
    """The facts of each wanted resource in the order of `resource_ids`, then of those held along.

    Without a `window` only what touches the wanted time is read, with one all that is in it. `locked` are the resources
    and `person` the person, where they have just been read under their locks; `opening` are the calendars,
    where they are known for all of the time. Raises Invalid for an unknown id.
    """
    person = person or db.session.get(Person, wish.person_id, populate_existing=True)
    if person is None:
        raise Invalid({"person_id": "there is no such person"})
    resources = _resources((*wish.resource_ids, *wish.along), locked)
    wanted = resources[: len(wish.resource_ids)]
    policies = {ident: one.policy for ident, one in policy_for(wanted, person).items()}
    return _Reading(wish, window, person, policies, opening).of(wanted, resources)


class _Reading:
    """One reading of all that the rules need, for one person."""

    def __init__(
        self,
        wish: Wish,
        window: Window | None,
        person: Person,
        policies: Mapping[int, BookingPolicy],
        opening: Mapping[int, Calendar] | None,
    ) -> None:
        self.wish, self.person, self.policies, self.opening = wish, person, policies, opening
        self.window = window or (wish.starts_at, wish.ends_at)
        if window is not None:  # a search may make the wish longer, up to what is allowed at least
            least = timedelta(days=1, minutes=max(one.min_minutes for one in policies.values()))
            self.window = window[0], window[1] + least
        self.whole = window is not None
        self.companion_ids = tuple(dict.fromkeys(one for one in wish.extras.companion_ids if one != wish.person_id))

    def of(self, wanted: Sequence[Resource], resources: Sequence[Resource]) -> list[BookingFacts]:
        """The facts of the wanted resources, then of the others, which are only asked whether they are free."""
        wish, person = self.wish, self.person
        required, granted = certificates_of((person.id, *self._supervisors()), wish.resource_ids)
        opening = self.opening or calendars(wanted, *self.window)
        taken = self._taken([one.id for one in resources])
        held = self._held(wanted, opening)
        missed = self._no_shows()
        companions = self._companions(granted)
        asked = set(wish.resource_ids)
        return [
            BookingFacts(
                now=wish.now,
                starts_at=wish.starts_at,
                ends_at=wish.ends_at,
                calendar=opening[one.id if one.id in asked else wanted[0].id],
                policy=self.policies[one.id if one.id in asked else wanted[0].id],
                person=PersonFacts(person.active, person.member_until),
                resource=ResourceFacts(one.service_state is ServiceState.IN_SERVICE, one.service_note),
                required=required.get(one.id, NOTHING),
                grants=granted.get(person.id, ()),
                taken=taken.get(one.id, ()),
                begun=wish.begun,
                resource_id=one.id,
                resource_name=one.name,
                capacity=one.capacity,
                party_size=wish.extras.party_size,
                instructor=person.role is not Role.MAKER,
                companions=companions,
                held=held.get(one.id, NONE_USED),
                no_shows=missed,
                let=wish.extras.let is not None,
                along=one.id not in asked,
            )
            for one in resources
        ]

    def _taken(self, ids: Sequence[int]) -> dict[int, list[Slot]]:
        buffer = max(buffer_of(policy) for policy in self.policies.values())
        if not self.whole and not buffer:
            return first_taken(ids, self.wish.starts_at, self.wish.ignore)
        return taken_between(ids, self.window[0] - buffer, self.window[1] + buffer, self.wish.ignore)

    def _held(self, wanted: Sequence[Resource], opening: Mapping[int, Calendar]) -> dict[int, Used]:
        counting = [one for one in wanted if limited(self.policies[one.id])]
        if not counting or self.wish.extras.let is not None:
            return {}
        gap = timedelta(minutes=max(self.policies[one.id].gap_minutes for one in counting))
        begin = min(self.wish.now, self.window[0]) - max(timedelta(days=8), gap)
        own = own_bookings(self.person.id, begin, self.wish.ignore)
        return {
            one.id: used(
                _in_scope(own, one, self.policies[one.id].limit_scope),
                self.policies[one.id],
                opening[one.id].zone,
                self.wish.now,
            )
            for one in counting
        }

    def _no_shows(self) -> list[datetime]:
        asking = [one for one in self.policies.values() if one.no_show_limit is not None]
        if not asking:
            return []
        days = max(one.no_show_days + one.no_show_block_days for one in asking)
        return no_shows(self.person.id, self.wish.now - timedelta(days=days))

    def _supervisors(self) -> tuple[int, ...]:
        """Whose certifications matter beside the person's own: those of the companions where a buddy is needed."""
        buddy = any(one.supervision is Supervision.BUDDY for one in self.policies.values())
        return self.companion_ids if buddy else ()

    def _companions(self, granted: Mapping[int, Sequence[GrantFacts]]) -> list[CompanionFacts]:
        if not self.companion_ids:
            return []
        rows = {row.id: row for row in db.session.execute(_PEOPLE, {"people": self.companion_ids})}
        kept = self.wish.ignore is not None  # whoever was booked along stays so when it is moved
        if any(ident not in rows or not (kept or rows[ident].active) for ident in self.companion_ids):
            raise Invalid({"companion_ids": "there is no such person"})
        supervision = any(one.supervision is not Supervision.NONE for one in self.policies.values())
        supervision = supervision or any(one.level is Level.SUPERVISED for one in granted.get(self.person.id, ()))
        busy = people_busy(self.companion_ids, *self.window, self.wish.ignore) if supervision else {}
        return [
            CompanionFacts(
                active=rows[ident].active,
                instructor=rows[ident].role is not Role.MAKER,
                grants=granted.get(ident, ()),
                busy=[Slot(*span) for span in busy.get(ident, ())],
            )
            for ident in self.companion_ids
        ]


def first_taken(resource_ids: Sequence[int], at: datetime, ignore: int | None = None) -> dict[int, list[Slot]]:
    """Of each resource the first live allocation that ends after `at`, if any. One query, one row sought for each."""
    asked = {"resources": list(resource_ids), "at": at, "ignore": ignore or 0}
    return _by_resource(db.session.execute(_FIRST, asked))


def first_ids(resource_ids: Sequence[int], at: datetime, ignore: int | None = None) -> Select[int]:
    """The ids of the allocations that `first_taken` seeks, as a part of a statement."""
    return _first_ids(resource_ids, at, ignore or 0)


def taken_between(
    resource_ids: Sequence[int], from_: datetime, to: datetime, ignore: int | None = None
) -> dict[int, list[Slot]]:
    """All live allocations of each resource that overlap [from_, to), ascending. Two queries.

    Those that end within are a stretch of the index; of those that end later only the first can begin before `to`.
    """
    asked = {"resources": list(resource_ids), "from": from_, "to": to, "ignore": ignore or 0}
    found = _by_resource(db.session.execute(_WITHIN, asked))
    for ident, slots in first_taken(resource_ids, to, ignore).items():
        found.setdefault(ident, []).extend(slot for slot in slots if slot.starts_at < to)
    return found


def _by_resource(rows: Iterable[Any]) -> dict[int, list[Slot]]:
    found: dict[int, list[Slot]] = {}
    for resource_id, starts_at, ends_at in rows:
        found.setdefault(resource_id, []).append(Slot(starts_at, ends_at))
    return found


def _in_scope(own: Sequence[OwnBooking], resource: Resource, scope: LimitScope) -> list[Span]:
    if scope is LimitScope.LAB:
        return [one.span for one in own]
    if scope is LimitScope.GROUP and resource.group_id is not None:
        return [one.span for one in own if resource.group_id in one.group_ids]
    return [one.span for one in own if resource.id in one.resource_ids]


def _resources(ids: Sequence[int], known: Mapping[int, Resource] | None) -> list[Resource]:
    if known is None:
        known = {one.id: one for one in db.session.scalars(_RESOURCES, {"resources": list(ids)})}
    if missing := [ident for ident in ids if ident not in known or known[ident].retired_at is not None]:
        raise Invalid({"resource_id": f"there is no resource {missing[0]}"})
    return [known[ident] for ident in ids]
