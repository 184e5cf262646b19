"""What pages say when something does not fit: in the reader's language, with the reason that there is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core import clock, words
from fablab.core.actor import system
from fablab.core.db import db, transaction
from fablab.core.denials import Denial
from fablab.core.errors import Invalid
from fablab.reservations import forms, lateness, placing, policies, routes_base, story
from fablab.reservations.models import PolicyLevel, Reservation, ReservationState
from fablab.resources.models import OpeningRule, Resource
from tests import factories as make
from tests.conftest import CountQueries
from tests.factories import NOW
from tests.reservations.test_pages import page
from tests.web_helpers import post, sign_in

HOUR = timedelta(hours=1)
START, END = NOW + HOUR, NOW + 2 * HOUR


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def french(client: FlaskClient) -> FlaskClient:
    return sign_in(client, make.make_person(language="fr"), NOW)


@pytest.mark.parametrize("field", [*forms._FAULTS, "a field that came later"])
def test_what_a_service_finds_wrong_is_said_in_words_of_the_page(app: Flask, field: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        (said,) = routes_base.wrong(Invalid({field: "must be what programs read"})).values()
    assert "must be what programs read" not in said
    assert said.endswith(".")


@pytest.mark.parametrize("people", ["5000", "0", str(placing.MOST_PEOPLE + 1)])
def test_too_many_people_are_refused_by_the_form_itself(client: FlaskClient, people: str) -> None:
    laser = make.make_machine()
    answer = post(
        french(client),
        f"/resources/{laser.id}/book",
        {"day": "2026-03-02", "time": "10:00", "minutes": "60", "party_size": people},
    )
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in text
    assert "must be" not in text
    assert f'max="{placing.MOST_PEOPLE}"' in text


def test_forms_and_services_have_the_same_bounds() -> None:
    assert forms.money_of("10000000") == placing.MOST_DEPOSIT
    assert forms.money_of("10000000.01") is None
    assert forms.LONGEST_TEXT == placing.LONGEST_TEXT


def test_an_act_that_does_not_fit_any_more_says_why(client: FlaskClient) -> None:
    laser, person = make.make_machine(), make.make_person()
    made = make.make_reservation(person, [laser], START, END, state=ReservationState.CANCELLED)
    sign_in(client, person, NOW)
    for act, sentence in (
        ("cancel", "The reservation is cancelled already."),
        ("check-in", "The reservation is cancelled already."),
        ("accept-offer", "This offer is not open any more."),
    ):
        answer = post(client, f"/reservations/{made.id}/{act}", page="/reservations")
        assert sentence in page(client, answer.location)
    later = make.make_reservation(person, [laser], START + 5 * HOUR, END + 5 * HOUR)
    answer = post(client, f"/reservations/{later.id}/check-in", page="/reservations")
    assert "It is too early: one checks in from 30 minutes before the start." in page(client, answer.location)


def test_every_state_has_its_sentence(app: Flask) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        assert len({placing.already(state) for state in ReservationState}) == len(ReservationState)


def marked(text: str, **values: Any) -> str:
    return f"«{text % values}»" if values else f"«{text}»"


@pytest.mark.parametrize("lab", [True, False])
@pytest.mark.parametrize("why", ["", "Lens"])
def test_what_blocks_a_time_is_one_sentence_to_translate(
    app: Flask, monkeypatch: pytest.MonkeyPatch, lab: bool, why: str
) -> None:
    with app.test_request_context("/"):
        monkeypatch.setattr(words, "gettext", marked)
        at = {"from": START.isoformat(), "until": END.isoformat()}
        said = words.sentence(Denial("blocked", {**at, "why": why, "danger": False, "lab": lab}))
    assert (said[0], said[-2:], said.count("«")) == ("«", ".»", 1)


@pytest.mark.parametrize("state", ["booked", "requested", "held"])
def test_how_it_was_made_is_one_sentence_to_translate(app: Flask, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    with app.test_request_context("/"):
        monkeypatch.setattr(story, "_", marked)
        made = {"state": state, "starts_at": START.isoformat(), "ends_at": END.isoformat()}
        said = story.told("created", {}, made)
    assert (said[0], said[-1], said.count("«")) == ("«", "»", 1)


def test_the_hours_for_free_of_many_machines_are_one_query(app: Flask, count_queries: CountQueries) -> None:
    machines = [make.make_machine(f"Laser {number}") for number in range(6)]
    made = make.make_reservation(make.make_person(), machines, START, END)
    strict = {"cancel_hours": 30}
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(machines[3].id), strict, NOW)
    found = db.session.get_one(Reservation, made.id, populate_existing=True)
    assert found.person.active
    assert all(one.resource.name for one in found.allocations)
    count_queries()
    assert lateness.cancel_hours(found) == 30
    assert count_queries() == 1
    assert lateness.is_late(found, 30, NOW)


def test_a_note_is_changed_where_the_clock_shows_the_start_twice(client: FlaskClient) -> None:
    laser, person = make.make_machine(), make.make_person()
    with transaction() as session:
        session.get_one(Resource, laser.id).opening = OpeningRule.ALWAYS
    rules = {"horizon_days": 400}
    policies.set_rules(system("cli"), PolicyLevel.RESOURCE, str(laser.id), rules, NOW)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    sign_in(client, person, NOW)
    for begin in (first, first + HOUR):  # half past two in summer time, half past two in winter time
        made = make.make_reservation(person, [laser], begin, begin + HOUR)
        same = {"day": "2026-10-25", "time": "02:30", "minutes": "60", "party_size": "1"}
        answer = post(client, f"/reservations/{made.id}/change", same | {"note": "only the note"})
        assert answer.status_code == 303
        found = db.session.get_one(Reservation, made.id, populate_existing=True)
        assert (found.starts_at, found.note) == (begin, "only the note")
    answer = post(client, f"/reservations/{made.id}/change", same | {"day": "2026-10-24", "time": "02:30"})
    assert answer.status_code == 303
