"""Series against an independent simple model: random sequences of booking, adding, moving and cancelling by several
people on two machines. The model knows sets of hours and nothing of rows; both must agree on who holds which hour."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.reservations import series, series_rows
from fablab.reservations.models import (
    LIVE,
    Allocation,
    Reservation,
    ReservationSeries,
    ReservationState,
    SkippedOccurrence,
)
from fablab.reservations.series import Scope
from fablab.reservations.wishes import Extras
from tests import factories as make
from tests.factories import NOW

FIRST, LAST = 9, 18
"""Local hours of a day at which the model's bookings may begin; each lasts one."""
OPEN = {0, 1, 2, 3, 4, 5}
"""The weekdays on which the lab of the tests is open, monday to saturday."""

Cell = tuple[int, int, int]
"""Machine, day counted from the monday of the tests, local hour."""


@dataclass
class Member:
    """One date of a series in the model: where the series put it, where it is, whether it is still booked."""

    planned: Cell
    at: Cell
    live: bool = True


@dataclass
class Model:
    """Who holds which hour, and the dates of each series by the id of their reservation."""

    held: dict[Cell, int] = field(default_factory=dict)
    groups: dict[int, dict[int, Member]] = field(default_factory=dict)

    def fits(self, cell: Cell) -> bool:
        """The lab is open, it is not over, and nobody holds it."""
        machine, day, hour = cell
        inside = day >= 0 and day % 7 in OPEN and FIRST <= hour <= LAST and (day, hour) >= (0, 9)
        return inside and cell not in self.held

    def move(self, ident: int, member: Member, to: Cell) -> bool:
        """Moves one date where that is allowed."""
        owner = self.held.pop(member.at)
        if not self.fits(to):
            self.held[member.at] = owner
            return False
        self.held[to] = owner
        member.at = to
        return True


COMMANDS = st.lists(
    st.one_of(
        st.tuples(
            st.just("book"),
            st.integers(0, 2),
            st.integers(0, 1),
            st.integers(0, 4),
            st.integers(FIRST, LAST),
            st.integers(1, 3),
            st.sampled_from(["DAILY", "WEEKLY"]),
        ),
        st.tuples(
            st.just("move"), st.integers(0, 30), st.sampled_from(list(Scope)), st.integers(-1, 1), st.integers(-2, 2)
        ),
        st.tuples(st.just("cancel"), st.integers(0, 30), st.sampled_from(list(Scope))),
        st.tuples(st.just("add"), st.integers(0, 30)),
    ),
    max_size=8,
)


def instant(day: int, hour: int) -> datetime:
    """An hour of the tests' days; clocks do not change within them."""
    return NOW + timedelta(days=day, hours=hour - 9)


def begun(one: Member) -> bool:
    """It is not to come any more."""
    return one.at[1:] <= (0, 9)


def cell_of(machine: int, at: datetime) -> Cell:
    passed = at - instant(0, 0)
    return machine, passed.days, passed.seconds // 3600


@given(commands=COMMANDS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_series_agree_with_a_simple_model(app: Flask, commands: list[tuple[Any, ...]]) -> None:
    with force_locale("en"):
        World().run(commands)


class World:
    """The real thing and the model, side by side."""

    def __init__(self) -> None:
        with transaction() as session:
            for table in (Allocation, SkippedOccurrence, Reservation, ReservationSeries):
                session.execute(delete(table))
        self.machines = [make.make_machine().id for _ in range(2)]
        self.people = [make.make_person() for _ in range(3)]
        self.actors = {one.id: make.make_actor(one) for one in self.people}
        self.ids = [one.id for one in self.people]
        self.model = Model()

    def run(self, commands: list[tuple[Any, ...]]) -> None:
        for name, *rest in commands:
            getattr(self, name)(*rest)
            self.compare()

    def compare(self) -> None:
        """Both know the same holders, the database no overlap, and each series the same live dates."""
        db.session.rollback()
        query = select(Allocation.resource_id, Allocation.starts_at, Reservation.person_id).join(Allocation.reservation)
        real = [
            (cell_of(self.machines.index(resource), at), person)
            for resource, at, person in db.session.execute(query.where(LIVE))
        ]
        assert len(real) == len(dict(real))
        assert dict(real) == self.model.held
        grouped = select(Reservation.series_id, Reservation.id).where(Reservation.state == ReservationState.BOOKED)
        found: dict[int, set[int]] = {}
        for series_id, ident in db.session.execute(grouped):
            found.setdefault(series_id or 0, set()).add(ident)
        wanted = {key: {ident for ident, one in group.items() if one.live} for key, group in self.model.groups.items()}
        assert found == {key: ids for key, ids in wanted.items() if ids}

    def book(self, who: int, machine: int, day: int, hour: int, times: int, freq: str) -> None:
        person, step = self.ids[who], 1 if freq == "DAILY" else 7
        cells = [(machine, day + number * step, hour) for number in range(times)]
        wanted = [one for one in cells if self.model.fits(one)]
        start = instant(day, hour)
        arguments = (person, [self.machines[machine]], start, start + timedelta(hours=1), f"FREQ={freq};COUNT={times}")
        try:
            made = series.book_series(self.actors[person], *arguments, Extras(), NOW)
        except Denied:
            assert wanted == []
            return
        assert [cell_of(machine, one.starts_at) for one in made.booked] == wanted
        assert [cell_of(machine, one.occurrence_at) for one in made.skipped] == [
            one for one in cells if one not in wanted
        ]
        self.model.held |= dict.fromkeys(wanted, person)
        members = {row.id: Member(cell, cell) for row, cell in zip(made.booked, wanted, strict=True)}
        self.model.groups[made.series.id] = members

    def _pick(self, number: int) -> tuple[int, int, Member] | None:
        live = [
            (key, ident, one) for key, group in self.model.groups.items() for ident, one in group.items() if one.live
        ]
        return live[number % len(live)] if live else None

    def _meant(self, key: int, ident: int, scope: Scope) -> dict[int, Member]:
        group = self.model.groups[key]
        if scope is Scope.THIS:
            return {ident: group[ident]}
        named = ident if scope is Scope.FOLLOWING else None
        first = (0, 0, 0) if scope is Scope.ALL else group[ident].planned
        found = {
            other: one
            for other, one in group.items()
            if one.live and one.planned[1:] >= first[1:] and (not begun(one) or other == named)
        }
        return dict(sorted(found.items(), key=lambda pair: pair[1].planned))

    def cancel(self, number: int, scope: Scope) -> None:
        picked = self._pick(number)
        if picked is None:
            return
        key, ident, one = picked
        meant = self._meant(key, ident, scope)
        acting = self.actors[self.model.held[one.at]]
        edited = series.cancel_series(acting, ident, scope, NOW)
        assert {row.id for row in edited.done} == set(meant)
        for member in meant.values():
            self.model.held.pop(member.at)
            member.live = False

    def move(self, number: int, scope: Scope, days: int, hours: int) -> None:
        picked = self._pick(number)
        if picked is None or (days, hours) == (0, 0):
            return
        key, ident, one = picked
        acting = self.actors[self.model.held[one.at]]
        by = timedelta(days=days, hours=hours)
        start = instant(*one.at[1:]) + by
        done, refused = self._moved(key, ident, scope, by)
        try:
            edited = series.change_series(
                acting, ident, scope, NOW, starts_at=start, ends_at=start + timedelta(hours=1)
            )
        except Denied:
            assert (done, refused > 0) == (set(), True)
            return
        except Conflict:
            assert (done, refused) == (set(), 0)
            return
        assert {row.id for row in edited.done} == done
        assert len(edited.refused) == refused
        if edited.series.id != key:
            rows = select(Reservation.id).where(Reservation.series_id == edited.series.id)
            new = set(db.session.scalars(rows))
            self.model.groups[edited.series.id] = {
                other: one for other, one in self.model.groups[key].items() if other in new
            }
            for other in new:
                self.model.groups[key].pop(other)

    def _moved(self, key: int, ident: int, scope: Scope, by: timedelta) -> tuple[set[int], int]:
        """What the model can move, and how many it cannot; what has begun keeps its start and is not counted."""
        meant = self._meant(key, ident, scope)
        if scope is not Scope.THIS:
            meant = {other: one for other, one in meant.items() if other == ident or one.at == one.planned}
        order = [(other, one) for other, one in meant.items() if not begun(one)]
        tried = {}
        for other, one in reversed(order) if by > timedelta(0) else order:
            base = one.at if other == ident else one.planned
            tried[other] = self.model.move(other, one, cell_of(one.at[0], instant(*base[1:]) + by))
            if tried[other] and scope is not Scope.THIS:
                one.planned = one.at
        done = {other for other, moved in tried.items() if moved}
        return done, len(tried) - len(done)

    def add(self, number: int) -> None:
        skipped = db.session.scalars(
            select(SkippedOccurrence).where(SkippedOccurrence.reservation_id.is_(None)).order_by(SkippedOccurrence.id)
        ).all()
        if not skipped:
            return
        row = skipped[number % len(skipped)]
        owner = series_rows.get(row.series_id)
        machine = self.machines.index(int(owner.resource_ids[0]))
        cell = cell_of(machine, row.occurrence_at)
        key, person = row.series_id, owner.person_id
        try:
            made = series.readd(self.actors[person], row.id, NOW)
        except (Denied, Invalid, Conflict):
            assert not self.model.fits(cell)
            return
        self.model.held[cell] = person
        self.model.groups[key][made.id] = Member(cell, cell)
