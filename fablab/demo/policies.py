"""The demo lab's booking rules, groups, membership plans, closures and public holidays."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fablab.core.config import Config
from fablab.demo.members import AHEAD_DAYS, HISTORY_DAYS, Member
from fablab.demo.places import texts
from fablab.demo.resources import RESOURCES
from fablab.reservations.models import PolicyLevel
from fablab.resources.holidays import holidays_of

Rows = list[dict[str, Any]]

GROUPS = {
    "printers": texts("Imprimantes 3D", "3D printers", "3D принтери"),
    "lasers": texts("Découpeuses laser", "Laser cutters", "Лазерни машини"),
}
PLANS = (texts("Étudiant", "Student", "Студент"), texts("Couche-tard", "Night owl", "Нощен член"))
STUDENT, NIGHT = 1, 2

WEEKEND = {"days": ["saturday", "sunday"], "from": "00:00", "until": "00:00"}
EVENINGS = {"days": ["monday", "tuesday", "wednesday", "thursday", "friday"], "from": "18:00", "until": "08:00"}
BY_KIND: dict[str, dict[str, Any]] = {
    "machine": {"cancel_hours": 2, "no_show_limit": 3},
    "room": {"check_in": False},
    "office": {"max_minutes": 600, "step_minutes": 30, "horizon_days": 120, "check_in": False},
    "advisor": {"max_minutes": 60, "reminder_hours": 48, "check_in": False},
}
BY_GROUP: dict[str, dict[str, Any]] = {
    "printers": {"max_minutes": 720, "overrun_extend_minutes": 60},
    "lasers": {
        "max_minutes": 240,
        "hold_minutes": 720,
        "limit_scope": "group",
        "max_minutes_per_week": 600,
        "quiet_hours": [WEEKEND, EVENINGS],
    },
}
BY_RESOURCE: dict[str, dict[str, Any]] = {
    "cnc": {"max_minutes": 240},
    "saw": {"max_minutes": 240, "supervision": "buddy"},
    "embroidery": {"approval": True},
}
BY_PLAN: dict[int, dict[str, Any]] = {STUDENT: {"max_future_minutes": 1200}, NIGHT: {"horizon_days": 90}}
BY_ROLE: dict[str, dict[str, Any]] = {"instructor": {"horizon_days": 120}, "manager": {"horizon_days": 365}}

CLOSURES = (
    (
        "resin",
        AHEAD_DAYS + 4,
        2,
        texts("Changement de la cuve et de l'écran", "New tank and screen", "Нова вана и екран"),
        False,
    ),
    ("cnc", AHEAD_DAYS + 9, 1, texts("Contrôle électrique", "Electrical inspection", "Електрическа проверка"), True),
)
"""What is closed, in how many days from now, for how many days, why, and whether for danger."""


def groups() -> Rows:
    """The groups of resources."""
    return [{"id": number, "name": name} for number, name in enumerate(GROUPS.values(), 1)]


def plans() -> Rows:
    """The membership plans."""
    return [{"id": number, "name": name} for number, name in enumerate(PLANS, 1)]


def group_of(key: str, device: str) -> int | None:
    """The group that a resource is in."""
    if key.startswith("laser"):
        return 2
    return 1 if device in ("octoprint", "moonraker") else None


def plan_of(person: Member) -> int | None:
    """The membership plan of a person: some of the members have one."""
    if person.member_until is None or person.seed.login:
        return None
    return {0: STUDENT, 1: NIGHT}.get(person.number % 6)


def overrides(now: datetime) -> Rows:
    """The booking rules that differ from the configuration's."""
    numbers = {one.key: number for number, one in enumerate(RESOURCES, 1)}
    places = {key: number for number, key in enumerate(GROUPS, 1)}
    rules = [
        *((PolicyLevel.KIND, target, one) for target, one in BY_KIND.items()),
        *((PolicyLevel.GROUP, str(places[key]), one) for key, one in BY_GROUP.items()),
        *((PolicyLevel.RESOURCE, str(numbers[key]), one) for key, one in BY_RESOURCE.items()),
        *((PolicyLevel.PLAN, str(number), one) for number, one in BY_PLAN.items()),
        *((PolicyLevel.ROLE, target, one) for target, one in BY_ROLE.items()),
    ]
    at = now - timedelta(days=200)
    return [{"level": level, "target": target, "rules": one, "changed_at": at} for level, target, one in rules]


def closures(now: datetime, zone: ZoneInfo) -> Rows:
    """What is closed soon, after the time in which the demo has bookings."""
    numbers = {one.key: number for number, one in enumerate(RESOURCES, 1)}
    midnight = datetime.combine(now.astimezone(zone).date(), time(0), tzinfo=zone)
    return [
        {
            "resource_id": numbers[key],
            "starts_at": midnight + timedelta(days=ahead),
            "ends_at": midnight + timedelta(days=ahead + days),
            "reason": reason,
            "danger": danger,
            "created_at": now - timedelta(days=3),
        }
        for key, ahead, days, reason, danger in CLOSURES
    ]


BULGARIAN = {
    "Jour de l'an": "Нова година",
    "Lundi de Pâques": "Велики понеделник",
    "Fête du Travail": "Ден на труда",
    "Fête de la Victoire": "Ден на победата",
    "Ascension": "Възнесение Господне",
    "Lundi de Pentecôte": "Понеделник след Петдесетница",
    "Fête nationale": "Национален празник на Франция",
    "Assomption": "Успение Богородично",
    "Toussaint": "Вси светии",
    "Armistice": "Ден на примирието",
    "Noël": "Коледа",
}
"""The public holidays of France as the demo's Bulgarian members call them: the library does not know their language."""


def exceptions(now: datetime, config: Config) -> Rows:
    """The public holidays of this year and the next, but for the weeks that the demo fills with bookings."""
    today = now.astimezone(config.lab.zone).date()
    filled = (today - timedelta(days=HISTORY_DAYS + 1), today + timedelta(days=AHEAD_DAYS + 1))
    return [
        {"day": one.day, "hours": [], "reason": one.name | {"bg": BULGARIAN[one.name["fr"]]}}
        for year in (today.year, today.year + 1)
        for one in holidays_of("FR", None, year, config.lab.languages)
        if not filled[0] <= one.day <= filled[1]
    ]
