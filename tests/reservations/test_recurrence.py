"""Recurrence rules: what they may say, what dates they give, and what moving and splitting makes of them."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fablab.core.errors import Invalid
from fablab.reservations import recurrence
from fablab.reservations.recurrence import MOST, Moment, OnDay, Rule, occurrences, parse

PARIS = ZoneInfo("Europe/Paris")
TUESDAY = "2026-03-17 18:00"


def at(text: str, fold: int = 0) -> datetime:
    """A local time of Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS, fold=fold).astimezone(UTC)


def dates(rule: str, first: str = TUESDAY, minutes: int = 60) -> list[str]:
    """The local starts."""
    return [
        f"{one.starts_at.astimezone(PARIS):%Y-%m-%d %H:%M}"
        for one in occurrences(parse(rule), at(first), minutes, PARIS)
    ]


# -- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("FREQ=DAILY;COUNT=3", Rule("DAILY", count=3)),
        (
            "RRULE:FREQ=WEEKLY;BYDAY=TU,TH;INTERVAL=2;COUNT=10;WKST=SU",
            Rule("WEEKLY", 2, (OnDay(1), OnDay(3)), count=10, week_start=6),
        ),
        (
            "freq=monthly;byday=-1fr;until=20261231",
            Rule("MONTHLY", 1, (OnDay(4, -1),), until=Moment(date(2026, 12, 31))),
        ),
        ("FREQ=MONTHLY;BYMONTHDAY=1,-1;COUNT=4;", Rule("MONTHLY", month_days=(1, -1), count=4)),
        (
            "FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1;UNTIL=20260630T160000Z",
            Rule(
                "MONTHLY", days=(OnDay(0), OnDay(1)), positions=(-1,), until=Moment(date(2026, 6, 30), time(16), True)
            ),
        ),
        ("FREQ=YEARLY;COUNT=2", Rule("YEARLY", count=2)),
        (
            "RRULE:FREQ=DAILY;COUNT=3\r\nEXDATE;TZID=Europe/Paris:20260318T180000,20260319\n",
            Rule("DAILY", count=3, without=(Moment(date(2026, 3, 18), time(18)), Moment(date(2026, 3, 19)))),
        ),
    ],
)
def test_a_rule_is_read_and_written(text: str, rule: Rule) -> None:
    assert parse(text) == rule
    assert parse(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "one RRULE"),
        ("FREQ=DAILY;COUNT=2\nFREQ=DAILY;COUNT=2", "one RRULE"),
        ("COUNT=3", "needs FREQ"),
        ("FREQ=HOURLY;COUNT=3", "FREQ=HOURLY; allowed are DAILY"),
        ("FREQ=DAILY", "needs an end"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20260630", "either COUNT"),
        ("FREQ=DAILY;COUNT=0", "from 1 to 366"),
        ("FREQ=DAILY;COUNT=367", "from 1 to 366"),
        ("FREQ=DAILY;COUNT=٣", "COUNT as a number"),
        ("FREQ=DAILY;COUNT=2;INTERVAL=-1", "INTERVAL as a number"),
        ("FREQ=DAILY;COUNT=2;BYHOUR=3", "does not know BYHOUR"),
        ("FREQ=DAILY;COUNT=2;FREQ=DAILY", "FREQ twice"),
        ("FREQ=DAILY;COUNT", "does not know COUNT"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=XX", "BYDAY as days"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=", "BYDAY as days"),
        ("FREQ=WEEKLY;COUNT=2;BYDAY=2TU", "only with FREQ=MONTHLY"),
        ("FREQ=MONTHLY;COUNT=2;BYDAY=0TU", "BYDAY as days"),
        ("FREQ=MONTHLY;COUNT=2;BYDAY=54TU", "BYDAY as days"),
        ("FREQ=WEEKLY;COUNT=2;BYMONTHDAY=3", "BYMONTHDAY with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;COUNT=2;BYMONTHDAY=32", "BYMONTHDAY as numbers"),
        ("FREQ=MONTHLY;COUNT=2;BYMONTHDAY=0", "BYMONTHDAY as numbers"),
        ("FREQ=MONTHLY;COUNT=2;BYSETPOS=1", "only beside"),
        ("FREQ=DAILY;UNTIL=20260230", "UNTIL like"),
        ("FREQ=DAILY;UNTIL=tomorrow", "UNTIL like"),
        ("FREQ=DAILY;UNTIL=99991231", "1970 to 2199"),
        ("FREQ=DAILY;COUNT=2;WKST=X", "WKST"),
        ("FREQ=DAILY;COUNT=2\nEXDATE", "EXDATE like"),
        ("FREQ=DAILY;COUNT=2\nEXDATE:soon", "EXDATE like"),
        ("FREQ=DAILY;COUNT=2;" + "X" * 500, "at most 500"),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(text: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(text)
    assert words in refused.value.fields["recurrence"]


@given(st.text(alphabet="FREQDAILYWKOUNT=;:,0123456789-TZ\n MBXé\x00", max_size=60))
def test_nonsense_is_refused_and_nothing_worse(text: str) -> None:
    for one in (text, f"FREQ=WEEKLY;COUNT=2;{text}", f"FREQ=MONTHLY;COUNT=2;BYDAY={text}"):
        try:
            rule = parse(one)
        except Invalid:
            continue
        assert parse(str(rule)) == rule


# -- dates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "first", "found"),
    [
        ("FREQ=DAILY;COUNT=3", TUESDAY, ["2026-03-17 18:00", "2026-03-18 18:00", "2026-03-19 18:00"]),
        ("FREQ=DAILY;INTERVAL=3;UNTIL=20260323", TUESDAY, ["2026-03-17 18:00", "2026-03-20 18:00", "2026-03-23 18:00"]),
        ("FREQ=DAILY;UNTIL=20260318T170000Z", TUESDAY, ["2026-03-17 18:00", "2026-03-18 18:00"]),
        ("FREQ=DAILY;UNTIL=20260318T165959Z", TUESDAY, ["2026-03-17 18:00"]),
        ("FREQ=DAILY;UNTIL=20260318T180000", TUESDAY, ["2026-03-17 18:00", "2026-03-18 18:00"]),
        ("FREQ=WEEKLY;COUNT=2", TUESDAY, ["2026-03-17 18:00", "2026-03-24 18:00"]),
        ("FREQ=WEEKLY;BYDAY=TU,TH;COUNT=3", TUESDAY, ["2026-03-17 18:00", "2026-03-19 18:00", "2026-03-24 18:00"]),
        ("FREQ=WEEKLY;BYDAY=FR;COUNT=1", TUESDAY, ["2026-03-20 18:00"]),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;COUNT=3",
            TUESDAY,
            ["2026-03-17 18:00", "2026-03-22 18:00", "2026-03-31 18:00"],
        ),
        (
            "FREQ=WEEKLY;INTERVAL=2;BYDAY=TU,SU;COUNT=3;WKST=SU",
            TUESDAY,
            ["2026-03-17 18:00", "2026-03-29 18:00", "2026-03-31 18:00"],
        ),
        ("FREQ=MONTHLY;COUNT=2", "2026-01-31 10:00", ["2026-01-31 10:00", "2026-03-31 10:00"]),
        (
            "FREQ=MONTHLY;BYMONTHDAY=-1;COUNT=3",
            "2026-01-31 10:00",
            ["2026-01-31 10:00", "2026-02-28 10:00", "2026-03-31 10:00"],
        ),
        ("FREQ=MONTHLY;BYDAY=3TU;COUNT=2", TUESDAY, ["2026-03-17 18:00", "2026-04-21 18:00"]),
        ("FREQ=MONTHLY;BYDAY=-1FR;COUNT=2", TUESDAY, ["2026-03-27 18:00", "2026-04-24 18:00"]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;COUNT=2", TUESDAY, ["2026-03-31 18:00", "2026-04-30 18:00"]),
        ("FREQ=YEARLY;COUNT=2", "2024-02-29 10:00", ["2024-02-29 10:00", "2028-02-29 10:00"]),
        ("FREQ=DAILY;COUNT=4\nEXDATE:20260318,20260320T170000Z", TUESDAY, ["2026-03-17 18:00", "2026-03-19 18:00"]),
        ("FREQ=DAILY;COUNT=2\nEXDATE:20260318T180000", TUESDAY, ["2026-03-17 18:00"]),
    ],
)
def test_the_dates_of_a_rule(rule: str, first: str, found: list[str]) -> None:
    assert dates(rule, first) == found


def test_at_most_366_dates_within_ten_years() -> None:
    assert len(dates(f"FREQ=DAILY;COUNT={MOST}")) == MOST
    assert len(dates("FREQ=DAILY;UNTIL=20270317")) == MOST
    for rule, words in (
        ("FREQ=DAILY;UNTIL=20270318", "more than 366"),
        ("FREQ=YEARLY;COUNT=12", "more than ten years"),
        ("FREQ=YEARLY;INTERVAL=300;COUNT=2", "more than ten years"),
        ("FREQ=MONTHLY;UNTIL=20260101", "no date at all"),
        ("FREQ=DAILY;BYMONTHDAY=31;BYDAY=MO;BYSETPOS=2;COUNT=1", "more than ten years"),
        ("FREQ=DAILY;COUNT=1\nEXDATE:20260317", "no date at all"),
    ):
        with pytest.raises(Invalid) as refused:
            dates(rule)
        assert words in refused.value.fields["recurrence"], rule


# -- the nights in which clocks change --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "minutes", "slots"),
    [
        # 18:00 to 20:00 stays what clocks show, though the offset changes
        ("2026-03-28 18:00", 120, [("2026-03-28 17:00", "2026-03-28 19:00"), ("2026-03-29 16:00", "2026-03-29 18:00")]),
        ("2026-10-24 18:00", 120, [("2026-10-24 16:00", "2026-10-24 18:00"), ("2026-10-25 17:00", "2026-10-25 19:00")]),
        # 02:30 does not exist on 29 March: left out and not counted
        ("2026-03-28 02:30", 60, [("2026-03-28 01:30", "2026-03-28 02:30"), ("2026-03-30 00:30", "2026-03-30 01:30")]),
        # 02:30 comes twice on 25 October: the first
        ("2026-10-24 02:30", 15, [("2026-10-24 00:30", "2026-10-24 00:45"), ("2026-10-25 00:30", "2026-10-25 00:45")]),
        # 22:00 to 06:00 lasts 7 hours in the short night, 9 in the long one
        ("2026-03-27 22:00", 480, [("2026-03-27 21:00", "2026-03-28 05:00"), ("2026-03-28 21:00", "2026-03-29 04:00")]),
        ("2026-10-23 22:00", 480, [("2026-10-23 20:00", "2026-10-24 04:00"), ("2026-10-24 20:00", "2026-10-25 05:00")]),
        # an end that does not exist is as long after the last time that does
        ("2026-03-28 01:30", 60, [("2026-03-28 00:30", "2026-03-28 01:30"), ("2026-03-29 00:30", "2026-03-29 01:30")]),
        # an end that comes twice is the first
        ("2026-10-24 01:30", 60, [("2026-10-23 23:30", "2026-10-24 00:30"), ("2026-10-24 23:30", "2026-10-25 00:30")]),
    ],
)
def test_local_time_holds_in_both_nights(first: str, minutes: int, slots: list[tuple[str, str]]) -> None:
    found = occurrences(parse("FREQ=DAILY;COUNT=2"), at(first), minutes, PARIS)
    assert [(f"{one.starts_at:%Y-%m-%d %H:%M}", f"{one.ends_at:%Y-%m-%d %H:%M}") for one in found] == slots


def test_a_series_may_begin_in_the_second_of_two_equal_hours() -> None:
    first = at("2026-10-25 02:30", fold=1)
    found = occurrences(parse("FREQ=DAILY;COUNT=2"), first, 15, PARIS)
    assert [one.starts_at for one in found] == [first, at("2026-10-26 02:30")]
    assert found[0].ends_at - first == timedelta(minutes=15)


def test_the_length_is_that_of_the_wall_clock() -> None:
    assert recurrence.minutes_between(at("2026-03-28 22:00"), at("2026-03-29 06:00"), PARIS) == 480
    assert recurrence.minutes_between(at("2026-10-25 02:45"), at("2026-10-25 02:15", fold=1), PARIS) == 30


# -- moving and splitting ---------------------------------------------------------------------------------------------

RULES = st.sampled_from(
    [
        "FREQ=DAILY;COUNT=9",
        "FREQ=DAILY;INTERVAL=2;UNTIL=20260401",
        "FREQ=WEEKLY;BYDAY=TU,FR;COUNT=12",
        "FREQ=WEEKLY;BYDAY=TU,FR;UNTIL=20260430T155959Z",
        "FREQ=WEEKLY;COUNT=8\nEXDATE:20260407",
    ]
)


@given(RULES, st.sampled_from([0, 15, 60, -90, 1440, -2880, 4335]))
@settings(deadline=None)
def test_moving_a_rule_moves_its_dates(text: str, minutes: int) -> None:
    rule, by = parse(text), timedelta(minutes=minutes)
    first = occurrences(rule, at(TUESDAY), 60, PARIS)[0].starts_at
    before = [one.starts_at for one in occurrences(rule, first, 60, PARIS)]
    moved = recurrence.moved(rule, by, first, PARIS)
    after = [one.starts_at for one in occurrences(moved, recurrence.shifted(first, by, PARIS), 60, PARIS)]
    assert after == [recurrence.shifted(one, by, PARIS) for one in before]


@given(RULES, st.integers(1, 6))
@settings(deadline=None)
def test_the_parts_of_a_split_rule_are_the_whole(text: str, number: int) -> None:
    rule = parse(text)
    whole = [one.starts_at for one in occurrences(rule, at(TUESDAY), 60, PARIS)]
    first, second = recurrence.split(rule, whole[0], whole[number], PARIS)
    assert [one.starts_at for one in occurrences(first, whole[0], 60, PARIS)] == whole[:number]
    assert [one.starts_at for one in occurrences(second, whole[number], 60, PARIS)] == whole[number:]


@pytest.mark.parametrize("rule", ["FREQ=MONTHLY;COUNT=3", "FREQ=MONTHLY;BYDAY=3TU;COUNT=3", "FREQ=YEARLY;COUNT=3"])
def test_a_rule_by_month_is_moved_within_the_day_only(rule: str) -> None:
    first = at(TUESDAY)
    moved = recurrence.moved(parse(rule), timedelta(hours=-2), first, PARIS)
    assert [one.starts_at for one in occurrences(moved, first - timedelta(hours=2), 60, PARIS)] == [
        recurrence.shifted(one.starts_at, timedelta(hours=-2), PARIS)
        for one in occurrences(parse(rule), first, 60, PARIS)
    ]
    with pytest.raises(Invalid, match="same day"):
        recurrence.moved(parse(rule), timedelta(days=1), first, PARIS)
