"""What a refusal suggests and what is found is booked as it stands, on both databases, whatever rules are set."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest

from fablab.core.actor import Role
from fablab.people.models import Person
from fablab.reservations import finding, service
from fablab.reservations.models import PolicyLevel, PolicyOverride
from fablab.reservations.wishes import Extras
from fablab.resources.models import Closure, Kind, OpeningRule, Resource
from tests import factories as make
from tests.factories import NOW

HOUR = timedelta(hours=1)
RULES: list[dict[str, Any]] = [
    {},
    {"step_minutes": 30, "buffer_before_minutes": 20, "buffer_after_minutes": 40},
    {"max_minutes_per_day": 180, "max_minutes_per_week": 400, "gap_minutes": 60},
    {"max_future_count": 4, "max_future_minutes": 400, "notice_minutes": 300, "horizon_days": 5},
    {
        "supervision": "buddy",
        "max_minutes_per_day": 60,
        "quiet_hours": [{"days": ["tuesday"], "from": "09:00", "until": "18:00"}],
    },
]


def some_times(dice: random.Random, number: int) -> list[tuple[datetime, datetime]]:
    """Times within a week that do not overlap, of half an hour to two hours."""
    starts = dice.sample(range(0, 2 * 24 * 7, 4), number)
    return [(NOW + start * HOUR / 2, NOW + (start + dice.randint(1, 4)) * HOUR / 2) for start in starts]


def lab(dice: random.Random, rules: dict[str, Any]) -> tuple[Person, Person, list[Resource]]:
    """Somebody, a buddy and two machines, with bookings of theirs and of others, and closures."""
    person, buddy, other = make.make_person(), make.make_person(), make.make_person()
    machines = [make.make_machine(), make.make_machine("Twin")]
    make.save(PolicyOverride(level=PolicyLevel.KIND, target="machine", rules=rules, changed_at=NOW))
    for machine in machines:
        for begin, end in some_times(dice, 25):
            make.make_reservation(other, [machine], begin, end)
    for holder in (person, buddy):
        room = make.make_machine("Room", kind=Kind.ROOM)
        for begin, end in some_times(dice, 2):
            make.make_reservation(holder, [room], begin, end)
    for begin, end in some_times(dice, 2):
        make.save(Closure(resource_id=None, starts_at=begin, ends_at=end, reason={}, created_at=NOW))
    return person, buddy, machines


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("rules", RULES, ids=range(len(RULES)))
def test_every_suggestion_is_booked(rules: dict[str, Any]) -> None:
    dice = random.Random(7)
    person, buddy, machines = lab(dice, rules)
    actor, extras = make.make_actor(person), Extras(companion_ids=(buddy.id,))
    ids, booked = [one.id for one in machines], 0
    for _ in range(12):
        begin = NOW + dice.randrange(-10, 24 * 7) * HOUR + dice.choice([0, 7, 30]) * HOUR / 60
        wanted = dice.choice([ids, ids[:1]])
        verdict = service.check(actor, person.id, wanted, begin, begin + HOUR, NOW, extras)
        assert verdict.allowed == (not verdict.denials)
        for slot in verdict.suggestions[:1]:
            made = service.book(actor, person.id, wanted, slot.starts_at, slot.ends_at, extras, NOW)
            booked += 1
            service.cancel(make.make_actor(make.make_person(role=Role.MANAGER)), made.id, NOW, "tried")
    assert booked


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("rules", RULES, ids=range(len(RULES)))
def test_everything_found_is_booked(rules: dict[str, Any]) -> None:
    person, buddy, _ = lab(random.Random(8), rules)
    actor, extras = make.make_actor(person), Extras(companion_ids=(buddy.id,))
    week = NOW + timedelta(days=7)
    asked = finding.Asked(kind=Kind.MACHINE, minutes=60, from_=NOW, to=week, extras=extras)
    found = finding.find(actor, person.id, asked, NOW, 8)
    assert found
    for one in found:
        slot = one.slot
        made = service.book(actor, person.id, [one.resource_id], slot.starts_at, slot.ends_at, extras, NOW)
        service.cancel(make.make_actor(make.make_person(role=Role.MANAGER)), made.id, NOW, "tried")


@pytest.mark.usefixtures("app")
def test_a_wish_made_longer_than_the_search_is_wide_is_still_free() -> None:
    person, other = make.make_person(), make.make_person()
    desk = make.make_machine("Desk", opening=OpeningRule.ALWAYS)
    rules = {"min_minutes": 3 * 24 * 60, "max_minutes": 20_000, "horizon_days": 60, "step_minutes": 240}
    make.save(PolicyOverride(level=PolicyLevel.RESOURCE, target=str(desk.id), rules=rules, changed_at=NOW))
    begin, day = NOW + timedelta(days=14), timedelta(days=1)
    make.make_reservation(other, [desk], NOW, begin + 13 * day)
    make.make_reservation(other, [desk], begin + 15.5 * day, begin + 40 * day)
    actor = make.make_actor(person)
    assert service.check(actor, person.id, [desk.id], begin, begin + HOUR, NOW).suggestions == ()
