"""Time travel: ends are noted once, reminders sent once for each step, however late and often the jobs run."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import bindparam, event, select, text

from fablab.certifications import clocks, granting, service, suspending
from fablab.certifications.models import Certification, Grant, Inclusion
from fablab.certifications.use import note_use
from fablab.core import audit
from fablab.core.actor import system
from fablab.core.db import UtcDateTime, db, is_postgresql, transaction
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.notices.models import Notice
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW

pytestmark = pytest.mark.usefixtures("app")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
STAFF = system("cli")


def told(message: str) -> list[tuple[int | None, dict[str, Any]]]:
    """What was told by now: to whom, and with what."""
    db.session.rollback()
    query = select(Notice.person_id, Notice.params).where(Notice.message == message).order_by(Notice.id)
    return [(person_id, params or {}) for person_id, params in db.session.execute(query)]


def events() -> list[dict[str, Any]]:
    db.session.rollback()
    query = select(Event.data).where(Event.kind == "certification.ended").order_by(Event.id)
    return list(db.session.scalars(query))


def waiting(kind: str = "certification") -> list[dict[str, Any]]:
    db.session.rollback()
    query = select(Outbox.payload).where(Outbox.kind == kind, Outbox.done_at.is_(None)).order_by(Outbox.id)
    return list(db.session.scalars(query))


def at_once(app: Flask, acts: Sequence[Callable[[], Any]]) -> list[Any]:
    """Does all at the same moment, each in a thread with a connection of its own."""
    gate = Barrier(len(acts))

    def one(act: Callable[[], Any]) -> Any:
        with app.app_context():
            gate.wait(timeout=30)
            try:
                return act()
            finally:
                db.session.remove()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


# -- ends -------------------------------------------------------------------------------------------------------------


def test_a_period_that_passes_is_noted_once() -> None:
    person = make.make_person()
    end = NOW + 10 * DAY
    given = make.make_grant(person, make.make_certification(), valid_until=end)
    assert clocks.note_ends(end - timedelta(microseconds=1)) == 0
    assert [clocks.note_ends(end), clocks.note_ends(end), clocks.note_ends(end + DAY)] == [1, 0, 0]
    facts = {"person_id": str(person.id), "certification_id": str(given.certification_id)}
    facts |= {"cause": "certification_expired", "ended_at": end.isoformat()}
    assert events() == [{"grant_id": str(given.id), **facts}]
    assert audit.history("certification_grant", str(given.id))[0].action == "grant.ended"
    assert waiting() == [{"person_id": person.id}]
    assert [one["why"] for one in waiting("device")] == ["certification_expired"]
    [(receiver, said)] = told("certification_ended")
    assert (receiver, said["grant_id"], said["unused_days"]) == (person.id, given.id, 0)
    assert said["last_day"] == "2026-03-12"


def test_disuse_is_noted_with_the_days() -> None:
    person = make.make_person()
    laser = make.make_certification(lapse_after_unused_days=90)
    make.make_grant(person, laser, last_used_at=NOW)
    assert clocks.note_ends(NOW + 90 * DAY - HOUR) == 0
    assert clocks.note_ends(NOW + 95 * DAY) == 1
    [(_, said)] = told("certification_ended")
    assert said["unused_days"] == 90
    assert events()[0]["cause"] == "certification_lapsed_unused"


def test_what_was_never_used_lapses_from_the_grant() -> None:
    laser = make.make_certification(lapse_after_unused_days=90)
    make.make_grant(make.make_person(), laser, granted_at=NOW)
    assert [clocks.note_ends(NOW + days * DAY) for days in (89, 90, 91)] == [0, 1, 0]


def test_of_two_ends_the_earlier_is_the_cause() -> None:
    laser = make.make_certification(lapse_after_unused_days=90)
    make.make_grant(make.make_person(), laser, granted_at=NOW, valid_until=NOW + 80 * DAY)
    assert clocks.note_ends(NOW + 200 * DAY) == 1
    assert events()[0]["cause"] == "certification_expired"


def test_what_was_withdrawn_is_told_by_who_withdraws_it() -> None:
    given = make.make_grant(make.make_person(), make.make_certification(), valid_until=NOW + DAY)
    granting.revoke(STAFF, given.id, "left it running", NOW)
    assert clocks.note_ends(NOW + 2 * DAY) == 0
    assert told("certification_ended") == []
    assert len(told("certification_revoked")) == 1


def test_who_still_holds_it_is_not_told() -> None:
    person, laser = make.make_person(), make.make_certification()
    make.make_grant(person, laser, valid_until=NOW + DAY)
    make.make_grant(person, laser, valid_until=NOW + 3 * DAY)
    assert clocks.note_ends(NOW + 2 * DAY) == 1
    assert told("certification_ended") == []
    assert clocks.note_ends(NOW + 4 * DAY) == 1
    assert len(told("certification_ended")) == 1


def test_who_holds_it_by_another_that_includes_it_is_not_told() -> None:
    person, basic, master = make.make_person(), make.make_certification(), make.make_certification("Master")
    make.save(Inclusion(certification_id=master.id, included_id=basic.id, direct=True))
    make.make_grant(person, basic, valid_until=NOW + DAY)
    make.make_grant(person, master)
    assert clocks.note_ends(NOW + 2 * DAY) == 1
    assert told("certification_ended") == []


def test_two_that_end_together_are_told_once() -> None:
    person, laser = make.make_person(), make.make_certification(lapse_after_unused_days=60)
    for _ in range(2):
        make.make_grant(person, laser, last_used_at=NOW)
    assert clocks.note_ends(NOW + 61 * DAY) == 2
    assert len(told("certification_ended")) == 1


def test_who_is_disabled_is_not_told_and_the_end_is_noted() -> None:
    make.make_grant(make.make_person(active=False), make.make_certification(), valid_until=NOW + DAY)
    assert clocks.note_ends(NOW + DAY) == 1
    assert told("certification_ended") == []


def test_what_is_held_back_ends_all_the_same() -> None:
    person, laser = make.make_person(), make.make_certification()
    make.make_grant(person, laser, valid_until=NOW + 5 * DAY)
    suspending.suspend(STAFF, laser.id, person.id, "a talk", NOW)
    assert clocks.note_ends(NOW + 5 * DAY) == 1
    assert events()[0]["cause"] == "certification_expired"
    assert len(told("certification_ended")) == 1


def test_a_use_that_was_heard_of_late_undoes_the_end_and_it_comes_again() -> None:
    person, laser = make.make_person(), make.make_certification(lapse_after_unused_days=60)
    machine = make.make_machine()
    make.require_certification(machine, laser)
    given = make.make_grant(person, laser, last_used_at=NOW)
    assert clocks.note_ends(NOW + 60 * DAY) == 1
    note_use(person.id, machine.id, NOW + 59 * DAY)
    db.session.rollback()
    assert db.session.get_one(Grant, given.id).end_noted_at is None
    assert waiting() == [{"person_id": person.id}] * 2
    assert [clocks.note_ends(NOW + days * DAY) for days in (61, 118, 119, 120)] == [0, 0, 1, 0]
    assert len(told("certification_ended")) == 2


def test_a_certification_that_lapses_later_undoes_the_ends_that_have_not_come() -> None:
    laser = make.make_certification(lapse_after_unused_days=60)
    gone, back = (make.make_grant(make.make_person(), laser, last_used_at=NOW - days * DAY) for days in (200, 0))
    assert clocks.note_ends(NOW + 61 * DAY) == 2
    service.change(STAFF, laser.id, {"lapse_after_unused_days": 100}, NOW + 62 * DAY)
    db.session.rollback()
    noted = {one.id: one.end_noted_at is not None for one in db.session.scalars(select(Grant))}
    assert noted == {gone.id: True, back.id: False}
    assert [clocks.note_ends(NOW + days * DAY) for days in (99, 100, 101)] == [0, 1, 0]


# -- reminders --------------------------------------------------------------------------------------------------------


def steps() -> list[int]:
    return [said["days_before"] for _, said in told("certification_lapsing")]


def test_each_step_is_told_once() -> None:
    person = make.make_person()
    given = make.make_grant(person, make.make_certification(), valid_until=NOW + 60 * DAY)
    for hours in range(0, 61 * 24, 7):
        clocks.remind_ends(NOW + hours * HOUR)
        clocks.remind_ends(NOW + hours * HOUR)
    assert steps() == [30, 7]
    assert {receiver for receiver, _ in told("certification_lapsing")} == {person.id}
    assert [said["lapses_on"] for _, said in told("certification_lapsing")] == ["2026-05-01"] * 2
    db.session.rollback()
    assert db.session.get_one(Grant, given.id).reminded_days == 7


@pytest.mark.parametrize(
    ("runs", "found"),
    [((40, 20), [30]), ((57,), [7]), ((31, 57), [30, 7]), ((61,), []), ((29, 30, 30, 52, 53, 53, 59), [30, 7])],
)
def test_a_job_that_slept_sends_what_is_due_and_no_more(runs: tuple[int, ...], found: list[int]) -> None:
    make.make_grant(make.make_person(), make.make_certification(), valid_until=NOW + 60 * DAY)
    for days in runs:
        clocks.remind_ends(NOW + days * DAY)
    assert steps() == found


def test_disuse_is_warned_of_and_a_use_makes_the_steps_begin_again() -> None:
    person, laser = make.make_person(), make.make_certification(lapse_after_unused_days=60)
    machine = make.make_machine()
    make.require_certification(machine, laser)
    make.make_grant(person, laser, last_used_at=NOW)
    assert [clocks.remind_ends(NOW + days * DAY) for days in (29, 30, 31)] == [0, 1, 0]
    [(_, said)] = told("certification_lapsing")
    assert (said["by_disuse"], said["unused_days"], said["lapses_on"]) == (True, 30, "2026-05-01")
    note_use(person.id, machine.id, NOW + 40 * DAY)
    assert [clocks.remind_ends(NOW + days * DAY) for days in (59, 69, 70, 93, 99)] == [0, 0, 1, 1, 0]
    assert steps() == [30, 30, 7]


def test_another_cause_takes_over_when_a_use_moves_the_first_away() -> None:
    person, laser = make.make_person(), make.make_certification(lapse_after_unused_days=60)
    machine = make.make_machine()
    make.require_certification(machine, laser)
    make.make_grant(person, laser, last_used_at=NOW, valid_until=NOW + 70 * DAY)
    clocks.remind_ends(NOW + 54 * DAY)
    note_use(person.id, machine.id, NOW + 55 * DAY)
    clocks.remind_ends(NOW + 56 * DAY)
    clocks.remind_ends(NOW + 64 * DAY)
    said = [(one["days_before"], one["by_disuse"]) for _, one in told("certification_lapsing")]
    assert said == [(7, True), (30, False), (7, False)]


def test_what_is_renewed_is_not_reminded_of_until_the_renewal_is_withdrawn() -> None:
    person, laser = make.make_person(), make.make_certification()
    make.make_grant(person, laser, valid_until=NOW + 60 * DAY)
    longer = make.make_grant(person, laser, valid_until=NOW + 200 * DAY)
    assert clocks.remind_ends(NOW + 40 * DAY) == 0
    granting.revoke(STAFF, longer.id, "a mistake", NOW + 41 * DAY)
    assert clocks.remind_ends(NOW + 42 * DAY) == 1
    assert steps() == [30]


def test_a_renewal_that_ends_with_it_is_reminded_of_alone() -> None:
    person, laser = make.make_person(), make.make_certification(lapse_after_unused_days=60)
    for _ in range(2):
        make.make_grant(person, laser, last_used_at=NOW)
    assert clocks.remind_ends(NOW + 31 * DAY) == 1


def test_what_is_held_back_is_reminded_of_when_it_counts_again() -> None:
    person, laser = make.make_person(), make.make_certification()
    make.make_grant(person, laser, valid_until=NOW + 60 * DAY)
    held = suspending.suspend(STAFF, laser.id, person.id, "a talk", NOW)
    assert clocks.remind_ends(NOW + 40 * DAY) == 0
    suspending.lift(STAFF, held.id, "", NOW + 41 * DAY)
    assert clocks.remind_ends(NOW + 41 * DAY) == 1


def test_who_is_disabled_is_not_reminded() -> None:
    make.make_grant(make.make_person(active=False), make.make_certification(), valid_until=NOW + 60 * DAY)
    assert clocks.remind_ends(NOW + 40 * DAY) == 0


# -- at once, and many ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("job", [clocks.note_ends, clocks.remind_ends])
def test_jobs_that_run_at_once_tell_each_once(app: Flask, job: Callable[[datetime], int]) -> None:
    laser = make.make_certification()
    for _ in range(30):
        make.make_grant(make.make_person(), laser, valid_until=NOW + 60 * DAY)
    then = NOW + (60 if job is clocks.note_ends else 40) * DAY
    counted = at_once(app, [partial(job, then)] * 3)
    assert sum(counted) + job(then) == 30
    assert len(told("certification_ended")) + len(told("certification_lapsing")) == 30


def test_an_end_and_a_withdrawal_at_once_are_told_once(app: Flask) -> None:
    person, laser = make.make_person(), make.make_certification()
    for number in range(5):
        given = make.make_grant(person, laser, valid_until=NOW + DAY)
        at_once(app, [partial(clocks.note_ends, NOW + DAY), partial(granting.revoke, STAFF, given.id, "x", NOW + DAY)])
        clocks.note_ends(NOW + DAY)
        db.session.rollback()
        found = db.session.get_one(Grant, given.id)
        assert found.revoked_at is not None
        assert len(told("certification_revoked")) == number + 1


def test_the_questions_are_as_many_for_many_grants_as_for_few(count_queries: CountQueries) -> None:
    """What asks: with nothing due, and what is read before anything is written."""
    counts: list[int] = []
    certifications = [make.make_certification(f"C {n}", lapse_after_unused_days=60 + n) for n in range(3)]
    for size in (3, 60):
        for number in range(size):
            person = make.make_person()
            make.make_grant(person, certifications[number % 3], valid_until=NOW + 100 * DAY, last_used_at=NOW)
        count_queries()
        assert clocks.note_ends(NOW + DAY) == clocks.remind_ends(NOW + DAY) == 0
        counts.append(count_queries())
    assert counts == [counts[0]] * 2
    assert counts[0] <= 5


def fill(laser: Certification, size: int) -> None:
    """So many grants: a third has ended, which is noted; one of a thousand has ended just now; one of fifty ends within
    thirty days; the others much later."""
    person = make.make_person()
    kinds = {"old": (-300, 300), "ended": (-5, 5), "soon": (15, 1), "later": (300, 20)}
    which = "CASE WHEN i % 3 = 0 THEN :old{0} WHEN i % 1000 = 1 THEN :ended{0} WHEN i % 50 = 1 THEN :soon{0}"
    which += " ELSE :later{0} END"
    times = {f"{name}_until": NOW + until * DAY for name, (until, _) in kinds.items()}
    times |= {f"{name}_used": NOW - used * DAY for name, (_, used) in kinds.items()}
    fixed = {"person": person.id, "laser": laser.id, "granted": NOW - 400 * DAY, "noted": NOW - 299 * DAY, "size": size}
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :size)"
    columns = "public_id, person_id, certification_id, granted_at, valid_until, last_used_at, end_noted_at"
    statement = f"""INSERT INTO certification_grant ({columns}, evidence, proof, reason, revoked_reason)
        {numbers} SELECT 'bulk-' || i, :person, :laser, :granted, {which.format("_until")}, {which.format("_used")},
        CASE WHEN i % 3 = 0 THEN :noted END, 'observed', '', '', '' FROM n"""
    instants = [bindparam(name, type_=UtcDateTime()) for name in (*times, "granted", "noted")]
    with transaction() as session:
        session.execute(text(statement).bindparams(*instants), times | fixed)


@contextmanager
def plans_of(table: str) -> Iterator[list[str]]:
    """How the database carries out the questions about a table that are asked inside."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if statement.startswith("SELECT") and table in statement:
            asked.append((statement, parameters))

    plans: list[str] = []
    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield plans
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    with db.engine.connect() as connection:
        explain = "EXPLAIN " if is_postgresql() else "EXPLAIN QUERY PLAN "
        for statement, parameters in asked:
            rows = connection.exec_driver_sql(explain + statement, parameters)
            plans += [str(row[0] if is_postgresql() else row.detail) for row in rows]


def test_a_hundred_thousand_grants_are_not_read_to_find_the_few_that_are_due(app: Flask) -> None:
    laser = make.make_certification(lapse_after_unused_days=100)
    fill(laser, 100_000)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    for until in (NOW, NOW + 30 * DAY):
        with plans_of("certification_grant") as plans:
            assert len(list(clocks._ending(until, clocks._lapses()))) < 10_000
        found = "\n".join(plans)
        assert "ix_certification_grant_period" in found
        assert "ix_certification_grant_unused" in found
        assert "Seq Scan on certification_grant" not in found
        assert "SCAN certification_grant" not in found
