"""The booking rules that are kept in the database: read for resources and a person, changed by managers.

A rule may differ by kind, group and resource, and by the membership plan and the role of the person; what comes later
in this order overrides what comes before it, and all of it overrides the configuration's `[booking]`.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from sqlalchemy import and_, bindparam, delete, or_, select
from sqlalchemy.exc import IntegrityError

from fablab.core import audit, events
from fablab.core.actor import Actor, Role
from fablab.core.config_booking import BookingConfig
from fablab.core.db import db, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid
from fablab.core.typed import whole_number
from fablab.core.words import config
from fablab.people import plans
from fablab.people.models import Person
from fablab.reservations.models import PolicyLevel, PolicyOverride
from fablab.reservations.policy import KEYS, BookingPolicy, Effective, Layer, effective, parsed, plain
from fablab.resources import groups
from fablab.resources.models import Kind, Resource

_ROWS = select(PolicyOverride.level, PolicyOverride.target, PolicyOverride.rules).where(
    or_(
        *(
            and_(PolicyOverride.level == level, PolicyOverride.target.in_(bindparam(level.value, expanding=True)))
            for level in PolicyLevel
        )
    )
)
"""Made once: every booking asks it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where rules may be set: a level and its target, both as the table holds them."""

    level: PolicyLevel
    target: str


# -- reading ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def base(booking: BookingConfig) -> BookingPolicy:
    """The configuration's `[booking]` as the rules take it."""
    values = booking.model_dump(mode="json", by_alias=True)
    return BookingPolicy(**{key: parsed(key, values[key]) for key in KEYS})


def policy_for(resources: Sequence[Resource], person: Person | None) -> dict[int, Effective]:
    """The rules that count for each resource, for this person (None: whoever has neither plan nor role).

    One query, however many resources.
    """
    lab = base(config().booking)
    chains = {one.id: _places(one, person) for one in resources}
    rules = _rules_at({place for chain in chains.values() for place in chain})
    if not rules:
        unchanged = effective(lab, ())
        return dict.fromkeys(chains, unchanged)
    made: dict[tuple[Place, ...], Effective] = {}
    found = {}
    for ident, chain in chains.items():
        set_at = tuple(place for place in chain if place in rules)
        if set_at not in made:
            made[set_at] = effective(lab, _layers(set_at, rules))
        found[ident] = made[set_at]
    return found


def policy_of(resource: Resource, person_id: int | None = None) -> BookingPolicy:
    """The rules of one resource that count for this person, or for anybody."""
    person = None if person_id is None else db.session.get(Person, person_id)
    return policy_for([resource], person)[resource.id].policy


def rules_at(level: PolicyLevel, target: str) -> dict[str, Any]:
    """The rules that are set at one place, in their plain form; empty when none is."""
    return dict(_rules_at([Place(level, target)]).get(Place(level, target), {}))


def overrides() -> dict[Place, dict[str, Any]]:
    """All places at which rules are set, with those rules, in the order of levels. One query."""
    rows = db.session.execute(
        select(PolicyOverride.level, PolicyOverride.target, PolicyOverride.rules).order_by(PolicyOverride.id)
    )
    found = {Place(level, target): rules for level, target, rules in rows if rules}
    order = list(PolicyLevel)
    return dict(sorted(found.items(), key=lambda item: order.index(item[0].level)))


def longest_hours(key: str) -> int:
    """The greatest value that a rule in hours has anywhere: in the configuration or at any place. One query."""
    values = [rules[key] for rules in overrides().values() if key in rules]
    return max([getattr(base(config().booking), key), *values])


def below(level: PolicyLevel, target: str) -> Effective:
    """What holds at a place before its own rules: the configuration's, and for a resource those of kind and group.

    Raises Invalid where there is no such place.
    """
    chain = [place for place in _chain(level, target) if place != Place(level, target)]
    return effective(base(config().booking), _layers(chain, _rules_at(chain)))


def _places(resource: Resource, person: Person | None) -> list[Place]:
    found = [Place(PolicyLevel.KIND, resource.kind.value)]
    if resource.group_id is not None:
        found.append(Place(PolicyLevel.GROUP, str(resource.group_id)))
    found.append(Place(PolicyLevel.RESOURCE, str(resource.id)))
    if person is not None:
        if person.plan_id is not None:
            found.append(Place(PolicyLevel.PLAN, str(person.plan_id)))
        found.append(Place(PolicyLevel.ROLE, person.role.value))
    return found


def _rules_at(places: Iterable[Place]) -> dict[Place, Mapping[str, Any]]:
    targets: dict[str, list[str]] = {level.value: [] for level in PolicyLevel}
    for place in places:
        targets[place.level.value].append(place.target)
    return {Place(level, target): rules for level, target, rules in db.session.execute(_ROWS, targets) if rules}


def _layers(chain: Sequence[Place], rules: Mapping[Place, Mapping[str, Any]]) -> list[Layer]:
    return [Layer(place.level.value, rules[place]) for place in chain if place in rules]


# -- writing ----------------------------------------------------------------------------------------------------------


def set_rules(
    actor: Actor,
    level: PolicyLevel,
    target: str,
    rules: Mapping[str, Any],
    now: datetime,
    *,
    reset: Collection[str] = (),
) -> dict[str, Any]:
    """Sets the keys of `rules` (plain JSON; None is «no limit») at one place and takes those of `reset` back, so that
    they are again what the places before say. Gives all that is set there now.

    Managers. Raises Forbidden, Invalid with every key that is wrong, Conflict.
    """
    if not actor.is_at_least(Role.MANAGER):
        raise Forbidden("this needs the role manager")
    if unknown := sorted({*rules, *reset} - set(KEYS)):
        raise Invalid(dict.fromkeys(unknown, f"there is no such rule; there are {', '.join(KEYS)}"))
    try:
        with transaction() as session:
            beneath = below(level, target).policy
            row = session.scalar(_row(level, target).with_for_update().execution_options(populate_existing=True))
            before = dict(row.rules) if row else {}
            wanted = {key: value for key, value in {**before, **rules}.items() if key not in reset}
            after = checked(wanted, beneath)
            if after == before:
                return after
            if row is None:
                session.add(PolicyOverride(level=level, target=target, rules=after, changed_at=now))
            else:
                row.rules, row.changed_at = after, now
            _tell(actor, level, target, before, after, now)
            return after
    except IntegrityError:
        raise Conflict("Somebody else has just set rules here; look at them and try again.") from None


def remove_rules(actor: Actor, level: PolicyLevel, target: str, now: datetime) -> None:
    """Takes back all that is set at one place. Managers. Raises Forbidden, Invalid."""
    set_rules(actor, level, target, {}, now, reset=KEYS)


def delete_group(actor: Actor, group_id: int, now: datetime) -> None:
    """Takes a group of resources away, with its rules. Managers. Raises NotFound, Conflict while anything is in it."""
    with transaction() as session:
        groups.remove(actor, group_id, now)
        session.execute(delete(PolicyOverride).where(*_at(PolicyLevel.GROUP, str(group_id))))


def delete_plan(actor: Actor, plan_id: int, now: datetime) -> None:
    """Takes a membership plan away, with its rules. Managers. Raises NotFound, Conflict while anybody has it."""
    with transaction() as session:
        plans.remove(actor, plan_id, now)
        session.execute(delete(PolicyOverride).where(*_at(PolicyLevel.PLAN, str(plan_id))))


def checked(rules: Mapping[str, Any], beneath: BookingPolicy) -> dict[str, Any]:
    """The rules in their plain form, once each is within the bounds of the configuration's `[booking]` and fits those
    that hold `beneath`. Raises Invalid with every key that is wrong and what is allowed."""
    try:
        text = json.dumps({**plain(beneath), **rules})
        made = BookingConfig.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise Invalid(_faults(error, rules)) from None
    except (TypeError, ValueError, RecursionError):
        raise Invalid({"rules": "must be plain JSON values"}) from None
    values = plain(base(made))
    return {key: values[key] for key in KEYS if key in rules}


def _faults(error: ValidationError, rules: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in error.errors():
        key = str(one["loc"][0]) if one["loc"] else next(key for key in ("max_minutes", "min_minutes") if key in rules)
        found.setdefault(key, str(one["msg"]).removeprefix("Value error, "))
    return found


def _chain(level: PolicyLevel, target: str) -> list[Place]:
    """The places whose rules hold at this one, the weakest first, itself last. Raises Invalid for an unknown one."""
    here = Place(level, target)
    if level is PolicyLevel.KIND and target in set(Kind):
        return [here]
    if level is PolicyLevel.ROLE and target in set(Role):
        return [here]
    ident = whole_number(target) or 0
    if level is PolicyLevel.RESOURCE:
        resource = db.session.get(Resource, ident)
        if resource is not None and resource.retired_at is None and target == str(ident):
            return _places(resource, None)
    elif target == str(ident) and (
        (level is PolicyLevel.GROUP and groups.exists(ident)) or (level is PolicyLevel.PLAN and plans.exists(ident))
    ):
        return [here]
    raise Invalid({"target": f"there is no {level.value} {target!r}"})


def _row(level: PolicyLevel, target: str) -> Any:
    return select(PolicyOverride).where(*_at(level, target))


def _at(level: PolicyLevel, target: str) -> tuple[Any, Any]:
    return PolicyOverride.level == level, PolicyOverride.target == target


def _tell(
    actor: Actor,
    level: PolicyLevel,
    target: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    now: datetime,
) -> None:
    changed = [key for key in KEYS if before.get(key, Ellipsis) != after.get(key, Ellipsis)]
    audit.record(
        actor,
        "booking_rules.changed",
        ("booking_policy", f"{level.value}:{target}"),
        now,
        before={key: before[key] for key in changed if key in before},
        after={key: after[key] for key in changed if key in after},
    )
    events.append("booking_rules.changed", now, level=level.value, target=target, keys=changed)
