"""What shows the booking engine: requests that collide, an offer from a waiting list, a course that comes again, lets,
a whole room. Placed in the diary before it is filled, so that nothing else takes their time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from fablab.core.actor import Role
from fablab.demo.bookings import LOGINS, Booking, Diary, used
from fablab.demo.hours import open_on
from fablab.demo.members import AHEAD_DAYS
from fablab.demo.names import PEOPLE
from fablab.demo.resources import RESOURCES
from fablab.reservations.lets import end_after
from fablab.reservations.models import ReservationState, WaitingState
from fablab.reservations.rules import Slot, taken_denial

HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
FRIDAY = 4
COURSE_AT, COURSE_LONG, COURSE_DATES = time(16, 30), 2 * HOUR, 5
WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
NUMBERS = {seed.key: number for number, seed in enumerate(RESOURCES, 1)}
WHO = {seed.name: number for number, seed in enumerate(PEOPLE, 1)}
MAKER, INSTRUCTOR, MANAGER = WHO["Emily Carter"], WHO["Julien Moreau"], WHO["Петър Димитров"]
TEACHER = WHO["Léa Fontaine"]
TOWN, CARPENTER = WHO["Pauline Chevalier"], WHO["Thomas Gauthier"]

Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Scenes:
    """The rows beside the bookings; `offer` in a waiting entry is the number of its booking."""

    series: Rows = field(default_factory=list)
    skipped: Rows = field(default_factory=list)
    waiting: Rows = field(default_factory=list)


def play(diary: Diary, able: Mapping[str, Sequence[int]], shut: Collection[date]) -> Scenes:
    """Places every scene. `able` is who may use what, `shut` are the public holidays that the lab knows."""
    made = Scenes()
    _lets(diary, shut)
    _by_the_staff(diary)
    _offer(diary, made, _others(able["laser-1"]))
    _expired_offer(diary, made, _others(able["laser-1"]))
    _requests(diary, _others(able["embroidery"]))
    _course(diary, made)
    _whole_room(diary)
    return made


def _others(able: Sequence[int]) -> list[int]:
    return [one for one in able if one not in LOGINS and PEOPLE[one - 1].role is Role.MAKER]


def _today(diary: Diary) -> date:
    return diary.now.astimezone(diary.zone).date()


def _open_days(diary: Diary, first: int, step: int = 1) -> Iterator[datetime]:
    """When the lab opens on each of its days, from `first` days after today on, or backwards."""
    for number in range(first, step * AHEAD_DAYS, step):
        if opening := open_on(_today(diary) + number * DAY, diary.zone):
            yield opening[0]


def _offer(diary: Diary, made: Scenes, others: Sequence[int]) -> None:
    """Somebody gave his time back: it is held for the maker, who was first in line; another one waits behind."""
    now, laser = diary.now, NUMBERS["laser-1"]
    starts = next(_open_days(diary, 1)) + 2 * HOUR
    ends, back = starts + 2 * HOUR, now - timedelta(minutes=40)
    gave = Booking(others[0], [laser], starts, ends, now - 4 * DAY, ReservationState.CANCELLED, note="Enseigne")
    gave.ended_at, gave.ended_by = back, others[0]
    diary.write(gave)
    held = Booking(MAKER, [laser], starts, ends, back, ReservationState.HELD)
    held.held_until = min(back + 12 * HOUR, starts)
    number = diary.write(held)
    made.waiting += [
        _entry(MAKER, laser, starts, ends, now - 2 * DAY, WaitingState.OFFERED, number),
        _entry(others[1], laser, starts, ends, now - DAY, WaitingState.WAITING),
    ]


def _expired_offer(diary: Diary, made: Scenes, others: Sequence[int]) -> None:
    """Last week an offer ended without an answer."""
    laser, starts = NUMBERS["laser-1"], next(_open_days(diary, -4, -1)) + 4 * HOUR
    one = Booking(others[2], [laser], starts, starts + HOUR, starts - 20 * HOUR, ReservationState.EXPIRED)
    one.ended_at = starts - 8 * HOUR
    entry = _entry(one.person, laser, starts, one.ends_at, starts - 3 * DAY, WaitingState.EXPIRED, diary.write(one))
    made.waiting.insert(0, entry)


def _entry(
    person: int,
    resource: int,
    starts: datetime,
    ends: datetime,
    created: datetime,
    state: WaitingState,
    offer: int | None = None,
) -> dict[str, Any]:
    return {
        "person_id": person,
        "resource_id": resource,
        "starts_at": starts,
        "ends_at": ends,
        "minutes": int((ends - starts).total_seconds()) // 60,
        "created_at": created,
        "state": state,
        "offer_id": offer,
    }


def _requests(diary: Diary, others: Sequence[int]) -> None:
    """Two ask for the sewing machine at times that overlap; an earlier request was turned down."""
    now, machine = diary.now, NUMBERS["embroidery"]
    opens = next(_open_days(diary, 3))
    diary.keep_free(machine, opens, opens + 6 * HOUR)
    for person, ahead, ago, note in (
        (MAKER, 2, 20, "Logo brodé sur douze tabliers"),
        (others[0], 3, 3, "Costumes de la fête du village"),
    ):
        starts = opens + ahead * HOUR
        asked = Booking(person, [machine], starts, starts + 2 * HOUR, now - ago * HOUR, ReservationState.REQUESTED)
        asked.note = note
        diary.write(asked)
    starts = next(_open_days(diary, -5, -1)) + 3 * HOUR
    lost = Booking(others[1], [machine], starts, starts + HOUR, starts - 50 * HOUR, ReservationState.REJECTED)
    lost.ended_at, lost.ended_by, lost.sequence = starts - 26 * HOUR, MANAGER, 1
    lost.end_reason = "Atelier couture ce jour-là ; le lendemain est libre."
    diary.write(lost)


def _course(diary: Diary, made: Scenes) -> None:
    """A course that comes every week. On its last date the room is taken already, so that one is skipped."""
    now, room = diary.now, NUMBERS["visio"]
    day = next(one for one in (_today(diary) + n * DAY for n in range(2, 7)) if one.weekday() <= FRIDAY)
    dates = [datetime.combine(day + number * WEEK, COURSE_AT, diary.zone) for number in range(-3, 2)]
    *held, skipped = dates
    taken = Slot(skipped - HOUR / 2, skipped + 1.5 * HOUR)
    diary.write(Booking(TOWN, [room], taken.starts_at, taken.ends_at, now - 26 * DAY, note="Conseil des jeunes"))
    note, created = "Cours de CAO, niveau 1", now - 24 * DAY
    for starts in held:
        one = Booking(INSTRUCTOR, [room], starts, starts + COURSE_LONG, created, note=note, party_size=8, series=1)
        if one.ends_at < now:
            used(one, starts - timedelta(minutes=10))
        diary.write(one)
    made.series.append(
        {
            "id": 1,
            "person_id": INSTRUCTOR,
            "created_by_id": INSTRUCTOR,
            "created_at": created,
            "rule": f"FREQ=WEEKLY;BYDAY={WEEKDAYS[day.weekday()]};COUNT={COURSE_DATES}",
            "zone": diary.zone.key,
            "starts_at": dates[0],
            "minutes": int(COURSE_LONG.total_seconds()) // 60,
            "resource_ids": [str(room)],
            "note": note,
        }
    )
    denial = taken_denial(taken)
    reasons = [{"code": denial.code, "params": dict(denial.params)}]
    made.skipped.append({"series_id": 1, "occurrence_at": skipped, "denials": reasons, "reservation_id": None})


def _whole_room(diary: Diary) -> None:
    """A class visits: the whole digital workshop, with every machine in it."""
    room = NUMBERS["workshop"]
    inside = [number for number, seed in enumerate(RESOURCES, 1) if seed.place == "digital" and number != room]
    for starts in _open_days(diary, 5):
        free = diary.is_free([room, *inside], starts, starts + 3 * HOUR)
        people = (INSTRUCTOR, TEACHER)
        if free and all(diary.has_time(one, starts, starts + 3 * HOUR) for one in people):
            visit = Booking(INSTRUCTOR, [room, *inside], starts, starts + 3 * HOUR, diary.now - 9 * DAY)
            visit.note, visit.party_size, visit.exclusive = "Journée découverte, classe de 4e B", 18, True
            visit.companions = [TEACHER]
            diary.write(visit)
            return


def _lets(diary: Diary, shut: Collection[date]) -> None:
    """An office let for three months, and one whose tenant has given notice."""
    now, zone = diary.now, diary.zone
    begin = datetime.combine(_today(diary) - 26 * DAY, time(0), zone)
    long = Booking(MAKER, [NUMBERS["office-2"]], begin, begin + 92 * DAY, begin - 10 * DAY + 11 * HOUR)
    long.let = _let("Clé B2 et badge du portail", 45_000, 30)
    begin = datetime.combine(_today(diary) - 27 * DAY, time(0), zone)
    given = now - 9 * DAY
    short = Booking(CARPENTER, [NUMBERS["office-5"]], begin, end_after(given, 14, zone), begin - 6 * DAY + 15 * HOUR)
    short.let, short.sequence = _let("Clé B5", 30_000, 14) | {"notice_given_at": given}, 1
    short.agreed_until = begin + 61 * DAY
    for one in (long, short):
        until = (one.agreed_until or one.ends_at).astimezone(zone).date()
        closed = any(one.starts_at.astimezone(zone).date() <= day < until for day in shut)
        one.created_by, one.on_behalf = MANAGER, "Convention signée à l'accueil"
        one.overrides = [
            {"code": code, "reason": "Location au mois, convention signée"}
            for code in ("too_long", "lab_closed" if closed else "outside_opening_hours")
        ]
        diary.write(one)


def _by_the_staff(diary: Diary) -> None:
    """An appointment made for somebody on the telephone, and a rule set aside with a reason."""
    now, advisor, mill = diary.now, NUMBERS["advisor"], NUMBERS["cnc"]
    starts = next(_open_days(diary, 2)) + HOUR
    phoned = Booking(WHO["Bernard Roux"], [advisor], starts, starts + HOUR, now - 2 * DAY, note="Déclaration en ligne")
    phoned.created_by, phoned.on_behalf = MANAGER, "A téléphoné ; n'a pas d'adresse électronique."
    starts = next(_open_days(diary, 4)) + HOUR
    panels = Booking(INSTRUCTOR, [mill], starts, starts + 6 * HOUR, now - DAY, note="Panneaux du jardin public")
    panels.overrides = [{"code": "too_long", "reason": "Commande de la mairie, à fraiser en un seul bridage."}]
    for one in (phoned, panels):
        diary.write(one)


def _let(keys: str, deposit: int, notice_days: int) -> dict[str, Any]:
    return {
        "keys": keys,
        "keys_returned_at": None,
        "deposit": deposit,
        "deposit_returned_at": None,
        "notice_days": notice_days,
        "notice_given_at": None,
    }
