"""How REST shows a reservation: for every module that answers with one."""

from pydantic import Field

from fablab.reservations.models import Reservation
from fablab.web.api import Shown, ShownIdent, ShownInstant


class ShownReservation(Shown):
    """A reservation; `resource_id` is the first of `resource_ids`."""

    id: ShownIdent = Field(examples=["42"])
    resource_id: ShownIdent
    resource_ids: list[ShownIdent]
    person_id: ShownIdent
    created_by_id: str | None
    start: ShownInstant
    end: ShownInstant
    state: str = Field(
        description="requested, held, booked, finished, cancelled, rejected, expired or released", examples=["booked"]
    )
    note: str
    created_at: ShownInstant
    started_at: ShownInstant | None = Field(description="When the use began")
    ended_at: ShownInstant | None = Field(description="When it was finished, cancelled, rejected or released")
    held_until: ShownInstant | None = Field(description="Until when an offer can be accepted")
    party_size: int
    exclusive: bool
    late_cancelled: bool
    overridden: list[str] = Field(description="Codes of the rules that staff set aside")
    series_id: str | None


def shown(reservation: Reservation) -> ShownReservation:
    """A reservation as the API shows it."""
    ids = [one.resource_id for one in reservation.allocations]
    return ShownReservation(
        id=reservation.id,
        resource_id=ids[0],
        resource_ids=ids,
        person_id=reservation.person_id,
        created_by_id=None if reservation.created_by_id is None else str(reservation.created_by_id),
        start=reservation.starts_at,
        end=reservation.ends_at,
        state=reservation.state.value,
        note=reservation.note,
        created_at=reservation.created_at,
        started_at=reservation.started_at,
        ended_at=reservation.ended_at,
        held_until=reservation.held_until,
        party_size=reservation.party_size,
        exclusive=reservation.exclusive,
        late_cancelled=reservation.late_cancelled,
        overridden=[one["code"] for one in reservation.overrides],
        series_id=None if reservation.series_id is None else str(reservation.series_id),
    )
