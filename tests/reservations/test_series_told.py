"""What becomes of a series that cannot follow, and what is told of one: requests, moves by the staff, notes."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_babel import force_locale
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied
from fablab.notices import calendars
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import policies, series, series_rows, service
from fablab.reservations.models import PolicyLevel, ReservationSeries, ReservationState
from fablab.reservations.series import Scope
from fablab.reservations.wishes import Extras
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW
from tests.reservations.test_series import DAY, HOUR, A, B, C, S, _english, ada, book, laser, starts, told
from tests.web_helpers import post, sign_in

__all__ = ["_english", "ada", "laser"]

MINUTE = timedelta(minutes=1)


def needs_approval(resource: Resource) -> None:
    staff = make.make_actor(make.make_person(role=Role.ADMINISTRATOR, active=False))
    policies.set_rules(staff, PolicyLevel.RESOURCE, str(resource.id), {"approval": True}, NOW)


def last(person: Person, message: str) -> dict[str, Any]:
    """The words of the newest notice of this kind."""
    mine = (Notice.person_id == person.id) & (Notice.message == message)
    found = db.session.scalars(select(Notice).where(mine).order_by(Notice.id.desc())).first()
    assert found is not None
    return found.params or {}


def facts(series_id: int) -> tuple[str, datetime, int, str]:
    row = db.session.get_one(ReservationSeries, series_id, populate_existing=True)
    return row.rule, row.starts_at, row.minutes, row.note


# -- where nothing, or not all, can follow ----------------------------------------------------------------------------


def test_a_series_that_nothing_could_follow_stays_as_it_is(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    acting, first, before = make.make_actor(ada), made.booked[0].id, facts(made.series.id)
    with pytest.raises(Denied) as refused:
        series.change_series(
            acting, first, Scope.ALL, NOW, starts_at=S + 14 * HOUR, ends_at=S + 16 * HOUR, note="at night"
        )
    assert {one.code for one in refused.value.denials} == {"outside_opening_hours"}
    assert facts(made.series.id) == before
    assert starts(made.series.id) == [S, A, B, C]
    with pytest.raises(Denied):
        series.change_series(
            acting, made.booked[1].id, Scope.FOLLOWING, NOW, starts_at=A + 14 * HOUR, ends_at=A + 15 * HOUR
        )
    assert len(db.session.scalars(select(ReservationSeries)).all()) == 1, "it is not split either"
    assert told(ada) == ["series_confirmed"]
    again = series.change_series(acting, first, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 2 * HOUR)
    assert (len(again.done), again.refused) == (4, ())


def test_a_date_that_could_not_become_longer_follows_the_next_change(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    acting, first = make.make_actor(ada), made.booked[0].id
    other = make.make_reservation(make.make_person(), [laser], B + HOUR, B + 2 * HOUR)
    longer = series.change_series(acting, first, Scope.ALL, NOW, ends_at=S + 2 * HOUR)
    assert ([one.reservation_id for one in longer.refused], longer.series.minutes) == ([made.booked[2].id], 120)
    service.cancel(make.make_actor(make.make_person(role=Role.MANAGER)), other.id, NOW, "closed")
    later = series.change_series(acting, first, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 3 * HOUR)
    assert (len(later.done), later.refused) == (4, ())
    assert {one.ends_at - one.starts_at for one in later.done} == {2 * HOUR}
    assert {one.occurrence_minutes for one in later.done} == {None}


def test_a_date_made_longer_on_its_own_keeps_its_time(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    acting = make.make_actor(ada)
    service.change(acting, made.booked[2].id, NOW, ends_at=B + 3 * HOUR)
    series.change_series(acting, made.booked[0].id, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 3 * HOUR)
    assert starts(made.series.id) == [S + HOUR, A + HOUR, B, C + HOUR]


def test_a_series_that_is_over_is_not_rewritten(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    before = facts(made.series.id)
    with force_locale("en"), pytest.raises(Conflict, match="still to come"):
        series.change_series(make.make_actor(ada), made.booked[3].id, Scope.ALL, C + 3 * HOUR, note="x")
    assert facts(made.series.id) == before


# -- the date that runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("scope", "stays"), [(Scope.ALL, [S, A]), (Scope.FOLLOWING, [S])])
def test_all_to_come_are_cancelled_without_the_one_that_runs(
    laser: Resource, ada: Person, scope: Scope, stays: list[datetime]
) -> None:
    made = book(ada, laser)
    series.cancel_series(make.make_actor(ada), made.booked[1].id, scope, A + 30 * MINUTE)
    assert starts(made.series.id) == stays


def test_all_to_come_move_without_the_one_that_runs(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    series.change_series(
        make.make_actor(ada), made.booked[1].id, Scope.ALL, A + 30 * MINUTE, starts_at=A + HOUR, ends_at=A + 2 * HOUR
    )
    assert starts(made.series.id)[:2] == [S, A]
    assert {B + HOUR, C + HOUR} <= {one.starts_at for one in series_rows.loaded([row.id for row in made.booked])}


# -- requests ---------------------------------------------------------------------------------------------------------


def test_requests_of_a_series_are_told_once(laser: Resource, ada: Person) -> None:
    needs_approval(laser)
    staff = [make.make_person(role=Role.MANAGER) for _ in range(2)]
    make.make_reservation(make.make_person(), [laser], B, B + HOUR)
    made = book(ada, laser)
    assert {one.state for one in made.booked} == {ReservationState.REQUESTED}
    assert told(ada) == ["series_requested"]
    assert (last(ada, "series_requested")["count"], last(ada, "series_requested")["skipped"]) == (3, 1)
    for one in staff:
        assert told(one) == ["series_awaited"]
        assert (last(one, "series_awaited")["person"], last(one, "series_awaited")["count"]) == (ada.name, 3)


def test_a_series_that_must_be_asked_for_again_says_so(laser: Resource, ada: Person) -> None:
    staff = make.make_person(role=Role.MANAGER)
    made = book(ada, laser)
    needs_approval(laser)
    acting, first = make.make_actor(ada), made.booked[0].id
    series.change_series(acting, first, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 2 * HOUR)
    assert starts(made.series.id, ReservationState.REQUESTED) == [S + HOUR, A + HOUR, B + HOUR, C + HOUR]
    assert told(ada)[1:] == ["series_changed"]
    assert (last(ada, "series_changed")["count"], last(ada, "series_changed")["requested"]) == (4, 4)
    notice = db.session.scalars(select(Notice).where(Notice.message == "series_changed")).one()
    attached = calendars.from_json(notice.calendar or {})
    assert isinstance(attached, calendars.CalendarEvents)
    assert {one.status for one in attached.events} == {calendars.Status.CANCELLED}
    assert told(staff) == ["series_awaited"]
    series.change_series(acting, first, Scope.ALL, NOW + HOUR, starts_at=S + 2 * HOUR, ends_at=S + 3 * HOUR)
    assert told(ada)[2:] == ["series_requested"], "no calendar holds them any more"
    assert last(ada, "series_requested")["moved"] is True


# -- the staff --------------------------------------------------------------------------------------------------------


def test_who_did_it_and_why_is_told(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    first = made.booked[0].id
    staff = make.make_actor(make.make_person(role=Role.MANAGER))
    series.change_series(
        staff, first, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 2 * HOUR, reason="A school class comes"
    )
    said = last(ada, "series_changed")
    assert (said["by_staff"], said["reason"]) == (True, "A school class comes")
    series.change_series(make.make_actor(ada), first, Scope.ALL, NOW + HOUR, starts_at=S, ends_at=S + HOUR)
    assert (last(ada, "series_changed")["by_staff"], last(ada, "series_changed")["reason"]) == (False, "")


def test_another_note_for_a_series_tells_nobody(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    edited = series.change_series(make.make_actor(ada), made.booked[0].id, Scope.ALL, NOW, note="plywood")
    assert {one.note for one in edited.done} == {"plywood"}
    assert told(ada) == ["series_confirmed"]


def test_the_staff_says_why_on_the_page(
    client: FlaskClient, laser: Resource, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    url = f"/series/{book(ada, laser).series.id}/change"
    form = {"scope": "all", "day": "2026-03-03", "time": "13:00", "minutes": "60", "note": "course"}
    sign_in(client, make.make_person(role=Role.MANAGER, language="en"), NOW)
    assert 'name="reason"' in client.get(url).text
    assert post(client, url, form | {"reason": "x" * 501}).status_code == 422
    assert post(client, url, form | {"reason": "A school class comes"}).status_code == 303
    assert last(ada, "series_changed")["reason"] == "A school class comes"
    sign_in(client, ada, NOW)
    assert 'name="reason"' not in client.get(url).text


@pytest.mark.parametrize("by_staff", [True, False])
def test_why_a_request_is_moved_is_kept_and_told(laser: Resource, ada: Person, by_staff: bool) -> None:
    needs_approval(laser)
    acting = make.make_actor(make.make_person(role=Role.MANAGER) if by_staff else ada)
    asked = service.book(make.make_actor(ada), ada.id, [laser.id], S, S + HOUR, Extras(), NOW)
    moved = service.change(acting, asked.id, NOW, starts_at=S + DAY, ends_at=S + DAY + HOUR, reason="The room is taken")
    assert moved.state is ReservationState.REQUESTED
    assert told(ada) == ["reservation_requested"] * 2
    said = last(ada, "reservation_requested")
    assert (said["by_staff"], said["reason"]) == (by_staff, "The room is taken")
