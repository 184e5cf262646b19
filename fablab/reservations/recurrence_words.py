"""A recurrence rule in the reader's words: every tuesday, 10 times."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, time

from babel import Locale
from babel.dates import get_day_names
from babel.lists import format_list
from flask_babel import format_date, get_locale, gettext, ngettext

from fablab.core.words import config
from fablab.reservations.recurrence import Moment, OnDay, Rule

_EVERY: tuple[Callable[[], str], ...] = (
    lambda: gettext("every Monday"),
    lambda: gettext("every Tuesday"),
    lambda: gettext("every Wednesday"),
    lambda: gettext("every Thursday"),
    lambda: gettext("every Friday"),
    lambda: gettext("every Saturday"),
    lambda: gettext("every Sunday"),
)
_NTH: Mapping[int, Callable[[str], str]] = {
    1: lambda day: gettext("first %(day)s", day=day),
    2: lambda day: gettext("second %(day)s", day=day),
    3: lambda day: gettext("third %(day)s", day=day),
    4: lambda day: gettext("fourth %(day)s", day=day),
    5: lambda day: gettext("fifth %(day)s", day=day),
    -1: lambda day: gettext("last %(day)s", day=day),
    -2: lambda day: gettext("last but one %(day)s", day=day),
}
WORKDAYS = (0, 1, 2, 3, 4)


def words(rule: Rule) -> str:
    """The rule as a part of a sentence, in the present language; it begins with a small letter."""
    text = _often(rule)
    if rule.count is not None:
        text = gettext("%(rule)s, %(times)s", rule=text, times=ngettext("%(num)d time", "%(num)d times", rule.count))
    elif rule.until is not None:
        text = gettext("%(rule)s, until %(day)s", rule=text, day=_day(rule.until))
    if rule.without:
        text = gettext("%(rule)s, without %(days)s", rule=text, days=_list([_day(one) for one in rule.without]))
    return text


def _often(rule: Rule) -> str:
    if rule.freq == "WEEKLY" and rule.interval == 1 and len(rule.days) == 1:
        return _EVERY[rule.days[0].day]()
    if rule.freq == "WEEKLY" and rule.interval == 1 and tuple(one.day for one in rule.days) == WORKDAYS:
        return gettext("every working day")
    every = {
        "DAILY": lambda num: ngettext("every day", "every %(num)d days", num),
        "WEEKLY": lambda num: ngettext("every week", "every %(num)d weeks", num),
        "MONTHLY": lambda num: ngettext("every month", "every %(num)d months", num),
        "YEARLY": lambda num: ngettext("every year", "every %(num)d years", num),
    }[rule.freq](rule.interval)
    parts = []
    if rule.days:
        parts.append(_list([_on(one) for one in rule.days]))
    if rule.month_days:
        parts.append(_list([_month_day(one) for one in rule.month_days]))
    if rule.positions:
        parts.append(gettext("of these only number %(list)s", list=_list([str(one) for one in rule.positions])))
    return gettext("%(often)s: %(days)s", often=every, days=", ".join(parts)) if parts else str(every)


def _list(parts: Sequence[str]) -> str:
    return format_list(parts, locale=_locale())


def _locale() -> Locale | str:
    return get_locale() or config().lab.languages[0]


def _on(one: OnDay) -> str:
    day = get_day_names("wide", locale=_locale())[one.day]
    if one.nth is None:
        return str(day)
    if one.nth in _NTH:
        return _NTH[one.nth](day)
    return gettext("%(day)s number %(num)d", day=day, num=one.nth)


def _month_day(day: int) -> str:
    if day == -1:
        return gettext("the last day of the month")
    if day < 0:
        return gettext("day %(num)d from the end of the month", num=-day)
    return gettext("day %(num)d of the month", num=day)


def _day(moment: Moment) -> str:
    local = moment.last_instant(config().lab.zone).astimezone(config().lab.zone)
    return str(format_date(datetime.combine(local.date(), time(12), tzinfo=config().lab.zone), "d MMMM y"))
