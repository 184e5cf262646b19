"""Trainings from many processes at once, on both databases: never more people than places, the line is asked in its
order and each is asked once; a training is cancelled once; an instructor is never in two places."""

import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import func, select

from fablab.certifications.models import Grant
from fablab.core import audit
from fablab.core.config import Config
from fablab.core.db import db
from fablab.notices.models import Notice
from fablab.training import service
from fablab.training.models import Enrolment, Training, TrainingDate, TrainingGrant
from fablab.training.rules import OPEN, EnrolmentState, TrainingState
from tests import factories as make
from tests.factories import NOW
from tests.training.lab import HOUR, START, WEEK, Lab, happened, held, make_lab, plan, told

pytestmark = pytest.mark.slow

WORKER = """
import random, sys
from datetime import datetime, timedelta
from pathlib import Path
from flask_babel import force_locale
from sqlalchemy import select
from fablab.core.actor import Actor, Role, system
from fablab.core.app import create_core_app
from fablab.core.config import load_config
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, Invalid
from fablab.people import leaving
from fablab.people.service import anonymise as anonymise_person
from fablab.training import jobs, service
from fablab.training import leaving as training_leaving
from fablab.training.models import Enrolment
from fablab.training.rules import Outcome
from fablab.training.service import Tick
from fablab.training.wishes import DateWish

file, url, now, seed, task, *rest = sys.argv[1:]
now, rng = datetime.fromisoformat(now), random.Random(int(seed))
app = create_core_app(load_config(Path(file)).with_changes(database={"url": url}))


def one(act):
    try:
        act()
    except (Conflict, Denied, Invalid):
        db.session.rollback()


def enrol(training, *people):
    for ident in people:
        actor = Actor(int(ident), Role.MAKER, "api")
        one(lambda: service.enrol(actor, int(training), int(ident), now))
        if rng.random() < 0.3:
            withdraw(training)


def withdraw(training):
    db.session.rollback()
    query = select(Enrolment.id).where(Enrolment.training_id == int(training), Enrolment.state == "enrolled")
    ids = list(db.session.scalars(query))
    if ids:
        one(lambda: service.withdraw(system("cli"), rng.choice(ids), now, reason="no time"))


def answer(training):
    for _ in range(25):
        db.session.rollback()
        query = select(Enrolment.id).where(Enrolment.training_id == int(training), Enrolment.state == "offered")
        ids = list(db.session.scalars(query))
        act = rng.choice([service.accept, service.decline])
        if ids:
            one(lambda: act(system("cli"), rng.choice(ids), now))
        else:
            jobs.expire_offers(now + timedelta(hours=25))


def decide(when):
    for _ in range(3):
        jobs.decide(datetime.fromisoformat(when))


def cancel(training):
    one(lambda: service.cancel(system("cli"), int(training), "ill", now))


def teach(person, resource, *starts):
    actor = Actor(int(person), Role.INSTRUCTOR, "api")
    for text in starts:
        start = datetime.fromisoformat(text)
        dates = [DateWish(start, start + timedelta(hours=2))]
        one(lambda: service.plan(actor, {"title": {"en": "x"}, "places": 1}, dates, [int(resource)], now))


def passed(training, instructor, at, *enrolments):
    actor, when = Actor(int(instructor), Role.INSTRUCTOR, "api"), datetime.fromisoformat(at)
    for ident in rng.sample(enrolments, len(enrolments)):
        tick = Tick(int(ident), when, judged=True, outcome=Outcome.PASSED)
        service.mark(actor, int(training), [tick], when)


def anonymise(*people):
    for ident in people:
        anonymise_person(system("cli"), int(ident), now)


with app.app_context(), force_locale("en"):
    leaving.also(training_leaving.lock)
    leaving.also(training_leaving.forget)
    db.session.connection()
    db.session.rollback()
    print("ready", flush=True)
    sys.stdin.readline()
    globals()[task](*rest)
"""


@pytest.fixture
def lab(app: Flask) -> Iterator[Lab]:
    with force_locale("en"):
        yield make_lab()


def run(config: Config, tasks: list[list[str]]) -> None:
    """Each task in a process of its own; all begin at the same moment and end well."""
    common = [str(config.base_dir / "config.toml"), config.database.url, NOW.isoformat()]
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, *common, str(number), *task],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for number, task in enumerate(tasks)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=180)
        assert worker.returncode == 0
    db.session.rollback()


def makers(number: int) -> list[str]:
    return [str(make.make_person().id) for _ in range(number)]


def state_counts(training: Training) -> Counter[str]:
    query = select(Enrolment.state).where(Enrolment.training_id == training.id)
    return Counter(one.value for one in db.session.scalars(query))


def each_was_told_once() -> None:
    """Nobody was told the same of one enrolment twice."""
    query = select(Notice.receiver, Notice.message, Notice.key, func.count()).group_by(
        Notice.receiver, Notice.message, Notice.key
    )
    assert [row for row in db.session.execute(query) if row[3] > 1] == []


def test_forty_people_and_five_places(lab: Lab, config: Config) -> None:
    training, people = plan(lab, places=5), makers(40)
    run(config, [["enrol", str(training.id), *people[part::5]] for part in range(5)])
    found = state_counts(training)
    assert found["enrolled"] + found["offered"] == 5
    assert found.total() == 40
    assert found["enrolled"] + found["offered"] + found["waiting"] + found["withdrawn"] == 40
    assert happened("enrolment.created") == 40
    offered = told("training_offered")
    assert len(offered) == found["offered"] == len(set(offered))
    line = db.session.scalars(
        select(Enrolment).where(Enrolment.training_id == training.id).order_by(Enrolment.id)
    ).all()
    first = [one.person_id for one in line if one.state in (EnrolmentState.OFFERED, EnrolmentState.WAITING)]
    assert first[: len(offered)] == offered, "in the order in which they enrolled"
    each_was_told_once()
    assert audit.verify() is None


def test_offers_are_answered_by_many_at_once(lab: Lab, config: Config) -> None:
    training, people = plan(lab, places=3), makers(24)
    run(
        config,
        [
            *[["enrol", str(training.id), *people[part::3]] for part in range(3)],
            *[["answer", str(training.id)]] * 3,
        ],
    )
    found = state_counts(training)
    assert found["enrolled"] + found["offered"] <= 3
    assert found["waiting"] == 0 or found["enrolled"] + found["offered"] == 3, "nobody waits beside a free place"
    offers = [one.person_id for one in _enrolments(training) if one.state is not EnrolmentState.WAITING]
    assert len(told("training_offered")) == happened("enrolment.offered")
    assert set(told("training_offered")) <= set(offers)
    each_was_told_once()


def test_it_is_cancelled_once_however_many_decide(lab: Lab, config: Config) -> None:
    due = START - 24 * HOUR
    training = plan(lab, START, START + WEEK, places=9, minimum=5, decide_at=due)
    people = makers(4)
    for ident in people:
        service.enrol(lab.boss, training.id, int(ident), NOW, reason="test")
    run(config, [["decide", due.isoformat()]] * 4)
    assert db.session.get_one(Training, training.id).state is TrainingState.CANCELLED
    assert held() == []
    assert happened("training.cancelled") == 1
    assert sorted(told("training_cancelled")) == sorted([lab.instructor.id, *map(int, people)])
    assert state_counts(training) == {"cancelled": 4}


def test_nobody_is_left_in_a_training_that_is_cancelled_meanwhile(lab: Lab, config: Config) -> None:
    training, people = plan(lab, places=5), makers(20)
    tasks = [["enrol", str(training.id), *people[part::4]] for part in range(4)]
    run(config, [*tasks, ["cancel", str(training.id)], ["cancel", str(training.id)]])
    found = state_counts(training)
    assert set(found) <= {"cancelled", "withdrawn"}
    assert happened("training.cancelled") == 1
    in_it = {one.person_id for one in _enrolments(training) if one.state is EnrolmentState.CANCELLED}
    assert sorted(told("training_cancelled")) == sorted([lab.instructor.id, *in_it])
    assert held() == []


def test_whoever_passed_is_certified_once_however_many_send_the_ticks(lab: Lab, config: Config) -> None:
    training = plan(lab, places=6)
    enrolments = [str(service.enrol(lab.boss, training.id, int(one), NOW, reason="test").id) for one in makers(6)]
    ticks = [str(training.id), str(lab.instructor.id), (START + HOUR).isoformat(), *enrolments]
    run(config, [["passed", *ticks]] * 3)
    grants = db.session.scalars(select(Grant.person_id).where(Grant.certification_id == lab.laser.id)).all()
    assert sorted(grants) == sorted(one.person_id for one in _enrolments(training))
    assert len(db.session.scalars(select(TrainingGrant.grant_id)).all()) == 6
    each_was_told_once()


def test_whoever_is_anonymised_meanwhile_keeps_no_place(lab: Lab, config: Config) -> None:
    first, second = plan(lab, places=3), plan(lab, START + WEEK, places=3)
    people = makers(12)
    gone = people[::2]
    run(
        config,
        [
            ["enrol", str(first.id), *people],
            ["enrol", str(second.id), *people],
            ["anonymise", *gone[::2]],
            ["anonymise", *gone[1::2]],
        ],
    )
    for training in (first, second):
        kept = [one for one in _enrolments(training) if one.state in OPEN]
        assert not {one.person_id for one in kept} & {int(one) for one in gone}
        assert sum(one.state is not EnrolmentState.WAITING for one in kept) <= 3


def test_an_instructor_is_never_in_two_places(lab: Lab, config: Config) -> None:
    rooms = [make.make_machine(f"Room {number}") for number in range(4)]
    starts = [(START + timedelta(hours=number)).isoformat() for number in (0, 1, 2, 3)]
    run(config, [["teach", str(lab.instructor.id), str(room.id), *starts] for room in rooms])
    rows = db.session.execute(select(TrainingDate.starts_at, TrainingDate.ends_at).order_by(TrainingDate.starts_at))
    spans = [(begin, end) for begin, end in rows]
    assert spans
    assert all(earlier[1] <= later[0] for earlier, later in zip(spans, spans[1:], strict=False))
    assert len(held()) == len(spans)


def _enrolments(training: Training) -> list[Enrolment]:
    return list(db.session.scalars(select(Enrolment).where(Enrolment.training_id == training.id)))
