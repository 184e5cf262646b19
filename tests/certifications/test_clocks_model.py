"""Random histories with random times of the jobs, against an independent simple model: what is told, and what becomes
of a booking that needs the certification. The model counts hours and knows nothing of rows, jobs or facts."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from fablab.certifications import clocks, granting, suspending
from fablab.certifications.models import Grant, Inclusion, Suspension
from fablab.certifications.use import note_use
from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.outbox import Outbox
from fablab.notices.models import Notice
from fablab.reservations import at_risk
from fablab.reservations.models import LIVE, Allocation, Reservation, ReservationState
from tests import factories as make
from tests.factories import NOW

STAFF = system("cli")
BASIC, MASTER = 0, 1
"""Two certifications: whoever holds the second holds the first too; the first lapses."""
LAPSE = 45 * 24
GRACE = 72
START = 40 * 24 + 1
"""When the booking begins, which is certified for at first."""
NEVER = 10**9


@dataclass
class One:
    """A grant in the model; times in hours."""

    ident: int
    kind: int
    given: int
    until: int = NEVER
    used: int | None = None
    revoked: int = NEVER
    noted: int | None = None
    told: set[tuple[int, int]] = field(default_factory=set)

    def by_itself(self) -> int:
        """When it ends, unless it is withdrawn."""
        unused = (self.given if self.used is None else self.used) + LAPSE if self.kind == BASIC else NEVER
        return min(self.until, unused)

    def end(self) -> int:
        return min(self.by_itself(), self.revoked)

    def began(self) -> int:
        """When the clock began that runs out first; a period before disuse."""
        return self.given if self.until <= self.by_itself() or self.used is None else self.used


@dataclass
class Model:
    """What should have been told, in the order of the times; and the booking: at risk since when, and whether gone."""

    grants: list[One] = field(default_factory=list)
    held_back_since: int | None = None
    said: list[tuple[str, int, int, int]] = field(default_factory=list)
    risk: int | None = None
    gone: bool = False
    risks: list[str] = field(default_factory=list)

    def last(self, one: One) -> bool:
        """The certification is not held any more when this one ends."""
        for other in self.grants:
            counts = other.kind in (one.kind, MASTER)
            later = (other.end(), other.ident if other.kind == one.kind else -1) > (one.by_itself(), one.ident)
            if other is not one and counts and later:
                return False
        return True

    def use(self, at: int) -> None:
        for one in self.grants:
            back = self.held_back_since is not None and self.held_back_since <= at
            if one.given <= at < one.end() and not back and (one.used is None or one.used < at):
                one.used = at
                if one.noted is not None and one.by_itself() > one.noted:
                    one.noted = None

    def note(self, at: int) -> None:
        for one in self.grants:
            if one.noted is None and one.revoked == NEVER and one.by_itself() <= at:
                one.noted = at
                if self.last(one):
                    self.said.append(("ended", one.ident, one.by_itself(), 0))

    def remind(self, at: int) -> None:
        for one in self.grants:
            end = one.end()
            if not at < end < NEVER or self.held_back_since is not None or one.noted is not None or not self.last(one):
                continue
            passed = [days for days in (30, 7) if one.began() < end - 24 * days <= at]
            if passed and not any(known == end and step <= passed[-1] for known, step in one.told):
                one.told.add((end, passed[-1]))
                self.said.append(("lapsing", one.ident, end, passed[-1]))

    def judge(self, at: int) -> None:
        lacks = self.held_back_since is not None or not any(one.given <= START < one.end() for one in self.grants)
        if self.gone:
            return
        if self.risk is None and lacks and at < START:
            self.risk = at
            self.risks.append("at_risk")
        if self.risk is not None and not lacks:
            self.risk = None
            self.risks.append("safe")
        if self.risk is not None and min(self.risk + GRACE, START) <= at:
            self.gone, self.risk = True, None
            self.risks.append("lost")


class World:
    """The same history on the real thing."""

    def __init__(self) -> None:
        self.empty()
        self.person, self.machine = make.make_person(), make.make_machine()
        basic, master = make.make_certification(lapse_after_unused_days=45), make.make_certification("Master")
        self.kinds = (basic, master)
        make.save(Inclusion(certification_id=master.id, included_id=basic.id, direct=True))
        make.require_certification(self.machine, basic)
        begin = moment(START)
        self.booking = make.make_reservation(self.person, [self.machine], begin, begin + timedelta(hours=1)).id
        self.suspension = 0
        self.base = 0

    def empty(self) -> None:
        """Takes away what the last history left, which the jobs would go on with."""
        with transaction() as session:
            for model in (Grant, Suspension, Notice, Outbox, Allocation):
                session.execute(delete(model))
            session.execute(delete(Reservation))

    def give(self, kind: int, at: int, length: int | None) -> int:
        until = None if length is None else moment(at + length)
        return granting.grant(STAFF, self.kinds[kind].id, self.person.id, "x", moment(at), valid_until=until).id

    def said(self) -> list[tuple[str, int, int, int]]:
        db.session.rollback()
        wanted = ("certification_ended", "certification_lapsing")
        query = select(Notice.message, Notice.key).where(Notice.message.in_(wanted)).order_by(Notice.id)
        found = []
        for message, key in db.session.execute(query):
            ident, end, *step = key.split("/")
            hours = (datetime.fromisoformat(end) - NOW) // timedelta(hours=1)
            found.append((message.removeprefix("certification_"), int(ident), hours, int(step[0]) if step else 0))
        return found

    def risks(self) -> list[str]:
        query = select(Notice.message).where(Notice.message.startswith("reservations_"))
        return [one.removeprefix("reservations_") for one in db.session.scalars(query.order_by(Notice.id))]


def moment(hours: int) -> datetime:
    return NOW + timedelta(hours=hours)


COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 500)),
        st.tuples(
            st.just("grant"), st.sampled_from([(kind, n) for kind in (0, 1) for n in (50, 400, 900, 1500, None)])
        ),
        st.tuples(st.just("use"), st.integers(0, 200)),
        st.tuples(st.sampled_from(["revoke"]), st.integers(0, 3)),
        st.tuples(st.sampled_from(["suspend", "lift"]), st.none()),
        st.tuples(st.sampled_from(["note", "remind", "judge"]), st.integers(1, 2)),
    ),
    min_size=4,
    max_size=30,
)


def run(commands: list[tuple[str, object]]) -> tuple[World, Model]:
    """Carries out a history on both, job by job compared."""
    world, model, at = World(), Model(), 0
    model.grants.append(One(world.give(BASIC, 0, None), BASIC, 0))
    for name, value in commands:
        if name == "wait":
            assert isinstance(value, int)
            at += value
        elif name in ("note", "remind", "judge"):
            assert isinstance(value, int)
            jobs(world, model, name, at, value)
            assert world.said() == model.said, (name, at)
            assert world.risks() == model.risks, (name, at)
        else:
            act(world, model, name, value, at)
    return world, model


def jobs(world: World, model: Model, name: str, at: int, times: int) -> None:
    now = moment(at)
    for _ in range(times):
        if name == "note":
            clocks.note_ends(now)
        elif name == "remind":
            clocks.remind_ends(now)
        else:
            at_risk.judge(now)
            at_risk.release(now)
    {"note": model.note, "remind": model.remind, "judge": model.judge}[name](at)


def act(world: World, model: Model, name: str, value: object, at: int) -> None:
    person, basic = world.person.id, world.kinds[BASIC].id
    if name == "grant" and model.held_back_since is None:
        assert isinstance(value, tuple)
        kind, length = value
        until = NEVER if length is None else at + length
        model.grants.append(One(world.give(kind, at, length), kind, at, until))
    elif name == "use":
        assert isinstance(value, int)
        note_use(person, world.machine.id, moment(max(at - value, 0)))
        model.use(max(at - value, 0))
    elif name == "revoke":
        assert isinstance(value, int)
        one = model.grants[value % len(model.grants)]
        if one.revoked == NEVER:
            granting.revoke(STAFF, one.ident, "x", moment(at))
            one.revoked = at
    elif name == "suspend" and model.held_back_since is None and any(one.end() > at for one in model.grants):
        world.suspension = suspending.suspend(STAFF, basic, person, "x", moment(at)).id
        model.held_back_since = at
    elif name == "lift" and model.held_back_since is not None:
        suspending.lift(STAFF, world.suspension, "", moment(at))
        model.held_back_since = None


@given(commands=COMMANDS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_each_step_is_told_once_whatever_happens_and_whenever_the_jobs_run(
    app: Flask, commands: list[tuple[str, object]]
) -> None:
    world, model = run(commands)
    db.session.rollback()
    booking = db.session.get_one(Reservation, world.booking)
    assert (booking.state is ReservationState.CANCELLED) is model.gone
    assert (booking.at_risk_since is not None) is (model.risk is not None)
    held = db.session.scalars(select(Allocation.id).where(LIVE)).all()
    assert len(held) == (0 if model.gone else 1)


def test_the_model_sees_all_that_can_be_told(app: Flask) -> None:
    """A history in which everything happens, so that the comparison above is not about nothing."""
    _, model = run(
        [
            ("remind", 1),
            ("wait", 20 * 24),
            ("remind", 2),
            ("suspend", None),
            ("judge", 1),
            ("lift", None),
            ("judge", 2),
            ("use", 0),
            ("wait", 16 * 24),
            ("remind", 1),
            ("revoke", 0),
            ("judge", 1),
            ("wait", 100),
            ("judge", 1),
            ("grant", (BASIC, 1500)),
            ("wait", 46 * 24),
            ("note", 2),
        ]
    )
    assert [name for name, *_ in model.said] == ["lapsing", "lapsing", "ended"]
    assert model.risks == ["at_risk", "safe", "at_risk", "lost"]
