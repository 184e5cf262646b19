"""What becomes of the reservations of somebody who is anonymised: what is to come is given back, what was typed is
erased. What was used stays, for the numbers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select, update

from fablab.core.actor import Actor
from fablab.core.db import db
from fablab.reservations import notices, placing, service, waiting
from fablab.reservations.models import (
    Allocation,
    Companion,
    Reservation,
    ReservationSeries,
    WaitingEntry,
    WaitingState,
)
from fablab.reservations.record import TO_COME


def forget(actor: Actor, person_id: int, now: datetime) -> None:
    """Cancels what has not begun, offers it to others, leaves the waiting lists and erases the notes and reasons. Only
    inside a transaction that has locked the person; nobody is told, as there is nobody any more."""
    coming = _lock(person_id, now)
    with notices.together():
        for entry_id in _waits(person_id):
            waiting.leave(actor, entry_id, now)
        for ident in coming:
            service.cancel(actor, ident, now)
    _erase(person_id)


def _lock(person_id: int, now: datetime) -> Sequence[int]:
    """What has not begun, ascending, locked: all resources first, before anything is written, as all others do."""
    own = Reservation.person_id == person_id
    coming = own & Reservation.state.in_(TO_COME) & (Reservation.starts_at > now)
    held = select(Allocation.resource_id).join(Allocation.reservation).where(coming)
    waited = select(WaitingEntry.resource_id).where(WaitingEntry.person_id == person_id)
    waited = waited.where(WaitingEntry.state == WaitingState.WAITING)
    placing.lock_resources({*db.session.scalars(held), *db.session.scalars(waited)})
    query = select(Reservation.id).where(coming).order_by(Reservation.id)
    return list(db.session.scalars(query.with_for_update(key_share=True, of=Reservation)))


def _waits(person_id: int) -> Sequence[int]:
    query = select(WaitingEntry.id).where(WaitingEntry.person_id == person_id)
    return list(db.session.scalars(query.where(WaitingEntry.state == WaitingState.WAITING).order_by(WaitingEntry.id)))


def _erase(person_id: int) -> None:
    """Takes away what was typed about or by the person, and how others called him."""
    nothing = {"note": "", "end_reason": "", "on_behalf_reason": ""}
    db.session.execute(update(Reservation).where(Reservation.person_id == person_id).values(**nothing))
    db.session.execute(update(ReservationSeries).where(ReservationSeries.person_id == person_id).values(note=""))
    db.session.execute(update(Companion).where(Companion.person_id == person_id).values(called=""))
