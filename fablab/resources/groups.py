"""Groups of resources that share booking rules and limits, such as all laser cutters."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from fablab.core import audit, events
from fablab.core.actor import Actor, Role
from fablab.core.db import Texts, db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.resources.models import Resource, ResourceGroup


def groups_query() -> Select[Any]:
    """All groups."""
    return select(ResourceGroup)


def list_groups() -> Sequence[ResourceGroup]:
    """All groups, in the order in which they were made."""
    return db.session.scalars(groups_query().order_by(ResourceGroup.id)).all()


def get_group(group_id: int) -> ResourceGroup:
    """One group. Raises NotFound."""
    found = db.session.get(ResourceGroup, group_id)
    if found is None:
        raise NotFound(f"There is no group {group_id}.")
    return found


def exists(group_id: int) -> bool:
    """Whether there is such a group."""
    return db.session.get(ResourceGroup, group_id) is not None


def members(group_ids: Sequence[int]) -> dict[int, list[Resource]]:
    """The resources of each group that are not retired. One query."""
    query = select(Resource).where(Resource.group_id.in_(group_ids), Resource.retired_at.is_(None))
    found: dict[int, list[Resource]] = {}
    for resource in db.session.scalars(query.order_by(Resource.id)):
        found.setdefault(resource.group_id or 0, []).append(resource)
    return found


def add(actor: Actor, name: Texts, now: datetime) -> ResourceGroup:
    """A new group. Managers. Raises Forbidden, Invalid."""
    _need(actor)
    with transaction() as session:
        group = ResourceGroup(name=_checked(name))
        session.add(group)
        session.flush()
        audit.record(actor, "resource_group.added", group, now, after={"name": name})
        events.append("resource_group.added", now, group_id=str(group.id))
        return group


def rename(actor: Actor, group_id: int, name: Texts, now: datetime) -> ResourceGroup:
    """Gives a group another name. Managers. Raises Forbidden, Invalid, NotFound."""
    _need(actor)
    with transaction():
        group, before = _locked(group_id), get_group(group_id).name
        group.name = _checked(name)
        if before != name:
            audit.record(actor, "resource_group.changed", group, now, before={"name": before}, after={"name": name})
            events.append("resource_group.changed", now, group_id=str(group.id))
        return group


def remove(actor: Actor, group_id: int, now: datetime) -> None:
    """Takes a group away. Managers. Raises Forbidden, NotFound, Conflict while a resource is in it."""
    _need(actor)
    with transaction() as session:
        group = _locked(group_id)
        in_it = select(func.count(Resource.id)).where(Resource.group_id == group_id, Resource.retired_at.is_(None))
        if session.scalar(in_it):
            raise Conflict("There are resources in this group; take them out of it first.")
        for retired in session.scalars(select(Resource).where(Resource.group_id == group_id)):
            retired.group_id = None
        audit.record(actor, "resource_group.removed", group, now, before={"name": group.name})
        events.append("resource_group.removed", now, group_id=str(group_id))
        session.delete(group)


def _locked(group_id: int) -> ResourceGroup:
    group = lock(ResourceGroup, group_id)
    if group is None:
        raise NotFound(f"There is no group {group_id}.")
    return group


def _checked(name: Texts) -> Texts:
    if not any(text.strip() for text in name.values()):
        raise Invalid({"name": "must not be empty"})
    if any(len(text) > 100 for text in name.values()):
        raise Invalid({"name": "must have at most 100 characters"})
    return name


def _need(actor: Actor) -> None:
    if not actor.is_at_least(Role.MANAGER):
        raise Forbidden("this needs the role manager")
