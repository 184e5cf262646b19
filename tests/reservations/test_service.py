"""Booking, changing and cancelling on both databases."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import event, select, text

from fablab.core.actor import Role
from fablab.core.audit import AuditEntry
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.people.models import Person
from fablab.reservations import agenda, gather, service
from fablab.reservations.models import Allocation, PolicyLevel, PolicyOverride, Reservation, ReservationState
from fablab.reservations.reading import free_from, held_between
from fablab.reservations.rules import Slot
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource, ServiceState
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW

START = NOW + timedelta(hours=1)
END = START + timedelta(hours=1)


def book(
    person: Person, *resources: Resource, start: datetime = START, end: datetime = END, **over: Any
) -> Reservation:
    values: dict[str, Any] = {
        "actor": make.make_actor(person),
        "person_id": person.id,
        "extras": Extras(),
        "now": NOW,
    } | over
    ids = [one.id for one in resources]
    return service.book(resource_ids=ids, starts_at=start, ends_at=end, **values)


def codes(error: pytest.ExceptionInfo[Denied]) -> list[str]:
    return [denial.code for denial in error.value.denials]


@pytest.mark.usefixtures("app")
def test_it_books_and_tells_who_and_what() -> None:
    person, laser = make.make_person(), make.make_machine()
    made = book(person, laser, extras=Extras(note="gift"))
    stored = db.session.get(Reservation, made.id)
    assert stored is not None
    assert (stored.person_id, stored.created_by_id, stored.note) == (person.id, person.id, "gift")
    assert [(one.resource_id, one.live) for one in stored.allocations] == [(laser.id, True)]
    (event,) = db.session.scalars(select(Event))
    assert (event.kind, event.data["reservation_id"], event.data["resource_ids"]) == (
        "reservation.created",
        str(made.id),
        [str(laser.id)],
    )
    (entry,) = db.session.scalars(select(AuditEntry))
    assert (entry.action, entry.actor_id, entry.subject_id) == ("reservation.created", person.id, str(made.id))


@pytest.mark.usefixtures("app")
def test_it_refuses_a_taken_time_and_names_it() -> None:
    person, laser = make.make_person(), make.make_machine()
    book(person, laser)
    with pytest.raises(Denied) as error:
        book(make.make_person(), laser, start=START + timedelta(minutes=30), end=END + timedelta(minutes=30))
    (denial,) = error.value.denials
    assert (denial.code, denial.params["starts_at"]) == ("slot_taken", START.isoformat())
    book(make.make_person(), laser, start=END, end=END + timedelta(hours=1))


@pytest.mark.usefixtures("app")
def test_the_database_has_the_last_word(monkeypatch: pytest.MonkeyPatch) -> None:
    person, laser = make.make_person(), make.make_machine()
    book(person, laser)
    monkeypatch.setattr(gather, "first_taken", lambda *_: {})
    with pytest.raises(Denied) as error:
        book(person, laser)
    (denial,) = error.value.denials
    assert (denial.code, denial.params["ends_at"]) == ("slot_taken", END.isoformat())
    assert len(list(db.session.scalars(select(Reservation)))) == 1


@pytest.mark.usefixtures("app")
def test_several_resources_are_booked_all_or_none() -> None:
    person, room, laser = make.make_person(), make.make_machine("Room"), make.make_machine()
    book(person, laser)
    with pytest.raises(Denied) as error:
        book(person, room, laser)
    assert error.value.denials[0].params["resource_id"] == str(laser.id)
    assert len(list(db.session.scalars(select(Allocation)))) == 1
    assert len(book(person, room, laser, start=END, end=END + timedelta(hours=1)).allocations) == 2


@pytest.mark.usefixtures("app")
def test_it_names_every_reason_at_once() -> None:
    person = make.make_person(member_until=date(2026, 1, 1))
    laser = make.make_machine(service_state=ServiceState.OUT_OF_SERVICE, service_note="lens")
    make.save(
        PolicyOverride(level=PolicyLevel.RESOURCE, target=str(laser.id), rules={"max_minutes": 30}, changed_at=NOW)
    )
    make.require_certification(laser, make.make_certification())
    with pytest.raises(Denied) as error:
        book(person, laser)
    assert codes(error) == ["membership_expired", "not_certified", "resource_out_of_service", "too_long"]


@pytest.mark.usefixtures("app")
def test_only_staff_book_for_others() -> None:
    person, other, laser = make.make_person(), make.make_person(), make.make_machine()
    with pytest.raises(Forbidden):
        book(person, laser, person_id=other.id)
    made = book(make.make_person(role=Role.INSTRUCTOR), laser, person_id=other.id)
    assert made.person_id == other.id != made.created_by_id


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"end": START}, "end"),
        ({"end": START + timedelta(days=400)}, "end"),
        ({"start": NOW + timedelta(days=9000), "end": NOW + timedelta(days=9000, hours=1)}, "start"),
        ({"extras": Extras(note="x" * 501)}, "note"),
    ],
)
def test_it_refuses_what_makes_no_sense(over: dict[str, Any], field: str) -> None:
    person, laser = make.make_person(), make.make_machine()
    with pytest.raises(Invalid) as error:
        book(person, laser, **over)
    assert list(error.value.fields) == [field]


@pytest.mark.usefixtures("app")
def test_it_refuses_unknown_and_retired_resources() -> None:
    person, gone = make.make_person(), make.make_machine(retired_at=NOW)
    with pytest.raises(Invalid):
        book(person, gone)
    with pytest.raises(Invalid):
        service.check(make.make_actor(person), person.id, [987], START, END, NOW)


@pytest.mark.usefixtures("app")
def test_check_books_nothing_and_offers_the_nearest() -> None:
    person, laser = make.make_person(), make.make_machine()
    book(person, laser)
    verdict = service.check(make.make_actor(person), person.id, [laser.id], START, END, NOW)
    assert [denial.code for denial in verdict.denials] == ["slot_taken"]
    assert verdict.suggestions[0] == Slot(START - timedelta(hours=1), START)
    assert Slot(END, END + timedelta(hours=1)) in verdict.suggestions
    free = service.check(make.make_actor(person), person.id, [laser.id], END, END + timedelta(hours=1), NOW)
    assert free.allowed
    assert free.suggestions == ()
    assert len(list(db.session.scalars(select(Reservation)))) == 1


@pytest.mark.usefixtures("app")
def test_cancelling_frees_the_time() -> None:
    person, laser = make.make_person(), make.make_machine()
    made = book(person, laser)
    service.cancel(make.make_actor(person), made.id, NOW, "ill")
    assert made.state is ReservationState.CANCELLED
    book(make.make_person(), laser)
    with pytest.raises(Conflict):
        service.cancel(make.make_actor(person), made.id, NOW)
    kinds = [event.kind for event in db.session.scalars(select(Event).order_by(Event.id))]
    assert kinds == ["reservation.created", "reservation.cancelled", "reservation.created"]


@pytest.mark.usefixtures("app")
def test_others_reservations_are_not_found_except_by_staff() -> None:
    person, laser = make.make_person(), make.make_machine()
    made = book(person, laser)
    with pytest.raises(NotFound):
        service.cancel(make.make_actor(make.make_person()), made.id, NOW)
    service.cancel(make.make_actor(make.make_person(role=Role.INSTRUCTOR)), made.id, NOW)


@pytest.mark.usefixtures("app")
def test_a_past_reservation_stays() -> None:
    person, laser = make.make_person(), make.make_machine()
    made = book(person, laser)
    with pytest.raises(Conflict):
        service.cancel(make.make_actor(person), made.id, END)


@pytest.mark.usefixtures("app")
def test_it_moves_to_a_free_time_only() -> None:
    person, laser = make.make_person(), make.make_machine()
    made, after = book(person, laser), END + timedelta(hours=1)
    book(make.make_person(), laser, start=after, end=after + timedelta(hours=1))
    actor = make.make_actor(person)
    service.change(actor, made.id, NOW, ends_at=after, note="longer")
    with pytest.raises(Denied) as error:
        service.change(actor, made.id, NOW, ends_at=after + timedelta(minutes=15))
    assert codes(error) == ["slot_taken"]
    stored = db.session.get_one(Reservation, made.id)
    assert (stored.ends_at, stored.note, stored.allocations[0].ends_at) == (after, "longer", after)


@pytest.mark.usefixtures("app")
def test_the_guard_watches_a_move_too(monkeypatch: pytest.MonkeyPatch) -> None:
    person, laser = make.make_person(), make.make_machine()
    made = book(person, laser)
    book(make.make_person(), laser, start=END, end=END + timedelta(hours=1))
    monkeypatch.setattr(gather, "first_taken", lambda *_: {})
    with pytest.raises(Denied) as error:
        service.change(make.make_actor(person), made.id, NOW, ends_at=END + timedelta(minutes=15))
    assert codes(error) == ["slot_taken"]


@pytest.mark.usefixtures("app")
def test_a_running_one_can_be_made_longer() -> None:
    person, laser = make.make_person(), make.make_machine()
    made = book(person, laser)
    later = START + timedelta(minutes=30)
    service.change(make.make_actor(person), made.id, later, ends_at=END + timedelta(minutes=30))
    with force_locale("en"), pytest.raises(Conflict, match="only its end"):
        service.change(make.make_actor(person), made.id, later, starts_at=START - timedelta(minutes=15))


@pytest.mark.usefixtures("app")
def test_free_slots_are_those_one_may_book() -> None:
    person, laser = make.make_person(), make.make_machine()
    book(person, laser)
    found = service.availability(person.id, laser.id, NOW, NOW + timedelta(hours=3), 60, NOW)
    assert [one.starts_at - NOW for one in found] == [timedelta(0), *(timedelta(minutes=m) for m in (120,))]
    with pytest.raises(Invalid):
        service.availability(person.id, laser.id, NOW, NOW + timedelta(days=100), 60, NOW)


@pytest.mark.usefixtures("app")
def test_own_reservations_are_parted_into_coming_and_past() -> None:
    person, laser = make.make_person(), make.make_machine()
    past = make.make_reservation(person, [laser], NOW - timedelta(days=1), NOW - timedelta(hours=23))
    made, gone = book(person, laser), book(person, laser, start=END, end=END + timedelta(hours=1))
    service.cancel(make.make_actor(person), gone.id, NOW)
    found = agenda.agenda(make.make_actor(person), NOW)
    assert [one.reservation.id for _, items in found.days for one in items] == [made.id]
    assert [one.id for one in found.past] == [gone.id, past.id]


def test_queries_stay_few_and_do_not_grow(app: Flask, count_queries: CountQueries) -> None:
    person = make.make_person()
    laser = make.make_machine()
    certification = make.make_certification()
    make.require_certification(laser, certification)
    make.make_grant(person, certification)
    actor, ident, person_id = make.make_actor(person), laser.id, person.id
    count_queries()
    service.book(actor, person_id, [ident], START, END, Extras(), NOW)
    assert count_queries() <= 17
    few = week_and_list(count_queries, 10)
    assert week_and_list(count_queries, 10) == few <= 7


def week_and_list(count_queries: CountQueries, more: int) -> int:
    person = make.make_person()
    for _ in range(more):
        machine = make.make_machine()
        for hour in range(3):
            at = NOW + timedelta(hours=2 * hour)
            make.make_reservation(person, [machine], at, at + timedelta(hours=1))
    resources = list(db.session.scalars(select(Resource)))
    count_queries()
    held = held_between([one.id for one in resources], NOW - timedelta(days=1), NOW + timedelta(days=7))
    assert held[-1].reservation.person.name
    free_from(resources, NOW)
    return count_queries()


def test_the_seek_uses_the_index_of_live_allocations(app: Flask) -> None:
    laser, person = make.make_machine(), make.make_person()
    with transaction() as session:
        for number in range(300):
            at = NOW + timedelta(hours=number)
            session.add(
                Reservation(
                    person_id=person.id,
                    created_at=NOW,
                    starts_at=at,
                    ends_at=at + timedelta(hours=1),
                    allocations=[Allocation(resource_id=laser.id, starts_at=at, ends_at=at + timedelta(hours=1))],
                )
            )
    at = NOW + timedelta(hours=200)
    for ask in (
        lambda: gather.first_taken([laser.id], at),
        lambda: gather.taken_between([laser.id], at, at + timedelta(hours=4)),
    ):
        sent = plans(ask)
        assert sent
        assert all("ix_allocation_live" in one for one in sent)


def plans(ask: Callable[[], object]) -> list[str]:
    """How the database carries out what is asked."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        sent.append((statement, parameters))

    ask()
    event.listen(db.engine, "before_cursor_execute", note)
    ask()
    event.remove(db.engine, "before_cursor_execute", note)
    words = "EXPLAIN QUERY PLAN"
    if db.engine.dialect.name == "postgresql":
        words = "EXPLAIN"
        db.session.execute(text("ANALYZE allocation"))
        db.session.execute(text("SET enable_seqscan = off"))
    asked = db.session.connection()
    return [
        "\n".join(str(row[-1]) for row in asked.exec_driver_sql(f"{words} {statement}", parameters))
        for statement, parameters in sent
    ]


def test_every_query_spells_the_predicate_as_the_index_does() -> None:
    sources = Path(service.__file__).parents[1].rglob("*.py")
    assert not [file.name for file in sources if re.search(r"Allocation\.live[,)]", file.read_text(encoding="utf-8"))]
