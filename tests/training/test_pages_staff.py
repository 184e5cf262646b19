"""The pages of trainings for the staff: planning, changing, publishing, cancelling, who is in it, the plain sheet."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.certifications.models import Grant
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db, transaction
from fablab.resources.models import Kind
from fablab.training import service
from fablab.training.models import Enrolment, Training
from fablab.training.rules import TrainingState
from tests import factories as make
from tests.factories import NOW
from tests.training.lab import HOUR, START, WEEK, Lab, enrol, held, make_lab, plan, states, told
from tests.web_helpers import post, sign_in

CountQueries = Callable[[], int]


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def lab(app: Flask) -> Lab:
    return make_lab()


def page(client: FlaskClient, path: str) -> str:
    found = client.get(path, headers={"Accept-Language": "en"})
    assert found.status_code == 200
    return found.get_data(as_text=True)


def filled(lab: Lab, **more: object) -> dict[str, object]:
    """The form as somebody fills it in: two dates in the room with the machine."""
    return {
        "title_en": "Laser basics",
        "title_fr": "Bases du laser",
        "description_en": "How to cut",
        "certification": str(lab.laser.id),
        "date_id": ["", "", ""],
        "day": ["2026-03-04", "2026-03-11", ""],
        "begin": ["10:00", "10:00", ""],
        "end": ["12:00", "12:00", ""],
        "resource": [str(lab.room.id), str(lab.machine.id)],
        "places": "6",
        "minimum": "3",
        "decide_day": "2026-03-03",
        "decide_time": "",
        "price": "12,50",
        "audience": "",
        "language": "fr",
        "cancel_hours": "24",
    } | more


def only(app: Flask) -> Training:
    """The one training that there is."""
    db.session.rollback()
    return db.session.scalars(select(Training)).one()


# -- planning ---------------------------------------------------------------------------------------------------------


def test_a_series_is_planned_as_a_draft(app: Flask, client: FlaskClient, lab: Lab) -> None:
    sign_in(client, lab.instructor, NOW)
    answer = post(client, "/trainings/new", filled(lab, act="draft"))
    assert answer.status_code == 303
    made = only(app)
    assert answer.location == f"/trainings/{made.id}"
    assert (made.state, made.places, made.minimum, made.price) == (TrainingState.DRAFT, 6, 3, 1250)
    assert made.title == {"en": "Laser basics", "fr": "Bases du laser"}
    assert made.decide_at is not None
    assert [one.starts_at for one in made.dates] == [START, START + WEEK]
    assert len(held()) == 4
    assert "Only the staff sees it." in page(client, f"/trainings/{made.id}")


def test_published_at_once_and_from_the_page(app: Flask, client: FlaskClient, lab: Lab) -> None:
    sign_in(client, lab.instructor, NOW)
    post(client, "/trainings/new", filled(lab, act="publish"))
    assert only(app).state is TrainingState.PUBLISHED
    draft = plan(lab, START + 2 * WEEK, publish=False)
    where = f"/trainings/{draft.id}"
    assert post(client, f"{where}/publish", page=where).status_code == 303
    assert service.get_training(lab.actor, draft.id).state is TrainingState.PUBLISHED


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"title_en": "", "title_fr": ""}, "Please give it a title"),
        ({"places": "many"}, "a whole number from 1 to 500"),
        ({"places": "2"}, "The minimum cannot be more than the places."),
        ({"price": "a lot"}, "Please type an amount"),
        ({"decide_day": "2026-03-09"}, "decided before the first date"),
        ({"day": ["", "", ""]}, "Please give it a date."),
        ({"begin": ["", "", ""]}, "Please choose a day, a begin and an end."),
        ({"day": ["2026-02-30"], "begin": ["10:00"], "end": ["11:00"]}, "Please choose a day, a begin and an end."),
        ({"resource": ["999"]}, "One of these cannot be held."),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_typed_is_lost(
    client: FlaskClient, lab: Lab, wrong: dict[str, object], words: str
) -> None:
    sign_in(client, lab.instructor, NOW)
    answer = post(client, "/trainings/new", filled(lab, **wrong))
    assert answer.status_code == 422
    text = answer.get_data(as_text=True)
    assert words in text
    assert "How to cut" in text


def test_conflicts_are_told_with_the_nearest_free_times(app: Flask, client: FlaskClient, lab: Lab) -> None:
    make.make_reservation(make.make_person(), [lab.machine], START, START + 2 * HOUR)
    make.make_reservation(lab.instructor, [make.make_machine("Saw")], START + 2 * HOUR, START + 4 * HOUR)
    sign_in(client, lab.instructor, NOW)
    answer = post(client, "/trainings/new", filled(lab))
    assert answer.status_code == 409
    text = answer.get_data(as_text=True)
    assert "This does not go on Wed 4 Mar, 10:00:" in text
    assert 'data-code="slot_taken"' in text
    free = text.split("The nearest times at which all is free:")[1].split("</ul>")[0]
    assert "14:00" in free
    assert "12:00–14:00" not in free.replace("<time", "").replace("</time>", "")
    assert db.session.scalar(select(Training.id)) is None
    assert len(held()) == 2


def test_a_manager_sets_the_opening_hours_aside_with_a_reason(app: Flask, client: FlaskClient, lab: Lab) -> None:
    sign_in(client, lab.manager, NOW)
    form = filled(
        lab, day=["2026-03-04"], date_id=[""], begin=["20:00"], end=["22:00"], instructor_id=str(lab.instructor.id)
    )
    refused = post(client, "/trainings/new", form)
    assert refused.status_code == 409
    assert 'name="override-outside_opening_hours"' in refused.get_data(as_text=True)
    form["override-outside_opening_hours"] = "Evening class"
    assert post(client, "/trainings/new", form).status_code == 303
    assert only(app).instructor_id == lab.instructor.id


def test_an_evening_that_goes_on_after_midnight(app: Flask, client: FlaskClient, lab: Lab) -> None:
    sign_in(client, lab.instructor, NOW)
    form = filled(lab, resource=[], day=["2026-03-04"], date_id=[""], begin=["22:00"], end=["01:00"])
    assert post(client, "/trainings/new", form).status_code == 303
    (date,) = only(app).dates
    assert date.ends_at - date.starts_at == 3 * HOUR


def test_an_instructor_is_not_offered_what_he_does_not_teach(client: FlaskClient, lab: Lab) -> None:
    make.make_certification("Welding")
    sign_in(client, lab.instructor, NOW)
    text = page(client, "/trainings/new")
    assert "Laser basics" in text
    assert "Welding" not in text
    assert 'name="instructor_id"' not in text
    sign_in(client, lab.manager, NOW)
    text = page(client, "/trainings/new")
    assert "Welding" in text
    assert 'name="instructor_id"' in text


def test_changed_with_a_reason_and_those_in_it_are_told(client: FlaskClient, lab: Lab) -> None:
    training = plan(lab, START)
    maker = make.make_person()
    enrol(training, maker)
    sign_in(client, lab.instructor, NOW)
    where = f"/trainings/{training.id}/edit"
    text = page(client, where)
    assert 'value="2026-03-04"' in text
    assert "Why it changes" in text
    date = str(training.dates[0].id)
    form = filled(
        lab, date_id=[date], day=["2026-03-05"], begin=["10:00"], end=["12:00"], reason="The room is painted."
    )
    assert post(client, where, form).status_code == 303
    assert service.get_training(lab.actor, training.id).starts_at == START + timedelta(days=1)
    assert maker.id in told("training_changed")
    assert post(client, where, form | {"places": "0"}).status_code == 422


def test_cancelling_names_how_many_are_told_and_asks_why(client: FlaskClient, lab: Lab) -> None:
    training = plan(lab, START)
    for _number in range(2):
        enrol(training)
    sign_in(client, lab.instructor, NOW)
    where = f"/trainings/{training.id}"
    assert "2 people are told at once, each in their language." in page(client, where)
    post(client, f"{where}/cancel", {"reason": ""}, page=where)
    assert states(training) == ["enrolled", "enrolled"]
    assert post(client, f"{where}/cancel", {"reason": "I am ill."}, page=where).status_code == 303
    text = page(client, where)
    assert "Cancelled. 2 people are told." in text
    assert "I am ill." in text
    assert held() == []


def test_a_draft_is_thrown_away(client: FlaskClient, lab: Lab) -> None:
    draft = plan(lab, START, publish=False)
    sign_in(client, lab.instructor, NOW)
    where = f"/trainings/{draft.id}"
    assert post(client, f"{where}/cancel", {"reason": "No."}, page=where).location == "/trainings/given"
    assert client.get(where).status_code == 404


def test_the_list_of_ones_own_and_of_all(client: FlaskClient, lab: Lab) -> None:
    mine = plan(lab, START, publish=False)
    sign_in(client, lab.instructor, NOW)
    assert f'href="/trainings/{mine.id}"' in page(client, "/trainings/given")
    sign_in(client, lab.manager, NOW)
    assert "Nothing is planned" in page(client, "/trainings/given")
    assert f'href="/trainings/{mine.id}"' in page(client, "/trainings/given?whose=all")


def test_another_instructor_looks_on_but_changes_nothing(client: FlaskClient, lab: Lab) -> None:
    training = plan(lab, START)
    enrol(training)
    sign_in(client, make.make_person(role=Role.INSTRUCTOR), NOW)
    text = page(client, f"/trainings/{training.id}")
    assert "Who is in it" in text
    assert "Cancel the training" not in text
    for path in ("edit", "attendance"):
        assert client.get(f"/trainings/{training.id}/{path}").status_code == 403


# -- somebody is enrolled ---------------------------------------------------------------------------------------------


def test_somebody_is_enrolled_with_a_reason_and_taken_out(client: FlaskClient, lab: Lab) -> None:
    training, person = plan(lab, START), make.make_person(name="Zoe")
    sign_in(client, lab.instructor, NOW)
    where = f"/trainings/{training.id}"
    assert post(client, f"{where}/people", {"person": str(person.id), "reason": ""}, page=where).status_code == 422
    form = {"person": str(person.id), "reason": "By telephone"}
    assert post(client, f"{where}/people", form, page=where).status_code == 303
    assert states(training) == ["enrolled"]
    again = post(client, f"{where}/people", form, page=where)
    assert again.status_code == 409
    assert "in this training, or in its waiting list, already" in again.get_data(as_text=True)
    ident = db.session.scalar(select(Enrolment.id))
    post(client, f"{where}/enrolments/{ident}/withdraw", {"reason": "He asked for it"}, page=where)
    assert states(training) == ["withdrawn"]


# -- the sheet without scripts ----------------------------------------------------------------------------------------


def test_the_plain_form_ticks_what_was_changed_and_certifies(
    client: FlaskClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, ada, bob = plan(lab, START), make.make_person(name="Ada"), make.make_person(name="Bob")
    first, second = enrol(training, ada), enrol(training, bob)
    monkeypatch.setattr(clock, "now", lambda: START + HOUR)
    sign_in(client, lab.instructor, START)
    where, date = f"/trainings/{training.id}/attendance", training.dates[0].id
    assert 'data-cell="' in page(client, where)
    form = {
        f"mark-{first.id}-{date}": "present",
        f"was-mark-{first.id}-{date}": "",
        f"outcome-{first.id}": "passed",
        f"was-outcome-{first.id}": "",
        f"note-{first.id}": "careful",
        f"was-note-{first.id}": "",
        f"mark-{second.id}-{date}": "absent",
        f"was-mark-{second.id}-{date}": "absent",
        f"outcome-{second.id}": "",
        f"was-outcome-{second.id}": "",
        f"note-{second.id}": "",
        f"was-note-{second.id}": "",
    }
    assert post(client, where, form).status_code == 303
    rows = service.sheet(lab.actor, training.id).rows
    assert [(one.enrolment.outcome, one.enrolment.note, len(one.marks)) for one in rows] == [
        ("passed", "careful", 1),
        (None, "", 0),
    ]
    assert db.session.scalar(select(Grant.person_id).where(Grant.person_id == ada.id)) == ada.id
    text = page(client, where)
    assert "The sheet is saved." in text


def test_who_passed_but_lacks_something_is_shown_with_the_reason(
    client: FlaskClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    training, ada = plan(lab, START), make.make_person(name="Ada")
    made = enrol(training, ada)
    with transaction():
        lab.laser.quiz_questions = 5
    monkeypatch.setattr(clock, "now", lambda: START + HOUR)
    sign_in(client, lab.instructor, START)
    where = f"/trainings/{training.id}/attendance"
    form = {f"outcome-{made.id}": "passed", f"note-{made.id}": ""}
    post(client, where, form)
    text = page(client, where)
    assert "1 person passed but cannot be certified yet" in text
    box = text.split("data-missing")[1].split("</ul>")[0]
    assert "quiz" in box


def test_the_sheet_opens_shortly_before_and_is_closed_and_opened_again(
    client: FlaskClient, lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = plan(lab, START)
    enrol(training)
    sign_in(client, lab.instructor, NOW)
    where = f"/trainings/{training.id}/attendance"
    assert "It can be ticked from Wed 4 Mar, 08:00 on." in page(client, where)
    monkeypatch.setattr(clock, "now", lambda: START + 3 * HOUR)
    sign_in(client, lab.instructor, START + 3 * HOUR)
    assert post(client, f"/trainings/{training.id}/close", page=where).status_code == 303
    assert "The sheet is closed" in page(client, where)
    assert post(client, f"/trainings/{training.id}/reopen", page=where).status_code == 303
    assert "Close the sheet" in page(client, where)


def test_a_long_sheet_asks_no_more_than_a_short_one(client: FlaskClient, lab: Lab, count_queries: CountQueries) -> None:
    training = plan(lab, START, places=40)
    enrol(training)
    where = f"/trainings/{training.id}/attendance"
    sign_in(client, lab.instructor, NOW)
    counts = []
    for _number in range(2):
        page(client, where)
        db.session.remove()
        count_queries()
        page(client, where)
        counts.append(count_queries())
        for _person in range(8):
            enrol(service.get_training(None, 1), make.make_person())
    assert counts[0] == counts[1]


def test_rooms_that_are_too_small_are_told(client: FlaskClient, lab: Lab) -> None:
    small = make.make_machine("Closet", kind=Kind.ROOM, capacity=2)
    sign_in(client, lab.instructor, NOW)
    answer = post(client, "/trainings/new", filled(lab, resource=[str(small.id)]))
    assert answer.status_code == 409
    assert 'data-code="over_capacity"' in answer.get_data(as_text=True)
