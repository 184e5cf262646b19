"""Days with fewer hours, with more and with the usual ones again: who is hit, who is told, what is offered."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.notices.models import Notice
from fablab.reservations import closing
from fablab.reservations.models import Reservation
from fablab.resources.models import OpeningRule
from tests import factories as make
from tests.factories import NOW
from tests.reservations.test_closing import DAY, HOUR, booked, boss, offers, waits
from tests.web_helpers import post, sign_in

TODAY = NOW.date()
MORNING = ["09:00-12:30"]
STRIKE = make.texts("Strike")


def told() -> list[tuple[int | None, str]]:
    """Whom what was told, in that order."""
    rows = db.session.execute(select(Notice.person_id, Notice.message).order_by(Notice.id))
    return [(person, message) for person, message in rows]


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("hours", "hit"),
    [
        (MORNING, ["over noon", "afternoon"]),
        (["09:00-10:00", "12:00-17:00"], ["morning"]),
        (["09:00-11:15", "11:30-24:00"], ["morning"]),
        (["00:00-24:00"], []),
        ([], ["morning", "over noon", "afternoon"]),
    ],
)
@pytest.mark.parametrize("cancel", [False, True])
def test_who_booked_outside_of_the_new_hours_is_hit(hours: list[str], hit: list[str], cancel: bool) -> None:
    laser, manager = make.make_machine(), boss()
    for note, begin, end in (("morning", 2, 3), ("over noon", 3, 4), ("afternoon", 5, 7)):
        booked(laser, begin, end, note=note)
    _day, count = closing.set_day(manager, None, TODAY, hours, STRIKE, NOW, cancel=cancel)
    assert count == len(hit)
    message = "reservation_cancelled" if cancel else "reservation_in_closure"
    known = select(Reservation.note).join(Notice, Notice.person_id == Reservation.person_id)
    assert list(db.session.scalars(known.where(Notice.message == message).order_by(Reservation.starts_at))) == hit


@pytest.mark.usefixtures("app")
def test_the_notice_says_what_is_closed() -> None:
    booked(make.make_machine(), 5, 7)
    closing.set_day(boss(), None, TODAY, MORNING, STRIKE, NOW)
    params = db.session.scalars(select(Notice.params)).one()
    assert params is not None
    times = [datetime.fromisoformat(params[name]) for name in ("closed_from", "closed_until")]
    assert times == [NOW + 3.5 * HOUR, NOW + 15 * HOUR]
    closing.set_day(boss(), None, TODAY, ["09:00-12:00"], STRIKE, NOW)
    assert len(told()) == 1, "once for a day"


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(("hours", "hit"), [(MORNING, ["lab"]), ([], ["lab", "own"])])
def test_only_what_follows_the_lab_is_hit(hours: list[str], hit: list[str]) -> None:
    own = {"monday": ["08:00-22:00"]}
    machines = {
        "lab": make.make_machine(),
        "own": make.make_machine(opening=OpeningRule.OWN, opening_hours=own),
        "always": make.make_machine(opening=OpeningRule.ALWAYS),
        "its own day": make.make_machine(),
    }
    manager = boss()
    closing.set_day(manager, machines["its own day"].id, TODAY, ["09:00-18:00"], STRIKE, NOW)
    people = {booked(one, 5, 7).person_id: name for name, one in machines.items()}
    day = closing.of_day(None, TODAY, {})
    assert len(closing.hit_by_each([day], NOW)[day.name]) == 2
    closing.set_day(manager, None, TODAY, hours, STRIKE, NOW)
    assert sorted(people[person or 0] for person, _message in told()) == hit


@pytest.mark.usefixtures("app")
def test_newly_opened_time_is_offered() -> None:
    laser, manager = make.make_machine(), boss()
    booked(laser, 5, 6)
    booked(laser, 7, 8)
    first, second = waits(laser, 5, 6), waits(laser, 7, 8)
    closing.set_day(manager, None, TODAY, MORNING, STRIKE, NOW, cancel=True)
    assert offers() == []
    closing.set_day(manager, None, TODAY, ["09:00-15:00"], STRIKE, NOW)
    assert offers() == [first.id]
    closing.set_day(manager, None, TODAY, ["09:00-18:00"], STRIKE, NOW)
    assert offers() == [first.id, second.id]


@pytest.mark.usefixtures("app")
def test_who_booked_what_only_the_other_hours_opened_is_told_when_they_go() -> None:
    laser, manager, sunday = make.make_machine(), boss(), TODAY - DAY + timedelta(weeks=1)
    made, _count = closing.set_day(manager, None, sunday, ["10:00-14:00"], {"en": "Fair"}, NOW)
    late, _count = closing.set_day(manager, None, TODAY, ["09:00-23:00"], {"en": "Night"}, NOW)
    gone, night = booked(laser, 6 * 24 + 2, 6 * 24 + 3), booked(laser, 12, 13)
    booked(laser, 2, 3)
    closing.usual_day(manager, made.id, NOW)
    assert told() == [(gone.person_id, "reservation_in_closure")]
    closing.usual_day(manager, late.id, NOW)
    assert told()[1:] == [(night.person_id, "reservation_in_closure")]


def test_the_page_shows_first_whom_shorter_hours_hit(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    laser, manager = make.make_machine(), make.make_person(role=Role.MANAGER)
    booked(laser, 5, 7, make.make_person(name="Grace"))
    sign_in(client, manager, NOW)
    form = {"day": TODAY.isoformat(), "open": "other", "hours": "09:00-10:30, 11:00-12:30", "reason_fr": "Grève"}
    asked = post(client, "/closures/days/new", form)
    assert asked.status_code == 200
    assert "Grace" in asked.text
    assert told() == []
    assert post(client, "/closures/days/new", form | {"choice": "keep"}).status_code == 303
    assert [message for _person, message in told()] == ["reservation_in_closure"]
