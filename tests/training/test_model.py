"""Taking part against an independent simple model: random sequences of enrolling, withdrawing, accepting, declining, of
passing time with its jobs, of other places and dates, deciding and cancelling. The model is a list of plain values;
after every step both agree on everybody's state, never more people than places have one, nobody waits beside a free
place, the line keeps its order, and everybody was told of each step once."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flask import Flask
from flask_babel import force_locale
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.notices.models import Notice
from fablab.training import jobs, service
from fablab.training.models import Enrolment, Training, TrainingCertification, TrainingDate
from fablab.training.rules import EnrolmentState, TrainingState
from tests import factories as make
from tests.factories import NOW
from tests.training.lab import HOUR, dates

STAFF = system("cli")
FIRST = NOW + timedelta(hours=40)
DAY = timedelta(days=1)
PEOPLE = 6
TAKES = ("enrolled", "offered")


@dataclass
class One:
    """An enrolment as the model knows it."""

    who: int
    state: str
    until: datetime | None = None
    late: bool = False


@dataclass
class Model:
    """What should be true."""

    now: datetime = NOW
    start: datetime = FIRST
    places: int = 2
    minimum: int = 1
    decide_at: datetime | None = FIRST - DAY
    cancelled: bool = False
    all: list[One] = field(default_factory=list)
    told: Counter[tuple[int, str]] = field(default_factory=Counter)
    reminded: bool = False
    reminders: set[tuple[int, datetime]] = field(default_factory=set)

    def taken(self) -> int:
        return sum(one.state in TAKES for one in self.all)

    def goes_on(self, one: One) -> bool:
        return one.state in (*TAKES, "waiting")

    def tell(self, one: One, message: str) -> None:
        self.told[one.who, message] += 1

    def pass_on(self) -> None:
        if self.cancelled or self.now >= self.start:
            return
        for one in self.all:
            if one.state == "waiting" and self.taken() < self.places:
                one.state, one.until = "offered", min(self.now + DAY, self.start)
                self.tell(one, "training_offered")

    def pass_time(self, now: datetime) -> None:
        self.now = now
        if not self.cancelled and self.decide_at is not None and self.decide_at <= now:
            self.decide_at = None
            if sum(one.state == "enrolled" for one in self.all) < self.minimum and now < self.start:
                self.cancel()
                return
        for one in self.all:
            if self.cancelled:
                break
            late = one.state == "offered" and one.until is not None and one.until <= now
            if late or (one.state == "waiting" and self.start <= now):
                one.state = "expired"
                self.tell(one, "training_expired")
        self.pass_on()
        self.remind()

    def remind(self) -> None:
        """Once for each start, shortly before it: those who take part then."""
        if self.cancelled or self.reminded or not self.start - DAY <= self.now < self.start:
            return
        self.reminded = True
        for one in self.all:
            if one.state == "enrolled" and (one.who, self.start) not in self.reminders:
                self.reminders.add((one.who, self.start))
                self.tell(one, "training_reminder")

    def cancel(self) -> None:
        self.cancelled = True
        for one in self.all:
            if self.goes_on(one):
                one.state = "cancelled"
                self.tell(one, "training_cancelled")


WHICH, WHO = st.integers(0, 20), st.integers(0, PEOPLE - 1)
COMMANDS = st.lists(
    st.one_of(
        st.tuples(st.just("enrol"), WHO),
        st.tuples(st.just("enrol"), WHO),
        st.tuples(st.just("enrol"), WHO),
        st.tuples(st.sampled_from(["withdraw", "withdraw", "accept", "decline"]), WHICH),
        st.tuples(st.just("tick"), st.sampled_from([1, 5, 17, 25])),
        st.tuples(st.just("resize"), st.integers(2, 4)),
        st.tuples(st.just("move"), st.integers(-1, 2)),
        st.tuples(st.just("cancel"), st.integers(0, 7)),
    ),
    min_size=10,
    max_size=30,
)


@given(commands=COMMANDS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_taking_part_agrees_with_a_simple_model(app: Flask, commands: list[tuple[Any, ...]]) -> None:
    with force_locale("en"):
        World().run(commands)


class World:
    """The real thing and the model, side by side."""

    def __init__(self) -> None:
        with transaction() as session:
            for table in (Notice, Enrolment, TrainingDate, TrainingCertification, Training):
                session.execute(delete(table))
        self.model = Model()
        instructor = make.make_person(role="instructor")
        values = {
            "title": {"en": "Laser"},
            "places": 2,
            "minimum": 1,
            "decide_at": self.model.decide_at,
            "instructor_id": instructor.id,
        }
        made = service.plan(STAFF, values, dates(FIRST), [], NOW)
        self.id = service.publish(STAFF, made.id, NOW).id
        self.people = [make.make_person() for _ in range(PEOPLE)]
        self.numbers = {one.id: number for number, one in enumerate(self.people)}
        self.ids: list[int] = []

    def run(self, commands: list[tuple[Any, ...]]) -> None:
        for name, *arguments in commands:
            getattr(self, name)(*arguments)
            self.agree()

    def agree(self) -> None:
        db.session.rollback()
        rows = {one.id: one for one in db.session.scalars(select(Enrolment))}
        real = [(rows[ident].state.value, rows[ident].offered_until, rows[ident].late) for ident in self.ids]
        assert real == [(one.state, one.until if one.state == "offered" else None, one.late) for one in self.model.all]
        taken = sum(one.state in (EnrolmentState.ENROLLED, EnrolmentState.OFFERED) for one in rows.values())
        training = db.session.get_one(Training, self.id)
        assert (training.state is TrainingState.CANCELLED) == self.model.cancelled
        assert (training.places, training.starts_at) == (self.model.places, self.model.start)
        assert taken <= training.places
        waits = any(one.state is EnrolmentState.WAITING for one in rows.values())
        assert not (waits and taken < training.places and self.model.now < training.starts_at)
        told = Counter(
            (self.numbers[notice.person_id], notice.message)
            for notice in db.session.scalars(select(Notice))
            if notice.person_id in self.numbers and notice.message != "training_changed"
        )
        assert told == self.model.told

    def tried(self, expected: bool, act: Callable[[], Any]) -> Any:
        """Does it; it is refused exactly when the model says so."""
        try:
            made = act()
        except (Denied, Conflict, Invalid):
            assert not expected
            return None
        assert expected
        return made

    def picked(self, which: int) -> tuple[int, One] | None:
        if not self.ids:
            return None
        number = which % len(self.ids)
        return self.ids[number], self.model.all[number]

    def enrol(self, who: int) -> None:
        model, person = self.model, self.people[who]
        is_in = any(one.who == who and model.goes_on(one) for one in model.all)
        fits = not is_in and not model.cancelled and model.now < model.start
        actor, now = make.make_actor(person), model.now
        made = self.tried(fits, lambda: service.enrol(actor, self.id, person.id, now))
        if made is None:
            return
        waits = model.taken() >= model.places
        one = One(who, "waiting" if waits else "enrolled")
        self.ids.append(made.id)
        model.all.append(one)
        model.tell(one, "training_waiting" if waits else "training_enrolled")

    def withdraw(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), model = found, self.model
        actor = make.make_actor(self.people[one.who])
        fits = model.goes_on(one) and not model.cancelled and model.now < model.start
        if self.tried(fits, lambda: service.withdraw(actor, ident, model.now)) is None:
            return
        one.late = one.state == "enrolled" and model.start - DAY < model.now
        one.state = "withdrawn"
        model.tell(one, "training_withdrawn")
        model.pass_on()

    def accept(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), model = found, self.model
        actor = make.make_actor(self.people[one.who])
        fits = one.state == "offered" and one.until is not None and model.now < one.until
        if self.tried(fits, lambda: service.accept(actor, ident, model.now)) is not None:
            one.state = "enrolled"
            model.tell(one, "training_enrolled")

    def decline(self, which: int) -> None:
        if (found := self.picked(which)) is None:
            return
        (ident, one), model = found, self.model
        actor = make.make_actor(self.people[one.who])
        if self.tried(one.state == "offered", lambda: service.decline(actor, ident, model.now)) is not None:
            one.state = "declined"
            model.pass_on()

    def resize(self, places: int) -> None:
        model = self.model
        over = model.cancelled or model.start + 2 * HOUR <= model.now
        fits = not over and places >= max(model.taken(), model.minimum)
        values = {"places": places}
        if self.tried(fits, lambda: service.change(STAFF, self.id, model.now, values=values)) is not None:
            model.places = places
            model.pass_on()

    def move(self, days: int) -> None:
        model, start = self.model, FIRST + days * DAY
        over = model.cancelled or model.start + 2 * HOUR <= model.now
        begun = model.start <= model.now and start != model.start
        timely = start == model.start or start >= model.now
        real = db.session.get_one(Training, self.id)
        decided_in_time = real.decide_at is None or real.decide_at <= start
        fits = not over and not begun and timely and decided_in_time
        act = lambda: service.change(STAFF, self.id, model.now, dates=dates(start))  # noqa: E731  one line, used once
        if self.tried(fits, act) is None:
            return
        model.reminded = model.reminded and start == model.start
        model.start = start
        for one in model.all:
            if one.state == "offered" and one.until is not None:
                one.until = min(one.until, start)
        model.pass_on()

    def cancel(self, chance: int) -> None:
        """Seldom: nothing happens after it."""
        if chance:
            return
        model = self.model
        fits = not model.cancelled and model.now < model.start + 2 * HOUR

        def act() -> bool:
            service.cancel(STAFF, self.id, "ill", model.now)
            return True

        if self.tried(fits, act) is not None:
            model.cancel()

    def tick(self, hours: int) -> None:
        now = self.model.now + hours * HOUR
        for job in (jobs.decide, jobs.expire_offers, jobs.remind):
            job(now)
            job(now)
        self.model.pass_time(now)
