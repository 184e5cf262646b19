"""No question that people or jobs ask reads a whole table: the plans of both databases, as they are for a million
reservations. Plans, not times: what the benchmarks measure depends on the machine, this does not."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from benchmarks import bulk
from fablab.core import outbox
from fablab.core.actor import Role
from fablab.core.db import db, is_postgresql, transaction
from fablab.pages import resources as resource_pages
from fablab.pages import service as wall
from fablab.people.models import Person
from fablab.reservations import (
    agenda,
    at_risk,
    calendar_feed,
    day_sheet,
    finding,
    inbox,
    offers,
    presence,
    reading,
    record,
    requests,
    series_rows,
    service,
    timeline,
    waiting,
)
from fablab.reservations.models import Companion, PolicyLevel, PolicyOverride, Reservation, ReservationSeries
from fablab.reservations.timeline import Wanted
from fablab.reservations.wishes import Extras
from fablab.resources.models import Kind, Resource
from tests import factories as make
from tests.factories import NOW

BIG = ("reservation", "allocation")
ROWS, MILLION = 20_000, 1_000_000
MOST_ROWS = 40_000
"""What a plan may expect to read of a big table, and then reads: a few per cent. Two weeks of a hundred resources are
8 400."""
MACHINES, PEOPLE = 100, 40


@dataclass(frozen=True)
class Asked:
    """A statement as it was sent."""

    statement: str
    parameters: Any


@contextmanager
def listening() -> Iterator[list[Asked]]:
    """The statements about big tables that are sent inside, inserts left out."""
    seen: list[Asked] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        if re.match(r"SELECT|UPDATE|DELETE|WITH", statement) and re.search(rf"\b({'|'.join(BIG)})\b", statement):
            seen.append(Asked(statement, parameters))

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def aliases(statement: str) -> set[str]:
    """The big tables of a statement by all names that it gives them."""
    return {*BIG, *(name for _, name in re.findall(rf"\b({'|'.join(BIG)}) AS (\w+)", statement))}


def whole_reads(asked: Asked) -> list[str]:
    """Where the plan of a statement reads a big table from one end to the other."""
    with db.engine.connect() as connection:
        if not is_postgresql():
            rows = connection.exec_driver_sql("EXPLAIN QUERY PLAN " + asked.statement, asked.parameters)
            names = aliases(asked.statement)
            return [row.detail for row in rows if row.detail.split()[0] == "SCAN" and row.detail.split()[1] in names]
        # Carried out as well, and rolled back: the planner takes state and time for independent of each other.
        explain = "EXPLAIN (ANALYZE, FORMAT JSON) "
        plan = connection.exec_driver_sql(explain + asked.statement, asked.parameters).scalar_one()
        return list(_offences(plan[0]["Plan"], ""))


def _offences(node: dict[str, Any], relation: str) -> Iterator[str]:
    relation, kind = node.get("Relation Name", relation), node["Node Type"]
    if relation in BIG and "Scan" in kind:
        unbounded = kind == "Seq Scan" or (kind != "Bitmap Heap Scan" and "Index Cond" not in node)
        read = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * (MILLION // ROWS)
        if unbounded or min(node["Plan Rows"], read) > MOST_ROWS:
            yield f"{kind} of {relation} for {node['Plan Rows']} rows: {node.get('Index Cond', node.get('Filter'))}"
    for below in node.get("Plans", ()):
        yield from _offences(below, relation)


def pretend_a_million() -> None:
    """Tells the planner that there are fifty times the rows: bookings on every day instead of every fiftieth."""
    if is_postgresql():
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
            names = ", ".join(f"'{name}'" for name in BIG)
            # The planner takes rows per page from here and the pages from the file.
            connection.exec_driver_sql(f"UPDATE pg_class SET reltuples = {MILLION} WHERE relname IN ({names})")
        return
    with transaction() as session:
        session.execute(text("ANALYZE"))
        for table, index, stat in session.execute(text("SELECT tbl, idx, stat FROM sqlite_stat1")).all():
            if table in BIG:
                scaled = " ".join(str(int(n) * (MILLION // ROWS)) if int(n) > 1 else n for n in stat.split())
                session.execute(
                    text("UPDATE sqlite_stat1 SET stat = :stat WHERE tbl = :table AND idx IS :index"),
                    {"stat": scaled, "table": table, "index": index},
                )
    db.engine.dispose()  # connections read the statistics when they are opened


@pytest.fixture
def people(app: Flask) -> list[Person]:
    """A lab of a hundred machines with years of bookings; its people."""
    machines = [make.make_machine(f"Machine {number}") for number in range(1, MACHINES + 1)]
    found = [make.make_person() for _ in range(PEOPLE)]
    assert [one.id for one in machines] == list(range(1, MACHINES + 1))
    assert [one.id for one in found] == list(range(1, PEOPLE + 1))
    with transaction() as session:
        bulk.fill(session, ROWS, MACHINES, PEOPLE, NOW, every=MILLION // ROWS)
    return found


HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
TOMORROW = NOW + timedelta(days=1)
"""Nothing is booked on it."""
Questions = Mapping[str, Callable[[], object]]


def booking_questions(people: list[Person], machines: list[Resource]) -> Questions:
    """What is asked when something is booked, with every rule that asks for more."""
    rules = {"max_future_count": 10**6, "no_show_limit": 10**6, "buffer_after_minutes": 15, "supervision": "buddy"}
    make.save(PolicyOverride(level=PolicyLevel.KIND, target="machine", rules=rules, changed_at=NOW))
    person, other = people[0], people[1]
    actor, member, ids = make.make_actor(person), person.id, [one.id for one in machines[:3]]
    extras = Extras(companion_ids=(other.id,))
    time = (TOMORROW, TOMORROW + HOUR)
    looked_for = finding.Asked(kind=Kind.MACHINE, minutes=60, from_=NOW, to=NOW + WEEK, with_instructor=True)
    times = (TOMORROW + 2 * HOUR, TOMORROW + 3 * HOUR)
    kept = make.make_reservation(person, machines[5:6], *times, companions=[Companion(person_id=other.id)])

    def book() -> None:
        service.book(actor, member, ids, *time, extras, NOW)

    return {
        "check": lambda: service.check(actor, member, ids, *time, NOW, extras),
        "check of a taken time": lambda: service.check(actor, member, ids, NOW, NOW + HOUR, NOW, extras),
        "book": book,
        "change": lambda: service.change(actor, kept.id, NOW, ends_at=kept.ends_at + HOUR),
        "cancel": lambda: service.cancel(actor, kept.id, NOW),
        "availability": lambda: service.availability(member, ids[0], NOW, NOW + 2 * WEEK, 60, NOW),
        "find": lambda: finding.find(actor, member, looked_for, NOW),
        "find nothing": lambda: finding.against(actor, member, looked_for, NOW),
        "counted bookings": lambda: record.own_bookings(member, NOW - WEEK),
        "missed bookings": lambda: record.no_shows(member, NOW - 12 * WEEK),
        "busy people": lambda: record.people_busy([member, other.id], *time),
    }


def page_questions(people: list[Person], machines: list[Resource]) -> Questions:
    """What pages and calendars ask."""
    actor, staff = make.make_actor(people[0]), make.make_actor(make.make_person(role=Role.MANAGER))
    member, ids = people[0].id, [one.id for one in machines]
    make.save(Companion(reservation_id=2, person_id=member))
    rule = {"rule": "FREQ=WEEKLY", "zone": "Europe/Paris", "minutes": 60, "resource_ids": ["1"]}
    series = make.save(ReservationSeries(person_id=member, created_at=NOW, starts_at=TOMORROW, **rule))
    with transaction() as session:
        session.get_one(Reservation, 1).series_id = series.id
    week = Wanted(NOW.date(), 7)
    return {
        "wall": lambda: wall.cards(NOW),
        "machine": lambda: resource_pages.machine(actor, ids[0], NOW),
        "free from": lambda: reading.free_from(machines, NOW),
        "held between": lambda: reading.held_between(ids, NOW, NOW + WEEK),
        "agenda": lambda: agenda.agenda(actor, NOW),
        "timeline": lambda: timeline.sheet(actor, week, NOW),
        "timeline of staff": lambda: timeline.sheet(staff, week, NOW),
        "day sheet": lambda: day_sheet.day_sheet(NOW.date()),
        "requests": lambda: inbox.inbox(requests.pending()),
        "own calendar": lambda: calendar_feed.own_events(member, NOW),
        "calendar of a machine": lambda: calendar_feed.busy_events(ids[0], NOW),
        "waiting line": lambda: waiting.line(ids[0]),
        "series": lambda: series_rows.result(series),
        "dates of a series": lambda: series_rows.targets(series.id, TOMORROW, NOW, None, 1),
        "what a series says": lambda: series_rows.extras_of(series),
    }


def job_questions(people: list[Person], machines: list[Resource]) -> Questions:
    """What jobs, devices and badges ask."""
    return {
        "expire holds": lambda: offers.expire_holds(NOW),
        "release no-shows": lambda: presence.release_no_shows(NOW + HOUR),
        "remind": lambda: presence.remind(NOW),
        "finish past": lambda: presence.finish_past(NOW + HOUR),
        "end unanswered": lambda: requests.end_unanswered(NOW),
        "judge who is at risk": lambda: judge({"person_id": people[0].id}),
        "judge what is at risk": lambda: judge({"resource_id": machines[0].id}),
        "release at risk": lambda: at_risk.release(NOW),
        "whose use": lambda: presence.booking_at(machines[0].id, NOW, people[0].id),
    }


def judge(row: dict[str, int]) -> None:
    """Has bookings judged for which a certification may be missing."""
    with transaction():
        outbox.put(at_risk.KIND, "reservations", row, NOW)
    at_risk.judge(NOW)


@pytest.mark.parametrize("known", [False, True], ids=["without statistics", "with statistics"])
def test_no_question_reads_a_whole_table(people: list[Person], known: bool) -> None:
    if known or is_postgresql():  # which gathers them by itself
        pretend_a_million()
    found: dict[str, list[str]] = {}
    machines = list(db.session.scalars(select(Resource).order_by(Resource.id)))
    asked = (booking_questions, page_questions, job_questions)
    for name, ask in [one for made in asked for one in made(people, machines).items()]:
        with listening() as seen:
            ask()
        db.session.rollback()
        assert seen or name in {"waiting line"}, f"{name} asks nothing"
        for one in seen:
            found.setdefault(name, []).extend(f"{read} <- {one.statement[:300]}" for read in whole_reads(one))
    assert {name: reads for name, reads in found.items() if reads} == {}


def test_a_whole_read_is_seen(people: list[Person]) -> None:
    pretend_a_million()
    with listening() as seen:
        db.session.execute(text("SELECT count(*) FROM reservation WHERE note = 'x'")).all()
        db.session.execute(text("SELECT count(*) FROM allocation AS a_1 WHERE a_1.ends_at > :now"), {"now": NOW}).all()
    db.session.rollback()
    assert [len(whole_reads(one)) > 0 for one in seen] == [True, True]
