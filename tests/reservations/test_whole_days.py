"""What lasts from midnight to midnight is told in days, not as 00:00–00:00."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.config import Config
from fablab.reservations import story
from fablab.reservations.models import Let
from fablab.resources.models import OpeningException
from tests import factories as make
from tests.factories import NOW
from tests.web_helpers import sign_in

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def midnights(config: Config) -> list[datetime]:
    """That of Monday 2 March, of the day after and of Wednesday 1 April."""
    days = date(2026, 3, 2), date(2026, 3, 3), date(2026, 4, 1)
    return [datetime.combine(day, time(0), config.lab.zone).astimezone(UTC) for day in days]


@pytest.fixture
def staff(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    sign_in(client, make.make_person(role=Role.INSTRUCTOR), NOW)
    return client


def shown(client: FlaskClient, path: str) -> str:
    return client.get(path, headers=ENGLISH).get_data(as_text=True)


def test_the_day_sheet_says_so(staff: FlaskClient, midnights: list[datetime]) -> None:
    begin, end, later = midnights
    room, office = make.make_machine("Room"), make.make_machine("Office")
    make.save(OpeningException(resource_id=None, day=date(2026, 3, 2), hours=["00:00-24:00"], reason={}))
    make.make_reservation(make.make_person(), [room], begin, end)
    let = make.make_reservation(make.make_person(), [office], begin, later)
    make.save(Let(reservation_id=let.id, keys="key 12"))
    text = shown(staff, "/day")
    assert "00:00" not in text
    assert "24 h" in text
    assert ">all day<" in text
    assert ">2 Mar – 31 Mar<" in text
    assert "Not yet" in text
    assert text.count('class="sheet-box"') == 2
    assert text.count('<i aria-hidden="true"></i>') == 1


def test_the_page_of_a_booking_and_of_a_thing_say_so(staff: FlaskClient, midnights: list[datetime]) -> None:
    begin, end, later = midnights
    room, office = make.make_machine("Room"), make.make_machine("Office")
    day = make.make_reservation(make.make_person(), [room], begin, end)
    let = make.make_reservation(make.make_person(), [office], begin, later)
    assert "Mon 2 Mar all day" in shown(staff, f"/reservations/{day.id}")
    assert "Tue 31 Mar" in shown(staff, f"/reservations/{let.id}")
    page = shown(staff, f"/resources/{room.id}")
    assert "all day" in page
    assert "00:00–00:00" not in page


def test_the_history_says_so(app: Flask, midnights: list[datetime]) -> None:
    begin, end, later = (one.isoformat() for one in midnights)
    with app.test_request_context("/", headers=ENGLISH):
        one = story.told("created", {}, {"state": "booked", "starts_at": begin, "ends_at": end})
        many = story.told("created", {}, {"state": "booked", "starts_at": begin, "ends_at": later})
    assert one == "Booked: Monday 2 March all day"
    assert many == "Booked: Monday 2 March–Tuesday 31 March"


def test_a_free_time_over_midnight_is_not_called_taken(staff: FlaskClient, midnights: list[datetime]) -> None:
    begin, end, _later = midnights
    room = make.make_machine("Room")
    for day in (date(2026, 3, 2), date(2026, 3, 3)):
        make.save(OpeningException(resource_id=None, day=day, hours=["00:00-24:00"], reason={}))
    make.make_reservation(make.make_person(), [room], begin, end - timedelta(minutes=30))
    asked = f"/resources/{room.id}/book?day=2026-03-02&minutes=60&time="
    free, taken = shown(staff, asked + "23:30"), shown(staff, asked + "22:00")
    assert "This time is free" in free
    assert "No time of this length" not in free
    assert "No time of this length can be booked on Monday 2 March." in taken
