"""Resources and places: what can be booked, where it stands, whether it is in service."""

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import joinedload

from fablab.core import audit, events, outbox
from fablab.core.actor import Actor, Role
from fablab.core.db import Texts, db, lock, transaction
from fablab.core.errors import Conflict, Forbidden, Invalid, NotFound
from fablab.resources.models import Kind, OpeningRule, Place, Resource, ResourceGroup, ServiceState
from fablab.resources.rules import WEEKDAYS, hours_faults

CHANGEABLE = frozenset(
    {"kind", "name", "description", "model", "place_id", "documents", "risk_class"}
    | {"group_id", "capacity", "opening", "opening_hours"}
)
"""What `change` may set; the service state has its own function, the booking rules have their own package."""

MOST_PEOPLE = 10_000


# -- reading ----------------------------------------------------------------------------------------------------------


def resources_query(
    *, kind: Kind | None = None, place_id: int | None = None, search: str = "", state: ServiceState | None = None
) -> Select[Any]:
    """All resources that are not retired and fit every filter; a place includes the places in it."""
    query = select(Resource).where(Resource.retired_at.is_(None)).options(joinedload(Resource.place))
    if kind is not None:
        query = query.where(Resource.kind == kind)
    if place_id is not None:
        query = query.where(Resource.place_id.in_(_inside(place_id)))
    if state is not None:
        query = query.where(Resource.service_state == state)
    if search.strip():
        query = query.where(Resource.id.in_(_found(search)))
    return query


def list_resources(
    *, kind: Kind | None = None, place_id: int | None = None, search: str = "", state: ServiceState | None = None
) -> list[Resource]:
    """As `resources_query`, in the order in which they were added."""
    query = resources_query(kind=kind, place_id=place_id, search=search, state=state)
    return list(db.session.scalars(query.order_by(Resource.id)))


_PLACES = select(Place.id, Place.parent_id, Place.name)
_ONE = select(Resource).where(Resource.id == bindparam("resource")).options(joinedload(Resource.place))
"""Made once: nearly every page asks it."""


def get_resource(resource_id: int) -> Resource:
    """One resource; raises NotFound, also for a retired one."""
    found = db.session.scalar(_ONE, {"resource": resource_id})
    if found is None or found.retired_at is not None:
        raise NotFound(f"There is no resource {resource_id}.")
    return found


def resources_by_id(ids: Sequence[int]) -> dict[int, Resource]:
    """These resources, retired ones too, by their ids."""
    return {one.id: one for one in db.session.scalars(select(Resource).where(Resource.id.in_(ids)))}


def places() -> list[tuple[Place, int]]:
    """All places as a tree in reading order: each with its depth, below its parent."""
    children: dict[int | None, list[Place]] = {}
    for place in db.session.scalars(select(Place).order_by(Place.id)):
        children.setdefault(place.parent_id, []).append(place)

    def walk(parent: int | None, depth: int) -> list[tuple[Place, int]]:
        return [row for one in children.get(parent, ()) for row in [(one, depth), *walk(one.id, depth + 1)]]

    return walk(None, 0)


def place_path(place_id: int | None) -> list[Texts]:
    """The names from the outermost place down to this one; empty for none."""
    if place_id is None:
        return []
    known = {ident: (parent, name) for ident, parent, name in db.session.execute(_PLACES)}
    path: list[Texts] = []
    while place_id is not None and place_id in known and len(path) < len(known):
        place_id, name = known[place_id]
        path.insert(0, name)
    return path


# -- writing ----------------------------------------------------------------------------------------------------------


def add(actor: Actor, values: Mapping[str, Any], now: datetime, *, out_of_service: str = "") -> Resource:
    """A new resource, in service unless `out_of_service` says why not. `values` are of `CHANGEABLE`, with kind and
    name. Managers. Raises Invalid."""
    _need(actor, Role.MANAGER)
    with transaction() as session:
        _check(values)
        resource = Resource(created_at=now, **{"description": {}, **values})
        _check_hours(resource)
        session.add(resource)
        session.flush()
        audit.record(actor, "resource.added", resource, now, after=values)
        events.append("resource.added", now, resource_id=str(resource.id))
        if out_of_service:
            _set_service(actor, resource.id, ServiceState.OUT_OF_SERVICE, out_of_service, now)
        return resource


def add_place(actor: Actor, name: Texts, parent_id: int | None, now: datetime) -> Place:
    """A new place, in another one or at the top of the tree. Managers. Raises Invalid."""
    _need(actor, Role.MANAGER)
    if not any(text.strip() for text in name.values()):
        raise Invalid({"place": "must not be empty"})
    with transaction() as session:
        if parent_id is not None and session.get(Place, parent_id) is None:
            raise Invalid({"place_id": "there is no such place"})
        place = Place(name=name, parent_id=parent_id)
        session.add(place)
        session.flush()
        audit.record(actor, "place.added", place, now, after={"name": name, "parent_id": parent_id})
        return place


def update(
    actor: Actor,
    resource_id: int,
    values: Mapping[str, Any],
    now: datetime,
    *,
    state: ServiceState | None = None,
    note: str = "",
) -> Resource:
    """`change` and the service state in one transaction; a state that it has already is left as it is."""
    with transaction():
        resource = _locked(resource_id)
        if values:
            resource = change(actor, resource_id, values, now)
        if state is not None and (resource.service_state, resource.service_note) != (state, note):
            resource = _set_service(actor, resource_id, state, note, now)
        return resource


def change(actor: Actor, resource_id: int, values: Mapping[str, Any], now: datetime) -> Resource:
    """Sets what `values` (of `CHANGEABLE`) names. Managers. Raises NotFound, Invalid."""
    _need(actor, Role.MANAGER)
    with transaction():
        _check(values)
        resource = _locked(resource_id)
        changed = {name: value for name, value in values.items() if getattr(resource, name) != value}
        if changed:
            before = {name: getattr(resource, name) for name in changed}
            for name, value in changed.items():
                setattr(resource, name, value)
            _check_hours(resource)
            audit.record(actor, "resource.changed", resource, now, before=before, after=changed)
            events.append("resource.changed", now, resource_id=str(resource.id))
            if changed.keys() & {"opening", "opening_hours"}:
                outbox.review_access(now, "outside_opening_hours", resource_id=resource.id)
            if "group_id" in changed:  # a group may ask for certifications
                outbox.review_access(now, "not_certified", resource_id=resource.id)
                outbox.put("certification", "reservations", {"resource_id": resource.id}, now)
        return resource


def retire(actor: Actor, resource_id: int, now: datetime) -> None:
    """Takes a resource out of all lists for good; its past stays. Managers. Raises NotFound."""
    _need(actor, Role.MANAGER)
    with transaction():
        resource = _locked(resource_id)
        resource.retired_at = now
        audit.record(actor, "resource.retired", resource, now)
        events.append("resource.retired", now, resource_id=str(resource.id))
        outbox.review_access(now, "resource_out_of_service", resource_id=resource.id)


def take_out_of_service(actor: Actor, resource_id: int, note: str, now: datetime) -> Resource:
    """Nobody may use or book it until it is back; running uses are judged anew at once. `note` says why. Staff."""
    return _set_service(actor, resource_id, ServiceState.OUT_OF_SERVICE, note, now)


def put_into_service(actor: Actor, resource_id: int, now: datetime) -> Resource:
    """It may be used again. Staff. Raises NotFound, Conflict when it was in service."""
    return _set_service(actor, resource_id, ServiceState.IN_SERVICE, "", now)


def _set_service(actor: Actor, resource_id: int, state: ServiceState, note: str, now: datetime) -> Resource:
    _need(actor, Role.INSTRUCTOR)
    note = note.strip()
    if len(note) > 500:
        raise Invalid({"note": "must have at most 500 characters"})
    if state is ServiceState.OUT_OF_SERVICE and not note:
        raise Invalid({"note": "must say why it is out of service"})
    with transaction():
        resource = _locked(resource_id)
        if (resource.service_state, resource.service_note) == (state, note):
            raise Conflict("It is in this state already.")
        before = {"service_state": resource.service_state.value, "service_note": resource.service_note}
        resource.service_state, resource.service_note = state, note
        after = {"service_state": state.value, "service_note": note}
        audit.record(actor, "resource.status", resource, now, before=before, after=after)
        events.append("resource.status", now, resource_id=str(resource.id), **after)
        if state is ServiceState.OUT_OF_SERVICE:
            outbox.review_access(now, "resource_out_of_service", resource_id=resource.id)
        return resource


def _locked(resource_id: int) -> Resource:
    resource = lock(Resource, resource_id)
    if resource is None or resource.retired_at is not None:
        raise NotFound(f"There is no resource {resource_id}.")
    return resource


def _need(actor: Actor, role: Role) -> None:
    if not actor.is_at_least(role):
        raise Forbidden(f"this needs the role {role.value}")


def _check(values: Mapping[str, Any]) -> None:
    """Raises Invalid for a field that does not exist or a place that is not known."""
    unknown = sorted(set(values) - CHANGEABLE)
    if unknown:
        raise Invalid(dict.fromkeys(unknown, "there is no such field"))
    if "name" in values and not any(text.strip() for text in values["name"].values()):
        raise Invalid({"name": "must not be empty"})
    place_id = values.get("place_id")
    if place_id is not None and db.session.get(Place, place_id) is None:
        raise Invalid({"place_id": "there is no such place"})
    group_id = values.get("group_id")
    if group_id is not None and db.session.get(ResourceGroup, group_id) is None:
        raise Invalid({"group_id": "there is no such group"})
    capacity = values.get("capacity")
    if capacity is not None and not 1 <= capacity <= MOST_PEOPLE:
        raise Invalid({"capacity": f"must be between 1 and {MOST_PEOPLE}"})
    hours = values.get("opening_hours", {})
    if unknown := sorted(set(hours) - set(WEEKDAYS)):
        raise Invalid({"opening_hours": f"unknown day {unknown[0]!r}; allowed: {', '.join(WEEKDAYS)}"})
    if wrong := {f"opening_hours.{day}": fault for day, of_day in hours.items() if (fault := hours_faults(of_day))}:
        raise Invalid(wrong)


def _check_hours(resource: Resource) -> None:
    """Raises Invalid when a resource with hours of its own has none: it could never be used."""
    if resource.opening is OpeningRule.OWN and not any((resource.opening_hours or {}).values()):
        raise Invalid({"opening_hours": "must hold the hours of a day, such as 09:00-12:30"})


def _inside(place_id: int) -> list[int]:
    """The place and all that lie in it, however deep."""
    inside = [place_id]
    tree = [(place.id, place.parent_id) for place in db.session.scalars(select(Place))]
    for here in inside:
        inside += [one for one, parent in tree if parent == here and one not in inside]
    return inside


def _found(search: str) -> list[int]:
    """Resources whose name, description or model holds every word, whatever the case and the accents. There are at
    most some hundred, and the texts of several languages in one column are nothing that a database could search."""
    wanted = _plain(search).split()
    rows = db.session.execute(select(Resource.id, Resource.name, Resource.description, Resource.model))
    return [
        ident
        for ident, name, description, model in rows
        if all(word in _plain(" ".join([*name.values(), *description.values(), model])) for word in wanted)
    ]


def _plain(words: str) -> str:
    parts = unicodedata.normalize("NFKD", words.casefold())
    return "".join(letter for letter in parts if not unicodedata.combining(letter))
