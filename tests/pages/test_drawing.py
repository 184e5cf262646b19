"""What is drawn once and shown to all who see the same: equal values are not drawn again, anything else is."""

from dataclasses import replace
from datetime import timedelta

from flask import Flask
from flask_babel import force_locale

from fablab.core import clock
from fablab.pages import drawing, service
from fablab.pages.rules import VISITOR, Viewer
from tests import factories as make


def drawn(app: Flask) -> int:
    """How many cards were really drawn."""
    return int(app.extensions["fablab_drawn"].cache_info().misses)


def test_a_card_is_drawn_once_for_all_who_see_the_same(app: Flask) -> None:
    make.make_machine()
    with app.test_request_context():
        (one,), (again,) = service.cards(clock.now()), service.cards(clock.now())
        member, other = (service.seen_by(one, Viewer(person_id=number)) for number in (1, 2))
        first = drawing.card(member, swap=False)
        assert drawing.card(other, swap=False) is first
        assert drawing.card(service.seen_by(again, Viewer(person_id=3)), swap=False) is first
        assert drawn(app) == 1


def test_a_card_is_drawn_anew_for_whatever_changes_it(app: Flask) -> None:
    make.make_machine()
    with app.test_request_context():
        (one,) = service.cards(clock.now())
        tag = service.seen_by(one, Viewer(person_id=1))
        others = [
            service.seen_by(one, VISITOR),
            replace(tag, name={"en": "<Other>"}),
            replace(tag, note="It smells"),
            replace(tag, heard_at=clock.now()),
            replace(tag, next=service.Booked(clock.now(), clock.now() + timedelta(hours=1), None)),
        ]
        shown = {str(drawing.card(each, swap=False)) for each in (tag, *others)}
        assert drawn(app) == len(others) + 1
        with force_locale("bg"):
            shown.add(str(drawing.card(tag, swap=False)))
        shown.add(str(drawing.card(tag, swap=True)))
        assert drawn(app) == len(others) + 3
    assert "&lt;Other&gt;" in "".join(shown)
    assert "<Other>" not in "".join(shown)
