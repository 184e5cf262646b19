"""What resources, and all resources of a group, ask for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from fablab.certifications.expression import every, need_of, terms_of, tree_of
from fablab.certifications.facts import required_for
from fablab.certifications.models import Certification, Requirement, RequirementTerm
from fablab.certifications.rules import NOTHING, Every, Need, Required
from fablab.certifications.service import look_again, need_role
from fablab.core import audit, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import Texts, db, lock, transaction
from fablab.core.errors import NotFound
from fablab.resources.models import Resource, ResourceGroup


def own_need(target: type[Resource] | type[ResourceGroup], ident: int) -> Need:
    """What this resource asks for by itself, or this group for all that are in it."""
    tree = db.session.scalar(select(Requirement.expression).where(_column(target) == ident))
    return Every() if tree is None else need_of(tree)


def whole_need(resource_id: int) -> Required:
    """What a resource asks for by itself and by its group, with the names of the certifications in it."""
    return required_for([resource_id]).get(resource_id, NOTHING)


def names_in(need: Need) -> dict[int, Texts]:
    """The names of the certifications in a need. One query."""
    query = select(Certification).where(Certification.id.in_(set(terms_of(need))))
    return {one.id: one.name for one in db.session.scalars(query)}


def require(actor: Actor, target: type[Resource] | type[ResourceGroup], ident: int, need: Need, now: datetime) -> None:
    """Makes a resource, or all of a group, ask for exactly this from now on, also of who uses it just now.

    Managers. Raises NotFound for an unknown resource, group or certification.
    """
    need_role(actor, Role.MANAGER)
    with transaction() as session:
        if lock(target, ident) is None:
            raise NotFound(f"There is no {_WORDS[target]} {ident}.")
        terms = sorted(set(terms_of(need)))
        _must_exist(terms)
        before = own_need(target, ident)
        if tree_of(need) == tree_of(before):
            return
        known = session.scalar(select(Requirement).where(_column(target) == ident))
        if known is not None:
            session.delete(known)
            session.flush()
        if terms:
            made = Requirement(expression=tree_of(need), **{_column(target).key: ident})
            made.terms = [RequirementTerm(certification_id=one) for one in terms]
            session.add(made)
        changed: dict[str, Any] = {"before": {"needs": tree_of(before)}, "after": {"needs": tree_of(need)}}
        audit.record(actor, f"{_WORDS[target]}.requirements_changed", (_WORDS[target], str(ident)), now, **changed)
        outbox.review_access(now, "not_certified", resource_id=ident if target is Resource else None)
        for one in _hit(target, ident):
            look_again(now, resource_id=one)


def require_all(actor: Actor, resource_id: int, certification_ids: Sequence[int], now: datetime) -> None:
    """As `require` for a resource that asks for each of these."""
    require(actor, Resource, resource_id, every(sorted(set(certification_ids))), now)


_WORDS = {Resource: "resource", ResourceGroup: "group"}


def _column(target: type[Resource] | type[ResourceGroup]) -> Any:
    return Requirement.resource_id if target is Resource else Requirement.group_id


def _hit(target: type[Resource] | type[ResourceGroup], ident: int) -> Sequence[int]:
    """The resources that this changes: the one, or all of the group."""
    if target is Resource:
        return [ident]
    return db.session.scalars(select(Resource.id).where(Resource.group_id == ident).order_by(Resource.id)).all()


def _must_exist(terms: Sequence[int]) -> None:
    query = select(Certification.id).where(Certification.id.in_(terms), Certification.retired_at.is_(None))
    query = query.order_by(Certification.id).with_for_update(read=True)  # nobody retires one meanwhile
    missing = set(terms) - set(db.session.scalars(query))
    if missing:
        raise NotFound(f"There is no certification {min(missing)}.")
