"""Subscribed calendars: who has one, its secret address, and renewing or ending it.

What stands in a calendar, `fablab.reservations.calendar_feed` knows: reservations stand above notices.
"""

from datetime import datetime

from flask_babel import gettext
from sqlalchemy import func, select

from fablab.core import audit
from fablab.core.actor import Actor
from fablab.core.db import db, lock, transaction
from fablab.core.errors import Conflict, NotFound
from fablab.notices import links, vault
from fablab.notices.models import CalendarFeed
from fablab.people.models import Person
from fablab.resources import service as resources

MOST_FEEDS = 20


def feeds_of(person_id: int | None) -> list[CalendarFeed]:
    """A person's calendars: his own first, then those of resources, oldest first."""
    query = select(CalendarFeed).where(CalendarFeed.person_id == person_id)
    return list(db.session.scalars(query.order_by(CalendarFeed.resource_id.is_not(None), CalendarFeed.id)))


def open_feed(actor: Actor, resource_id: int | None, now: datetime) -> str:
    """The address of the acting person's calendar of a resource, or of his own bookings: shown this once.

    Where there was one, the new address ends the old one. Raises NotFound for an unknown resource, Conflict.
    """
    if actor.person_id is None:
        raise NotFound
    if resource_id is not None:
        resources.get_resource(resource_id)
    secret = vault.new_secret()
    with transaction() as session:
        lock(Person, actor.person_id)
        feed = session.scalar(
            select(CalendarFeed).where(
                CalendarFeed.person_id == actor.person_id, CalendarFeed.resource_id.is_not_distinct_from(resource_id)
            )
        )
        if feed is None:
            _refuse_too_many(actor.person_id)
            feed = CalendarFeed(person_id=actor.person_id, resource_id=resource_id)
            session.add(feed)
        feed.secret_hash, feed.created_at = vault.digest(secret), now
        audit.record(actor, "calendar_feed.opened", feed, now, after={"resource_id": resource_id})
    return links.absolute(f"/calendar/{secret}.ics")


def _refuse_too_many(person_id: int) -> None:
    count = db.session.scalar(select(func.count()).select_from(CalendarFeed).where(CalendarFeed.person_id == person_id))
    if (count or 0) >= MOST_FEEDS:
        raise Conflict(gettext("There are %(num)d calendars already. Please end one first.", num=MOST_FEEDS))


def close_feed(actor: Actor, feed_id: int, now: datetime) -> None:
    """Ends one of the acting person's calendars. Raises NotFound for another's."""
    with transaction() as session:
        feed = lock(CalendarFeed, feed_id)
        if feed is None or feed.person_id != actor.person_id:
            raise NotFound
        audit.record(actor, "calendar_feed.closed", feed, now, before={"resource_id": feed.resource_id})
        session.delete(feed)


def feed_of(secret: str) -> tuple[CalendarFeed, Person]:
    """The calendar behind a secret, and whose it is. Raises NotFound, also when the person left or was disabled."""
    query = (
        select(CalendarFeed, Person)
        .join(Person, Person.id == CalendarFeed.person_id)
        .where(CalendarFeed.secret_hash == vault.digest(secret), Person.active, Person.anonymised_at.is_(None))
    )
    found = db.session.execute(query).one_or_none()
    if found is None:
        raise NotFound
    return found[0], found[1]
