"""No question that people or jobs ask reads a whole table: the plans of both databases, as they are for a million
reservations. Plans, not times: what the benchmarks measure depends on the machine, this does not."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select, text

from benchmarks import bulk
from fablab.core.db import db, is_postgresql, transaction
from fablab.pages import resources as resource_pages
from fablab.pages import service as wall
from fablab.people.models import Person
from fablab.reservations import offers, reading, waiting
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

BIG = ("reservation", "allocation")
ROWS, MILLION = 20_000, 1_000_000
MOST_ROWS = 40_000
"""What a plan may expect to read of a big table: a few per cent. Two weeks of a hundred resources are 8 400."""
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
        plan = connection.exec_driver_sql("EXPLAIN (FORMAT JSON) " + asked.statement, asked.parameters).scalar_one()
        return list(_offences(plan[0]["Plan"], ""))


def _offences(node: dict[str, Any], relation: str) -> Iterator[str]:
    relation, kind = node.get("Relation Name", relation), node["Node Type"]
    if relation in BIG and "Scan" in kind:
        unbounded = kind == "Seq Scan" or (kind != "Bitmap Heap Scan" and "Index Cond" not in node)
        if unbounded or node["Plan Rows"] > MOST_ROWS:
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


def questions(people: list[Person]) -> dict[str, Callable[[], object]]:
    """What people and jobs ask, by name."""
    person = people[0]
    actor, member = make.make_actor(person), person.id
    machines = list(db.session.scalars(select(Resource).order_by(Resource.id)))
    ids = [one.id for one in machines]
    week = (NOW, NOW + timedelta(days=7))
    return {
        "wall": lambda: wall.cards(NOW),
        "machine": lambda: resource_pages.machine(actor, ids[0], NOW),
        "free from": lambda: reading.free_from(machines, NOW),
        "held between": lambda: reading.held_between(ids, *week),
        "own bookings": lambda: reading.mine(member, NOW),
        "waiting line": lambda: waiting.line(ids[0]),
        "expire holds": lambda: offers.expire_holds(NOW),
    }


@pytest.mark.parametrize("known", [False, True], ids=["without statistics", "with statistics"])
def test_no_question_reads_a_whole_table(people: list[Person], known: bool) -> None:
    if known or is_postgresql():  # which gathers them by itself
        pretend_a_million()
    found: dict[str, list[str]] = {}
    for name, ask in questions(people).items():
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
