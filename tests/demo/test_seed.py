"""The demo lab's data: believable, free of overlaps, the same from the same seed, complete in three languages."""

import time
from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from fablab.certifications.facts import certificates_of
from fablab.certifications.models import Certification, Grant
from fablab.certifications.rules import NOTHING, grant_denials
from fablab.core import audit, badges
from fablab.core.actor import Role
from fablab.core.config import WEEKDAYS, Config, load_config
from fablab.core.db import db
from fablab.core.errors import Conflict
from fablab.demo import hours, service
from fablab.demo.members import AHEAD_DAYS, HISTORY_DAYS
from fablab.demo.world import imagine
from fablab.devices.models import Device
from fablab.interlock.models import AccessDecision
from fablab.people.models import Badge, MembershipPlan, Person
from fablab.reservations import (
    closing,
    policies,
)
from fablab.reservations.models import (
    Allocation,
    PolicyLevel,
    Reservation,
    ReservationState,
)
from fablab.resources.models import Closure, Kind, OpeningException, Place, Resource, ResourceGroup, ServiceState
from fablab.usage.models import Outcome, UsageReading, UsageSession
from tests.demo.conftest import NOW
from tests.factories import make_person

MOMENTS = [NOW, NOW.replace(hour=2), NOW.replace(hour=22, minute=40), NOW.replace(day=8), NOW.replace(hour=8, minute=1)]
"""A Wednesday afternoon, two nights, a Sunday, and a minute after opening."""


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_it_fills_the_lab(seeded: service.Demo) -> None:
    assert count(Person) == 40
    kinds = Counter(db.session.scalars(select(Resource.kind)))
    assert 12 <= kinds[Kind.MACHINE] <= 14
    assert (kinds[Kind.ROOM], kinds[Kind.OFFICE], kinds[Kind.ADVISOR]) == (2, 8, 1)
    assert count(Place) == 10
    assert count(Reservation) > 500
    assert count(UsageSession) > 300
    assert count(UsageReading) > 3000
    assert seeded.counts["person"] == 40
    assert {login.role for login in seeded.logins} == {role.value for role in Role}
    assert {login.language for login in seeded.logins} == {"fr", "en", "bg"}


def test_no_resource_is_held_by_two_at_once(seeded: service.Demo) -> None:
    query = select(Allocation).where(Allocation.live).order_by(Allocation.resource_id, Allocation.starts_at)
    for before, after in pairwise(db.session.scalars(query)):
        assert before.resource_id != after.resource_id or before.ends_at <= after.starts_at


def test_one_reservation_holds_several_things(seeded: service.Demo) -> None:
    ordinary = select(Reservation.id).where(Reservation.exclusive.is_(False))
    per = select(func.count()).select_from(Allocation).where(Allocation.reservation_id.in_(ordinary))
    assert max(db.session.scalars(per.group_by(Allocation.reservation_id))) == 4


def test_history_reaches_four_weeks_back_and_two_ahead(seeded: service.Demo) -> None:
    starts = list(db.session.scalars(select(Reservation.starts_at)))
    assert (NOW - min(starts)).days in (HISTORY_DAYS - 1, HISTORY_DAYS)
    assert (max(starts) - NOW).days in range(AHEAD_DAYS - 3, AHEAD_DAYS + 1)
    states = Counter(db.session.scalars(select(Reservation.state)))
    usual = (ReservationState.BOOKED, ReservationState.CANCELLED, ReservationState.RELEASED)
    assert all(states[state] > 10 for state in usual)
    assert not db.session.scalars(select(Reservation).where(Reservation.created_at > NOW)).all()


def test_who_books_a_machine_is_certified_for_it(seeded: service.Demo) -> None:
    """But for the one whose certification was held back since he booked."""
    resources, people = list(db.session.scalars(select(Resource.id))), list(db.session.scalars(select(Person.id)))
    required, granted = certificates_of(people, resources)
    query = select(Reservation, Allocation.resource_id, Allocation.starts_at).join(Reservation.allocations)
    lacking = {
        one.id
        for one, resource, at in db.session.execute(query)
        if grant_denials(required.get(resource, NOTHING), granted.get(one.person_id, []), at)
    }
    marked = select(Reservation.id).where(Reservation.at_risk_since.is_not(None))
    assert lacking == set(db.session.scalars(marked))
    assert len(lacking) == 1


def test_sessions_are_plausible(seeded: service.Demo) -> None:
    sessions = list(db.session.scalars(select(UsageSession)))
    quiet = NOW - timedelta(hours=2)
    for one in sessions:
        assert one.ended_at is not None
        assert one.started_at < one.ended_at < quiet
        assert one.outcome is not None
        assert (one.working_s or 0) + (one.paused_s or 0) <= (one.ended_at - one.started_at).total_seconds() + 1
    outcomes = Counter(one.outcome for one in sessions)
    assert all(outcomes[kind] for kind in (Outcome.COMPLETED, Outcome.FAILED, Outcome.CANCELLED, Outcome.ENDED))
    nobody = sum(one.person_id is None for one in sessions)
    assert 0 < nobody < len(sessions) * 0.12


def test_the_energy_of_a_session_is_the_end_of_its_curve(seeded: service.Demo) -> None:
    last = select(UsageReading.session_id, func.max(UsageReading.energy_wh)).group_by(UsageReading.session_id)
    curves: dict[int, float | None] = {row[0]: row[1] for row in db.session.execute(last)}
    for one in db.session.scalars(select(UsageSession).where(UsageSession.energy_wh.is_not(None))):
        assert curves[one.id] == pytest.approx(one.energy_wh)


def test_certifications_end_in_every_way(seeded: service.Demo) -> None:
    grants = list(db.session.scalars(select(Grant)))
    assert sum(grant.revoked_at is not None for grant in grants) == 2
    assert any(grant.valid_until and grant.valid_until < NOW for grant in grants)
    soon = NOW + timedelta(days=30)
    assert sum(bool(grant.valid_until and NOW < grant.valid_until < soon) for grant in grants) >= 3
    assert audit.verify() is None
    lapsed = list(db.session.scalars(select(Person).where(Person.member_until < NOW.date())))
    assert len(lapsed) == 1


def test_the_cards_of_the_plan_are_the_badges_of_the_people(seeded: service.Demo) -> None:
    known = set(db.session.scalars(select(Badge.uid_hash)))
    readers = [one for one in seeded.plan["devices"] if one["options"].get("cards")]
    assert len(readers) == 4
    for reader in readers:
        cards = [card if isinstance(card, str) else card[0] for card in reader["options"]["cards"]]
        assert len([card for card in cards if badges.uid_hash(badges.canonical(card)) in known]) >= len(cards) - 1


def test_devices_are_adopted_and_played(seeded: service.Demo) -> None:
    bases = {device.base for device in db.session.scalars(select(Device))}
    assert {one["options"]["base"] for one in seeded.plan["devices"]} == bases
    assert seeded.plan["pace"] == 10
    assert count(AccessDecision) > 50


def test_every_text_is_there_in_three_languages(seeded: service.Demo) -> None:
    found = 0
    for model in (Place, Resource, Certification):
        for row in db.session.scalars(select(model)):
            for name in ("name", "description"):
                words: dict[str, Any] | None = getattr(row, name, None)
                if words is not None:
                    found += 1
                    assert set(words) == {"fr", "en", "bg"}
                    assert all(words.values())
    assert found > 60


def test_there_is_something_out_of_service_and_somebody_at_work(seeded: service.Demo) -> None:
    broken = list(db.session.scalars(select(Resource).where(Resource.service_state == ServiceState.OUT_OF_SERVICE)))
    assert [bool(one.service_note) for one in broken] == [True]
    now = select(Allocation).where(Allocation.live, Allocation.starts_at <= NOW, Allocation.ends_at > NOW)
    assert len(db.session.scalars(now).all()) >= 6


def test_new_rows_follow_the_seeded_ones(seeded: service.Demo, app: Flask) -> None:
    assert make_person().id == 41


def test_it_refuses_a_lab_with_people_in_it(seeded: service.Demo, config: Config) -> None:
    with pytest.raises(Conflict):
        service.seed(config, 1, NOW)
    assert count(Person) == 40


def test_the_same_seed_gives_the_same_lab_and_another_another(sqlite_config: Config) -> None:
    first, again, other = (imagine(sqlite_config, number, NOW) for number in (1, 1, 2))
    assert first.people == again.people
    assert first.diary.bookings == again.diary.bookings
    assert first.uses == again.uses
    assert first.cards == again.cards
    assert first.diary.bookings != other.diary.bookings


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_any_moment_and_seed_will_do(sqlite_config: Config, moment: datetime, number: int) -> None:
    world = imagine(sqlite_config, number, moment)
    zone = sqlite_config.lab.zone
    opening = hours.opening_hours(moment, zone)
    local = moment.astimezone(zone)
    assert WEEKDAYS[local.weekday()] in opening
    under_way = [one for one in world.diary.bookings if one.starts_at <= moment < one.ends_at]
    assert len(under_way) >= 6
    for one in world.diary.bookings:
        open_then = hours.open_on(one.starts_at.astimezone(zone).date(), zone)
        ordinary = open_then is not None and open_then[0] <= one.starts_at < one.ends_at <= open_then[1]
        assert ordinary or one in under_way


def test_it_is_quick(app: Flask, config: Config) -> None:
    began = time.monotonic()
    service.seed(config, 1, NOW)
    assert time.monotonic() - began < 6


def test_the_lab_is_open_whenever_somebody_tries_it(tmp_path: Any) -> None:
    zone = load_config(None).lab.zone
    assert hours.opening_hours(NOW, zone)["wednesday"] == ["09:00-19:00"]
    assert hours.opening_hours(NOW.replace(hour=2), zone)["wednesday"] == ["00:00-24:00"]
    late = hours.opening_hours(NOW.replace(hour=22), zone)
    assert late["wednesday"] == late["thursday"] == ["00:00-24:00"]
    assert "sunday" not in late
    assert hours.opening_hours(NOW.replace(day=8), zone)["sunday"] == ["00:00-24:00"]


def test_its_rules_are_within_bounds_and_about_what_there_is(seeded: service.Demo) -> None:
    places = policies.overrides()
    assert {place.level for place in places} == set(PolicyLevel)
    for place, rules in places.items():
        assert policies.checked(rules, policies.below(place.level, place.target).policy) == rules
    assert count(ResourceGroup) == count(MembershipPlan) == 2
    assert set(db.session.scalars(select(Person.plan_id))) == {None, 1, 2}


def test_holidays_and_closures_hit_no_booking(seeded: service.Demo) -> None:
    days = db.session.scalars(select(OpeningException)).all()
    assert len(days) > 12
    assert all(set(one.reason) >= {"fr", "en"} and not one.hours for one in days)
    closures = db.session.scalars(select(Closure)).all()
    assert [one.danger for one in closures] == [False, True]
    spans = [closing.of_day(None, one.day, one.reason) for one in days]
    spans += [closing.Span("", one.resource_id, one.starts_at, one.ends_at, one.reason) for one in closures]
    hit = {one for span in spans for one in closing.hit_by(span, NOW)}
    assert [one.id for one in hit if one.let is None] == []
    assert all({"code": "lab_closed", "reason": "Location au mois, convention signée"} in one.overrides for one in hit)
