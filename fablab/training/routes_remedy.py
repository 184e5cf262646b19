"""The next training as the way out of a denial: the application gives it to `fablab.web.remedies`."""

from collections.abc import Sequence

from flask import g, url_for
from flask_babel import gettext as _

from fablab.core import clock, words
from fablab.training import offering
from fablab.training.offering import Offer, Offers
from fablab.training.rules import EnrolmentState
from fablab.web.access import present_actor
from fablab.web.remedies import Remedy


def next_training(certification_ids: Sequence[int]) -> Remedy | None:
    """The next training that grants one of these, with its date: a maker enrols in it, or in its waiting list, with one
    click; others see where it is. Three queries a page, however many denials it shows."""
    acting = present_actor()
    if "next_trainings" not in g:
        g.next_trainings = offering.offers(None if acting is None else acting.person_id, clock.now())
    known: Offers = g.next_trainings
    found = offering.best(known, certification_ids)
    if found is None:
        return None
    when = words.shown(found.starts_at, "EEE d MMM, HH:mm")
    url = url_for("trainings.show", training_id=found.training_id)
    if found.own is not None:
        return Remedy(_own(found.own, when), url)
    if acting is None or acting.is_staff:  # the staff sees what stops others: it would enrol itself
        return Remedy(_("Next training: %(when)s", when=when), url)
    return Remedy(_words(found, when), url, post=url_for("trainings.enrol", training_id=found.training_id))


def _words(offer: Offer, when: str) -> str:
    if offer.free:
        return str(_("Enrol in the training on %(when)s", when=when))
    return str(_("Join the waiting list for %(when)s", when=when))


def _own(state: EnrolmentState, when: str) -> str:
    if state is EnrolmentState.ENROLLED:
        return str(_("You take part on %(when)s", when=when))
    if state is EnrolmentState.OFFERED:
        return str(_("A place is kept for you: %(when)s", when=when))
    return str(_("You wait for a place on %(when)s", when=when))
