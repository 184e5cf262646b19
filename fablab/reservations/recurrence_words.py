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
_NTH: Mapping[int, tuple[Callable[[], str], ...]] = {
    1: (
        lambda: gettext("first Monday"),
        lambda: gettext("first Tuesday"),
        lambda: gettext("first Wednesday"),
        lambda: gettext("first Thursday"),
        lambda: gettext("first Friday"),
        lambda: gettext("first Saturday"),
        lambda: gettext("first Sunday"),
    ),
    2: (
        lambda: gettext("second Monday"),
        lambda: gettext("second Tuesday"),
        lambda: gettext("second Wednesday"),
        lambda: gettext("second Thursday"),
        lambda: gettext("second Friday"),
        lambda: gettext("second Saturday"),
        lambda: gettext("second Sunday"),
    ),
    3: (
        lambda: gettext("third Monday"),
        lambda: gettext("third Tuesday"),
        lambda: gettext("third Wednesday"),
        lambda: gettext("third Thursday"),
        lambda: gettext("third Friday"),
        lambda: gettext("third Saturday"),
        lambda: gettext("third Sunday"),
    ),
    4: (
        lambda: gettext("fourth Monday"),
        lambda: gettext("fourth Tuesday"),
        lambda: gettext("fourth Wednesday"),
        lambda: gettext("fourth Thursday"),
        lambda: gettext("fourth Friday"),
        lambda: gettext("fourth Saturday"),
        lambda: gettext("fourth Sunday"),
    ),
    5: (
        lambda: gettext("fifth Monday"),
        lambda: gettext("fifth Tuesday"),
        lambda: gettext("fifth Wednesday"),
        lambda: gettext("fifth Thursday"),
        lambda: gettext("fifth Friday"),
        lambda: gettext("fifth Saturday"),
        lambda: gettext("fifth Sunday"),
    ),
    -1: (
        lambda: gettext("last Monday"),
        lambda: gettext("last Tuesday"),
        lambda: gettext("last Wednesday"),
        lambda: gettext("last Thursday"),
        lambda: gettext("last Friday"),
        lambda: gettext("last Saturday"),
        lambda: gettext("last Sunday"),
    ),
    -2: (
        lambda: gettext("last but one Monday"),
        lambda: gettext("last but one Tuesday"),
        lambda: gettext("last but one Wednesday"),
        lambda: gettext("last but one Thursday"),
        lambda: gettext("last but one Friday"),
        lambda: gettext("last but one Saturday"),
        lambda: gettext("last but one Sunday"),
    ),
}
"""Said whole, by weekday: in many languages the number agrees with the day."""

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
    if one.nth is not None and one.nth in _NTH:
        return _NTH[one.nth][one.day]()
    day = get_day_names("wide", locale=_locale())[one.day]
    if one.nth is None:
        return str(day)
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
