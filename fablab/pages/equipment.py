"""Saves a machine or room with its new place and what it asks for: all of it or nothing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fablab.certifications import requirements
from fablab.certifications.rules import Need
from fablab.core.actor import Actor
from fablab.core.db import Texts, transaction
from fablab.resources import service
from fablab.resources.models import Resource


def save(
    actor: Actor,
    resource_id: int | None,
    values: Mapping[str, Any],
    new_place: Texts,
    need: Need | None,
    now: datetime,
) -> int:
    """Adds a resource (`resource_id` None) or changes one; gives its id. `values` as for `resources.service.add`;
    `need` is what it asks for from now on, None: what it asked for.

    A name in `new_place` makes a place inside `values["place_id"]` and puts the resource there. Managers. Raises
    Forbidden, Invalid, NotFound.
    """
    with transaction():
        if new_place:
            place = service.add_place(actor, new_place, values["place_id"], now)
            values = {**values, "place_id": place.id}
        if resource_id is None:
            resource_id = service.add(actor, values, now).id
        else:
            service.change(actor, resource_id, values, now)
        if need is not None:
            requirements.require(actor, Resource, resource_id, need, now)
        return resource_id
