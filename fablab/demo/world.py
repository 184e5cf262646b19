"""Invents the demo lab: values only, the same from the same seed and moment."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fablab.core.config import Config
from fablab.demo import bookings, courses, devices, learning, members, policies, scenes, uses
from fablab.demo.hours import open_on
from fablab.demo.places import CERTIFICATIONS
from fablab.demo.resources import RESOURCES, ResourceSeed
from fablab.reservations.models import ReservationState
from fablab.resources.models import Kind

PRESENT = ("mk4-1", "mk4-2", "voron", "ender", "mini", "laser-1")
"""Where somebody is right now, with a reservation."""


@dataclass(slots=True)
class World:
    """All that was invented, before it is written."""

    now: datetime
    people: list[members.Member]
    grants: list[members.Held]
    diary: bookings.Diary
    scenes: scenes.Scenes
    uses: list[uses.Use]
    cards: dict[str, list[list[Any]]]
    learnt: learning.Learnt
    taught: courses.Taught


def imagine(config: Config, number: int, now: datetime) -> World:
    """Invent the lab from a seed: nothing but values."""
    people = members.members(random.Random(f"{number}/people"), now)
    held = members.grants(random.Random(f"{number}/grants"), people, now)
    learnt = learning.learn(random.Random(f"{number}/learning"), people, held, now, config.lab.zone)
    able = _able(people, held, now)
    diary = bookings.Diary(random.Random(f"{number}/bookings"), now, config.lab.zone)
    present = _present(diary, able)
    shut = {one["day"] for one in policies.exceptions(now, config)}
    shown = scenes.play(diary, able, shut)
    taught = courses.plan(diary, people, learnt, shut)
    bookings.fill(diary, able, _regulars(people))
    done = uses.uses(random.Random(f"{number}/uses"), diary.bookings, now)
    return World(now, people, held, diary, shown, done, _cards(people, held, able, present), learnt, taught)


def _able(people: Sequence[members.Member], held: Sequence[members.Held], now: datetime) -> dict[str, list[int]]:
    """Who may use what through all of the demo, by resource."""
    keys = [one.key for one in CERTIFICATIONS]
    has: dict[int, set[str]] = {}
    for grant in held:
        if grant.solid(now):
            has.setdefault(grant.person, set()).update({keys[grant.certification - 1]} - {"laser_start"})
            has[grant.person].update(CERTIFICATIONS[grant.certification - 1].includes)
    soon = now.date() + timedelta(days=members.AHEAD_DAYS + 1)
    old = now - timedelta(days=members.HISTORY_DAYS + 1)
    lasting = [one for one in people if (one.member_until is None or one.member_until > soon) and one.created_at < old]
    return {
        resource.key: [one.number for one in lasting if _may(resource, has.get(one.number, set()))]
        for resource in RESOURCES
    }


def _may(resource: ResourceSeed, has: set[str]) -> bool:
    return set(resource.needs) <= has and (not resource.either or bool(has & set(resource.either)))


def _regulars(people: Sequence[members.Member]) -> dict[str, int]:
    """The firms that have their offices, and the teacher who comes with a class."""
    firms = [one.number for one in people if one.seed.audience == "business"]
    offices = [resource.key for resource in RESOURCES if resource.kind is Kind.OFFICE]
    teacher = next(one.number for one in people if one.seed.name == "Léa Fontaine")
    return {"school": teacher} | {key: firms[place % len(firms)] for place, key in enumerate(offices)}


def _present(diary: bookings.Diary, able: dict[str, list[int]]) -> dict[str, int]:
    """The reservations under way at this moment, whose holders the simulated devices then show at work."""
    now, holders = diary.now, dict[str, int]()
    local = now.astimezone(diary.zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    opening = open_on(local.date(), diary.zone)
    earliest = opening[0] if opening and opening[0] <= now else midnight
    for place, resource in enumerate(RESOURCES, 1):
        if resource.device != "fablab_v1" and resource.key not in PRESENT:
            continue
        starts = max(earliest, bookings.floor_step(now - bookings.QUIET)).astimezone(diary.zone)
        ends = bookings.floor_step(now + timedelta(minutes=diary.chance.choice((75, 105, 135, 180))))
        ends = min(ends, max(midnight + timedelta(days=1), bookings.floor_step(now) + bookings.STEP))
        if resource.key not in PRESENT:
            diary.keep_free(place, starts, ends)
            continue
        others = [one for one in able[resource.key] if one not in bookings.LOGINS]
        person = diary.chance.choice([one for one in others if one not in holders.values()])
        booking = diary.book(person, [place], starts, ends)
        if booking is not None:
            booking.state, booking.started_at = ReservationState.BOOKED, min(now, starts + timedelta(minutes=4))
            booking.arrived_by = bookings.came_by(place)
            booking.ended_at, booking.ended_by, booking.end_reason = None, None, ""
            holders[resource.key] = person
    return holders


def _cards(
    people: Sequence[members.Member],
    held: Sequence[members.Held],
    able: dict[str, list[int]],
    present: dict[str, int],
) -> dict[str, list[list[Any]]]:
    """Which cards come to which reader and how often: the right ones mostly, and each kind of refusal sometimes."""
    first = {one.number: one.cards[-1] for one in people if one.cards}
    inducted = {one.person for one in held if one.certification == 1}
    lapsed = next(one for one in people if one.seed.name == members.LAPSED)
    lost = next(one for one in people if one.seed.name == members.LOST_BADGE)
    made: dict[str, list[list[Any]]] = {}
    for key in ("laser-1", "cnc", "saw"):
        right = [number for number in able[key] if number in first][-3:]
        if key in present and present[key] in first:
            right = [present[key]]
        others = [number for number in first if number in inducted and number not in able[key]]
        made[key] = [[first[number], 3.0] for number in right] + [[first[number], 0.7] for number in others[:1]]
    made["laser-1"].append([devices.UNKNOWN_CARD, 0.5])
    made["cnc"].append([lost.cards[0], 0.6])
    made["saw"].append([lapsed.cards[-1], 0.8])
    made[devices.READER] = [[first[number], 1.0] for number in able["laser-2"] if number in first][:6]
    return made
