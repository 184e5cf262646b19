"""Booking rules by kind, group, resource, plan and role: which one counts, what may be set, what is written down."""

from dataclasses import fields
from threading import Thread

import pytest
from flask import Flask
from sqlalchemy import select

from fablab.core.actor import Actor, Role
from fablab.core.audit import AuditEntry
from fablab.core.config import Config
from fablab.core.config_booking import BookingConfig
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.core.events import Event
from fablab.people import plans
from fablab.people.models import MembershipPlan
from fablab.reservations import explaining, policies, policy_forms, policy_words
from fablab.reservations.models import PolicyLevel, PolicyOverride
from fablab.reservations.policy import (
    KEYS,
    BookingPolicy,
    Layer,
    Supervision,
    effective,
    parsed,
    plain,
)
from fablab.resources import groups
from fablab.resources.models import Kind, Resource, ResourceGroup
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW

KIND, GROUP, RESOURCE, PLAN, ROLE = PolicyLevel
WEEKEND = [{"days": ["saturday", "sunday"], "from": "00:00", "until": "00:00"}]


def override(level: PolicyLevel, target: object, **rules: object) -> None:
    make.save(PolicyOverride(level=level, target=str(target), rules=rules, changed_at=NOW))


def manager() -> Actor:
    return make.make_actor(make.make_person(role=Role.MANAGER))


# -- the configuration ------------------------------------------------------------------------------------------------


def test_the_configuration_has_every_rule_and_no_other() -> None:
    assert set(BookingConfig.model_fields) == {field.name for field in fields(BookingPolicy)} == set(KEYS)


def test_the_defaults_are_the_same() -> None:
    assert policies.base(BookingConfig()) == BookingPolicy()


@pytest.mark.parametrize("key", KEYS)
def test_every_rule_has_its_words_and_its_place_on_the_pages(key: str) -> None:
    assert key in policy_words.LABELS
    assert key in policy_words._SENTENCES
    assert [key in keys for _title, keys in policy_words.SECTIONS].count(True) == 1
    assert key in policy_forms.NUMBERS + policy_forms.TICKS + tuple(policy_forms.CHOICES) + ("quiet_hours",)


def test_plain_values_are_read_back() -> None:
    policy = effective(BookingPolicy(), [Layer("kind", {"quiet_hours": WEEKEND, "supervision": "buddy"})]).policy
    assert {key: parsed(key, value) for key, value in plain(policy).items()} == {
        key: getattr(policy, key) for key in KEYS
    }


# -- layers -----------------------------------------------------------------------------------------------------------

ORDER = ("config", "kind", "group", "resource", "plan", "role")


@pytest.mark.parametrize("highest", range(1, 6))
def test_the_last_layer_that_sets_a_rule_counts(highest: int) -> None:
    layers = [Layer(origin, {"max_minutes": 100 + place}) for place, origin in enumerate(ORDER[1 : highest + 1], 1)]
    found = effective(BookingPolicy(), layers)
    assert (found.policy.max_minutes, found.origins["max_minutes"]) == (100 + highest, ORDER[highest])
    assert (found.policy.min_minutes, found.origins["min_minutes"]) == (15, "config")


def test_no_limit_is_a_value_that_a_layer_can_set() -> None:
    base = BookingPolicy(max_future_count=2)
    found = effective(base, [Layer("plan", {"max_future_count": None})])
    assert (found.policy.max_future_count, found.origins["max_future_count"]) == (None, "plan")


@pytest.mark.usefixtures("app")
def test_rules_of_a_resource_and_a_person() -> None:
    group = make.save(ResourceGroup(name=make.texts("Lasers")))
    plan = make.save(MembershipPlan(name=make.texts("Night")))
    laser, saw = make.make_machine(group_id=group.id), make.make_machine()
    room = make.make_machine(kind=Kind.ROOM)
    override(KIND, "machine", max_minutes=240, step_minutes=30)
    override(GROUP, group.id, max_minutes=120, supervision="instructor")
    override(RESOURCE, laser.id, approval=True)
    override(PLAN, plan.id, horizon_days=90)
    override(ROLE, "maker", notice_minutes=60)
    override(ROLE, "manager", notice_minutes=0, horizon_days=365)
    person = make.make_person(plan_id=plan.id)
    found = policies.policy_for([laser, saw, room], person)
    assert {
        ident: (one.policy.max_minutes, one.policy.step_minutes, one.policy.approval, one.policy.horizon_days)
        for ident, one in found.items()
    } == {laser.id: (120, 30, True, 90), saw.id: (240, 30, False, 90), room.id: (480, 15, False, 90)}
    assert found[laser.id].policy.supervision is Supervision.INSTRUCTOR
    assert found[laser.id].policy.notice_minutes == 60
    assert {key: origin for key, origin in found[laser.id].origins.items() if origin != "config"} == {
        "max_minutes": "group",
        "step_minutes": "kind",
        "supervision": "group",
        "approval": "resource",
        "horizon_days": "plan",
        "notice_minutes": "role",
    }
    assert policies.policy_for([room], None)[room.id].policy == BookingPolicy()
    assert policies.policy_of(laser, person.id) == found[laser.id].policy
    assert policies.policy_of(room) == BookingPolicy()


def test_the_configuration_is_what_they_begin_with(app: Flask, config: Config) -> None:
    changed = config.with_changes(booking={"max_minutes": 300, "no_show_limit": 4})
    app.extensions["fablab_config"] = changed
    laser = make.make_machine()
    found = policies.policy_for([laser], None)[laser.id].policy
    assert (found.max_minutes, found.no_show_limit) == (300, 4)


def test_one_query_however_many_resources(app: Flask, count_queries: CountQueries) -> None:
    machines, person = [make.make_machine(str(number)) for number in range(20)], make.make_person()
    for machine in machines:
        override(RESOURCE, machine.id, max_minutes=60)
    person_id = person.id
    assert person_id
    [one.id for one in machines]
    count_queries()
    found = policies.policy_for(machines, person)
    assert count_queries() == 1
    assert {one.policy.max_minutes for one in found.values()} == {60}


# -- setting ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("app")
def test_rules_are_set_changed_and_taken_back_and_written_down() -> None:
    boss = manager()
    assert policies.set_rules(boss, KIND, "room", {"max_minutes": 60, "approval": True}, NOW) == {
        "max_minutes": 60,
        "approval": True,
    }
    policies.set_rules(boss, KIND, "room", {"max_minutes": 90}, NOW, reset=["approval"])
    assert policies.rules_at(KIND, "room") == {"max_minutes": 90}
    policies.set_rules(boss, KIND, "room", {"max_minutes": 90}, NOW)
    policies.remove_rules(boss, KIND, "room", NOW)
    assert policies.rules_at(KIND, "room") == {}
    assert policies.overrides() == {}
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(one.subject_id, one.before, one.after) for one in entries] == [
        ("kind:room", {}, {"max_minutes": 60, "approval": True}),
        ("kind:room", {"max_minutes": 60, "approval": True}, {"max_minutes": 90}),
        ("kind:room", {"max_minutes": 90}, {}),
    ]
    events = db.session.scalars(select(Event).where(Event.kind == "booking_rules.changed")).all()
    assert [one.data["keys"] for one in events] == [
        ["max_minutes", "approval"],
        ["max_minutes", "approval"],
        ["max_minutes"],
    ]


REFUSED = {
    "unknown": {"speed": 1},
    "too small": {"max_minutes": 1},
    "too large": {"horizon_days": 5000},
    "text for a number": {"max_minutes": "60"},
    "true is not 1": {"step_minutes": True},
    "1 is not true": {"approval": 1},
    "no choice": {"supervision": "king"},
    "null where there is no «no limit»": {"max_minutes": None},
    "infinity": {"max_minutes": float("inf")},
    "a fraction": {"max_minutes": 60.5},
    "a list": {"max_minutes": [60]},
    "days that are none": {"quiet_hours": [{"days": ["funday"], "from": "10:00", "until": "11:00"}]},
    "no days": {"quiet_hours": [{"days": [], "from": "10:00", "until": "11:00"}]},
    "a time that is none": {"quiet_hours": [{"days": ["monday"], "from": "25:00", "until": "11:00"}]},
    "half a window": {"quiet_hours": [{"days": ["monday"], "from": "10:00"}]},
    "too many windows": {"quiet_hours": WEEKEND * 21},
}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("rules", REFUSED.values(), ids=REFUSED)
def test_what_is_out_of_bounds_is_refused_by_name(rules: dict[str, object]) -> None:
    with pytest.raises(Invalid) as refused:
        policies.set_rules(manager(), KIND, "machine", rules, NOW)
    assert set(refused.value.fields) == set(rules)
    assert policies.overrides() == {}


@pytest.mark.usefixtures("app")
def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(Invalid) as refused:
        policies.set_rules(manager(), KIND, "machine", {"max_minutes": 1, "horizon_days": 0}, NOW)
    assert set(refused.value.fields) == {"max_minutes", "horizon_days"}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"max_future_count": None}, {"max_future_count": None}),
        ({"quiet_hours": []}, {"quiet_hours": []}),
        (
            {"quiet_hours": [{"days": ["sunday", "friday"], "from": "20:00", "until": "24:00"}]},
            {"quiet_hours": [{"days": ["friday", "sunday"], "from": "20:00", "until": "00:00"}]},
        ),
        ({"max_minutes": 525600}, {"max_minutes": 525600}),
        ({"step_minutes": 5}, {"step_minutes": 5}),
    ],
)
def test_bounds_belong_to_what_is_allowed(value: dict[str, object], kept: dict[str, object]) -> None:
    assert policies.set_rules(manager(), KIND, "machine", value, NOW) == kept
    policies.policy_for([make.make_machine()], None)


@pytest.mark.usefixtures("app")
def test_shortest_and_longest_must_fit_together_over_the_layers() -> None:
    group = make.save(ResourceGroup(name=make.texts("Lasers")))
    laser, boss = make.make_machine(group_id=group.id), manager()
    policies.set_rules(boss, GROUP, str(group.id), {"max_minutes": 60}, NOW)
    with pytest.raises(Invalid) as refused:
        policies.set_rules(boss, RESOURCE, str(laser.id), {"min_minutes": 90}, NOW)
    assert set(refused.value.fields) == {"min_minutes"}
    policies.set_rules(boss, RESOURCE, str(laser.id), {"min_minutes": 90, "max_minutes": 120}, NOW)
    assert policies.below(RESOURCE, str(laser.id)).origins["max_minutes"] == "group"


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("level", "target"),
    [(KIND, "car"), (GROUP, "1"), (RESOURCE, "99"), (RESOURCE, "x"), (PLAN, "-1"), (ROLE, "king"), (RESOURCE, "²")],
)
def test_a_place_that_does_not_exist_is_refused(level: PolicyLevel, target: str) -> None:
    with pytest.raises(Invalid) as refused:
        policies.set_rules(manager(), level, target, {"max_minutes": 60}, NOW)
    assert set(refused.value.fields) == {"target"}


@pytest.mark.usefixtures("app")
def test_only_managers_set_rules() -> None:
    for role in (Role.MAKER, Role.INSTRUCTOR):
        actor = make.make_actor(make.make_person(role=role))
        with pytest.raises(Forbidden):
            policies.set_rules(actor, KIND, "machine", {"max_minutes": 60}, NOW)
        with pytest.raises(Forbidden):
            groups.add(actor, {"en": "Lasers"}, NOW)
        with pytest.raises(Forbidden):
            plans.add(actor, {"en": "Night"}, NOW)


@pytest.mark.usefixtures("app")
def test_a_group_or_plan_goes_with_its_rules_and_only_when_empty() -> None:
    boss = manager()
    group, plan = groups.add(boss, {"en": "Lasers"}, NOW), plans.add(boss, {"en": "Night"}, NOW)
    group_id, plan_id = group.id, plan.id
    policies.set_rules(boss, GROUP, str(group_id), {"max_minutes": 60}, NOW)
    policies.set_rules(boss, PLAN, str(plan_id), {"max_minutes": 60}, NOW)
    laser, person = make.make_machine(group_id=group_id), make.make_person(plan_id=plan_id)
    with pytest.raises(Conflict):
        policies.delete_group(boss, group_id, NOW)
    with pytest.raises(Conflict):
        policies.delete_plan(boss, plan_id, NOW)
    assert len(policies.overrides()) == 2
    with transaction():
        laser.retired_at, person.anonymised_at = NOW, NOW
    policies.delete_group(boss, group_id, NOW)
    policies.delete_plan(boss, plan_id, NOW)
    assert policies.overrides() == {}
    with pytest.raises(NotFound):
        groups.get_group(group_id)


def test_a_rule_of_another_version_harms_nobody() -> None:
    found = effective(BookingPolicy(), [Layer("kind", {"speed": 3, "max_minutes": 60})])
    assert found.policy == BookingPolicy(max_minutes=60)


def test_the_pages_cost_the_same_for_few_and_for_many(app: Flask, count_queries: CountQueries) -> None:
    actor = make.make_actor(make.make_person())

    def cost() -> tuple[int, int]:
        db.session.rollback()
        ident = db.session.scalars(select(Resource.id)).first() or 0
        with app.test_request_context():
            count_queries()
            explaining.explained(actor, ident, NOW)
            first = count_queries()
            explaining.overview()
            return first, count_queries()

    def fill(number: int) -> None:
        group = make.save(ResourceGroup(name=make.texts(f"Group {number}")))
        plan = make.save(MembershipPlan(name=make.texts(f"Plan {number}")))
        laser = make.make_machine(str(number), group_id=group.id)
        for level, target in ((GROUP, group.id), (RESOURCE, laser.id), (PLAN, plan.id)):
            override(level, target, max_minutes=60)

    fill(0)
    few = cost()
    for number in range(1, 9):
        fill(number)
    assert cost() == few
    assert max(few) <= 8


def test_two_managers_at_one_place_at_the_same_moment(app: Flask) -> None:
    boss, told = manager(), list[str]()

    def work(minutes: int) -> None:
        with app.app_context():
            try:
                policies.set_rules(boss, KIND, "desk", {"max_minutes": minutes}, NOW)
                told.append("set")
            except Conflict:
                told.append("conflict")
            finally:
                db.session.remove()

    threads = [Thread(target=work, args=(60 + number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(told) == 6
    assert "set" in told
    db.session.rollback()
    assert set(policies.rules_at(KIND, "desk")) == {"max_minutes"}
