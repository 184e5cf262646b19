"""Bookings against an independent simple model: random sequences of booking, moving, cancelling, asking, accepting,
turning down, holding, coming, finishing and of passing time, by several people on two machines, of which one asks for
approval. The model is a list of plain values; after every step both agree on who holds what, and nothing overlaps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from flask import Flask
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied
from fablab.reservations import policies, presence, requests, service
from fablab.reservations.models import LIVE, Allocation, ArrivedBy, PolicyLevel, PolicyOverride, Reservation
from fablab.reservations.wishes import Extras
from tests import factories as make
from tests.factories import NOW

HOUR = timedelta(hours=1)
GRACE, SETTLED = timedelta(minutes=15), timedelta(minutes=5)
STAFF = system("cli")
CLOSES = NOW + 10 * HOUR
ASKS = 1
"""The machine that asks for approval."""

Held = tuple[int, datetime, datetime]


@dataclass
class One:
    """A reservation as the model knows it."""

    owner: int
    machines: frozenset[int]
    start: datetime
    end: datetime
    state: str
    until: datetime | None = None
    came: bool = False
    freed_at: datetime | None = None

    @property
    def blocks(self) -> bool:
        return self.state in {"booked", "held", "finished"}

    def holds(self) -> set[Held]:
        end = self.freed_at or self.end
        return {(one, self.start, end) for one in self.machines} if self.blocks and end > self.start else set()


@dataclass
class Model:
    """What should be true."""

    now: datetime = NOW
    all: list[One] = field(default_factory=list)

    def free(self, machines: frozenset[int], start: datetime, end: datetime, but: One | None = None) -> bool:
        taken = [held for one in self.all if one is not but for held in one.holds()]
        return not any(machine in machines and begin < end and start < stop for machine, begin, stop in taken)

    def rivals(self, accepted: One) -> list[One]:
        return [
            one
            for one in self.all
            if one.state == "requested"
            and one is not accepted
            and one.machines & accepted.machines
            and one.start < accepted.end
            and accepted.start < one.end
        ]

    def pass_time(self, now: datetime) -> None:
        self.now = now
        for one in self.all:
            if one.state == "booked" and not one.came and one.start + GRACE <= now:
                one.state = "released"
            if one.state == "booked" and one.came and one.end + SETTLED <= now:
                one.state = "finished"
            if one.state == "held" and one.until is not None and one.until <= now:
                one.state = "expired"
            if one.state == "requested" and one.start <= now:
                one.state = "rejected"


HOURS, LENGTHS, WHICH = st.integers(1, 10), st.integers(1, 3), st.integers(0, 30)
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("book"), st.integers(0, 2), st.sets(st.integers(0, 1), min_size=1), HOURS, LENGTHS),
        st.tuples(st.just("move"), WHICH, HOURS, LENGTHS),
        st.tuples(st.just("hold"), st.integers(0, 2), HOURS),
        st.tuples(st.sampled_from(["cancel", "accept", "reject", "finish", "arrive", "take", "decline"]), WHICH),
        st.tuples(st.just("tick"), st.integers(1, 3)),
    ),
    max_size=20,
)


@given(commands=COMMANDS)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bookings_agree_with_a_simple_model(app: Flask, commands: list[tuple[Any, ...]]) -> None:
    with force_locale("en"):
        World().run(commands)


class World:
    """The real thing and the model, side by side."""

    def __init__(self) -> None:
        with transaction() as session:
            for table in (Allocation, Reservation, PolicyOverride):
                session.execute(delete(table))
        self.machines = [make.make_machine().id for _ in range(2)]
        policies.set_rules(STAFF, PolicyLevel.RESOURCE, str(self.machines[ASKS]), {"approval": True}, NOW)
        self.people = [make.make_person() for _ in range(3)]
        self.model = Model()
        self.ids: list[int] = []

    def run(self, commands: list[tuple[Any, ...]]) -> None:
        for name, *arguments in commands:
            getattr(self, name)(*arguments)
            self.agree()

    def agree(self) -> None:
        """Both hold the same, reservations are in the same states, and live allocations do not overlap."""
        db.session.rollback()
        rows = db.session.execute(select(Allocation.resource_id, Allocation.starts_at, Allocation.ends_at).where(LIVE))
        real = sorted((self.machines.index(machine), start, end) for machine, start, end in rows)
        assert real == sorted(held for one in self.model.all for held in one.holds())
        assert all(left[0] != right[0] or left[2] <= right[1] for left, right in pairwise(real))
        states = dict(db.session.execute(select(Reservation.id, Reservation.state)).all())
        assert [states[ident].value for ident in self.ids] == [one.state for one in self.model.all]

    def tried(self, expected: bool, act: Callable[[], Any]) -> Any:
        """Does it; it is refused exactly when the model says so."""
        try:
            made = act()
        except (Denied, Conflict):
            assert not expected
            return None
        assert expected
        return made

    def keep(self, made: Reservation, one: One) -> None:
        self.ids.append(made.id)
        self.model.all.append(one)

    def picked(self, which: int) -> tuple[int, One] | None:
        if not self.ids:
            return None
        number = which % len(self.ids)
        return self.ids[number], self.model.all[number]

    def book(self, person: int, machines: set[int], hour: int, length: int) -> None:
        start, end, wanted = NOW + hour * HOUR, NOW + (hour + length) * HOUR, frozenset(machines)
        fits = end <= CLOSES and start >= self.model.now and self.model.free(wanted, start, end)
        who, ids = self.people[person], [self.machines[one] for one in sorted(machines)]
        actor, now = make.make_actor(who), self.model.now
        made = self.tried(fits, lambda: service.book(actor, who.id, ids, start, end, Extras(), now))
        if made is not None:
            self.keep(made, One(person, wanted, start, end, "requested" if ASKS in machines else "booked"))

    def hold(self, person: int, hour: int) -> None:
        start, end, now = NOW + hour * HOUR, NOW + (hour + 1) * HOUR, self.model.now
        if start <= now:
            return
        fits = end <= CLOSES and self.model.free(frozenset({0}), start, end)
        until = min(now + HOUR, start)
        with transaction():
            made = service.hold(self.people[person].id, self.machines[0], start, end, until, now)
        assert (made is not None) == fits
        if made is not None:
            self.keep(made, One(person, frozenset({0}), start, end, "held", until))

    def move(self, which: int, hour: int, length: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), now = found, self.model.now
        start, end = NOW + hour * HOUR, NOW + (hour + length) * HOUR
        goes_on = one.state in {"booked", "requested"} and one.end > now
        same = (start, end) == (one.start, one.end)
        timely = end >= now if start == one.start else start >= now
        begun = one.state == "booked" and (one.came or one.start <= now) and start != one.start
        free = end <= CLOSES and timely and self.model.free(one.machines, start, end, one)
        fits = goes_on and (same or (free and not begun))
        actor = make.make_actor(self.people[one.owner])
        act = lambda: service.change(actor, ident, now, starts_at=start, ends_at=end)  # noqa: E731  one line, used once
        if self.tried(fits, act) is not None and not same:
            within = one.start <= start and end <= one.end
            one.state = "requested" if ASKS in one.machines and not within else one.state
            one.start, one.end = start, end

    def cancel(self, which: int) -> None:
        self._ends(which, {"booked", "requested", "held"}, "cancelled", service.cancel)

    def decline(self, which: int) -> None:
        self._ends(which, {"held"}, "expired", service.decline_hold)

    def _ends(self, which: int, states: set[str], to: str, act: Callable[..., Any]) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), now = found, self.model.now
        actor = make.make_actor(self.people[one.owner])
        used = one.came and one.state == "booked"
        if self.tried(one.state in states and one.end > now and not used, lambda: act(actor, ident, now)) is not None:
            one.state = to

    def take(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), now = found, self.model.now
        actor = make.make_actor(self.people[one.owner])
        if self.tried(one.state == "held", lambda: service.accept_hold(actor, ident, now)) is not None:
            one.state = "booked"

    def accept(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), now = found, self.model.now
        fits = one.state == "requested" and self.model.free(one.machines, one.start, one.end, one)
        if self.tried(fits, lambda: requests.accept(STAFF, ident, now)) is not None:
            one.state = "booked"
            for rival in self.model.rivals(one):
                rival.state = "rejected"

    def reject(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), now = found, self.model.now
        if self.tried(one.state == "requested", lambda: requests.reject(STAFF, ident, "no", now)) is not None:
            one.state = "rejected"

    def arrive(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        ident, one = found
        if presence.arrived(ident, self.model.now, ArrivedBy.STAFF, STAFF):
            assert one.state == "booked"
            one.came = True

    def finish(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), now = found, self.model.now
        runs = one.state == "booked" and now < one.end and (one.came or one.start <= now)
        if self.tried(runs, lambda: presence.finish(STAFF, ident, now)) is not None:
            one.state, one.freed_at = "finished", now

    def tick(self, halves: int) -> None:
        now = self.model.now + halves * HOUR / 2
        for job in (presence.release_no_shows, presence.finish_past, service.expire_holds, requests.end_unanswered):
            job(now)
            job(now)
        self.model.pass_time(now)
