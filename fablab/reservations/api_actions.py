"""REST: what is done with a reservation: check in, finish, accept, turn down."""

from apiflask import APIBlueprint
from pydantic import Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.reservations import placing, presence, requests
from fablab.reservations.api_shown import ShownReservation, shown
from fablab.web.access import access, actor
from fablab.web.api import Body, problems

blueprint = APIBlueprint("reservation_actions_api", __name__, url_prefix="/api/v1", tag="Reservations")


class Rejection(Body):
    """Why a request is turned down."""

    reason: str = Field(min_length=1, max_length=placing.LONGEST_TEXT, description="The person reads it")


@blueprint.post("/reservations/<int:reservation_id>/check-in")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownReservation)
@blueprint.doc(
    summary="Say that its person has come",
    description="From half an hour before its start. 409 when it is not booked, over, or checked in already.",
    responses=problems(404, 409),
)
def check_in(reservation_id: int) -> ShownReservation:
    return shown(presence.check_in(actor(), reservation_id, clock.now()))


@blueprint.post("/reservations/<int:reservation_id>/finish")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownReservation)
@blueprint.doc(
    summary="End it now", description="The rest of the time is free for others.", responses=problems(404, 409)
)
def finish(reservation_id: int) -> ShownReservation:
    return shown(presence.finish(actor(), reservation_id, clock.now()))


@blueprint.post("/reservations/<int:reservation_id>/accept")
@access(Role.INSTRUCTOR, scope="book")
@blueprint.output(ShownReservation)
@blueprint.doc(
    summary="Accept a request",
    description="Other requests that collide with it are turned down, each person is told. 409 names what is against.",
    responses=problems(404, 409),
)
def accept(reservation_id: int) -> ShownReservation:
    return shown(requests.accept(actor(), reservation_id, clock.now()))


@blueprint.post("/reservations/<int:reservation_id>/reject")
@access(Role.INSTRUCTOR, scope="book")
@blueprint.input(Rejection, example={"reason": "A course needs the room that day."})
@blueprint.output(ShownReservation)
@blueprint.doc(summary="Turn a request down", responses=problems(404, 409, 415, 422))
def reject(reservation_id: int, json_data: Rejection) -> ShownReservation:
    return shown(requests.reject(actor(), reservation_id, json_data.reason, clock.now()))
