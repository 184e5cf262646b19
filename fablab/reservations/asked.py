"""What was asked for, of all that a reservation holds: a room taken as a whole holds along what stands in it."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from fablab.core.db import db
from fablab.reservations.models import Reservation
from fablab.resources.models import Kind, Place, Resource

WHOLE = frozenset({Kind.ROOM, Kind.OFFICE})
"""What can be taken as a whole, with all that is in its place."""

Parents = Mapping[int, int | None]
"""Each place and the one that it is in."""


def parents() -> Parents:
    """The tree of places. One query."""
    return dict(db.session.execute(select(Place.id, Place.parent_id)).all())


def asked(reservation: Reservation, tree: Parents | None = None) -> list[Resource]:
    """The resources that were asked for, the rooms taken as a whole first. One query for such a room, none where the
    tree of places is given, none for anything else."""
    held = [one.resource for one in reservation.allocations]
    if not reservation.exclusive:
        return held
    tree = parents() if tree is None else tree
    rooms = [one for one in held if one.kind in WHOLE and one.place_id is not None]
    inside = {room.id: _within(room, held, tree) for room in rooms}
    found: list[Resource] = []
    covered: set[int] = set()
    for room in sorted(rooms, key=lambda one: (-len(inside[one.id]), one.id)):  # the hall before its side room
        if room.id not in covered:
            found.append(room)
            covered |= inside[room.id]
    return found + [one for one in held if one.id not in covered and one not in found]


def _within(room: Resource, held: Sequence[Resource], tree: Parents) -> set[int]:
    return {one.id for one in held if one is not room and room.place_id in _around(one.place_id, tree)}


def _around(place_id: int | None, tree: Parents) -> set[int]:
    """A place and all that it is in."""
    found: set[int] = set()
    while place_id is not None and place_id not in found:
        found.add(place_id)
        place_id = tree.get(place_id)
    return found
