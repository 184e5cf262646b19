"""The pages of trainings for everybody: what comes, one training, enrolling in one click, the way out of a refusal."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.certifications.models import Prerequisite
from fablab.core import clock
from fablab.core.db import db
from fablab.people.models import Audience
from fablab.training.models import Training
from fablab.training.rules import EnrolmentState, TrainingState
from tests import factories as make
from tests.factories import NOW
from tests.training.lab import START, WEEK, Lab, make_lab, plan, states
from tests.training.lab import enrol as enrol_now
from tests.web_helpers import post, sign_in

CountQueries = Callable[[], int]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Monday morning; the trainings are on Wednesday."""
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def lab(app: Flask) -> Lab:
    return make_lab()


def page(client: FlaskClient, path: str) -> str:
    """The page at `path`, which there is."""
    found = client.get(path, headers={"Accept-Language": "en"})
    assert found.status_code == 200
    return found.get_data(as_text=True)


def signed_in(client: FlaskClient, person: object) -> FlaskClient:
    return sign_in(client, person, NOW)  # type: ignore[arg-type]  # a Person


def enrol(client: FlaskClient, training: Training) -> int:
    """Presses the button; the status."""
    return post(client, f"/trainings/{training.id}/enrol", page=f"/trainings/{training.id}").status_code


def queries(client: FlaskClient, path: str, count_queries: CountQueries) -> int:
    """How many the page at `path` asks when nothing is loaded yet."""
    page(client, path)
    db.session.remove()
    count_queries()
    page(client, path)
    return count_queries()


# -- what comes -------------------------------------------------------------------------------------------------------


def test_an_empty_list_says_what_to_do(client: FlaskClient) -> None:
    assert "No training is planned yet" in page(client, "/trainings")


def test_a_visitor_sees_what_is_published_and_no_drafts(client: FlaskClient, lab: Lab) -> None:
    shown = plan(lab, START)
    draft = plan(lab, START + WEEK, publish=False, title=make.texts("Secret"))
    text = page(client, "/trainings")
    assert f'href="/trainings/{shown.id}"' in text
    assert "3 places free" in text
    assert "Secret" not in text
    assert client.get(f"/trainings/{draft.id}").status_code == 404


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 3),
        ("certification={laser}", 2),
        ("language=bg", 1),
        ("free=yes", 2),
        ("certification=999", 0),
        ("x=%00", 3),
    ],
)
def test_filters(client: FlaskClient, lab: Lab, query: str, found: int) -> None:
    full = plan(lab, START, places=1)
    enrol_now(full)
    plan(lab, START + WEEK, language="bg")
    plan(lab, START + 2 * WEEK, certification_ids=[])
    text = page(client, "/trainings?" + query.format(laser=lab.laser.id))
    assert text.count('class="tile training-tile"') == found
    assert ("No training fits" in text) is (found == 0)


def test_the_month_shows_each_date_on_its_day(client: FlaskClient, lab: Lab) -> None:
    training = plan(lab, START, START + WEEK)
    text = page(client, "/trainings?view=month&month=2026-03")
    assert text.count(f'href="/trainings/{training.id}"') == 2
    day = text.split('datetime="2026-03-04"')[1].split("</li>")[0]
    assert "10:00" in day
    assert "No training in this month" in page(client, "/trainings?view=month&month=2026-06")
    assert "March" in page(client, "/trainings?view=month&month=never")


def test_the_list_asks_the_same_number_of_queries_however_long(
    client: FlaskClient, lab: Lab, count_queries: CountQueries
) -> None:
    plan(lab, START)
    few = queries(client, "/trainings", count_queries)
    for number in range(1, 5):
        plan(lab, START + number * WEEK, START + number * WEEK + timedelta(hours=3))
    assert queries(client, "/trainings", count_queries) == few
    assert few <= 10


# -- one training -----------------------------------------------------------------------------------------------------


def test_the_page_says_what_when_where_who_and_for_how_much(client: FlaskClient, lab: Lab) -> None:
    training = plan(lab, START, START + WEEK, price=2550, minimum=2, decide_at=START - timedelta(days=1), language="fr")
    text = page(client, f"/trainings/{training.id}")
    for words in (
        "Laser basics",
        lab.instructor.name,
        "Français",
        "€25.50",
        "0 of 3 taken",
        "with 2 people or more",
        "Room",
        "The 2 dates",
        f"/api/v1/trainings/{training.id}/calendar.ics",
        "Sign in to enrol",
    ):
        assert words in text, words


def test_what_one_needs_before_and_whether_one_has_it(client: FlaskClient, lab: Lab) -> None:
    safety = make.make_certification("Safety")
    make.save(Prerequisite(certification_id=lab.laser.id, needed_id=safety.id))
    training, person = plan(lab, START), make.make_person()
    assert "You need before:" in page(client, f"/trainings/{training.id}")
    signed_in(client, person)
    text = page(client, f"/trainings/{training.id}")
    assert "You cannot enrol:" in text
    assert "Not certified" in text
    make.make_grant(person, safety)
    text = page(client, f"/trainings/{training.id}")
    assert "You cannot enrol:" not in text
    assert "Enrol: Wed 4 Mar, 10:00" in text


def test_enrolled_with_one_click_then_withdrawn(client: FlaskClient, lab: Lab) -> None:
    training = plan(lab, START)
    signed_in(client, make.make_person())
    assert enrol(client, training) == 303
    text = page(client, f"/trainings/{training.id}")
    assert "You take part." in text
    assert "It is in time" in text
    where = f"/trainings/{training.id}"
    mine = text.split(f"{where}/enrolments/")[1].split("/")[0]
    assert post(client, f"{where}/enrolments/{mine}/withdraw", page=where).status_code == 303
    assert states(training) == ["withdrawn"]


def test_withdrawing_late_says_so_before(client: FlaskClient, lab: Lab) -> None:
    training, person = plan(lab, START, cancel_hours=72), make.make_person()
    enrol_now(training, person)
    signed_in(client, person)
    assert "It is late: it counts as withdrawn late." in page(client, f"/trainings/{training.id}")


def test_the_waiting_list_says_the_place_in_line_and_the_offer_is_taken(client: FlaskClient, lab: Lab) -> None:
    training, person = plan(lab, START, places=1), make.make_person()
    first = enrol_now(training)
    enrol_now(training)
    signed_in(client, person)
    assert "Join the waiting list for Wed 4 Mar, 10:00" in page(client, f"/trainings/{training.id}")
    assert enrol(client, training) == 303
    text = page(client, f"/trainings/{training.id}")
    assert "You are number 2 in the waiting list." in text
    assert "Leave the waiting list" in text
    assert first.state is EnrolmentState.ENROLLED


@pytest.mark.parametrize(("answer", "state"), [("accept", "enrolled"), ("decline", "declined")])
def test_an_offer_is_answered(client: FlaskClient, lab: Lab, answer: str, state: str) -> None:
    training, person = plan(lab, START, places=1), make.make_person()
    offer = make.make_enrolment(training, person, state=EnrolmentState.OFFERED, offered_until=NOW + timedelta(hours=5))
    signed_in(client, person)
    where = f"/trainings/{training.id}"
    assert "A place is free for you." in page(client, where)
    assert post(client, f"{where}/enrolments/{offer.id}/{answer}", page=where).status_code == 303
    assert states(training) == [state]


def test_every_reason_against_is_shown_when_enrolling(client: FlaskClient, lab: Lab) -> None:
    training = plan(lab, START, audience=Audience.SCHOOL)
    signed_in(client, make.make_person())
    answer = post(client, f"/trainings/{training.id}/enrol", page=f"/trainings/{training.id}")
    assert answer.status_code == 409
    assert 'data-code="training_audience"' in answer.get_data(as_text=True)


def test_a_cancelled_one_says_why(client: FlaskClient, lab: Lab) -> None:
    training = make.make_training(
        lab.instructor,
        [lab.laser],
        START,
        state=TrainingState.CANCELLED,
        ended_at=NOW,
        end_reason="The laser is broken.",
    )
    text = page(client, f"/trainings/{training.id}")
    assert "The laser is broken." in text
    assert "Nobody can enrol any more." in text


# -- the way out of a refusal -----------------------------------------------------------------------------------------


def refusal(client: FlaskClient, path: str) -> str:
    return page(client, path)


@pytest.mark.parametrize("path", ["/resources/{id}", "/l/{id}", "/resources/{id}/book?day=2026-03-05&time=11:00"])
def test_not_certified_offers_the_next_training_with_a_free_place(client: FlaskClient, lab: Lab, path: str) -> None:
    machine = make.make_machine("Cutter")
    make.require_certification(machine, lab.laser)
    enrol_now(plan(lab, START, places=1))
    free = plan(lab, START + WEEK)
    signed_in(client, make.make_person())
    text = page(client, path.format(id=machine.id))
    assert "Enrol in the training on Wed 11 Mar, 10:00" in text
    assert f'action="/trainings/{free.id}/enrol"' in text


def test_else_the_waiting_list_and_then_that_one_is_in_it(client: FlaskClient, lab: Lab) -> None:
    machine = make.make_machine("Cutter")
    make.require_certification(machine, lab.laser)
    full = plan(lab, START, places=1)
    enrol_now(full)
    signed_in(client, make.make_person())
    assert "Join the waiting list for Wed 4 Mar, 10:00" in page(client, f"/resources/{machine.id}")
    assert enrol(client, full) == 303
    text = page(client, f"/resources/{machine.id}")
    assert "You wait for a place on Wed 4 Mar, 10:00" in text
    assert f'action="/trainings/{full.id}/enrol"' not in text


def test_without_a_training_it_says_how_to_get_certified(client: FlaskClient, lab: Lab) -> None:
    machine = make.make_machine("Cutter")
    make.require_certification(machine, lab.laser)
    plan(lab, START, audience=Audience.SCHOOL)
    signed_in(client, make.make_person())
    text = page(client, f"/resources/{machine.id}")
    assert "How to get certified" in text
    assert f'href="/certifications/{lab.laser.id}"' in text


def test_the_staff_is_shown_the_training_and_not_enrolled_itself(client: FlaskClient, lab: Lab) -> None:
    machine = make.make_machine("Cutter")
    make.require_certification(machine, lab.laser)
    training = plan(lab, START)
    signed_in(client, lab.manager)
    text = page(client, f"/resources/{machine.id}")
    assert "Next training: Wed 4 Mar, 10:00" in text
    assert f'action="/trainings/{training.id}/enrol"' not in text


def test_programs_get_the_address_too(client: FlaskClient, lab: Lab) -> None:
    machine = make.make_machine("Cutter")
    make.require_certification(machine, lab.laser)
    training, start = plan(lab, START), datetime(2026, 3, 5, 11, tzinfo=NOW.tzinfo)
    signed_in(client, make.make_person())
    token = page(client, "/trainings").split('name="csrf-token" content="')[1].split('"')[0]
    body = {
        "resource_id": str(machine.id),
        "start": start.isoformat(),
        "end": (start + timedelta(hours=1)).isoformat(),
    }
    found = client.post("/api/v1/reservations/check", json=body, headers={"X-CSRFToken": token}).get_json()
    assert found["denials"][0]["remedy"]["post"] == f"/trainings/{training.id}/enrol"


def test_many_refusals_on_a_page_ask_for_trainings_once(
    client: FlaskClient, lab: Lab, count_queries: CountQueries
) -> None:
    one, many = make.make_machine("One"), make.make_machine("Many")
    others = [make.make_certification(f"C{number}") for number in range(5)]
    make.require_certification(one, others[0])
    make.require_certification(one, others[1])
    for certification in others:
        make.require_certification(many, certification)
    plan(lab, START)
    signed_in(client, make.make_person())
    one_id, many_id = one.id, many.id
    few = queries(client, f"/resources/{one_id}", count_queries)
    assert queries(client, f"/resources/{many_id}", count_queries) == few
