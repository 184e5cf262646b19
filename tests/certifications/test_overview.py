"""What ends soon and what happened, as the staff sees it."""

from datetime import datetime, timedelta

import pytest
from flask.testing import FlaskClient

from fablab.certifications import chronicle, matrix
from fablab.certifications.chronicle import What
from fablab.certifications.models import Suspension
from fablab.core import clock
from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.errors import Forbidden
from tests.conftest import CountQueries
from tests.factories import NOW, make_actor, make_certification, make_grant, make_person, save
from tests.web_helpers import sign_in

DAY = timedelta(days=1)
pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def staff() -> Actor:
    return make_actor(make_person(name="Ines", role=Role.INSTRUCTOR))


def test_what_ends_first_stands_first_with_its_cause(staff: Actor) -> None:
    laser, saw = make_certification("Laser"), make_certification("Saw", lapse_after_unused_days=100)
    ada, bob, eve = (make_person(name=name) for name in ("Ada", "Bob", "Eve"))
    make_grant(ada, laser, valid_until=NOW + 20 * DAY)
    make_grant(bob, saw, granted_at=NOW - 90 * DAY)
    make_grant(eve, laser, valid_until=NOW + 40 * DAY)
    make_grant(make_person(active=False), laser, valid_until=NOW + DAY)
    renewed = make_person(name="Renewed")
    make_grant(renewed, laser, valid_until=NOW + DAY)
    make_grant(renewed, laser, valid_until=NOW + 400 * DAY)
    found = matrix.lapsing(staff, NOW, 30 * DAY)
    assert [(one.person.name, one.standing.at, one.standing.cause) for one in found] == [
        ("Bob", NOW + 10 * DAY, "certification_lapsed_unused"),
        ("Ada", NOW + 20 * DAY, "certification_expired"),
    ]
    assert [one.person.name for one in matrix.lapsing(staff, NOW, 90 * DAY)] == ["Bob", "Ada", "Eve"]


def told(found: chronicle.Chronicle) -> list[tuple[What, datetime, int | None, str]]:
    return [(one.what, one.at, one.by_id, one.words) for one in found.entries]


def test_all_that_happened_newest_first(staff: Actor) -> None:
    laser, ada = make_certification("Laser", retired_at=NOW), make_person(name="Ada")
    by = staff.person_id
    make_grant(
        ada,
        laser,
        granted_at=NOW - 9 * DAY,
        granted_by_id=by,
        reason="training",
        revoked_at=NOW - DAY,
        revoked_by_id=by,
        revoked_reason="smoke",
    )
    make_grant(ada, laser, granted_at=NOW - 400 * DAY, valid_until=NOW - 35 * DAY, end_noted_at=NOW - 34 * DAY)
    save(
        Suspension(
            person_id=ada.id,
            certification_id=laser.id,
            started_at=NOW - 5 * DAY,
            started_by_id=by,
            reason="a talk",
            ended_at=NOW - 4 * DAY,
            end_note="talked",
        )
    )
    found = chronicle.chronicle(staff, person_id=ada.id)
    assert told(found) == [
        (What.REVOKED, NOW - DAY, by, "smoke"),
        (What.RESUMED, NOW - 4 * DAY, None, "talked"),
        (What.SUSPENDED, NOW - 5 * DAY, by, "a talk"),
        (What.GRANTED, NOW - 9 * DAY, by, "training"),
        (What.ENDED, NOW - 35 * DAY, None, ""),
        (What.GRANTED, NOW - 400 * DAY, None, "training"),
    ]
    assert {one.certification["en"] for one in found.entries} == {"Laser"}


def test_it_is_found_by_person_and_certification_and_in_pages(staff: Actor, count_queries: CountQueries) -> None:
    laser, saw, ada = make_certification("Laser"), make_certification("Saw"), make_person(name="Ада Лъвова")
    for number in range(60):
        make_grant(ada, saw, granted_at=NOW - number * DAY)
    make_grant(make_person(name="Bob"), laser)
    assert chronicle.chronicle(staff).total == 61
    assert chronicle.chronicle(staff, certification_id=laser.id).total == 1
    found = chronicle.chronicle(staff, search="лъвова")
    assert (found.total, len(found.entries), found.newer, found.older) == (60, 50, None, 2)
    last = chronicle.chronicle(staff, search="лъвова", number=99)
    assert (len(last.entries), last.number, last.older) == (10, 2, None)
    db.session.rollback()
    count_queries()
    chronicle.chronicle(staff)
    assert count_queries() <= 3, "and, on SQLite, the begin"


def test_who_may_read_it(staff: Actor) -> None:
    ada = make_actor(make_person())
    assert chronicle.chronicle(ada, person_id=ada.person_id).total == 0
    for other in (None, staff.person_id):
        with pytest.raises(Forbidden):
            chronicle.chronicle(ada, person_id=other)
    with pytest.raises(Forbidden):
        matrix.lapsing(ada, NOW, DAY)


def test_the_pages(client: FlaskClient, staff: Actor) -> None:
    laser, ada = make_certification("Laser"), make_person(name="Ada")
    make_grant(ada, laser, valid_until=NOW + 20 * DAY, granted_by_id=staff.person_id, reason="training of March")
    sign_in(client, make_person(role=Role.MANAGER), NOW)
    english = {"Accept-Language": "en"}
    text = client.get("/certifications/lapsing", headers=english).text
    assert all(word in text for word in ("Ada", "Laser", "Sun 22 Mar 2026", "End of its validity"))
    assert "Nothing ends soon" in client.get("/certifications/lapsing?days=7", headers=english).text
    text = client.get("/certifications/history", headers=english).text
    assert all(word in text for word in ("Ada", "Laser", "Certified", "Ines", "training of March"))
    assert "Nothing yet" in client.get("/certifications/history?q=nobody", headers=english).text
    assert client.get("/certifications?resource=1&state=suspended", headers=english).status_code == 200
