"""Who may be granted what, by whom, and until when: the rules as tables."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fablab.certifications.rules import (
    Award,
    Candidate,
    GrantFacts,
    Level,
    Validity,
    award_denials,
    teaches,
    valid_until,
)

PARIS = ZoneInfo("Europe/Paris")
AT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TODAY = date(2026, 3, 2)
DAY = timedelta(days=1)
SAFETY, LASER, TEACHING = 1, 2, 3
NAMES = {SAFETY: {"en": "Safety"}, LASER: {"en": "Laser"}}


def local(text: str) -> datetime:
    """An instant as a clock in Paris shows it."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


ENDS = {
    "never": (Validity(), "2026-03-02T09:00", None),
    "a day": (Validity(days=1), "2026-03-02T09:00", "2026-03-03T09:00"),
    "a day over the change to summer time is 24 hours": (Validity(days=1), "2026-03-28T12:00", "2026-03-29T13:00"),
    "a day over the change to winter time is 24 hours": (Validity(days=1), "2026-10-24T12:00", "2026-10-25T11:00"),
    "a year of days over 29 February": (Validity(days=365), "2028-02-01T09:00", "2029-01-31T09:00"),
    "a month": (Validity(months=1), "2026-03-02T09:00", "2026-04-02T09:00"),
    "six months from a long month to February": (Validity(months=6), "2026-08-31T09:00", "2027-02-28T09:00"),
    "six months to February of a leap year": (Validity(months=6), "2027-08-31T09:00", "2028-02-29T09:00"),
    "a year from 29 February": (Validity(months=12), "2028-02-29T09:00", "2029-02-28T09:00"),
    "four years from 29 February": (Validity(months=48), "2028-02-29T09:00", "2032-02-29T09:00"),
    "over the turn of the year": (Validity(months=3), "2026-11-30T23:30", "2027-02-28T23:30"),
    "into a time that the clock skips": (Validity(months=1), "2026-02-28T02:30", "2026-03-28T02:30"),
    "on the day that has no such time": (Validity(months=1), "2027-02-28T02:30", "2027-03-28T03:30"),
    "the local day counts, not that of UTC": (Validity(months=1), "2026-03-31T00:30", "2026-04-30T00:30"),
    "to a day of the year": (Validity(ends_on="08-31"), "2026-03-02T09:00", "2026-09-01T00:00"),
    "on that day, still": (Validity(ends_on="08-31"), "2026-08-31T23:59", "2026-09-01T00:00"),
    "just after that day": (Validity(ends_on="08-31"), "2026-09-01T00:00", "2027-09-01T00:00"),
    "to the last day of the year": (Validity(ends_on="12-31"), "2026-03-02T09:00", "2027-01-01T00:00"),
    "on new year's eve, late": (Validity(ends_on="12-31"), "2026-12-31T23:59", "2027-01-01T00:00"),
    "to 29 February in a year without": (Validity(ends_on="02-29"), "2026-01-02T09:00", "2026-03-01T00:00"),
    "to 29 February in a leap year": (Validity(ends_on="02-29"), "2028-01-02T09:00", "2028-03-01T00:00"),
    "from 28 February to 29 February, common year": (Validity(ends_on="02-29"), "2026-02-28T12:00", "2026-03-01T00:00"),
    "after 28 February to the leap day": (Validity(ends_on="02-29"), "2027-03-01T00:00", "2028-03-01T00:00"),
    "to the day before the clock changes": (Validity(ends_on="03-28"), "2026-03-02T09:00", "2026-03-29T00:00"),
    "to the day of the change to summer time": (Validity(ends_on="03-29"), "2026-03-02T09:00", "2026-03-30T00:00"),
    "to the day of the change to winter time": (Validity(ends_on="10-25"), "2026-03-02T09:00", "2026-10-26T00:00"),
}


@pytest.mark.parametrize(("validity", "granted", "ends"), ENDS.values(), ids=ENDS)
def test_until_when_a_grant_holds(validity: Validity, granted: str, ends: str | None) -> None:
    found = valid_until(validity, local(granted).astimezone(UTC), PARIS)
    assert found == (None if ends is None else local(ends).astimezone(UTC))


instants = st.integers(0, 100 * 366 * 24 * 60).map(
    lambda minutes: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)
validities = st.one_of(
    st.builds(Validity, days=st.integers(1, 36500)),
    st.builds(Validity, months=st.integers(1, 1200)),
    st.builds(Validity, ends_on=st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda day: f"{day:%m-%d}")),
)


@given(validities, instants, st.sampled_from(["Europe/Paris", "Europe/Sofia", "America/St_Johns", "Pacific/Apia"]))
def test_a_grant_always_ends_after_it_was_given(validity: Validity, now: datetime, zone: str) -> None:
    found = valid_until(validity, now, ZoneInfo(zone))
    assert found is not None
    assert found > now
    if validity.ends_on:
        assert found - now <= timedelta(days=367)
        assert (found.astimezone(ZoneInfo(zone)) - timedelta(hours=12)).strftime("%m-%d") in (validity.ends_on, "02-28")


def held(ident: int = SAFETY, **over: object) -> GrantFacts:
    """Granted a month ago, without an end."""
    values: dict[str, object] = {"certification_id": ident, "granted_at": AT - 30 * DAY}
    return GrantFacts(**(values | over))  # type: ignore[arg-type]  # tests name the fields


NEEDS_SAFETY: dict[str, object] = {"prerequisites": {SAFETY: NAMES[SAFETY]}}
INCLUDES_SAFETY: dict[str, object] = {"includes": {SAFETY: NAMES[SAFETY]}}
AWARDS: dict[str, tuple[dict[str, object], dict[str, object], list[str]]] = {
    "asks for nothing": ({}, {}, []),
    "prerequisite held": (NEEDS_SAFETY, {"grants": [held()]}, []),
    "prerequisite held through what includes it": (
        NEEDS_SAFETY,
        {"grants": [held(TEACHING, counts_as={SAFETY})]},
        [],
    ),
    "prerequisite never held": (NEEDS_SAFETY, {}, ["prerequisite_missing"]),
    "prerequisite expired": (NEEDS_SAFETY, {"grants": [held(valid_until=AT)]}, ["prerequisite_missing"]),
    "prerequisite revoked": (NEEDS_SAFETY, {"grants": [held(revoked_at=AT)]}, ["prerequisite_missing"]),
    "prerequisite held back": (NEEDS_SAFETY, {"grants": [held(suspensions=[(AT, None)])]}, ["prerequisite_missing"]),
    "quiz missing": ({"theory": True}, {}, ["theory_missing"]),
    "quiz passed": ({"theory": True}, {"theory_passed": True}, []),
    "old enough today": ({"min_age": 16}, {"born_on": date(2010, 3, 2)}, []),
    "old enough tomorrow": ({"min_age": 16}, {"born_on": date(2010, 3, 3)}, ["too_young"]),
    "age unknown": ({"min_age": 16}, {}, ["age_unknown"]),
    "age unknown and not asked": ({}, {"born_on": None}, []),
    "born on 29 February": ({"min_age": 18}, {"born_on": date(2008, 2, 29)}, []),
    "held back itself": ({}, {"suspended": {LASER: AT}}, ["certification_suspended"]),
    "what comes with it is held back": (INCLUDES_SAFETY, {"suspended": {SAFETY: AT}}, ["certification_suspended"]),
    "another is held back": ({}, {"suspended": {SAFETY: AT}}, []),
    "everything at once, in the order in which it is read": (
        {**NEEDS_SAFETY, "theory": True, "min_age": 16},
        {"suspended": {LASER: AT}},
        ["prerequisite_missing", "theory_missing", "age_unknown", "certification_suspended"],
    ),
}


@pytest.mark.parametrize(("award", "candidate", "codes"), AWARDS.values(), ids=AWARDS)
def test_what_is_missing(award: dict[str, object], candidate: dict[str, object], codes: list[str]) -> None:
    asked = Award(LASER, NAMES[LASER], **award)  # type: ignore[arg-type]  # the table names the fields
    found = award_denials(asked, Candidate(**candidate), AT, TODAY)  # type: ignore[arg-type]  # as above
    assert [one.code for one in found] == codes


@pytest.mark.parametrize(
    ("born_on", "today", "since"),
    [
        (date(2008, 2, 29), date(2026, 2, 28), "2026-03-01"),
        (date(2008, 2, 29), date(2026, 3, 1), None),
        (date(2008, 2, 28), date(2026, 2, 28), None),
        (date(2008, 12, 31), date(2026, 12, 30), "2026-12-31"),
    ],
)
def test_the_birthday(born_on: date, today: date, since: str | None) -> None:
    asked, somebody = Award(LASER, NAMES[LASER], min_age=18), Candidate(born_on=born_on)
    found = award_denials(asked, somebody, AT, today)
    assert [one.params["on"] for one in found] == ([since] if since else [])


TEACHERS: dict[str, tuple[dict[str, object], Level, bool]] = {
    "includes it": ({}, Level.AUTONOMOUS, True),
    "for what is used under supervision too": ({}, Level.SUPERVISED, True),
    "not those of level instructor": ({}, Level.INSTRUCTOR, False),
    "does not include it": ({"counts_as": {SAFETY}}, Level.AUTONOMOUS, False),
    "of level autonomous": ({"level": Level.AUTONOMOUS}, Level.AUTONOMOUS, False),
    "expired": ({"valid_until": AT}, Level.AUTONOMOUS, False),
    "revoked": ({"revoked_at": AT}, Level.AUTONOMOUS, False),
    "held back": ({"suspensions": [(AT - DAY, None)]}, Level.AUTONOMOUS, False),
    "lapsed": ({"lapse_after_unused": DAY}, Level.AUTONOMOUS, False),
    "to come": ({"granted_at": AT + DAY}, Level.AUTONOMOUS, False),
}


@pytest.mark.parametrize(("over", "level", "may"), TEACHERS.values(), ids=TEACHERS)
def test_who_teaches(over: dict[str, object], level: Level, may: bool) -> None:
    teaching = held(TEACHING, **({"level": Level.INSTRUCTOR, "counts_as": {LASER}} | over))
    assert teaches([held(), teaching], LASER, level, AT) is may
