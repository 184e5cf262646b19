"""A quiz as people take it, without scripts; its questions as a teacher writes them; both by REST."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.certifications.models import Certification, TheoryPass
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db
from fablab.people.models import Person
from fablab.quizzes import bank
from fablab.quizzes.models import Attempt, Choice, Question
from tests.api_helpers import Program
from tests.factories import NOW, make_actor, make_certification, make_person
from tests.quizzes.test_service import question, with_quiz
from tests.web_helpers import post, sign_in

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def manager(app: Flask) -> Person:
    return make_person(role=Role.MANAGER)


@pytest.fixture
def certification(manager: Person) -> Certification:
    return with_quiz(make_actor(manager), quiz_attempts=2)


@pytest.fixture
def maker(client: FlaskClient) -> Person:
    person = make_person()
    sign_in(client, person, NOW)
    return person


def page(client: FlaskClient, path: str, status: int = 200) -> str:
    answer = client.get(path, headers={"Accept-Language": "en"})
    assert answer.status_code == status, answer.get_data(as_text=True)[:500]
    return answer.get_data(as_text=True)


def ticked(attempt: Attempt, wrong: int = 0) -> dict[str, list[int]]:
    found = {}
    for place, one in enumerate(attempt.questions):
        query = select(Choice.id).where(Choice.question_id == one["question"], Choice.correct == (place >= wrong))
        found[f"question_{one['question']}"] = list(db.session.scalars(query))
    return found


def begin(client: FlaskClient, certification: Certification) -> tuple[str, Attempt]:
    path = f"/certifications/{certification.id}/quiz"
    answer = post(client, path)
    made = db.session.scalars(select(Attempt).order_by(Attempt.id.desc())).first()
    assert made is not None
    assert (answer.status_code, answer.location) == (303, f"/quiz/{made.id}")
    return answer.location, made


def test_a_quiz_from_the_way_in_to_the_result(client: FlaskClient, maker: Person, certification: Certification) -> None:
    text = page(client, f"/certifications/{certification.id}/quiz")
    assert "4 questions, drawn anew each time." in text
    assert "You may try 2 times." in text
    path, made = begin(client, certification)
    assert page(client, path).count("<fieldset") == 4
    assert "Because" not in page(client, path), "explanations come after"
    answer = post(client, path, {"act": "hand_in", **ticked(made, wrong=1)})
    assert (answer.status_code, answer.location) == (303, path)
    text = page(client, path)
    assert "Passed with 75 %" in text
    assert text.count("Because") == 4
    assert text.count("ticked, wrong") == 2
    assert db.session.scalars(select(TheoryPass)).one().person_id == maker.id
    assert "You passed this quiz on 2 Mar 2026 with 75 %." in page(client, f"/certifications/{certification.id}/quiz")


def test_what_has_no_answer_yet_is_said_before_it_counts(
    client: FlaskClient, maker: Person, certification: Certification
) -> None:
    path, made = begin(client, certification)
    answers = ticked(made)
    some = dict(list(answers.items())[:3])
    answer = post(client, path, {"act": "hand_in", **some})
    assert answer.status_code == 422
    assert "1 question has no answer yet." in answer.get_data(as_text=True)
    assert answer.get_data(as_text=True).count(" checked") == 6, "what was ticked stays"
    answer = post(client, path, {"act": "hand_in", "anyway": "yes", **some})
    assert answer.status_code == 303
    assert "Passed with 75 %" in page(client, path)


def test_answers_are_kept_for_later(client: FlaskClient, maker: Person, certification: Certification) -> None:
    path, made = begin(client, certification)
    some = dict(list(ticked(made).items())[:1])
    answer = post(client, path, {"act": "save", **some})
    assert answer.location == f"/certifications/{certification.id}/quiz"
    assert "Go on" in page(client, answer.location)
    again, _ = begin(client, certification)
    assert again == path
    assert page(client, path).count(" checked") == 2


def test_when_all_attempts_are_used_it_says_who_helps(
    client: FlaskClient, maker: Person, certification: Certification, manager: Person
) -> None:
    for _ in range(2):
        path, made = begin(client, certification)
        post(client, path, {"act": "hand_in", **ticked(made, wrong=4)})
        assert "Not passed: 0 %" in page(client, path)
    text = page(client, f"/certifications/{certification.id}/quiz")
    assert "An instructor can allow another attempt." in text
    assert post(client, f"/certifications/{certification.id}/quiz").status_code == 409
    sign_in(client, manager, NOW)
    shown = f"/certifications/{certification.id}/people/{maker.id}/quiz"
    assert page(client, shown).count("Not passed") == 2
    post(client, f"{shown}-again", {"reason": "explained the lens"}, page=shown)
    assert page(client, shown).count("does not count any more") == 2
    sign_in(client, maker, NOW)
    begin(client, certification)


FORM: dict[str, object] = {
    "text_fr": "Le feu prend. Que faire ?",
    "choice_0_fr": "Partir",
    "choice_1_fr": "Couper et étouffer",
    "correct_1": "yes",
}


def test_a_teacher_writes_changes_and_removes_questions(client: FlaskClient, manager: Person) -> None:
    certification = make_certification(quiz_questions=1)
    sign_in(client, manager, NOW)
    home = f"/certifications/{certification.id}/questions"
    assert "No questions yet" in page(client, home)
    assert post(client, f"{home}/new", FORM).location == home
    [known] = bank.asked(certification.id)
    assert [(one.text["fr"], one.correct) for one in known.choices] == [("Partir", False), ("Couper et étouffer", True)]
    edit = f"/questions/{known.id}/edit"
    assert 'value="Couper et étouffer"' in page(client, edit)
    changed = FORM | {"choice_2_fr": "Appeler", "correct_2": "yes", "explanation_fr": "Jamais seul."}
    assert post(client, edit, changed).status_code == 303
    [new] = bank.asked(certification.id)
    assert (len(new.choices), new.explanation) == (3, {"fr": "Jamais seul."})
    assert post(client, f"/questions/{new.id}/retire", page=home).status_code == 303
    assert bank.asked(certification.id) == []


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"text_fr": " "}, "Please write the question."),
        ({"correct_1": None}, "at least one right and at least one wrong"),
        ({"choice_1_fr": ""}, "each with a text"),
        ({"text_fr": "x" * 1001}, "at most 1000 characters"),
    ],
)
def test_a_form_says_what_is_wrong_and_keeps_the_rest(
    client: FlaskClient, manager: Person, over: dict[str, Any], words: str
) -> None:
    certification = make_certification(quiz_questions=1)
    sign_in(client, manager, NOW)
    values = {name: value for name, value in (FORM | over).items() if value is not None}
    path = f"/certifications/{certification.id}/questions/new"
    page(client, path)
    answer = post(client, path, values)
    assert answer.status_code == 422
    assert words in answer.get_data(as_text=True)
    assert "Partir" in answer.get_data(as_text=True)
    assert db.session.scalars(select(Question)).all() == []


def test_rest_takes_a_quiz_and_tells_what_was_right_only_in_the_end(
    app: Flask, maker: Person, certification: Certification
) -> None:
    program = Program(app, maker)
    made = program.ask("POST", f"/certifications/{certification.id}/quiz-attempts").json
    assert made is not None
    path = f"/quiz-attempts/{made['id']}"
    assert all(choice["correct"] is None for one in made["questions"] for choice in one["choices"])
    attempt = db.session.get_one(Attempt, int(made["id"]))
    answers = [
        {"question_id": name.removeprefix("question_"), "choice_ids": [str(one) for one in ids]}
        for name, ids in ticked(attempt).items()
    ]
    assert program.ask("PATCH", path, {"answers": answers[:1]}).status_code == 200
    done = program.ask("POST", f"{path}/hand-in", {"answers": answers}).json
    assert done is not None
    assert (done["percent"], done["passed"]) == (100, True)
    assert sum(choice["correct"] for one in done["questions"] for choice in one["choices"]) == 8
    assert program.ask("POST", f"{path}/hand-in", {"answers": answers}).status_code == 409
    foreign = [{"question_id": "1", "choice_ids": ["99999"]}]
    assert program.ask("PATCH", path, {"answers": foreign}).status_code in (409, 422)


def test_rest_keeps_the_bank(app: Flask, manager: Person) -> None:
    program, certification = Program(app, manager), make_certification(quiz_questions=1)
    path = f"/certifications/{certification.id}/questions"
    choices = [{"text": {"fr": "Oui"}, "correct": True}, {"text": "Non"}]
    made = program.ask("POST", path, {"text": "Une question ?", "choices": choices}).json
    assert made is not None
    assert made["text"] == {"fr": "Une question ?"}
    changed = program.ask("PUT", f"/questions/{made['id']}", {"text": "Une autre ?", "choices": choices}).json
    assert changed is not None
    assert program.ask("PUT", f"/questions/{made['id']}", {"text": "x", "choices": choices}).status_code == 409
    assert program.ask("POST", path, {"text": {"xx": "?"}, "choices": choices}).status_code == 422
    assert program.ask("DELETE", f"/questions/{changed['id']}").status_code == 204
    listed = program.get(path).json
    assert listed == {"items": []}


def test_the_quiz_waits_as_long_as_it_says(client: FlaskClient, maker: Person, manager: Person) -> None:
    waiting = with_quiz(make_actor(manager), quiz_wait_hours=24)
    bank.add(make_actor(manager), waiting.id, question(50), NOW - timedelta(days=1))
    path, made = begin(client, waiting)
    post(client, path, {"act": "hand_in", "anyway": "yes", **ticked(made, wrong=4)})
    assert "You can try the quiz again from" in page(client, f"/certifications/{waiting.id}/quiz")
