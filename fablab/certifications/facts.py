"""What the rule needs to know, read from the database: what resources ask for, what people were granted."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, or_, select, union_all
from sqlalchemy.orm import aliased

from fablab.certifications.expression import need_of
from fablab.certifications.models import Certification, Grant, Inclusion, Requirement, RequirementTerm, Suspension
from fablab.certifications.rules import Every, GrantFacts, Level, Need, Required
from fablab.core.db import Texts, db
from fablab.resources.models import Resource

# The statements are made once: to make one takes SQLAlchemy three times as long as to run it, and a reader waits.
_PEOPLE: Any = bindparam("people", expanding=True)
_REQUIRED = (
    select(Resource.id, Requirement.id, Requirement.expression, Certification.id, Certification.name)
    .join(Requirement, or_(Requirement.resource_id == Resource.id, Requirement.group_id == Resource.group_id))
    .join(RequirementTerm, RequirementTerm.requirement_id == Requirement.id)
    .join(Certification, Certification.id == RequirementTerm.certification_id)
    .where(Resource.id.in_(bindparam("resources", expanding=True)))
    .order_by(Resource.id, Requirement.resource_id.is_(None), RequirementTerm.certification_id)
)
_Own = aliased(Certification)
_GRANT = (
    Grant.person_id,
    Grant.id,
    Grant.certification_id,
    Grant.granted_at,
    Grant.valid_until,
    _Own.lapse_after_unused_days,
    Grant.last_used_at,
    Grant.revoked_at,
    Grant.suspended_at,
    _Own.level,
)
_GRANTED = (
    select(*_GRANT, Inclusion.included_id)
    .join(_Own, _Own.id == Grant.certification_id)
    .outerjoin(Inclusion, Inclusion.certification_id == Grant.certification_id)
    .where(Grant.person_id.in_(_PEOPLE))
    .order_by(Grant.id)
)
_OF_THEM = select(Grant.id, Grant.certification_id.label("term")).where(Grant.person_id.in_(_PEOPLE))
_COUNTS = union_all(
    _OF_THEM,
    _OF_THEM.with_only_columns(Grant.id, Inclusion.included_id).join(
        Inclusion, Inclusion.certification_id == Grant.certification_id
    ),
).subquery()
_BOTH = (
    _REQUIRED.add_columns(*_GRANT)
    .outerjoin(_COUNTS, _COUNTS.c.term == Certification.id)
    .outerjoin(Grant, Grant.id == _COUNTS.c.id)
    .outerjoin(_Own, _Own.id == Grant.certification_id)
    .order_by(Grant.id)
)


def required_for(resource_ids: Iterable[int]) -> dict[int, Required]:
    """What each of these resources asks for, by itself and by its group; those that ask for nothing are left out. One
    query."""
    return _required(db.session.execute(_REQUIRED, {"resources": list(resource_ids)}))


def grants_of(people: Sequence[int]) -> dict[int, list[GrantFacts]]:
    """Every grant of these people, in the order given; those without any are left out. One query."""
    return _granted(db.session.execute(_GRANTED, {"people": list(people)}))


def certificates_of(
    people: Sequence[int], resource_ids: Iterable[int]
) -> tuple[dict[int, Required], dict[int, list[GrantFacts]]]:
    """What each resource asks for, and what each of these people was granted of it. One query."""
    rows = db.session.execute(_BOTH, {"people": list(people), "resources": list(resource_ids)}).all()
    granted = _granted((*row[5:], row[3]) for row in rows if row[6] is not None)
    return _required(row[:5] for row in rows), granted


def history_of(person_id: int) -> list[GrantFacts]:
    """As `grants_of` one person, with all times in which his certifications were suspended, also those that are over:
    true for any instant of the past. Two queries."""
    query = select(Suspension.certification_id, Suspension.started_at, Suspension.ended_at)
    held_back = list(db.session.execute(query.where(Suspension.person_id == person_id)))
    return [
        replace(one, suspensions=[(start, end) for ident, start, end in held_back if one.is_for(ident)])
        for one in grants_of([person_id]).get(person_id, [])
    ]


def facts(
    certification_id: int,
    granted_at: datetime,
    valid_until: datetime | None,
    lapse_days: int | None,
    last_used_at: datetime | None,
    revoked_at: datetime | None,
    suspended_at: datetime | None,
    level: Level,
    *,
    counts_as: Iterable[int] = (),
) -> GrantFacts:
    """A grant's columns as the rules take them."""
    return GrantFacts(
        certification_id=certification_id,
        granted_at=granted_at,
        valid_until=valid_until,
        lapse_after_unused=None if lapse_days is None else timedelta(days=lapse_days),
        last_used_at=last_used_at,
        revoked_at=revoked_at,
        suspensions=() if suspended_at is None else ((suspended_at, None),),
        level=level,
        counts_as=frozenset(counts_as),
    )


def facts_of(grant: Grant, counts_as: Iterable[int] = ()) -> GrantFacts:
    """A grant with its certification as the rules take it, counting for its own certification and for `counts_as`."""
    return facts(
        grant.certification_id,
        grant.granted_at,
        grant.valid_until,
        grant.certification.lapse_after_unused_days,
        grant.last_used_at,
        grant.revoked_at,
        grant.suspended_at,
        grant.certification.level,
        counts_as=counts_as,
    )


def inclusions() -> dict[int, set[int]]:
    """Of each certification that includes others all that it includes, directly or not. One query of a small table."""
    found: dict[int, set[int]] = {}
    for ident, included in db.session.execute(select(Inclusion.certification_id, Inclusion.included_id)):
        found.setdefault(ident, set()).add(included)
    return found


def _required(rows: Iterable[Any]) -> dict[int, Required]:
    """Of rows of resource, requirement, its expression, one of its certifications and the name of that."""
    needs: dict[int, dict[int, Need]] = {}
    names: dict[int, dict[int, Texts]] = {}
    for resource_id, ident, expression, term, name in rows:
        parts = needs.setdefault(resource_id, {})
        if ident not in parts:
            parts[ident] = need_of(expression)
        names.setdefault(resource_id, {})[term] = name
    return {one: Required(_together(list(parts.values())), names[one]) for one, parts in needs.items()}


def _granted(rows: Iterable[Any]) -> dict[int, list[GrantFacts]]:
    """Of rows of a grant's columns and one of the certifications as which it counts."""
    found: dict[int, dict[int, tuple[Any, ...]]] = {}
    counts: dict[int, set[int]] = {}
    for person_id, ident, *columns, term in rows:
        found.setdefault(person_id, {})[ident] = tuple(columns)
        if term is not None:
            counts.setdefault(ident, set()).add(term)
    return {
        person_id: [facts(*columns, counts_as=counts.get(ident, ())) for ident, columns in sorted(grants.items())]
        for person_id, grants in found.items()
    }


def _together(needs: Sequence[Need]) -> Need:
    return needs[0] if len(needs) == 1 else Every(tuple(needs))
