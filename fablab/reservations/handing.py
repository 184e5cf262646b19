"""Handing a booking over to somebody else: what it holds is never free in between, so nobody who waits gets it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from fablab.core.actor import Actor
from fablab.core.db import db, transaction
from fablab.core.errors import Forbidden
from fablab.people.models import Person
from fablab.reservations import placing
from fablab.reservations.models import Reservation
from fablab.reservations.wishes import Extras, Wish


def hand_over(
    actor: Actor, reservation_id: int, person_id: int, now: datetime, overrides: Mapping[str, str] | None = None
) -> Reservation:
    """Makes it a booking of this person; every rule is asked of him. For the staff, who tell both.

    Raises Forbidden, NotFound, Invalid for an unknown person, Conflict when it is over or ended, Denied.
    """
    if not actor.is_staff:
        raise Forbidden("only staff may hand a booking over")
    placing.seen(actor, reservation_id)
    with transaction() as session:
        person = placing.lock_person(person_id)
        reservation, _ids = placing.locked(actor, reservation_id)
        placing.must_go_on(reservation, now)
        found = placing.judge(actor, _wish(actor, reservation, person, now, overrides or {}), person)
        placing.refuse(found)
        before = placing.facts_of(reservation) | {"person_id": str(reservation.person_id)}
        reservation.person_id, reservation.on_behalf_reason = person.id, ""
        known = {one["code"] for one in found.set_aside}
        reservation.overrides = [one for one in reservation.overrides if one["code"] not in known] + found.set_aside
        reservation.sequence += 1
        session.flush()
        db.session.expire(reservation, ["person"])
        placing.tell("handed_over", actor, reservation, now, before, person_id=str(person.id))
        return reservation


def _wish(actor: Actor, reservation: Reservation, person: Person, now: datetime, overrides: Mapping[str, str]) -> Wish:
    extras = Extras(
        party_size=reservation.party_size,
        exclusive=reservation.exclusive,
        companion_ids=tuple(one.person_id for one in reservation.companions),
        overrides=overrides,
    )
    ids, times = placing.asked_of(reservation), (reservation.starts_at, reservation.ends_at)
    wish = placing.wish_of(actor, person.id, ids, *times, now, extras)
    return replace(wish, ignore=reservation.id, begun=reservation.starts_at <= now)
