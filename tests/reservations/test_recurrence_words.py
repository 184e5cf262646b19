"""Recurrence rules in words."""

import pytest
from flask import Flask
from flask_babel import force_locale

from fablab.reservations.recurrence import parse
from fablab.reservations.recurrence_words import words


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("FREQ=WEEKLY;BYDAY=TU;COUNT=10", "every Tuesday, 10 times"),
        ("FREQ=WEEKLY;COUNT=1", "every week, 1 time"),
        ("FREQ=DAILY;UNTIL=20260331", "every day, until 31 March 2026"),
        ("FREQ=DAILY;UNTIL=20260331T215959Z", "every day, until 31 March 2026"),
        ("FREQ=DAILY;INTERVAL=3;COUNT=2", "every 3 days, 2 times"),
        ("FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;COUNT=5", "every working day, 5 times"),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,TH,SU;COUNT=5", "every 2 weeks: Tuesday, Thursday, and Sunday, 5 times"),
        ("FREQ=MONTHLY;BYDAY=2TU,-1FR;COUNT=5", "every month: second Tuesday and last Friday, 5 times"),
        (
            "FREQ=MONTHLY;BYMONTHDAY=15,-1,-3;COUNT=5",
            "every month: day 15 of the month, the last day of the month, and day 3 from the end of the month, 5 times",
        ),
        (
            "FREQ=MONTHLY;BYDAY=MO,FR;BYSETPOS=-1;COUNT=2",
            "every month: Monday and Friday, of these only number -1, 2 times",
        ),
        ("FREQ=YEARLY;BYDAY=20MO;COUNT=2", "every year: Monday number 20, 2 times"),
        (
            "FREQ=DAILY;COUNT=9\nEXDATE:20260403,20260404T160000Z",
            "every day, 9 times, without 3 April 2026 and 4 April 2026",
        ),
    ],
)
def test_a_rule_in_words(app: Flask, rule: str, said: str) -> None:
    with force_locale("en"):
        assert words(parse(rule)) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "first"), (2, "second"), (3, "third"), (4, "fourth"), (5, "fifth"), (-1, "last"), (-2, "last but one")],
)
def test_every_weekday_is_counted(app: Flask, number: int, said: str) -> None:
    days = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
    with force_locale("en"):
        for day in days:
            rule = parse(f"FREQ=MONTHLY;BYDAY={number}{day[:2].upper()};COUNT=5")
            assert words(rule) == f"every month: {said} {day}, 5 times"


def test_day_names_come_in_the_readers_language(app: Flask) -> None:
    with force_locale("fr"):
        assert "mardi et jeudi" in words(parse("FREQ=WEEKLY;BYDAY=TU,TH;COUNT=5"))
