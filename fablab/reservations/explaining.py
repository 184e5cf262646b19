"""What the pages of the booking rules show: the rules of one resource with where each comes from, and all places at
which rules may be set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from fablab.core.actor import Actor, Role
from fablab.core.db import db
from fablab.core.words import config
from fablab.people import plans
from fablab.people.models import MembershipPlan, Person
from fablab.reservations import policies, policy_words
from fablab.reservations.models import PolicyLevel
from fablab.reservations.policies import Place
from fablab.reservations.policy import KEYS, BookingPolicy, Effective, Layer, effective
from fablab.reservations.policy_words import Line
from fablab.resources import groups
from fablab.resources.hours import calendar_of
from fablab.resources.models import Kind, Resource, ResourceGroup
from fablab.resources.rules import Calendar, Closed, written
from fablab.resources.service import get_resource, list_resources

AHEAD = timedelta(days=60)
MONDAY = date(2024, 1, 1)


@dataclass(frozen=True, slots=True)
class OtherDay:
    """A coming day whose hours differ from the usual ones."""

    day: date
    hours: Sequence[str]
    reason: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Explained:
    """The rules of one resource for one person. `week` pairs a day of that name with its usual hours."""

    resource: Resource
    person: Person | None
    rules: Effective
    sections: list[tuple[str, list[Line]]]
    week: list[tuple[date, list[str]]]
    days: list[OtherDay]
    closures: list[Closed]
    moment: timedelta = timedelta(microseconds=1)


def explained(actor: Actor, resource_id: int, now: datetime) -> Explained:
    """All that the page of a resource's rules shows. Raises NotFound. A constant number of queries."""
    resource = get_resource(resource_id)
    person = None if actor.person_id is None else db.session.get(Person, actor.person_id)
    found = policies.policy_for([resource], person)[resource_id]
    calendar = calendar_of(resource, now, now + AHEAD)
    return Explained(
        resource=resource,
        person=person,
        rules=found,
        sections=policy_words.sections(found.policy),
        week=_week(calendar),
        days=_other_days(calendar, now.astimezone(calendar.zone).date()),
        closures=[one for one in calendar.closures if one.ends_at > now],
    )


def weekdays() -> list[date]:
    """A Monday and the six days after it, for their names."""
    return [MONDAY + timedelta(number) for number in range(7)]


def _week(calendar: Calendar) -> list[tuple[date, list[str]]]:
    usual = Calendar(calendar.zone, calendar.openings)
    return [(day, [_dashed(written(one)) for one in usual.openings_on(day)]) for day in weekdays()]


def _other_days(calendar: Calendar, today: date) -> list[OtherDay]:
    wanted = sorted({*calendar.exceptions, *calendar.closed_days})
    return [
        OtherDay(day, [_dashed(written(one)) for one in calendar.openings_on(day)], calendar.reasons.get(day, {}))
        for day in wanted
        if today <= day <= today + AHEAD
    ]


def _dashed(hours: str) -> str:
    return hours.replace("-", "\u2013")


# -- the managers' pages ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SetAt:
    """A place at which rules may be set. `subject` is what it is about: a kind, a role, or the row of the table;
    `said` are its own rules, each as a name and its value in words."""

    level: PolicyLevel
    target: str
    subject: Any
    said: list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Overview:
    """All places at which rules may be set, by level; of resources only those with rules are in `resources`."""

    lab: list[tuple[str, str]]
    kinds: list[SetAt]
    groups: list[SetAt]
    resources: list[SetAt]
    plans: list[SetAt]
    roles: list[SetAt]
    all_resources: list[Resource]
    members: Mapping[int, list[Resource]]


def overview() -> Overview:
    """The managers' page. A constant number of queries."""
    found = policies.overrides()
    lab = policies.base(config().booking)
    resources, all_groups = list_resources(), groups.list_groups()
    set_on = {place.target for place in found if place.level is PolicyLevel.RESOURCE}

    def at(level: PolicyLevel, target: str, subject: object) -> SetAt:
        return SetAt(level, target, subject, _said(found.get(Place(level, target), {}), lab))

    return Overview(
        lab=[(str(policy_words.LABELS[key]), policy_words.value(key, lab)) for key in KEYS],
        kinds=[at(PolicyLevel.KIND, kind.value, kind) for kind in Kind],
        groups=[at(PolicyLevel.GROUP, str(one.id), one) for one in all_groups],
        resources=[at(PolicyLevel.RESOURCE, str(one.id), one) for one in resources if str(one.id) in set_on],
        plans=[at(PolicyLevel.PLAN, str(one.id), one) for one in plans.list_plans()],
        roles=[at(PolicyLevel.ROLE, role.value, role) for role in Role],
        all_resources=resources,
        members=groups.members([one.id for one in all_groups]),
    )


def subject_of(level: PolicyLevel, target: str) -> Kind | Role | Resource | ResourceGroup | MembershipPlan:
    """What rules at this place are about. Raises Invalid or NotFound where there is none."""
    policies.below(level, target)
    if level is PolicyLevel.KIND:
        return Kind(target)
    if level is PolicyLevel.ROLE:
        return Role(target)
    if level is PolicyLevel.RESOURCE:
        return get_resource(int(target))
    return groups.get_group(int(target)) if level is PolicyLevel.GROUP else plans.get_plan(int(target))


def _said(rules: Mapping[str, Any], lab: BookingPolicy) -> list[tuple[str, str]]:
    if not rules:
        return []
    policy = effective(lab, [Layer("here", rules)]).policy
    return [(str(policy_words.LABELS[key]), policy_words.value(key, policy)) for key in KEYS if key in rules]
