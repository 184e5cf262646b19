"""Bookings that come again: every date on its own, skipped ones kept with their reasons; this, the following, all."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask_babel import force_locale
from sqlalchemy import func, select

from fablab.core import audit
from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.notices import calendars
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import series, series_rows, service
from fablab.reservations.models import Reservation, ReservationSeries, ReservationState, SkippedOccurrence
from fablab.reservations.series import Scope
from fablab.reservations.series_rows import SeriesResult
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
START = NOW + DAY + 2 * HOUR
"""Tuesday, 3 March 2026, 11:00 in Paris."""
TUESDAYS = "FREQ=WEEKLY;BYDAY=TU;COUNT=4"


@pytest.fixture(autouse=True)
def _english(app: Flask) -> Iterator[None]:
    with force_locale("en"):
        yield


@pytest.fixture
def laser(app: Flask) -> Resource:
    return make.make_machine()


@pytest.fixture
def ada(app: Flask) -> Person:
    return make.make_person()


def book(
    person: Person, laser: Resource, rule: str = TUESDAYS, actor: Actor | None = None, **over: Any
) -> SeriesResult:
    values: dict[str, Any] = {"starts_at": START, "ends_at": START + HOUR, "extras": Extras(note="course"), "now": NOW}
    given = values | over
    return series.book_series(
        actor or make.make_actor(person),
        person.id,
        [laser.id],
        given["starts_at"],
        given["ends_at"],
        rule,
        given["extras"],
        given["now"],
    )


def rows(series_id: int) -> list[tuple[datetime, ReservationState]]:
    """Start and state of the reservations of a series, ascending."""
    db.session.rollback()
    query = select(Reservation.starts_at, Reservation.state).where(Reservation.series_id == series_id)
    return [(at, state) for at, state in db.session.execute(query.order_by(Reservation.starts_at))]


def starts(series_id: int, state: ReservationState = ReservationState.BOOKED) -> list[datetime]:
    return [at for at, found in rows(series_id) if found is state]


def told(person: Person) -> list[str]:
    db.session.rollback()
    return list(db.session.scalars(select(Notice.message).where(Notice.person_id == person.id).order_by(Notice.id)))


def count(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


# -- booking ----------------------------------------------------------------------------------------------------------


def test_one_reservation_for_each_date_and_one_notice_for_all(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    assert [one.starts_at for one in made.booked] == [START, START + WEEK, START + 2 * WEEK, START + 3 * WEEK]
    assert [one.occurrence_at for one in made.booked] == [one.starts_at for one in made.booked]
    assert (made.skipped, count(SkippedOccurrence)) == ((), 0)
    assert (made.series.rule, made.series.zone, made.series.minutes) == (TUESDAYS, "Europe/Paris", 60)
    assert told(ada) == ["series_confirmed"]
    notice = db.session.scalars(select(Notice)).one()
    assert notice.calendar is not None
    attached = calendars.from_json(notice.calendar)
    assert isinstance(attached, calendars.CalendarEvents)
    assert [one.name for one in attached.events] == [f"reservation-{one.id}" for one in made.booked]
    text = calendars.invitation(attached, "Ada", "ada@example.org").content.decode()
    assert (text.count("BEGIN:VEVENT"), "METHOD:PUBLISH" in text, "ATTENDEE" in text) == (4, True, False)
    assert audit.history("reservation_series", str(made.series.id))[0].action == "series.created"
    kinds = db.session.scalars(select(Event.kind).order_by(Event.id)).all()
    assert kinds == ["reservation.created"] * 4 + ["series.created"]


def test_dates_in_conflict_are_skipped_with_their_reasons(laser: Resource, ada: Person) -> None:
    make.make_reservation(make.make_person(), [laser], START + WEEK, START + WEEK + HOUR)
    made = book(ada, laser)
    assert [one.starts_at for one in made.booked] == [START, START + 2 * WEEK, START + 3 * WEEK]
    (skipped,) = made.skipped
    assert skipped.occurrence_at == START + WEEK
    assert [one["code"] for one in skipped.denials] == ["slot_taken"]
    notice = db.session.scalars(select(Notice).where(Notice.message == "series_confirmed")).one()
    assert notice.params is not None
    assert (notice.params["count"], notice.params["skipped"]) == (3, 1)


def test_dates_beyond_the_horizon_are_skipped_and_added_later(laser: Resource, ada: Person) -> None:
    made = book(ada, laser, "FREQ=WEEKLY;COUNT=12")
    assert (len(made.booked), [one.denials[0]["code"] for one in made.skipped]) == (9, ["too_far_ahead"] * 3)
    added = series.readd(make.make_actor(ada), made.skipped[0].id, NOW + 2 * WEEK)
    assert (added.starts_at, added.series_id, added.note) == (made.skipped[0].occurrence_at, made.series.id, "course")
    assert told(ada) == ["series_confirmed", "reservation_confirmed"]
    assert len(series_rows.result(series_rows.get(made.series.id)).skipped) == 2


def test_where_no_date_can_be_booked_nothing_is_made(laser: Resource, ada: Person) -> None:
    make.require_certification(laser, make.make_certification())
    with pytest.raises(Denied) as refused:
        book(ada, laser)
    assert [one.code for one in refused.value.denials] == ["not_certified"]
    assert (count(ReservationSeries), count(SkippedOccurrence), count(Reservation)) == (0, 0, 0)
    assert told(ada) == []


def test_what_makes_no_sense_leaves_nothing(laser: Resource, ada: Person) -> None:
    with pytest.raises(Invalid):
        book(ada, laser, "FREQ=HOURLY;COUNT=3")
    with pytest.raises(Invalid):
        book(ada, laser, ends_at=START)
    with pytest.raises(Invalid):
        series.book_series(make.make_actor(ada), ada.id, [999], START, START + HOUR, TUESDAYS, Extras(), NOW)
    with pytest.raises(Forbidden):
        book(ada, laser, actor=make.make_actor(make.make_person()))
    assert (count(ReservationSeries), count(SkippedOccurrence), count(Reservation)) == (0, 0, 0)


def test_a_series_that_was_interrupted_shows_what_was_not_tried(
    laser: Resource, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    real = service.book

    def dies_at_the_third(*args: Any) -> Reservation:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(service, "book", dies_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        book(ada, laser)
    monkeypatch.undo()
    db.session.rollback()
    result = series_rows.result(db.session.scalars(select(ReservationSeries)).one())
    assert [one.starts_at for one in result.booked] == [START, START + WEEK]
    assert [(one.occurrence_at, one.denials) for one in result.skipped] == [
        (START + 2 * WEEK, []),
        (START + 3 * WEEK, []),
    ]
    added = series.readd(make.make_actor(ada), result.skipped[0].id, NOW)
    assert added.starts_at == START + 2 * WEEK


def test_local_time_holds_when_the_clocks_change(laser: Resource, ada: Person) -> None:
    made = book(ada, laser, "FREQ=WEEKLY;COUNT=5")
    hours = [one.starts_at.hour for one in made.booked]
    assert hours == [10, 10, 10, 10, 9]


def test_a_series_of_fifty_costs_a_constant_number_of_queries_to_read(
    laser: Resource, ada: Person, count_queries: Callable[[], int]
) -> None:
    made = [
        book(
            ada,
            laser,
            f"FREQ=DAILY;COUNT={number}",
            starts_at=START + number * HOUR,
            ends_at=START + (number + 1) * HOUR,
        )
        for number in (1, 5)
    ]
    costs = []
    for one in made:
        ident = one.series.id
        db.session.rollback()
        db.session.expire_all()
        count_queries()
        result = series_rows.result(series_rows.get(ident))
        assert [found.resource.name for row in result.booked for found in row.allocations]
        costs.append(count_queries())
    assert costs[0] == costs[1] <= 5


# -- adding what was skipped ------------------------------------------------------------------------------------------


def test_what_was_skipped_is_added_once_when_it_is_free(laser: Resource, ada: Person) -> None:
    other = make.make_reservation(make.make_person(), [laser], START + WEEK, START + WEEK + HOUR)
    (skipped,) = book(ada, laser).skipped
    acting = make.make_actor(ada)
    make.require_certification(laser, certification := make.make_certification())
    with pytest.raises(Denied) as refused:
        series.readd(acting, skipped.id, NOW)
    assert {one.code for one in refused.value.denials} == {"not_certified", "slot_taken"}
    kept = db.session.get_one(SkippedOccurrence, skipped.id, populate_existing=True)
    assert {one["code"] for one in kept.denials} == {"not_certified", "slot_taken"}
    make.make_grant(ada, certification)
    service.cancel(make.make_actor(make.make_person(role=Role.MANAGER)), other.id, NOW, "closed")
    added = series.readd(acting, skipped.id, NOW)
    assert added.starts_at == START + WEEK
    with pytest.raises(Conflict):
        series.readd(acting, skipped.id, NOW)
    for ident in (skipped.id, 999):
        with pytest.raises(NotFound):
            series.readd(make.make_actor(make.make_person()), ident, NOW)


# -- changing ---------------------------------------------------------------------------------------------------------

S, A, B, C = START, START + WEEK, START + 2 * WEEK, START + 3 * WEEK


@pytest.mark.parametrize(
    ("picked", "scope", "shift", "now", "old", "new"),
    [
        (1, Scope.THIS, HOUR, NOW, [S, A + HOUR, B, C], None),
        (1, Scope.FOLLOWING, HOUR, NOW, [S], [A + HOUR, B + HOUR, C + HOUR]),
        (0, Scope.FOLLOWING, HOUR, NOW, [S + HOUR, A + HOUR, B + HOUR, C + HOUR], None),
        (3, Scope.FOLLOWING, -HOUR, NOW, [S, A, B], [C - HOUR]),
        (2, Scope.ALL, HOUR, NOW, [S + HOUR, A + HOUR, B + HOUR, C + HOUR], None),
        (2, Scope.ALL, HOUR, S + 2 * HOUR, [S], [A + HOUR, B + HOUR, C + HOUR]),
        (2, Scope.ALL, DAY, NOW, [S + DAY, A + DAY, B + DAY, C + DAY], None),
        (1, Scope.FOLLOWING, WEEK, NOW, [S], [A + WEEK, B + WEEK, C + WEEK - HOUR]),
        (1, Scope.FOLLOWING, -6 * DAY, NOW, [S], [A - 6 * DAY, B - 6 * DAY, C - 6 * DAY]),
    ],
)
def test_this_the_following_or_all_that_are_to_come_move(
    laser: Resource,
    ada: Person,
    picked: int,
    scope: Scope,
    shift: timedelta,
    now: datetime,
    old: list[datetime],
    new: list[datetime] | None,
) -> None:
    made = book(ada, laser)
    target, first_id = made.booked[picked], made.series.id
    edited = series.change_series(
        make.make_actor(ada),
        target.id,
        scope,
        now,
        starts_at=target.starts_at + shift,
        ends_at=target.ends_at + shift,
    )
    assert edited.refused == ()
    assert starts(first_id) == old
    assert (edited.series.id == first_id) is (new is None)
    if new is not None:
        assert starts(edited.series.id) == new
        assert "UNTIL" in db.session.get_one(ReservationSeries, first_id).rule
        assert edited.series.starts_at == new[0]
        assert f"COUNT={len(new)}" in edited.series.rule
    assert told(ada)[1:] == ["reservation_changed" if scope is Scope.THIS else "series_changed"]


def test_other_lengths_and_notes(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    acting = make.make_actor(ada)
    second = made.booked[1]
    first_id = made.series.id
    edited = series.change_series(acting, second.id, Scope.FOLLOWING, NOW, ends_at=A + 2 * HOUR, note="longer")
    assert [(one.ends_at - one.starts_at, one.note) for one in edited.done] == [(2 * HOUR, "longer")] * 3
    assert (edited.series.minutes, edited.series.note) == (120, "longer")
    assert db.session.get_one(ReservationSeries, first_id).note == "course"
    again = series.change_series(acting, made.booked[0].id, Scope.ALL, NOW, note="first")
    assert (again.series.id, again.series.note, [one.note for one in again.done]) == (first_id, "first", ["first"])


def test_a_date_that_cannot_move_stays_and_is_named(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    make.make_reservation(make.make_person(), [laser], B + HOUR, B + 2 * HOUR)
    edited = series.change_series(
        make.make_actor(ada), made.booked[0].id, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 2 * HOUR
    )
    assert [(one.reservation_id, [why.code for why in one.denials]) for one in edited.refused] == [
        (made.booked[2].id, ["slot_taken"])
    ]
    assert starts(made.series.id) == [S + HOUR, A + HOUR, B, C + HOUR]


def test_a_date_moved_on_its_own_stays_where_it_is(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    acting = make.make_actor(ada)
    service.change(acting, made.booked[2].id, NOW, starts_at=B + 3 * HOUR, ends_at=B + 4 * HOUR)
    series.change_series(acting, made.booked[0].id, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 2 * HOUR)
    assert starts(made.series.id) == [S + HOUR, A + HOUR, B + 3 * HOUR, C + HOUR]


def test_skipped_dates_move_along(laser: Resource, ada: Person) -> None:
    make.make_reservation(make.make_person(), [laser], B, B + HOUR)
    made = book(ada, laser)
    edited = series.change_series(
        make.make_actor(ada), made.booked[1].id, Scope.FOLLOWING, NOW, starts_at=A + HOUR, ends_at=A + 2 * HOUR
    )
    (skipped,) = series_rows.result(edited.series).skipped
    assert skipped.occurrence_at == B + HOUR
    assert series.readd(make.make_actor(ada), skipped.id, NOW).starts_at == B + HOUR


def test_who_may_not_and_what_is_no_series(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    single = make.make_reservation(ada, [laser], START + DAY, START + DAY + HOUR)
    stranger = make.make_actor(make.make_person())
    with pytest.raises(NotFound):
        series.change_series(stranger, made.booked[0].id, Scope.ALL, NOW, note="x")
    with pytest.raises(NotFound):
        series.cancel_series(stranger, made.booked[0].id, Scope.ALL, NOW)
    with pytest.raises(NotFound):
        series.cancel_series(stranger, 999, Scope.ALL, NOW)
    with pytest.raises(Conflict):
        series.cancel_series(make.make_actor(ada), single.id, Scope.ALL, NOW)
    with pytest.raises(Invalid):
        series.change_series(make.make_actor(ada), made.booked[0].id, Scope.ALL, NOW, ends_at=S)


def test_a_rule_by_month_does_not_move_to_another_day_and_nothing_changes(laser: Resource, ada: Person) -> None:
    made = book(ada, laser, "FREQ=MONTHLY;COUNT=2")
    with pytest.raises(Invalid, match="same day"):
        series.change_series(
            make.make_actor(ada), made.booked[0].id, Scope.ALL, NOW, starts_at=S + DAY, ends_at=S + DAY + HOUR
        )
    assert starts(made.series.id) == [one.starts_at for one in made.booked]
