"""When things are open: own hours, exceptions, closures, public holidays, both nights in which clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from fablab.core.actor import Actor, Role
from fablab.core.audit import AuditEntry
from fablab.core.db import db
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.core.outbox import Outbox
from fablab.resources import closures, holidays, hours, rules, service
from fablab.resources.closures import Closing
from fablab.resources.models import Closure, OpeningException, OpeningRule
from fablab.resources.rules import Calendar, Closed, Opening
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 3, 3)
"""A Tuesday; the lab of the tests is open from 9 to 19 from Monday to Saturday."""
HOUR = timedelta(hours=1)
LONG = [Opening(time(9), time(12, 30)), Opening(time(14), time(0))]


def local(clock: str, day: date = DAY) -> datetime:
    """An instant by the clocks of Paris."""
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=PARIS)


def shown(spans: list[tuple[datetime, datetime]]) -> list[str]:
    return [f"{a.astimezone(PARIS):%H:%M}-{b.astimezone(PARIS):%H:%M}" for a, b in spans]


def boss() -> Actor:
    return make.make_actor(make.make_person(role=Role.MANAGER))


def closed(begin: str, end: str, **over: object) -> Closed:
    return Closed(local(begin), local(end), **over)  # type: ignore[arg-type]  # a table of tests


# -- the calendar, pure -----------------------------------------------------------------------------------------------

WEEK = {"tuesday": LONG}


@pytest.mark.parametrize(
    ("calendar", "expected"),
    [
        (Calendar(PARIS, WEEK), ["09:00-12:30", "14:00-00:00"]),
        (Calendar(PARIS, WEEK, closed_days={DAY}), []),
        (Calendar(PARIS, WEEK, exceptions={DAY: ()}), []),
        (Calendar(PARIS, {}, exceptions={DAY: [Opening(time(10), time(11))]}), ["10:00-11:00"]),
        (Calendar(PARIS, WEEK, {DAY}, {DAY: [Opening(time(10), time(11))]}), ["10:00-11:00"]),
        (Calendar(PARIS, WEEK, closures=[closed("10:00", "11:00")]), ["09:00-10:00", "11:00-12:30", "14:00-00:00"]),
        (Calendar(PARIS, WEEK, closures=[closed("08:00", "09:00")]), ["09:00-12:30", "14:00-00:00"]),
        (Calendar(PARIS, WEEK, closures=[closed("08:00", "15:00")]), ["15:00-00:00"]),
        (
            Calendar(PARIS, WEEK, closures=[closed("09:00", "10:00"), closed("09:30", "11:00")]),
            ["11:00-12:30", "14:00-00:00"],
        ),
    ],
)
def test_the_hours_of_a_day(calendar: Calendar, expected: list[str]) -> None:
    assert shown(calendar.intervals(DAY)) == expected


@pytest.mark.parametrize(
    ("begin", "end", "codes"),
    [
        ("09:00", "12:30", []),
        ("09:00", "12:31", ["outside_opening_hours"]),
        ("08:59", "12:30", ["outside_opening_hours"]),
        ("14:00", "15:00", []),
    ],
)
def test_opening_hours_at_their_edges(begin: str, end: str, codes: list[str]) -> None:
    found = rules.opening_denials(Calendar(PARIS, WEEK, closures=[closed("09:00", "18:00")]), local(begin), local(end))
    assert [one.code for one in found] == codes, "a closure is no matter of the opening hours"


def test_a_holiday_says_its_name_and_an_opened_one_is_none() -> None:
    holiday = Calendar(PARIS, WEEK, exceptions={DAY: ()}, reasons={DAY: {"en": "Easter"}})
    (denial,) = rules.opening_denials(holiday, local("09:00"), local("10:00"))
    assert (denial.code, denial.params["why"]) == ("lab_closed", {"en": "Easter"})
    opened = Calendar(PARIS, WEEK, {DAY}, {DAY: [Opening(time(9), time(10))]})
    assert rules.opening_denials(opened, local("09:00"), local("10:00")) == []


@pytest.mark.parametrize(
    ("begin", "end", "hits"),
    [("09:00", "10:00", 0), ("09:00", "10:01", 1), ("10:30", "10:45", 1), ("11:00", "12:00", 0), ("10:59", "12:00", 1)],
)
def test_a_closure_is_half_open(begin: str, end: str, hits: int) -> None:
    found = rules.closure_denials([closed("10:00", "11:00", closure_id=4, danger=True)], local(begin), local(end))
    assert len(found) == hits
    for one in found:
        assert (one.code, one.params["closure_id"], one.params["danger"]) == ("blocked", "4", True)


SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
ALWAYS = Calendar(PARIS, dict.fromkeys(rules.WEEKDAYS, hours.ALL_DAY))


@pytest.mark.parametrize(("day", "expected"), [(SPRING, 23), (AUTUMN, 25), (DAY, 24)])
def test_a_day_without_end_is_as_long_as_it_is(day: date, expected: int) -> None:
    ((opens, closes),) = ALWAYS.intervals(day)
    assert (closes - opens) == expected * HOUR
    assert rules.opening_denials(ALWAYS, opens - 5 * HOUR, closes + 5 * HOUR) == []


def test_night_hours_over_the_change_of_clocks() -> None:
    night = Calendar(PARIS, {"sunday": [Opening(time(1), time(4))]})
    assert [(b - a) / HOUR for day in (SPRING, AUTUMN) for a, b in night.intervals(day)] == [2.0, 4.0]


def test_how_long_it_stays_open() -> None:
    assert Calendar(PARIS, WEEK).open_until(local("10:00")) == local("12:30")
    assert Calendar(PARIS, WEEK).open_until(local("13:00")) is None
    assert Calendar(PARIS, WEEK, closures=[closed("11:00", "12:00")]).open_until(local("10:00")) == local("11:00")
    assert ALWAYS.open_until(local("10:00"), days=2) == local("00:00", DAY + timedelta(2))


@pytest.mark.parametrize(
    ("texts", "fault"),
    [
        (["09:00-12:30", "14:00-24:00"], ""),
        (["00:00-24:00"], ""),
        ([], ""),
        (["9:00-12:30"], "must look like"),
        (["12:30-09:00"], "must look like"),
        (["09:00"], "must look like"),
        (["09:00-25:00"], "must look like"),
        (["14:00-18:00", "09:00-12:00"], "must come after"),
        (["09:00-24:00", "10:00-11:00"], "must come after"),
        (["09:00-09:30"] * 7, "at most 6"),
    ],
)
def test_hours_as_text(texts: list[str], fault: str) -> None:
    found = rules.hours_faults(texts)
    assert fault in found if fault else found == ""
    if not fault:
        assert [rules.written(rules.opening(text)) for text in texts] == texts


# -- the calendar of a resource ---------------------------------------------------------------------------------------


def exception(day: date, hours_: list[str], **over: object) -> OpeningException:
    return make.save(OpeningException(day=day, hours=hours_, reason={}, **over))


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("opening", "lab", "own", "expected"),
    [
        pytest.param("lab", None, None, ["09:00-19:00"], id="as the lab"),
        pytest.param("lab", [], None, [], id="a holiday"),
        pytest.param("lab", ["10:00-11:00"], None, ["10:00-11:00"], id="the lab's other hours"),
        pytest.param("lab", [], ["08:00-09:00"], ["08:00-09:00"], id="its own day is the last word"),
        pytest.param("own", None, None, ["06:00-07:00"], id="own hours"),
        pytest.param("own", [], None, [], id="own hours on a holiday"),
        pytest.param("own", ["10:00-11:00"], None, ["06:00-07:00"], id="own hours know no other hours of the lab"),
        pytest.param("own", [], ["08:00-09:00"], ["08:00-09:00"], id="own day of own hours"),
        pytest.param("always", None, None, ["00:00-00:00"], id="always"),
        pytest.param("always", [], None, ["00:00-00:00"], id="always, also on a holiday"),
        pytest.param("always", [], [], [], id="always but for its own day"),
    ],
)
def test_whose_hours_count(opening: str, lab: list[str] | None, own: list[str] | None, expected: list[str]) -> None:
    laser = make.make_machine(opening=OpeningRule(opening), opening_hours={"tuesday": ["06:00-07:00"]})
    other = make.make_machine(opening=OpeningRule(opening), opening_hours={"tuesday": ["06:00-07:00"]})
    if lab is not None:
        exception(DAY, lab)
    if own is not None:
        exception(DAY, own, resource_id=laser.id)
    found = hours.calendars([laser, other], local("00:00"), local("23:00"))
    assert shown(found[laser.id].intervals(DAY)) == expected
    if own is None:
        assert found[other.id].intervals(DAY) == found[laser.id].intervals(DAY)


def closure(resource_id: int | None, begin: datetime, end: datetime, **over: object) -> Closure:
    values = {"reason": {"en": "Works"}, "created_at": NOW} | over
    return make.save(Closure(resource_id=resource_id, starts_at=begin, ends_at=end, **values))


@pytest.mark.usefixtures("app")
def test_closures_of_the_lab_and_of_the_resource() -> None:
    laser, saw = make.make_machine(), make.make_machine()
    closure(laser.id, local("10:00"), local("11:00"))
    closure(None, local("15:00"), local("16:00"), danger=True)
    closure(laser.id, local("10:00", date(2026, 5, 5)), local("11:00", date(2026, 5, 5)))
    found = hours.calendars([laser, saw], local("00:00"), local("23:00"))
    assert shown(found[laser.id].intervals(DAY)) == ["09:00-10:00", "11:00-15:00", "16:00-19:00"]
    assert shown(found[saw.id].intervals(DAY)) == ["09:00-15:00", "16:00-19:00"]
    assert [(one.lab, one.danger) for one in found[laser.id].closures] == [(False, False), (True, True)]
    assert len(hours.lab_calendar(local("00:00"), local("23:00")).closures) == 1


def test_two_queries_however_many_resources(app: object, count_queries: CountQueries) -> None:
    machines = [make.make_machine(str(number)) for number in range(12)]
    for machine in machines:
        closure(machine.id, local("10:00"), local("11:00"))
    [(one.id, one.opening) for one in machines]
    count_queries()
    assert len(hours.calendars(machines, local("00:00"), local("23:00"))) == 12
    assert count_queries() == 2


# -- changing them ----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("app")
def test_a_closure_is_kept_changed_removed_and_written_down() -> None:
    manager, laser = boss(), make.make_machine()
    made = closures.close(manager, Closing(laser.id, NOW + HOUR, NOW + 2 * HOUR, {"en": "Works"}), NOW)
    closures.change_closure(manager, made.id, NOW, ends_at=NOW + 3 * HOUR, reason={"en": "More works"})
    assert closures.get_closure(made.id).ends_at == NOW + 3 * HOUR
    closures.remove_closure(manager, made.id, NOW)
    with pytest.raises(NotFound):
        closures.remove_closure(manager, made.id, NOW)
    acts = ["closure.added", "closure.changed", "closure.removed"]
    assert list(db.session.scalars(select(AuditEntry.action).order_by(AuditEntry.id))) == acts
    assert list(db.session.scalars(select(Event.kind).order_by(Event.id))) == acts
    assert db.session.scalars(select(Outbox)).all() == []


@pytest.mark.usefixtures("app")
def test_danger_now_ends_what_runs() -> None:
    manager, laser = boss(), make.make_machine()
    closures.close(manager, Closing(laser.id, NOW - HOUR, NOW + HOUR, {"en": "Smoke"}, danger=True), NOW)
    (row,) = db.session.scalars(select(Outbox))
    assert (row.payload["resource_id"], row.payload["why"]) == (laser.id, "blocked")


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"ends_at": NOW}, "end"),
        ({"starts_at": NOW - 3 * HOUR, "ends_at": NOW - HOUR}, "end"),
        ({"ends_at": NOW + timedelta(days=5000)}, "end"),
        ({"reason": {"en": " "}}, "reason"),
        ({"reason": {"en": "x" * 301}}, "reason"),
        ({"resource_id": 99}, "resource_id"),
    ],
)
def test_a_closure_that_makes_no_sense(over: dict[str, object], field: str) -> None:
    values = {"resource_id": None, "starts_at": NOW + HOUR, "ends_at": NOW + 2 * HOUR, "reason": {"en": "Works"}}
    with pytest.raises(Invalid) as refused:
        closures.close(boss(), Closing(**values | over), NOW)  # type: ignore[arg-type]  # a table of tests
    assert set(refused.value.fields) == {field}


@pytest.mark.usefixtures("app")
def test_what_is_over_is_not_changed_and_makers_change_nothing() -> None:
    past = closure(None, NOW - 2 * HOUR, NOW - HOUR)
    with pytest.raises(Conflict):
        closures.change_closure(boss(), past.id, NOW, danger=True)
    for role in (Role.MAKER, Role.INSTRUCTOR):
        actor = make.make_actor(make.make_person(role=role))
        with pytest.raises(Forbidden):
            closures.close(actor, Closing(None, NOW, NOW + HOUR, {"en": "x"}), NOW)
        with pytest.raises(Forbidden):
            closures.set_exception(actor, None, DAY, [], {}, NOW)
        with pytest.raises(Forbidden):
            closures.close_days(actor, {DAY: {}}, NOW)


@pytest.mark.usefixtures("app")
def test_a_day_is_set_once_and_holidays_leave_it_alone() -> None:
    manager = boss()
    first = closures.set_exception(manager, None, DAY, ["10:00-12:00"], {"en": "Party"}, NOW)
    again = closures.set_exception(manager, None, DAY, ["10:00-13:00"], {"en": "Party"}, NOW)
    assert again.id == first.id
    made = closures.close_days(manager, {DAY: {"en": "Holiday"}, DAY + timedelta(1): {"en": "Another"}}, NOW)
    assert [one.day for one in made] == [DAY + timedelta(1)]
    assert closures.close_days(manager, {DAY + timedelta(1): {"en": "Another"}}, NOW) == []
    with pytest.raises(Invalid):
        closures.set_exception(manager, None, DAY, ["13:00-12:00"], {}, NOW)
    closures.remove_exception(manager, first.id, NOW)
    assert db.session.scalars(select(OpeningException.day)).all() == [DAY + timedelta(1)]


@pytest.mark.usefixtures("app")
def test_own_hours_need_hours() -> None:
    manager, laser = boss(), make.make_machine()
    with pytest.raises(Invalid):
        service.change(manager, laser.id, {"opening": OpeningRule.OWN}, NOW)
    for wrong in ({"funday": ["09:00-10:00"]}, {"monday": ["10:00-09:00"]}):
        with pytest.raises(Invalid):
            service.change(manager, laser.id, {"opening": OpeningRule.OWN, "opening_hours": wrong}, NOW)
    service.change(
        manager,
        laser.id,
        {"opening": OpeningRule.OWN, "opening_hours": {"monday": ["09:00-10:00"]}, "capacity": 3},
        NOW,
    )
    for over in ({"capacity": 0}, {"group_id": 99}):
        with pytest.raises(Invalid):
            service.change(manager, laser.id, over, NOW)


# -- public holidays --------------------------------------------------------------------------------------------------


def days(country: str, region: str | None, year: int) -> set[str]:
    return {f"{one.day:%m-%d}" for one in holidays.holidays_of(country, region, year, ["fr", "en", "bg"])}


FRANCE = {"01-01", "04-06", "05-01", "05-08", "05-14", "05-25", "07-14", "08-15", "11-01", "11-11", "12-25"}


@pytest.mark.parametrize(
    ("country", "region", "expected"),
    [
        ("FR", None, FRANCE),
        ("FR", "", FRANCE),
        ("FR", "57", FRANCE | {"04-03", "12-26"}),
        ("FR", "6AE", FRANCE | {"04-03", "12-26"}),
    ],
)
def test_france_and_its_two_further_days_in_alsace_and_moselle(
    country: str, region: str | None, expected: set[str]
) -> None:
    assert days(country, region, 2026) == expected


def test_bulgaria_with_orthodox_easter_and_days_in_lieu() -> None:
    found = days("BG", None, 2026)
    assert {"03-03", "04-10", "04-11", "04-12", "04-13", "05-06", "05-24", "09-22", "12-24"} <= found
    assert {"05-25", "09-07"} <= found, "what falls on a Sunday is made up for on Monday"


def test_names_are_in_the_languages_that_the_library_knows() -> None:
    french = {one.day: one.name for one in holidays.holidays_of("FR", None, 2026, ["fr", "en", "bg"])}
    assert french[date(2026, 12, 25)] == {"fr": "Noël", "en": "Christmas Day"}
    bulgarian = {one.day: one.name for one in holidays.holidays_of("BG", None, 2026, ["fr", "en", "bg"])}
    assert set(bulgarian[date(2026, 3, 3)]) == {"en", "bg"}
    foreign = holidays.holidays_of("JP", None, 2026, ["bg"])
    assert all(set(one.name) == {"bg"} for one in foreign), "a name in some language is better than none"


@pytest.mark.parametrize(
    ("country", "region", "year", "field"),
    [
        ("XX", None, 2026, "country"),
        ("", None, 2026, "country"),
        ("FR", "99", 2026, "region"),
        ("FR", None, 1999, "year"),
    ],
)
def test_what_the_library_does_not_know(country: str, region: str | None, year: int, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        holidays.holidays_of(country, region, year, ["fr"])
    assert set(refused.value.fields) == {field}


def test_regions_are_offered_where_they_differ() -> None:
    assert {"57", "6AE"} <= {one.code for one in holidays.regions("FR")}
    assert holidays.regions("BG") == []
    assert ("FR", "France") in holidays.countries("fr")
    assert (holidays.guess("Europe/Sofia"), holidays.guess("Mars")) == ("BG", "FR")


@pytest.mark.usefixtures("app")
def test_holidays_close_the_lab_in_its_own_days() -> None:
    manager, laser = boss(), make.make_machine()
    found = holidays.holidays_of("FR", None, 2026, ["fr", "en"])
    closures.close_days(manager, {one.day: one.name for one in found}, NOW)
    easter = datetime(2026, 4, 6, 10, tzinfo=UTC)
    calendar = hours.calendar_of(laser, easter, easter + HOUR)
    (denial,) = rules.opening_denials(calendar, easter, easter + HOUR)
    assert (denial.code, denial.params["why"]["en"]) == ("lab_closed", "Easter Monday")
    assert rules.opening_denials(calendar, easter + timedelta(days=1), easter + timedelta(days=1) + HOUR) == []
