"""REST: the let of a reservation: its terms, notice, what came back."""

from apiflask import APIBlueprint
from pydantic import Field

from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.words import config
from fablab.reservations import lets
from fablab.reservations.models import Let, Reservation
from fablab.web.access import access, actor
from fablab.web.api import Body, Shown, ShownIdent, ShownInstant, problems

blueprint = APIBlueprint("lets_api", __name__, url_prefix="/api/v1", tag="Reservations")


class ShownLet(Shown):
    """What makes a reservation a lasting let."""

    reservation_id: ShownIdent = Field(examples=["42"])
    start: ShownInstant
    end: ShownInstant = Field(description="Earlier than first agreed once notice is given")
    keys: str = Field(description="Which keys are handed out")
    keys_returned_at: ShownInstant | None
    deposit: int = Field(description="In minor units of `currency`", examples=[40000])
    currency: str = Field(examples=["EUR"])
    deposit_returned_at: ShownInstant | None
    notice_days: int
    notice_given_at: ShownInstant | None


class LetChange(Body):
    """What came back; what is left out stays. `false` takes it back."""

    keys_returned: bool | None = None
    deposit_returned: bool | None = None


@blueprint.get("/reservations/<int:reservation_id>/let")
@access(Role.MAKER)
@blueprint.output(ShownLet)
@blueprint.doc(summary="The let of a reservation", description="404 when it is no let.", responses=problems(404))
def get_let(reservation_id: int) -> ShownLet:
    return _shown(*lets.get(actor(), reservation_id))


@blueprint.patch("/reservations/<int:reservation_id>/let")
@access(Role.INSTRUCTOR, scope="book")
@blueprint.input(LetChange, example={"keys_returned": True})
@blueprint.output(ShownLet)
@blueprint.doc(
    summary="Note that keys or deposit came back",
    description="What is so already is not noted again. 409 when nothing was handed out.",
    responses=problems(404, 409, 415, 422),
)
def change_let(reservation_id: int, json_data: LetChange) -> ShownLet:
    lets.returned(
        actor(),
        reservation_id,
        clock.now(),
        keys=json_data.keys_returned,
        deposit=json_data.deposit_returned,
    )
    return _shown(*lets.get(actor(), reservation_id))


@blueprint.post("/reservations/<int:reservation_id>/let/notice")
@access(Role.MAKER, scope="book")
@blueprint.output(ShownLet)
@blueprint.doc(
    summary="Give notice",
    description="The let ends with the last of its days of notice, never later than agreed; the rest is free for "
    "others. 409 when notice is given already, the let is over, or would end before it begins.",
    responses=problems(404, 409),
)
def give_notice(reservation_id: int) -> ShownLet:
    lets.give_notice(actor(), reservation_id, clock.now())
    return _shown(*lets.get(actor(), reservation_id))


def _shown(reservation: Reservation, let: Let) -> ShownLet:
    return ShownLet(
        reservation_id=reservation.id,
        start=reservation.starts_at,
        end=reservation.ends_at,
        keys=let.keys,
        keys_returned_at=let.keys_returned_at,
        deposit=let.deposit,
        currency=config().lab.currency,
        deposit_returned_at=let.deposit_returned_at,
        notice_days=let.notice_days,
        notice_given_at=let.notice_given_at,
    )
