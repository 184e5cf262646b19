"""What a certification needs and includes: read, entered, and all that follows from it kept exact."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from fablab.certifications.holding import hold_back
from fablab.certifications.links import circle, closure, together
from fablab.certifications.models import Certification, Inclusion, Prerequisite, Suspension
from fablab.core import outbox
from fablab.core.db import Texts, bulk_insert, db, lock
from fablab.core.errors import Invalid
from fablab.core.words import text
from fablab.people.models import Person


class Circle(Invalid):
    """What was entered makes a circle of certifications. `names` are those on it in their order, the first one again
    at the end."""

    def __init__(self, field: str, names: Sequence[Texts]) -> None:
        super().__init__({field: f"makes a circle: {' → '.join(text(one) for one in names)}"})
        self.field, self.names = field, list(names)

    @property
    def path(self) -> str:
        """The circle in words."""
        return " → ".join(text(one) for one in self.names)


def prerequisites_of(certification_ids: Sequence[int]) -> dict[int, list[int]]:
    """What each of these needs; those that need nothing are left out. One query."""
    return _links(Prerequisite.certification_id, Prerequisite.needed_id, certification_ids)


def included_in(certification_ids: Sequence[int]) -> dict[int, list[int]]:
    """What each of these includes as entered, without what follows from it. One query."""
    return _links(Inclusion.certification_id, Inclusion.included_id, certification_ids, Inclusion.direct)


def all_included(certification_id: int) -> set[int]:
    """All that a certification includes, also by what it includes. One query."""
    query = select(Inclusion.included_id).where(Inclusion.certification_id == certification_id)
    return set(db.session.scalars(query))


def _links(own: Any, other: Any, ids: Sequence[int], *further: Any) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    query = select(own, other).where(own.in_(list(ids)), *further).order_by(own, other)
    for ident, one in db.session.execute(query):
        found.setdefault(ident, []).append(one)
    return found


def lock_all() -> dict[int, Certification]:
    """All certifications by id, locked until the transaction ends: what leads where changes for one at a time."""
    query = select(Certification).order_by(Certification.id).with_for_update(key_share=True)
    return {one.id: one for one in db.session.scalars(query.execution_options(populate_existing=True))}


def set_prerequisites(known: dict[int, Certification], ident: int, needed: Collection[int]) -> None:
    """Makes a certification need exactly these when it is granted from now on. `known` as from `lock_all`. Raises
    Invalid, also for a circle."""
    _check(known, ident, needed, "prerequisites")
    links = _all(Prerequisite.certification_id, Prerequisite.needed_id)
    links[ident] = set(needed)
    _no_circle(known, "prerequisites", links, _direct())
    db.session.execute(delete(Prerequisite).where(Prerequisite.certification_id == ident))
    bulk_insert(Prerequisite, [{"certification_id": ident, "needed_id": one} for one in sorted(set(needed))])


def set_included(known: dict[int, Certification], ident: int, included: Collection[int], now: datetime) -> None:
    """Makes a certification include exactly these, and all that they include, for all who hold it. Raises Invalid, also
    for a circle."""
    _check(known, ident, included, "includes")
    direct = _direct()
    direct[ident] = set(included)
    _no_circle(known, "includes", _all(Prerequisite.certification_id, Prerequisite.needed_id), direct)
    before = _all(Inclusion.certification_id, Inclusion.included_id)
    _store(closure(direct), direct)
    after = _all(Inclusion.certification_id, Inclusion.included_id)
    if before != after:
        held_back = select(Suspension.person_id).where(Suspension.ended_at.is_(None)).distinct()
        for person_id in sorted(db.session.scalars(held_back)):
            lock(Person, person_id)
            hold_back(person_id)
        outbox.review_access(now, "not_certified")


def _store(wanted: dict[int, set[int]], direct: dict[int, set[int]]) -> None:
    """Makes the table say exactly this, and touches only what differs."""
    rows = {(ident, one): one in direct.get(ident, ()) for ident, others in wanted.items() for one in others}
    known = {(one.certification_id, one.included_id): one for one in db.session.scalars(select(Inclusion))}
    for pair in known.keys() - rows.keys():
        db.session.delete(known[pair])
    for pair, entered in sorted(rows.items()):
        if pair not in known:
            db.session.add(Inclusion(certification_id=pair[0], included_id=pair[1], direct=entered))
        elif known[pair].direct != entered:
            known[pair].direct = entered
    db.session.flush()


def _direct() -> dict[int, set[int]]:
    return _all(Inclusion.certification_id, Inclusion.included_id, Inclusion.direct)


def _all(own: Any, other: Any, *further: Any) -> dict[int, set[int]]:
    found: dict[int, set[int]] = {}
    for ident, one in db.session.execute(select(own, other).where(*further)):
        found.setdefault(ident, set()).add(one)
    return found


def _check(known: dict[int, Certification], ident: int, others: Collection[int], field: str) -> None:
    for one in sorted(others):
        if one not in known or known[one].retired_at is not None:
            raise Invalid({field: f"there is no certification {one}"})
    if ident in others:
        raise Circle(field, [known[ident].name] * 2)


def _no_circle(
    known: dict[int, Certification], field: str, needed: dict[int, set[int]], included: dict[int, set[int]]
) -> None:
    if found := circle(together(needed, included)):
        raise Circle(field, [known[one].name for one in found])
