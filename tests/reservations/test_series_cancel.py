"""Dates of a series cancelled: one, this and the following, all that are still to come."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from fablab.core.db import db
from fablab.notices import calendars
from fablab.notices.models import Notice
from fablab.people.models import Person
from fablab.reservations import series, series_rows
from fablab.reservations.models import ReservationState
from fablab.reservations.series import Scope
from fablab.resources.models import Resource
from tests import factories as make
from tests.factories import NOW
from tests.reservations.test_series import HOUR, A, B, C, S, _english, ada, book, laser, starts, told

__all__ = ["_english", "ada", "laser"]


@pytest.mark.parametrize(
    ("picked", "scope", "now", "stays"),
    [
        (1, Scope.THIS, NOW, [S, B, C]),
        (1, Scope.FOLLOWING, NOW, [S]),
        (0, Scope.FOLLOWING, NOW, []),
        (3, Scope.FOLLOWING, NOW, [S, A, B]),
        (2, Scope.ALL, NOW, []),
        (2, Scope.ALL, A + timedelta(minutes=30), [S, A]),
    ],
)
def test_this_the_following_or_all_that_are_to_come_are_cancelled(
    laser: Resource, ada: Person, picked: int, scope: Scope, now: datetime, stays: list[datetime]
) -> None:
    made = book(ada, laser)
    edited = series.cancel_series(make.make_actor(ada), made.booked[picked].id, scope, now, "ill")
    assert starts(made.series.id) == stays
    assert len(edited.done) == 4 - len(stays)
    assert {one.end_reason for one in edited.done} == {"ill"}
    assert told(ada)[1:] == ["reservation_cancelled" if scope is Scope.THIS else "series_cancelled"]
    if scope is Scope.FOLLOWING and stays:
        assert "UNTIL" in edited.series.rule


def test_the_notice_takes_the_dates_out_of_the_calendar(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    series.cancel_series(make.make_actor(ada), made.booked[2].id, Scope.FOLLOWING, NOW)
    notice = db.session.scalars(select(Notice).where(Notice.message == "series_cancelled")).one()
    assert notice.calendar is not None
    attached = calendars.from_json(notice.calendar)
    assert isinstance(attached, calendars.CalendarEvents)
    assert [(one.status, one.sequence) for one in attached.events] == [(calendars.Status.CANCELLED, 1)] * 2


def test_cancelled_dates_are_skipped_by_later_changes(laser: Resource, ada: Person) -> None:
    made = book(ada, laser)
    acting = make.make_actor(ada)
    series.cancel_series(acting, made.booked[1].id, Scope.THIS, NOW)
    series.change_series(acting, made.booked[0].id, Scope.ALL, NOW, starts_at=S + HOUR, ends_at=S + 2 * HOUR)
    assert starts(made.series.id) == [S + HOUR, B + HOUR, C + HOUR]
    assert starts(made.series.id, ReservationState.CANCELLED) == [A]


def test_what_is_cancelled_is_not_offered_to_be_added(laser: Resource, ada: Person) -> None:
    make.make_reservation(make.make_person(), [laser], B, B + HOUR)
    made = book(ada, laser)
    series.cancel_series(make.make_actor(ada), made.booked[1].id, Scope.FOLLOWING, NOW)
    assert series_rows.result(series_rows.get(made.series.id)).skipped == ()
