"""The invented lab as rows for the tables, with numbers of their own, so that they can refer to each other."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from fablab.certifications.models import (
    Certification,
    Grant,
    Inclusion,
    Prerequisite,
    Requirement,
    RequirementTerm,
    Suspension,
    TheoryPass,
)
from fablab.core import badges
from fablab.core.config import Config
from fablab.core.db import Base
from fablab.demo import devices, learnt, members, policies
from fablab.demo.bookings import HELD, Booking
from fablab.demo.names import address
from fablab.demo.places import CERTIFICATIONS, PLACES
from fablab.demo.resources import RESOURCES
from fablab.demo.world import World
from fablab.devices.models import Device
from fablab.interlock.models import AccessDecision
from fablab.people.models import Badge, MembershipPlan, Person
from fablab.reservations.models import (
    Allocation,
    Companion,
    Let,
    PolicyOverride,
    Reservation,
    ReservationSeries,
    ReservationState,
    SkippedOccurrence,
    WaitingEntry,
)
from fablab.resources.models import (
    Closure,
    Kind,
    OpeningException,
    OpeningRule,
    Place,
    Resource,
    ResourceGroup,
    ServiceState,
)
from fablab.usage.models import UsageReading, UsageSession

Rows = list[dict[str, Any]]
REFUSALS = 12
OFFERED = (ReservationState.HELD, ReservationState.EXPIRED)


def tables(world: World, config: Config, password_hash: str | None) -> list[tuple[type[Base], Rows]]:
    """The rows of every table, in an order in which they may be inserted."""
    machines = devices.rows(config.mqtt.site, world.now)
    on = {row["resource_id"]: place for place, row in reversed(list(enumerate(machines, 1)))}
    sessions, readings = _sessions(world, on)
    reservations, allocations = _reservations(world.diary.bookings)
    return [
        (ResourceGroup, policies.groups()),
        (MembershipPlan, policies.plans()),
        (PolicyOverride, policies.overrides(world.now)),
        (Person, [_person(one, password_hash) for one in world.people]),
        (Badge, _badges(world)),
        (Place, _places()),
        (Resource, _resources(world.now)),
        (OpeningException, policies.exceptions(world.now, config)),
        (Closure, policies.closures(world.now, config.lab.zone)),
        (Certification, _certifications(world.now)),
        (Inclusion, learnt.inclusions()),
        (Prerequisite, learnt.prerequisites()),
        *learnt.quizzes(world),
        (Grant, [learnt.grant(number, one, world.now) for number, one in enumerate(world.grants, 1)]),
        (Suspension, world.learnt.suspensions),
        (TheoryPass, world.learnt.theory),
        (Requirement, learnt.requirements()),
        (RequirementTerm, learnt.terms()),
        (ReservationSeries, world.scenes.series),
        (Reservation, reservations),
        (Allocation, allocations),
        (Companion, _companions(world.diary.bookings)),
        (Let, _lets(world.diary.bookings)),
        (SkippedOccurrence, world.scenes.skipped),
        (WaitingEntry, world.scenes.waiting),
        *learnt.trainings(world),
        (Device, machines),
        (UsageSession, sessions),
        (UsageReading, readings),
        (AccessDecision, _decisions(world, on)),
    ]


def _person(one: members.Member, password_hash: str | None) -> dict[str, Any]:
    reachable = one.seed.name != members.WITHOUT_ADDRESS
    return {
        "id": one.number,
        "name": one.seed.name,
        "email": address(one.seed, one.number) if reachable else None,
        "password": password_hash if one.seed.login else None,
        "session_key": f"demo-{one.number}",
        "role": one.seed.role,
        "active": True,
        "language": one.seed.language,
        "born_on": None
        if one.number % 9 == 0
        else date(1960 + one.number * 7 % 43, 1 + one.number % 12, one.number % 28 + 1),
        "member_until": one.member_until,
        "plan_id": policies.plan_of(one),
        "audience": one.seed.audience,
        "organisation": one.seed.organisation,
        "created_at": one.created_at,
        "anonymised_at": None,
    }


def _badges(world: World) -> Rows:
    """Every card; where somebody has two, the first was lost and withdrawn."""
    rows: Rows = []
    for one in world.people:
        for place, card in enumerate(one.cards):
            lost = place < len(one.cards) - 1
            rows.append(
                {
                    "id": len(rows) + 1,
                    "person_id": one.number,
                    "uid_hash": badges.uid_hash(card),
                    "label": f"Carte {one.number:03}" + ("" if place == 0 else " bis"),
                    "issued_at": one.created_at + timedelta(days=2 if place == 0 else 20),
                    "revoked_at": one.created_at + timedelta(days=20) if lost else None,
                    "revoked_reason": "Perdue" if lost else "",
                }
            )
    return rows


def _places() -> Rows:
    numbers = {place.key: number for number, place in enumerate(PLACES, 1)}
    return [
        {"id": numbers[place.key], "parent_id": numbers.get(place.parent or ""), "name": place.name} for place in PLACES
    ]


def _resources(now: datetime) -> Rows:
    places = {place.key: number for number, place in enumerate(PLACES, 1)}
    return [
        {
            "id": number,
            "kind": one.kind,
            "name": one.name,
            "description": one.description,
            "model": one.model,
            "place_id": places[one.place],
            "photo": None,
            "documents": [{"title": title, "url": url} for title, url in one.documents],
            "group_id": policies.group_of(one.key, one.device),
            "capacity": one.capacity,
            "opening": OpeningRule.ALWAYS if one.kind is Kind.OFFICE else OpeningRule.LAB,
            "opening_hours": {},
            "risk_class": one.risk,
            "service_state": ServiceState.OUT_OF_SERVICE if one.broken else ServiceState.IN_SERVICE,
            "service_note": one.broken,
            "created_at": now - timedelta(days=700),
            "retired_at": None,
        }
        for number, one in enumerate(RESOURCES, 1)
    ]


def _certifications(now: datetime) -> Rows:
    return [
        {
            "id": number,
            "name": one.name,
            "description": one.description,
            "validity_days": one.validity_days,
            "lapse_after_unused_days": one.lapse_after_unused_days,
            "level": one.level,
            "validity_months": one.validity_months,
            "validity_ends_on": one.validity_ends_on,
            "min_age": one.min_age,
            "quiz_questions": one.quiz_questions,
            "quiz_pass_percent": 80,
            "quiz_attempts": one.quiz_attempts,
            "quiz_wait_hours": one.quiz_wait_hours,
            "practical": one.practical,
            "created_at": now - timedelta(days=900),
            "retired_at": None,
        }
        for number, one in enumerate(CERTIFICATIONS, 1)
    ]


def _reservations(bookings: list[Booking]) -> tuple[Rows, Rows]:
    rows, allocations = [], []
    for number, one in enumerate(bookings, 1):
        span = {"starts_at": one.starts_at, "ends_at": one.ends_at}
        rows.append(
            {
                "id": number,
                "person_id": one.person,
                "created_by_id": one.created_by or (None if one.state in OFFERED else one.person),
                "created_at": one.created_at,
                "state": one.state,
                "note": one.note,
                **span,
                "started_at": one.started_at,
                "arrived_by": one.arrived_by,
                "ended_at": one.ended_at,
                "ended_by_id": one.ended_by,
                "end_reason": one.end_reason,
                "late_cancelled": one.late,
                "sequence": one.sequence,
                "party_size": one.party_size,
                "exclusive": one.exclusive,
                "on_behalf_reason": one.on_behalf,
                "overrides": one.overrides,
                "held_until": one.held_until,
                "at_risk_since": one.at_risk_since,
                "series_id": one.series,
                "occurrence_at": one.starts_at if one.series else None,
            }
        )
        live = one.state in HELD
        allocations += [
            {"reservation_id": number, "resource_id": resource, **span, "live": live} for resource in one.resources
        ]
    return rows, allocations


def _companions(bookings: list[Booking]) -> Rows:
    return [
        {"reservation_id": number, "person_id": person}
        for number, one in enumerate(bookings, 1)
        for person in one.companions
    ]


def _lets(bookings: list[Booking]) -> Rows:
    return [{"reservation_id": number, **one.let} for number, one in enumerate(bookings, 1) if one.let]


def _sessions(world: World, on: Mapping[int, int]) -> tuple[Rows, Rows]:
    rows: Rows = []
    readings: Rows = []
    for number, use in enumerate(world.uses, 1):
        rows.append(
            {
                "id": number,
                "device_id": on[use.resource],
                "key": f"history-{number}",
                "resource_id": use.resource,
                "person_id": use.person,
                "reservation_id": None if use.booking is None else use.booking + 1,
                "started_at": use.started_at,
                "ended_at": use.ended_at,
                "outcome": use.outcome,
                "job": use.job,
                "progress": use.progress,
                "working_s": use.working_s,
                "paused_s": use.paused_s,
                "energy_wh": use.energy_wh,
                "material": use.material,
                "grams": use.grams,
                "flags": use.flags,
                "updated_at": use.ended_at,
            }
        )
        readings += [
            {"session_id": number, "at": at, "power_w": watts, "energy_wh": energy, "progress": progress}
            for at, watts, energy, progress in use.readings
        ]
    return rows, readings


def _decisions(world: World, on: Mapping[int, int]) -> Rows:
    """Every use of a native reader began with a granted badge; and now and then somebody was refused."""
    badge_of = {one.number: row for one in world.people if one.cards for row in [one.cards[-1]]}
    numbers = {card: place for place, card in enumerate((card for one in world.people for card in one.cards), 1)}
    native = {number for number, one in enumerate(RESOURCES, 1) if one.device == "fablab_v1"}
    rows: Rows = []
    for use in world.uses:
        if use.resource in native:
            card = badge_of.get(use.person or 0)
            ending = {"ended_at": use.ended_at, "end_reason": "user"}
            rows.append(
                _decision(len(rows), use.started_at, on, use.resource, use.person, numbers.get(card or ""), [], ending)
            )
    chance = random.Random(world.now.toordinal())
    for use in chance.sample([one for one in world.uses if one.resource in native], REFUSALS):
        at = use.ended_at + timedelta(minutes=4)
        rows.append(
            _decision(len(rows), at, on, use.resource, None, None, [{"code": "badge_unknown", "params": {}}], {})
        )
    return sorted(rows, key=lambda row: row["at"])


def _decision(
    number: int,
    at: datetime,
    on: Mapping[int, int],
    resource: int,
    person: int | None,
    badge: int | None,
    denials: list[dict[str, Any]],
    ending: Mapping[str, Any],
) -> dict[str, Any]:
    granted = not denials
    return {
        "at": at,
        "device_id": on[resource],
        "resource_id": resource,
        "person_id": person,
        "badge_id": badge,
        "rid": f"history-{number}",
        "granted": granted,
        "act": "start" if granted else None,
        "denials": denials,
        "lease_id": None,
        "boot": None,
        "ended_at": ending.get("ended_at"),
        "end_reason": ending.get("end_reason", ""),
    }
