"""When the demo lab is open: ordinary hours, and open today whatever the hour at which somebody tries it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from fablab.core.config import WEEKDAYS

ALL_DAY = "00:00-24:00"
ORDINARY: dict[str, str] = {**dict.fromkeys(WEEKDAYS[:5], "09:00-19:00"), "saturday": "10:00-18:00"}
LATE = timedelta(hours=2)
NIGHT = time(20)


def opening_hours(now: datetime, zone: ZoneInfo) -> dict[str, list[str]]:
    """The `lab.opening_hours` of a demo started at `now`: all of today is open unless it is well within the hours,
    and all of tomorrow when it is late in the evening."""
    local = now.astimezone(zone)
    hours = {day: [words] for day, words in ORDINARY.items()}
    today = open_on(local.date(), zone)
    if today is None or not today[0] <= now < today[1] - LATE:
        hours[WEEKDAYS[local.weekday()]] = [ALL_DAY]
    if local.time() >= NIGHT:
        hours[WEEKDAYS[(local.weekday() + 1) % 7]] = [ALL_DAY]
    return {day: hours[day] for day in WEEKDAYS if day in hours}


def open_on(day: date, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """The ordinary opening of a day, from and until; None when the lab is closed."""
    words = ORDINARY.get(WEEKDAYS[day.weekday()])
    if words is None:
        return None
    opens, closes = (time.fromisoformat(word) for word in words.split("-"))
    return datetime.combine(day, opens, zone), datetime.combine(day, closes, zone)
