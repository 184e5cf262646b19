"""Taking a quiz and keeping its questions, on both databases."""

import random
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select

from fablab.certifications.models import Certification, Evidence, Grant, TheoryPass
from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.errors import Conflict, Denied, FablabError, Forbidden, Invalid, NotFound
from fablab.quizzes import bank, taking
from fablab.quizzes.bank import QuestionValues
from fablab.quizzes.models import Attempt, Choice
from tests.conftest import CountQueries
from tests.factories import NOW, make_actor, make_certification, make_person

HOUR = timedelta(hours=1)
pytestmark = pytest.mark.usefixtures("app")


def question(number: int) -> QuestionValues:
    """The second and third answers are right."""
    answers = [f"Answer {number}.{place}" for place in range(4)]
    return QuestionValues(
        {"en": f"Question {number}"},
        {"en": f"Because {number}"},
        tuple(({"en": one}, place in (1, 2)) for place, one in enumerate(answers)),
    )


@pytest.fixture
def manager() -> Actor:
    return make_actor(make_person(role=Role.MANAGER))


@pytest.fixture
def maker() -> Actor:
    return make_actor(make_person())


def with_quiz(manager: Actor, bank_size: int = 6, **over: Any) -> Certification:
    """Four of the questions are drawn."""
    made = make_certification(**{"quiz_questions": 4, "quiz_pass_percent": 75} | over)
    for number in range(bank_size):
        bank.add(manager, made.id, question(number), NOW)
    return made


def right(attempt: Attempt, wrong: int = 0) -> dict[int, set[int]]:
    """The right answers, but for the first `wrong` questions."""
    found: dict[int, set[int]] = {}
    for place, one in enumerate(attempt.questions):
        query = select(Choice.id).where(Choice.question_id == one["question"], Choice.correct)
        found[one["question"]] = set(db.session.scalars(query)) if place >= wrong else set()
    return found


def take(actor: Actor, certification: Certification, wrong: int, now: datetime = NOW) -> Attempt:
    made = taking.start(actor, certification.id, now)
    return taking.hand_in(actor, made.id, right(made, wrong), now)


@pytest.mark.parametrize(("wrong", "percent", "passed"), [(0, 100, True), (1, 75, True), (2, 50, False), (4, 0, False)])
def test_the_pass_mark(manager: Actor, maker: Actor, wrong: int, percent: int, passed: bool) -> None:
    certification = with_quiz(manager)
    found = take(maker, certification, wrong)
    assert (found.percent, found.passed, found.finished_at) == (percent, passed, NOW)
    theory = db.session.scalars(select(TheoryPass)).all()
    assert [one.percent for one in theory] == ([percent] if passed else [])


def test_the_theory_does_not_certify_where_something_practical_is_asked(manager: Actor, maker: Actor) -> None:
    take(maker, with_quiz(manager), 0)
    assert db.session.scalars(select(Grant)).all() == []


def test_without_a_practical_part_the_quiz_certifies_once(manager: Actor, maker: Actor) -> None:
    certification = with_quiz(manager, practical=False, validity_days=365)
    take(maker, certification, 0)
    grant = db.session.scalars(select(Grant)).one()
    assert (grant.person_id, grant.granted_by_id, grant.evidence) == (maker.person_id, None, Evidence.QUIZ)
    assert grant.valid_until == NOW + timedelta(days=365)


def test_what_else_is_missing_keeps_the_theory_and_not_the_certification(manager: Actor, maker: Actor) -> None:
    certification = with_quiz(manager, practical=False, min_age=18)
    found = take(maker, certification, 0)
    assert found.passed
    assert db.session.scalar(select(func.count(Grant.id))) == 0
    assert db.session.scalar(select(func.count(TheoryPass.id))) == 1


def test_an_attempt_goes_on_where_it_was_left(manager: Actor, maker: Actor) -> None:
    certification = with_quiz(manager)
    made = taking.start(maker, certification.id, NOW)
    first = made.questions[0]["question"]
    taking.save(maker, made.id, {first: right(made)[first]})
    again = taking.start(maker, certification.id, NOW + HOUR)
    assert again.id == made.id
    assert [line.right for line in taking.lines(again)] == [True, False, False, False]
    rest = {ident: ticked for ident, ticked in right(made).items() if ident != first}
    assert taking.hand_in(maker, made.id, rest, NOW + HOUR).percent == 100


def test_two_people_see_the_questions_in_different_orders(manager: Actor) -> None:
    certification = with_quiz(manager)
    orders = {
        str([one["question"] for one in taking.start(_person(), certification.id, NOW, random.Random(seed)).questions])
        for seed in range(4)
    }
    assert len(orders) > 1


def _person() -> Actor:
    return make_actor(make_person())


def test_attempts_run_out_and_the_teacher_allows_more(manager: Actor, maker: Actor) -> None:
    certification = with_quiz(manager, quiz_attempts=2, quiz_wait_hours=1)
    take(maker, certification, 4)
    with pytest.raises(Denied) as early:
        taking.start(maker, certification.id, NOW + HOUR / 2)
    assert [one.code for one in early.value.denials] == ["quiz_wait"]
    take(maker, certification, 4, NOW + HOUR)
    with pytest.raises(Denied) as over:
        taking.start(maker, certification.id, NOW + 9 * HOUR)
    assert [one.code for one in over.value.denials] == ["quiz_attempts_used"]
    assert taking.allow_again(manager, certification.id, maker.person_id or 0, "talked it through", NOW + 9 * HOUR) == 2
    assert take(maker, certification, 0, NOW + 9 * HOUR).passed
    assert len(taking.attempts_of(maker, certification.id, maker.person_id or 0)) == 3


@pytest.mark.parametrize(
    ("reason", "error"), [("", Invalid), (" ", Invalid), ("x" * 501, Invalid), ("none taken", Conflict)]
)
def test_what_does_not_allow_more(manager: Actor, maker: Actor, reason: str, error: type[FablabError]) -> None:
    certification = with_quiz(manager)
    with pytest.raises(error):
        taking.allow_again(manager, certification.id, maker.person_id or 0, reason, NOW)


def test_what_is_handed_in_stays(manager: Actor, maker: Actor) -> None:
    certification = with_quiz(manager)
    done = take(maker, certification, 4)
    for change in (taking.save, partial(taking.hand_in, now=NOW)):
        with pytest.raises(Conflict):
            change(maker, done.id, right(done))
    assert taking.get(maker, done.id).percent == 0


def test_nobody_answers_for_another_or_what_was_not_asked(manager: Actor, maker: Actor) -> None:
    made = taking.start(maker, with_quiz(manager).id, NOW)
    with pytest.raises(NotFound):
        taking.save(manager, made.id, {})
    with pytest.raises(NotFound):
        taking.get(_person(), made.id)
    assert taking.get(manager, made.id).id == made.id
    question_id = made.questions[0]["question"]
    for wrong in ({999_999: [1]}, {question_id: [999_999]}, {question_id: made.questions[1]["choices"]}):
        with pytest.raises(Invalid):
            taking.save(maker, made.id, wrong)


def test_a_quiz_without_enough_questions_does_not_begin(manager: Actor, maker: Actor) -> None:
    certification = with_quiz(manager, bank_size=3)
    assert taking.status(maker, certification.id, NOW).ready is False
    with pytest.raises(Conflict):
        taking.start(maker, certification.id, NOW)
    with pytest.raises(NotFound):
        taking.start(maker, make_certification("No quiz").id, NOW)


def test_a_question_that_changes_leaves_old_attempts_as_they_were(manager: Actor, maker: Actor) -> None:
    certification = with_quiz(manager, bank_size=4)
    done = take(maker, certification, 0)
    old = bank.asked(certification.id)[0]
    new = bank.change(manager, old.id, question(99), NOW)
    bank.retire(manager, bank.asked(certification.id)[0].id, NOW)
    assert new.id != old.id
    assert [one.text["en"] for one in bank.asked(certification.id)] == ["Question 2", "Question 3", "Question 99"]
    assert all(line.right for line in taking.lines(done))
    for act in (lambda: bank.change(manager, old.id, question(5), NOW), lambda: bank.retire(manager, old.id, NOW)):
        with pytest.raises(Conflict):
            act()


def test_a_question_saved_as_it_is_stays_itself(manager: Actor) -> None:
    certification = with_quiz(manager, bank_size=1)
    [known] = bank.asked(certification.id)
    assert bank.change(manager, known.id, bank.values_of(known), NOW).id == known.id


@pytest.mark.parametrize("role", [Role.MAKER, Role.INSTRUCTOR])
def test_only_who_teaches_it_sees_the_questions(manager: Actor, role: Role) -> None:
    certification = with_quiz(manager, bank_size=1)
    other = make_actor(make_person(role=role))
    [known] = bank.questions(manager, certification.id, NOW)
    for act in (
        lambda: bank.questions(other, certification.id, NOW),
        lambda: bank.get(other, known.id, NOW),
        lambda: bank.add(other, certification.id, question(2), NOW),
        lambda: bank.change(other, known.id, question(2), NOW),
        lambda: bank.retire(other, known.id, NOW),
        lambda: taking.allow_again(other, certification.id, other.person_id or 0, "please", NOW),
    ):
        with pytest.raises(Forbidden):
            act()


def test_a_long_quiz_takes_as_many_queries_as_a_short_one(
    manager: Actor, maker: Actor, count_queries: CountQueries
) -> None:
    counts = []
    for size in (2, 20):
        certification = with_quiz(manager, bank_size=size, quiz_questions=size)
        made = taking.start(maker, certification.id, NOW)
        answers = right(made)
        db.session.rollback()
        count_queries()
        taking.hand_in(maker, made.id, answers, NOW)
        counts.append(count_queries())
    assert counts[0] == counts[1]
