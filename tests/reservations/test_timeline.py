"""The timeline: what it holds, who sees what of it, how many questions it asks the database."""

import time
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db, transaction
from fablab.reservations import timeline
from fablab.reservations.models import Allocation, Companion, PolicyLevel, PolicyOverride, Reservation, ReservationState
from fablab.reservations.timeline import Entry, Wanted
from fablab.resources.models import Closure, Kind, OpeningRule, Resource, ResourceGroup
from tests import factories as make
from tests.api_helpers import Program
from tests.factories import NOW
from tests.web_helpers import sign_in

HOUR = timedelta(hours=1)
MONDAY = date(2026, 3, 2)
WEEK = Wanted(first=MONDAY, days=7)


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def only(entries: tuple[Entry, ...]) -> Entry:
    (one,) = entries
    return one


def request_for(person_id: int, laser: Resource) -> Reservation:
    asked = Allocation(resource_id=laser.id, starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR, live=False)
    times = {"starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR, "state": ReservationState.REQUESTED}
    return make.save(Reservation(person_id=person_id, created_at=NOW, allocations=[asked], **times))


def test_makers_learn_only_the_time_of_others(app: Flask) -> None:
    laser, ada, bob = make.make_machine(), make.make_person(name="Ada Lovelace"), make.make_person()
    made = make.make_reservation(ada, [laser], NOW + HOUR, NOW + 2 * HOUR, note="secret gift")
    (row,) = timeline.sheet(make.make_actor(bob), WEEK, NOW).rows
    seen = only(row.entries)
    assert (seen.starts_at, seen.ends_at) == (NOW + HOUR, NOW + 2 * HOUR)
    assert (seen.reservation_id, seen.person_id, seen.name, seen.note) == (None, None, "", "")
    assert not seen.own
    assert not seen.movable
    (row,) = timeline.sheet(make.make_actor(ada), WEEK, NOW).rows
    assert (only(row.entries).own, only(row.entries).movable) == (True, True)
    staff = make.make_actor(make.make_person(role=Role.INSTRUCTOR))
    (row,) = timeline.sheet(staff, WEEK, NOW).rows
    assert (only(row.entries).name, only(row.entries).reservation_id) == ("Ada Lovelace", made.id)


def test_page_and_api_tell_no_more(app: Flask, client: FlaskClient) -> None:
    laser, ada, bob = make.make_machine(), make.make_person(name="Ada Lovelace"), make.make_person()
    made = make.make_reservation(ada, [laser], NOW + HOUR, NOW + 2 * HOUR, note="secret gift")
    page = sign_in(client, bob, NOW).get("/timeline?view=week").get_data(as_text=True)
    calendar = Program(app, bob).get("/calendar?from=2026-03-02T00:00:00Z&to=2026-03-09T00:00:00Z").json
    assert calendar is not None
    for text in (page, str(calendar)):
        assert "Lovelace" not in text
        assert "secret gift" not in text
    assert f"/reservations/{made.id}" not in page
    assert "Reserved" in page
    assert f"/reservations/{made.id}/change" in sign_in(client, ada, NOW).get("/timeline").get_data(as_text=True)


def test_who_is_booked_along_sees_it_as_his_but_cannot_move_it(app: Flask) -> None:
    laser, ada, bob = make.make_machine(), make.make_person(), make.make_person()
    made = make.make_reservation(ada, [laser], NOW + HOUR, NOW + 2 * HOUR)
    make.save(Companion(reservation_id=made.id, person_id=bob.id))
    seen = only(timeline.sheet(make.make_actor(bob), WEEK, NOW).rows[0].entries)
    assert (seen.own, seen.movable, seen.reservation_id) == (True, False, made.id)


def test_requests_are_seen_by_who_asked_and_by_staff(app: Flask) -> None:
    laser, ada = make.make_machine(), make.make_person()
    request_for(ada.id, laser)
    seen = {
        name: len(timeline.sheet(make.make_actor(person), WEEK, NOW).rows[0].entries)
        for name, person in {
            "ada": ada,
            "bob": make.make_person(),
            "staff": make.make_person(role=Role.MANAGER),
        }.items()
    }
    assert seen == {"ada": 1, "bob": 0, "staff": 1}


def test_what_is_over_or_given_back_is_not_shown_and_what_reaches_in_is(app: Flask) -> None:
    laser, ada = make.make_machine(), make.make_person()
    gone = make.make_reservation(ada, [laser], NOW, NOW + HOUR, state=ReservationState.CANCELLED)
    with transaction():
        gone.allocations[0].live = False
    begin = NOW - timedelta(days=1)
    make.make_reservation(ada, [laser], begin - 30 * HOUR, begin - 20 * HOUR)
    make.make_reservation(ada, [laser], begin, NOW)
    make.make_reservation(ada, [laser], NOW + timedelta(days=6), NOW + timedelta(days=90))
    (row,) = timeline.sheet(make.make_actor(ada), WEEK, NOW).rows
    assert [one.starts_at for one in row.entries] == [begin, NOW + timedelta(days=6)]


def test_free_times_heed_hours_buffers_closures_and_the_past(app: Flask) -> None:
    laser, ada = make.make_machine(), make.make_person()
    rules = {"buffer_after_minutes": 30}
    make.save(PolicyOverride(level=PolicyLevel.RESOURCE, target=str(laser.id), rules=rules, changed_at=NOW))
    make.make_reservation(ada, [laser], NOW + 2 * HOUR, NOW + 3 * HOUR)
    times = {"starts_at": NOW + 5 * HOUR, "ends_at": NOW + 6 * HOUR}
    make.save(Closure(resource_id=laser.id, reason=make.texts("Works"), created_at=NOW, **times))
    now = NOW + timedelta(minutes=7)
    (row,) = timeline.sheet(make.make_actor(ada), Wanted(MONDAY, 1), now).rows
    half, opens = timedelta(minutes=30), row.openings[-1].ends_at
    found = [(one.starts_at, one.ends_at) for one in row.free if one.starts_at < NOW + 7 * HOUR]
    assert found[0] == (NOW + timedelta(minutes=15), NOW + 2 * HOUR - half)
    assert found[1][0] == NOW + 3 * HOUR + half
    assert all(end <= NOW + 5 * HOUR or start >= NOW + 6 * HOUR for start, end in found)
    assert row.free[-1].ends_at == opens
    assert [one.reason for one in row.closures] == [make.texts("Works")]


def test_filters_fit_all_at_once(app: Flask, client: FlaskClient) -> None:
    group = make.save(ResourceGroup(name=make.texts("Cutters")))
    place = make.make_place()
    make.make_machine("Laser cutter", group_id=group.id, place_id=place.id)
    make.make_machine("Mill", place_id=place.id)
    make.make_machine("Meeting room", kind=Kind.ROOM)
    sign_in(client, make.make_person(), NOW)

    def names(query: str) -> list[str]:
        page = client.get(f"/timeline?{query}").get_data(as_text=True)
        return [name for name in ("Laser cutter", "Mill", "Meeting room") if f">{name}</a>" in page]

    assert names("") == ["Laser cutter", "Mill", "Meeting room"]
    assert names("kind=room") == ["Meeting room"]
    assert names(f"group={group.id}&place={place.id}") == ["Laser cutter"]
    assert names("q=mill&day=nonsense&view=nonsense&place=x&kind=x") == ["Mill"]
    assert names("day=0001-01-01&view=week") == names("day=9999-12-31&view=week") == names("")
    assert names("q=nothing+like+it") == []


def test_the_visible_hours_are_those_in_which_something_happens(app: Flask) -> None:
    laser, ada = make.make_machine(), make.make_person()
    make.make_machine("Always", opening=OpeningRule.ALWAYS)
    zone = app.extensions["fablab_config"].lab.zone

    def hours(**more: bool) -> tuple[str, str]:
        (day,) = timeline.sheet(make.make_actor(ada), Wanted(MONDAY, 1), NOW, **more).segments
        return f"{day.starts_at.astimezone(zone):%H:%M}", f"{day.ends_at.astimezone(zone):%H:%M}"

    usual = hours()
    make.make_reservation(ada, [laser], NOW - 4 * HOUR, NOW - 3 * HOUR)
    assert hours() == ("05:00", usual[1])
    assert hours(whole_days=True) == ("00:00", "00:00")


@pytest.mark.parametrize(("first", "length"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25)])
def test_the_nights_in_which_clocks_change_are_an_hour_other(app: Flask, first: date, length: int) -> None:
    make.make_machine(opening=OpeningRule.ALWAYS)
    actor = make.make_actor(make.make_person())
    (day,) = timeline.sheet(actor, Wanted(first, 1), NOW, whole_days=True).segments
    assert day.ends_at - day.starts_at == length * HOUR


@pytest.mark.parametrize(
    "query",
    [
        "from=2026-03-02T00:00:00Z&to=2026-03-02T00:00:00Z",
        "from=2026-03-02T00:00:00Z&to=2026-05-02T00:00:00Z",
        "from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z",
        "from=9999-12-31T00:00:00Z&to=9999-12-31T23:00:00Z",
        "from=2026-03-02&to=2026-03-03",
        "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&kind=tree",
        "from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z&colour=red",
        "to=2026-03-03T00:00:00Z",
    ],
)
def test_the_api_refuses_what_makes_no_sense(app: Flask, query: str) -> None:
    assert Program(app, make.make_person()).get(f"/calendar?{query}").status_code == 422


def test_the_api_shows_hours_and_rules_of_each(app: Flask) -> None:
    ada = make.make_person()
    make.make_reservation(ada, [make.make_machine("Laser")], NOW, NOW + HOUR, note="gift")
    answer = Program(app, ada).get("/calendar?from=2026-03-02T12:00:00Z&to=2026-03-02T13:00:00Z").json
    assert answer is not None
    (row,) = answer["resources"]
    assert [one["date"] for one in answer["days"]] == ["2026-03-02"]
    assert (row["kind"], row["in_service"], row["step_minutes"] > 0, bool(row["open"])) == ("machine", True, True, True)
    (booking,) = row["bookings"]
    assert (booking["note"], booking["own"], booking["state"], booking["movable"]) == ("gift", True, "booked", True)


def test_the_number_of_queries_is_constant(app: Flask, count_queries: Callable[[], int]) -> None:
    ada, actor = make.make_person(), make.make_actor(make.make_person(role=Role.MANAGER))

    def asked() -> int:
        db.session.expire_all()
        count_queries()
        timeline.sheet(actor, WEEK, NOW)
        return count_queries()

    place = make.make_place()
    make.make_reservation(ada, [make.make_machine(place_id=place.id)], NOW, NOW + HOUR)
    few = asked()
    for number in range(12):
        machine = make.make_machine(place_id=place.id)
        make.make_reservation(make.make_person(), [machine], NOW + number * HOUR, NOW + (number + 1) * HOUR)
        request_for(ada.id, machine)
    assert asked() == few <= 10


def test_a_week_of_a_hundred_is_quick(app: Flask, client: FlaskClient) -> None:
    """Not the million of the benchmark, but the same work for Python: 100 resources, a week, thousands of bookings."""
    ada = make.make_person()
    machines = [make.make_machine(f"Machine {number}") for number in range(100)]
    with transaction() as session:
        for machine in machines:
            for day in range(7):
                for slot in range(4):
                    begin = NOW + timedelta(days=day, hours=2 * slot)
                    held = Allocation(resource_id=machine.id, starts_at=begin, ends_at=begin + HOUR)
                    made = Reservation(person_id=ada.id, created_at=NOW, starts_at=begin, ends_at=begin + HOUR)
                    made.allocations = [held]
                    session.add(made)
    sign_in(client, make.make_person(), NOW)
    client.get("/timeline?view=week")
    began = time.perf_counter()
    answer = client.get("/timeline?view=week")
    took = time.perf_counter() - began
    assert answer.status_code == 200
    assert took < 1.5
