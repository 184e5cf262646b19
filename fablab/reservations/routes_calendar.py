"""`/calendar/<secret>.ics`: the calendar that a program fetches with nothing but its secret address."""

from flask import Blueprint, Response, request
from flask_babel import force_locale

from fablab.core import clock
from fablab.core.words import config
from fablab.notices import feeds
from fablab.reservations import calendar_feed
from fablab.web.access import PUBLIC, access

blueprint = Blueprint("calendar", __name__)


@blueprint.get("/calendar/<secret>.ics")
@access(PUBLIC)
def feed(secret: str) -> Response:
    """The calendar behind the secret, in its owner's language; 304 when the caller has it as it is."""
    found, person = feeds.feed_of(secret)
    offered = config().lab.languages
    with force_locale(person.language if person.language in offered else offered[0]):
        contents = calendar_feed.contents(found, clock.now())
        response = Response(mimetype="text/calendar")
        response.set_etag(contents.tag)
        response.headers["Cache-Control"] = "private, max-age=300"
        response.headers["Content-Disposition"] = 'inline; filename="calendar.ics"'
        if not request.if_none_match.contains(contents.tag):
            response.set_data(contents.write())
    return response.make_conditional(request)  # type: ignore[return-value]  # the same object, typed as its base
