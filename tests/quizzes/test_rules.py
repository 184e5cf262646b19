"""How a quiz is drawn and judged, and who may try again when."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fablab.quizzes.rules import QuizRules, Try, attempt_denials, draw, is_right, percent, question_faults

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = QuizRules(questions=3, pass_percent=80, attempts=2, wait=24 * HOUR)


def failed(hours_ago: float) -> Try:
    return Try(NOW - hours_ago * HOUR, passed=False)


@pytest.mark.parametrize(
    ("tries", "rules", "codes"),
    [
        ([], RULES, []),
        ([failed(24)], RULES, []),
        ([failed(23.99)], RULES, ["quiz_wait"]),
        ([failed(50), failed(25)], RULES, ["quiz_attempts_used"]),
        ([failed(50), failed(1)], RULES, ["quiz_attempts_used"]),
        ([failed(1)], QuizRules(3, 80), []),
        ([failed(1)] * 9, QuizRules(3, 80), []),
        ([failed(30), failed(1)], QuizRules(3, 80, wait=24 * HOUR), ["quiz_wait"]),
        ([failed(1), Try(NOW, passed=True)], RULES, []),
    ],
)
def test_who_may_try(tries: list[Try], rules: QuizRules, codes: list[str]) -> None:
    assert [one.code for one in attempt_denials(tries, rules, NOW)] == codes


def test_the_wait_counts_from_the_last_attempt() -> None:
    [denial] = attempt_denials([failed(2), failed(10)], QuizRules(3, 80, wait=24 * HOUR), NOW)
    assert denial.params == {"until": (NOW + 22 * HOUR).isoformat()}


@pytest.mark.parametrize(
    ("right", "found"),
    [([], 0), ([True], 100), ([False], 0), ([True, True, False], 66), ([True] * 199 + [False], 99)],
)
def test_the_percentage_is_never_rounded_up(right: list[bool], found: int) -> None:
    assert percent(right) == found


@pytest.mark.parametrize(
    ("answer", "right"),
    [({1, 2}, True), ([2, 1], True), ({1}, False), ({1, 2, 3}, False), (set(), False), (None, False)],
)
def test_exactly_the_correct_ones_must_be_ticked(answer: set[int] | None, right: bool) -> None:
    assert is_right({1, 2}, answer) is right


@given(
    st.dictionaries(st.integers(1, 99), st.lists(st.integers(1, 999), min_size=2, max_size=8, unique=True), min_size=1),
    st.data(),
)
def test_what_is_drawn_is_of_the_bank_and_nothing_twice(bank: dict[int, list[int]], data: st.DataObject) -> None:
    count = data.draw(st.integers(1, len(bank)))
    drawn = draw(bank, count, random.Random(data.draw(st.integers())))
    assert len({one.question_id for one in drawn}) == len(drawn) == count
    assert all(sorted(one.choice_ids) == sorted(bank[one.question_id]) for one in drawn)


def test_questions_and_answers_are_shuffled() -> None:
    bank = {number: [10 * number + place for place in range(4)] for number in range(1, 21)}
    orders = [draw(bank, 20, random.Random(seed)) for seed in range(5)]
    assert len({tuple(one.question_id for one in order) for order in orders}) == 5
    assert len({one.choice_ids for order in orders for one in order if one.question_id == 1}) > 1


def test_a_bank_that_is_too_small_is_an_error() -> None:
    with pytest.raises(ValueError, match="Sample"):
        draw({1: [1, 2]}, 2, random.Random(1))


GOOD, BAD, EMPTY = (True, True), (True, False), (False, False)


@pytest.mark.parametrize(
    ("text", "choices", "fields"),
    [
        (True, [GOOD, BAD], []),
        (True, [GOOD, BAD] * 4, []),
        (False, [GOOD, BAD], ["text"]),
        (True, [GOOD], ["choices"]),
        (True, [GOOD, BAD] * 5, ["choices"]),
        (True, [GOOD, GOOD], ["choices"]),
        (True, [BAD, BAD], ["choices"]),
        (True, [GOOD, BAD, EMPTY], ["choices"]),
        (False, [], ["choices", "text"]),
    ],
)
def test_what_a_question_needs(text: bool, choices: list[tuple[bool, bool]], fields: list[str]) -> None:
    assert sorted(question_faults(text, choices)) == fields
