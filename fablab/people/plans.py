"""Membership plans: kinds of membership by which booking rules may differ, such as "student" or "night member"."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from fablab.core import audit, events
from fablab.core.actor import Actor, Role
from fablab.core.db import Texts, db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.people.models import MembershipPlan, Person


def plans_query() -> Select[Any]:
    """All plans."""
    return select(MembershipPlan)


def list_plans() -> Sequence[MembershipPlan]:
    """All plans, in the order in which they were made."""
    return db.session.scalars(plans_query().order_by(MembershipPlan.id)).all()


def get_plan(plan_id: int) -> MembershipPlan:
    """One plan. Raises NotFound."""
    found = db.session.get(MembershipPlan, plan_id)
    if found is None:
        raise NotFound(f"There is no plan {plan_id}.")
    return found


def exists(plan_id: int) -> bool:
    """Whether there is such a plan."""
    return db.session.get(MembershipPlan, plan_id) is not None


def add(actor: Actor, name: Texts, now: datetime) -> MembershipPlan:
    """A new plan. Managers. Raises Forbidden, Invalid."""
    _need(actor)
    with transaction() as session:
        plan = MembershipPlan(name=_checked(name))
        session.add(plan)
        session.flush()
        audit.record(actor, "membership_plan.added", plan, now, after={"name": name})
        events.append("membership_plan.added", now, plan_id=str(plan.id))
        return plan


def rename(actor: Actor, plan_id: int, name: Texts, now: datetime) -> MembershipPlan:
    """Gives a plan another name. Managers. Raises Forbidden, Invalid, NotFound."""
    _need(actor)
    with transaction():
        plan, before = _locked(plan_id), get_plan(plan_id).name
        plan.name = _checked(name)
        if before != name:
            audit.record(actor, "membership_plan.changed", plan, now, before={"name": before}, after={"name": name})
            events.append("membership_plan.changed", now, plan_id=str(plan.id))
        return plan


def remove(actor: Actor, plan_id: int, now: datetime) -> None:
    """Takes a plan away. Managers. Raises Forbidden, NotFound, Conflict while somebody has it."""
    _need(actor)
    with transaction() as session:
        plan = _locked(plan_id)
        in_it = select(func.count(Person.id)).where(Person.plan_id == plan_id, Person.anonymised_at.is_(None))
        if session.scalar(in_it):
            raise Conflict("There are people with this plan; give them another one first.")
        for left in session.scalars(select(Person).where(Person.plan_id == plan_id)):
            left.plan_id = None
        audit.record(actor, "membership_plan.removed", plan, now, before={"name": plan.name})
        events.append("membership_plan.removed", now, plan_id=str(plan_id))
        session.delete(plan)


def _locked(plan_id: int) -> MembershipPlan:
    plan = lock(MembershipPlan, plan_id)
    if plan is None:
        raise NotFound(f"There is no plan {plan_id}.")
    return plan


def _checked(name: Texts) -> Texts:
    if not any(text.strip() for text in name.values()):
        raise Invalid({"name": "must not be empty"})
    if any(len(text) > 100 for text in name.values()):
        raise Invalid({"name": "must have at most 100 characters"})
    return name


def _need(actor: Actor) -> None:
    if not actor.is_at_least(Role.MANAGER):
        raise Forbidden("this needs the role manager")
