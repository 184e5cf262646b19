"""The job that sends notices: mail by SMTP, everything else through Apprise."""

import time
from datetime import datetime, timedelta

import structlog
from flask_babel import force_locale

from fablab.core import mail
from fablab.core.mail import NotSent
from fablab.core.words import config
from fablab.notices import calendars, channels, outgoing
from fablab.notices.outgoing import Parcel
from fablab.notices.post import Letter, compose
from fablab.notices.rendering import render

log = structlog.get_logger("notices")

BUDGET_S = 20.0
"""After this long a run ends and leaves the rest to the next, so that stopping the lab does not wait for it."""


def deliver(now: datetime) -> int:
    """Sends what is due and counts the deliveries that arrived. What failed comes back later, see `rules.wait_before`.

    May run twice at once, late, or be killed at any point: a message is then sent once more at worst, see `outgoing`.
    """
    began = time.monotonic()
    outgoing.spread(now)
    sent = 0
    while (spent := time.monotonic() - began) < BUDGET_S:
        parcel = outgoing.begin(now + timedelta(seconds=spent))
        if parcel is None:
            break
        error = attempt(parcel, now + timedelta(seconds=spent))
        outgoing.settle(parcel, now + timedelta(seconds=time.monotonic() - began), error)
        sent += error is None
    return sent


def attempt(parcel: Parcel, now: datetime) -> NotSent | None:
    """Sends one delivery; what went wrong, or None."""
    try:
        _send(parcel, now)
    except NotSent as error:
        log.warning("notice not sent", delivery=parcel.delivery_id, message=parcel.message.name(), final=error.final)
        return error
    except Exception as error:  # whatever a template or a library does, the other notices go on
        log.exception("notice broke", delivery=parcel.delivery_id, message=parcel.message.name())
        return NotSent(f"unexpected: {type(error).__name__}")
    return None


def _send(parcel: Parcel, now: datetime) -> None:
    words = render(parcel.message, parcel.language, parcel.name)
    if parcel.url is not None:
        channels.send(parcel.url, words.subject, words.text, trusted=parcel.trusted)
        return
    invitation = None
    if parcel.event:
        with force_locale(parcel.language):
            invitation = calendars.invitation(parcel.event, parcel.name, parcel.email)
    ident = f"notice-{parcel.delivery_id}"
    letter = Letter(ident, parcel.name, parcel.email, parcel.language, words, invitation)
    mail.send(config(), compose(letter, now))
