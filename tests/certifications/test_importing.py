"""Past trainings from a file: what a dry run says, what is noted, all or nothing, and nothing twice."""

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.certifications import importing, suspending
from fablab.certifications.chronicle import What, chronicle
from fablab.certifications.clocks import note_ends, remind_ends
from fablab.certifications.import_words import fault_words
from fablab.certifications.importing import Faulty, Plan
from fablab.certifications.models import Certification, Evidence, Grant, Inclusion
from fablab.core import audit, events, outbox
from fablab.core.actor import Actor, Role, system
from fablab.core.audit import AuditEntry
from fablab.core.db import bulk_insert, db, transaction
from fablab.core.errors import Forbidden
from fablab.notices.models import Notice
from fablab.people.models import Person
from tests.factories import NOW, make_actor, make_certification, make_grant, make_person, save

CountQueries = Callable[[], int]

HEAD = "person;certification;date;instructor;until;proof"


@pytest.fixture
def manager(app: Flask) -> Actor:
    """A manager who imports."""
    return make_actor(make_person(role=Role.MANAGER))


@pytest.fixture
def ada(app: Flask) -> Person:
    """Somebody with an address."""
    return make_person(name="Ada Lovelace", email="ada@example.org")


@pytest.fixture
def luc(app: Flask) -> Person:
    """An instructor."""
    return make_person(name="Luc Martin", email="luc@example.org", role=Role.INSTRUCTOR)


@pytest.fixture
def laser(app: Flask) -> Certification:
    """What everybody was trained for."""
    name = {"en": "Laser", "fr": "Découpe laser", "bg": "Лазер"}
    return save(Certification(name=name, description={}, created_at=NOW))


def file(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows)).encode()


def said(plan: Plan) -> list[tuple[int, str]]:
    return [(one.number, one.code) for one in plan.faults]


def grants() -> list[Grant]:
    return list(db.session.scalars(select(Grant).order_by(Grant.id)))


def test_a_past_training_becomes_a_grant_of_that_day(
    manager: Actor, ada: Person, luc: Person, laser: Certification
) -> None:
    content = file("ADA@example.org;découpe laser;31.03.2025;luc martin;31/12/2027;Sheet 7")
    plan = importing.apply(manager, content, NOW)
    assert (len(plan.made), plan.known) == (1, 0)
    (made,) = grants()
    assert (made.person_id, made.certification_id, made.granted_by_id) == (ada.id, laser.id, luc.id)
    assert made.granted_at == datetime(2025, 3, 31, 10, tzinfo=UTC)  # noon in Paris
    assert made.valid_until == datetime(2027, 12, 31, 23, tzinfo=UTC)  # the end of that day
    assert (made.evidence, made.proof, made.end_noted_at) == (Evidence.TRAINING, "Sheet 7", None)
    assert len(made.public_id) == 22


@pytest.mark.parametrize("name", ["Laser", "лазер", "DÉCOUPE  LASER", "id"])
@pytest.mark.parametrize("person", ["ada@example.org", " ada  lovelace "])
def test_names_are_found_in_any_language(
    manager: Actor, ada: Person, laser: Certification, name: str, person: str
) -> None:
    row = f"{person};{laser.id if name == 'id' else name};2025-03-31;;;"
    assert importing.check(manager, file(row), NOW).made[0].person_id == ada.id


@pytest.mark.usefixtures("ada", "luc")
def test_without_an_instructor_it_is_the_importing_manager_who_says_so(manager: Actor, laser: Certification) -> None:
    importing.apply(manager, file(f"ada@example.org;{laser.id};2025-03-31;;;"), NOW)
    assert grants()[0].granted_by_id == manager.person_id


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("over", "until"),
    [
        ({}, None),
        ({"validity_days": 365}, datetime(2027, 1, 10, 11, tzinfo=UTC)),
        ({"validity_months": 6}, datetime(2026, 7, 10, 10, tzinfo=UTC)),
        ({"validity_ends_on": "08-31"}, datetime(2026, 8, 31, 22, tzinfo=UTC)),
    ],
)
def test_it_ends_as_the_certification_says_from_that_day(
    manager: Actor, over: dict[str, Any], until: datetime | None
) -> None:
    saw = make_certification("Saw", **over)
    importing.apply(manager, file(f"ada@example.org;{saw.id};2026-01-10;;;"), NOW)
    assert grants()[0].valid_until == until


def test_the_same_file_twice_adds_nothing(manager: Actor, ada: Person, luc: Person, laser: Certification) -> None:
    content = file("ada@example.org;Laser;2025-03-31;;;", "luc@example.org;Laser;2025-03-31;;;")
    importing.apply(manager, content, NOW)
    log = db.session.scalar(select(func.count(AuditEntry.id)))
    again = importing.apply(manager, content, NOW + timedelta(days=3))
    assert (list(again.made), again.known) == ([], 2)
    assert len(grants()) == 2
    assert db.session.scalar(select(func.count(AuditEntry.id))) == log


def test_a_line_that_stands_there_twice_counts_once(manager: Actor, ada: Person, laser: Certification) -> None:
    row = "ada@example.org;Laser;2025-03-31;;;Sheet 7"
    plan = importing.apply(manager, file(row, row), NOW)
    assert (len(plan.made), plan.known) == (1, 1)


def test_today_is_noted_as_of_now(manager: Actor, ada: Person, laser: Certification) -> None:
    importing.apply(manager, file("ada@example.org;Laser;02.03.2026;;;"), NOW)
    assert grants()[0].granted_at == NOW


@pytest.mark.usefixtures("ada", "luc", "laser")
@pytest.mark.parametrize(
    ("row", "code"),
    [
        (";Laser;2025-03-31;;;", "person_empty"),
        ("Nobody;Laser;2025-03-31;;;", "person_unknown"),
        ("Ada;Laser;2025-03-31;;;", "person_unknown"),
        ("The Twins;Laser;2025-03-31;;;", "person_unclear"),
        ("ada@example.org;;2025-03-31;;;", "certification_empty"),
        ("ada@example.org;Plasma;2025-03-31;;;", "certification_unknown"),
        ("ada@example.org;Retired;2025-03-31;;;", "certification_unknown"),
        ("ada@example.org;Double;2025-03-31;;;", "certification_unclear"),
        ("ada@example.org;Laser;;;;", "date_empty"),
        ("ada@example.org;Laser;31.13.2025;;;", "date_wrong"),
        ("ada@example.org;Laser;2026-03-03;;;", "date_range"),
        ("ada@example.org;Laser;1989-12-31;;;", "date_range"),
        ("ada@example.org;Laser;2025-03-31;;soon;", "until_wrong"),
        ("ada@example.org;Laser;2025-03-31;;2025-03-30;", "until_range"),
        ("ada@example.org;Laser;2025-03-31;;2201-01-01;", "until_range"),
        ("ada@example.org;Laser;2025-03-31;Nobody;;", "instructor_unknown"),
        ("ada@example.org;Laser;2025-03-31;The Twins;;", "instructor_unclear"),
        ("ada@example.org;Laser;2025-03-31;Ada Lovelace;;", "oneself"),
        ("boss@example.org;Laser;2025-03-31;Luc Martin;;", "own"),
        ("ada@example.org;Laser;2025-03-31;;;;;surplus", "too_many_cells"),
    ],
)
def test_each_wrong_line_is_named_with_what_is_wrong(row: str, code: str) -> None:
    for _number in range(2):
        make_person(name="The Twins")
        make_certification("Double")
    make_certification("Retired", retired_at=NOW)
    boss = make_actor(make_person(role=Role.MANAGER, email="boss@example.org"))
    content = file("luc@example.org;Laser;2025-03-31;;;", row)
    plan = importing.check(boss, content, NOW)
    assert said(plan) == [(3, code)]
    assert fault_words(plan.faults[0])
    with pytest.raises(Faulty) as raised:
        importing.apply(boss, content, NOW)
    assert said(raised.value.plan) == [(3, code)]
    assert not grants(), "all or nothing"


def test_a_line_says_all_that_is_wrong_with_it(manager: Actor) -> None:
    plan = importing.check(manager, file("Nobody;Nothing;never;;;", "x;y"), NOW)
    assert [code for number, code in said(plan) if number == 2] == [
        "person_unknown",
        "certification_unknown",
        "date_wrong",
    ]
    assert plan.lines == 2


def test_two_lines_that_contradict_each_other_are_refused(manager: Actor, ada: Person, laser: Certification) -> None:
    rows = [f"ada@example.org;Laser;2025-03-31;;{until};" for until in ("2027-01-01", "2028-01-01")]
    plan = importing.check(manager, file(*rows), NOW)
    assert [(one.number, one.code, one.value) for one in plan.faults] == [(3, "twice", "2")]


@pytest.mark.parametrize("part", ["itself", "includes", "included"])
def test_what_was_withdrawn_since_stays_withdrawn(manager: Actor, ada: Person, laser: Certification, part: str) -> None:
    other = make_certification("Master")
    pair = (other, laser) if part == "includes" else (laser, other)
    save(Inclusion(certification_id=pair[0].id, included_id=pair[1].id, direct=True))
    gone = laser if part == "itself" else other
    make_grant(ada, gone, granted_at=NOW - timedelta(days=90), revoked_at=NOW - timedelta(days=10))
    assert said(importing.check(manager, file("ada@example.org;Laser;2025-12-01;;;"), NOW)) == [(2, "revoked")]
    after = importing.check(manager, file("ada@example.org;Laser;2026-02-25;;;"), NOW)
    assert (said(after), len(after.made)) == ([], 1), "a training after that is a new grant"


def test_what_is_held_back_is_not_given(manager: Actor, ada: Person, laser: Certification) -> None:
    make_grant(ada, laser)
    suspending.suspend(manager, laser.id, ada.id, "a talk", NOW)
    assert said(importing.check(manager, file("ada@example.org;Laser;2025-12-01;;;"), NOW)) == [(2, "suspended")]


def test_todays_rules_are_not_asked_of_past_trainings(manager: Actor, ada: Person) -> None:
    saw = make_certification("Saw", min_age=18, quiz_questions=3)
    assert len(importing.apply(manager, file(f"ada@example.org;{saw.id};2025-12-01;;;"), NOW).made) == 1


@pytest.mark.parametrize("clock", [{"validity_days": 30}, {"lapse_after_unused_days": 30}])
def test_what_is_over_by_now_is_history_and_nobody_is_told(manager: Actor, ada: Person, clock: dict[str, int]) -> None:
    saw = make_certification("Saw", **clock)
    plan = importing.apply(manager, file(f"ada@example.org;{saw.id};2025-12-01;;;"), NOW)
    end = datetime(2025, 12, 31, 11, tzinfo=UTC)
    assert plan.made[0].ended_at == end
    assert note_ends(NOW) == remind_ends(NOW) == 0
    assert db.session.scalar(select(func.count(Notice.id))) == 0
    told = chronicle(manager, person_id=ada.id).entries
    assert [(one.what, one.at) for one in told] == [
        (What.ENDED, end),
        (What.GRANTED, datetime(2025, 12, 1, 11, tzinfo=UTC)),
    ]


def test_it_is_in_the_log_line_by_line_and_the_chain_stays_whole(
    manager: Actor, ada: Person, luc: Person, laser: Certification
) -> None:
    content = file("ada@example.org;Laser;2025-03-31;;;", "luc@example.org;Laser;2025-04-01;;;")
    importing.apply(manager, content, NOW)
    entries = db.session.scalars(select(AuditEntry).where(AuditEntry.action == "grant.imported")).all()
    assert {one.subject_id for one in entries} == {str(one.id) for one in grants()}
    assert {one.actor_id for one in entries} == {manager.person_id}
    assert [one.after["line"] for one in entries if one.after] == [2, 3]
    assert audit.verify() is None
    assert [one.data for one in events.since(0) if one.kind == "certification.imported"] == [{"grants": 2}]
    assert outbox.is_waiting("certification", NOW), "bookings at risk are looked at again"


@pytest.mark.parametrize("role", [Role.MAKER, Role.INSTRUCTOR])
@pytest.mark.usefixtures("app")
def test_only_managers_import(role: Role) -> None:
    actor = make_actor(make_person(role=role))
    for act in (importing.check, importing.apply):
        with pytest.raises(Forbidden):
            act(actor, file("a;b;c;;;"), NOW)


def test_five_thousand_lines_take_seconds_and_few_queries(app: Flask, count_queries: CountQueries) -> None:
    many = [make_certification(f"Skill {number}") for number in range(10)]
    common = {"language": "en", "created_at": NOW}
    rows = [
        {"name": f"Person {number}", "email": f"p{number}@example.org", "session_key": f"k{number}", **common}
        for number in range(1000)
    ]
    with transaction():
        bulk_insert(Person, rows)
    lines = [
        f"p{number % 1000}@example.org;Skill {number // 1000};{date(2025, 1, 1) + timedelta(days=number % 300)};;;"
        for number in range(5000)
    ]
    assert len(many) == 10
    count_queries()
    began = time.monotonic()
    assert len(importing.check(system("cli"), file(*lines), NOW).made) == 5000
    assert count_queries() <= 6
    assert len(importing.apply(system("cli"), file(*lines), NOW).made) == 5000
    assert count_queries() <= 40
    assert time.monotonic() - began < 20
    assert importing.check(system("cli"), file(*lines), NOW).known == 5000
