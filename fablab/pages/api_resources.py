"""REST: what a resource is doing now. The same view as the wall's card."""

from apiflask import APIBlueprint
from pydantic import Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.errors import NotFound
from fablab.pages import service
from fablab.pages.rules import Viewer
from fablab.web.access import access, actor
from fablab.web.api import Shown, ShownIdent, ShownInstant, problems

blueprint = APIBlueprint("status_api", __name__, url_prefix="/api/v1", tag="Status")


class ShownStatus(Shown):
    """What a resource is doing now. Who works at it is told to staff, and to that person."""

    resource_id: ShownIdent
    state: str = Field(
        description="free, working, paused, idle, reserved, offline, out_of_service or error", examples=["working"]
    )
    note: str
    person_id: str | None
    person_name: str | None
    since: ShownInstant | None
    until: ShownInstant | None = Field(description="When the job will be done, or the booking that runs ends")
    until_is_estimate: bool
    next_start: ShownInstant | None = Field(description="Start of the next booking, if within a day")
    job: str | None
    progress: float | None = Field(description="Per cent")
    power_w: float | None
    seen_at: ShownInstant | None = Field(description="When a device of it last spoke")


@blueprint.get("/resources/<int:resource_id>/status")
@access(Role.MAKER)
@blueprint.output(ShownStatus)
@blueprint.doc(summary="What a resource is doing now", responses=problems(404))
def status(resource_id: int) -> ShownStatus:
    acting = actor()
    found = service.cards(clock.now(), [resource_id])
    if not found:
        raise NotFound(f"There is no resource {resource_id}.")
    seen = service.seen_by(found[0], Viewer(person_id=acting.person_id, staff=acting.is_staff))
    by = seen.by or (seen.held.by if seen.held else None)
    return ShownStatus(
        resource_id=resource_id,
        state=seen.state.value,
        note=seen.note,
        person_id=str(by.person_id) if by and by.person_id is not None else None,
        person_name=by.name or None if by else None,
        since=seen.since,
        until=seen.until,
        until_is_estimate=seen.until_is_estimate,
        next_start=seen.next.starts_at if seen.next else None,
        job=seen.job,
        progress=seen.progress,
        power_w=seen.power_w,
        seen_at=seen.heard_at,
    )
