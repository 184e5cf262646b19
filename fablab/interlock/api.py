"""REST: `/access/check`: the interlock's own decision about a person, a machine and an instant, without a badge."""

from typing import Any

from apiflask import APIBlueprint
from pydantic import BaseModel, ConfigDict, Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import NotFound
from fablab.interlock import service
from fablab.web.access import access, actor
from fablab.web.api import Ident, Instant, Shown, problems
from fablab.web.errors import denial_json

blueprint = APIBlueprint("interlock_api", __name__, url_prefix="/api/v1", tag="Access")


class AccessQuery(BaseModel):
    """Whom, what and when to ask about."""

    model_config = ConfigDict(extra="forbid")

    person_id: Ident | None = Field(None, description="Staff may ask about anybody; left out: oneself")
    resource_id: Ident
    at: Instant | None = Field(None, description="Any instant, past ones too; left out: now")


class ShownAccess(Shown):
    """What a reader at this machine would say, or said then."""

    granted: bool
    denials: list[dict[str, Any]] = Field(description="Every reason at once: code, message, params, remedy")


@blueprint.get("/access/check")
@access(Role.MAKER)
@blueprint.input(AccessQuery, location="query")
@blueprint.output(ShownAccess)
@blueprint.doc(summary="May this person use this machine at this time?", responses=problems(404, 422))
def check(query_data: AccessQuery) -> ShownAccess:
    acting = actor()
    person_id = query_data.person_id if query_data.person_id is not None else acting.person_id
    if person_id is None or (person_id != acting.person_id and not acting.is_staff):
        raise NotFound("There is no such person.")
    now = clock.now()
    denials = service.check_access(person_id, query_data.resource_id, query_data.at or now, now)
    return ShownAccess(granted=not denials, denials=[denial_json(one) for one in denials])
