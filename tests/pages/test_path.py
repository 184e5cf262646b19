"""The pages of the way to a machine and of the passport: what they show to whom, and that the queries stay few."""

from datetime import date, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.certifications.models import TheoryPass
from fablab.core import clock
from fablab.core.actor import Role
from fablab.core.db import db, transaction
from fablab.core.errors import NotFound
from fablab.pages.passport import passport
from fablab.pages.path import path
from fablab.pages.path_rules import Kind
from fablab.people.models import Audience, Person
from fablab.reservations.models import Companion
from fablab.training.models import Training
from tests.conftest import CountQueries
from tests.factories import (
    NOW,
    make_actor,
    make_certification,
    make_enrolment,
    make_grant,
    make_machine,
    make_person,
    make_reservation,
    save,
)
from tests.pages.path_world import PathLab, make_passport, make_path_lab
from tests.web_helpers import sign_in


@pytest.fixture
def world(app: Flask) -> PathLab:
    """A lab with a laser."""
    return make_path_lab(clock.now())


def grown_up(person: Person) -> None:
    with transaction():
        db.session.get_one(Person, person.id).born_on = date(1990, 1, 1)


def test_the_way_names_what_is_there_and_what_comes_next(world: PathLab) -> None:
    found = path(make_actor(world.maker), world.laser.id, clock.now())
    assert [(one.kind, one.certification_id) for one in found.way.steps] == [
        (Kind.BIRTH_DATE, world.co2.id),
        (Kind.QUIZ, world.co2.id),
        (Kind.TRAINING, world.co2.id),
    ]
    assert found.way.held == (world.safety.id,)
    assert [one.certification_ids for one in found.way.others] == [(world.fibre.id,)]
    assert not found.ends_supervised
    assert found.quizzes[world.co2.id].ready
    assert [one.coming.training.id for one in found.offers[world.co2.id]] == [world.full.id, world.training.id]
    assert not any(one.fits for one in found.offers[world.co2.id]), "the age is not known"


def test_one_may_enrol_before_the_quiz(world: PathLab) -> None:
    grown_up(world.maker)
    found = path(make_actor(world.maker), world.laser.id, clock.now())
    assert [one.kind for one in found.way.steps] == [Kind.QUIZ, Kind.TRAINING]
    assert all(one.fits for one in found.offers[world.co2.id])


def test_a_training_for_others_does_not_fit_and_ones_own_place_is_shown(world: PathLab) -> None:
    grown_up(world.maker)
    with transaction():
        db.session.get_one(Training, world.full.id).audience = Audience.SCHOOL
    make_enrolment(world.training, world.maker)
    first, second = path(make_actor(world.maker), world.laser.id, clock.now()).offers[world.co2.id]
    assert not first.fits
    assert second.enrolment is not None


def test_the_way_is_gone_with_the_training_under_supervision_too(world: PathLab) -> None:
    now = clock.now()
    make_grant(world.maker, world.fibre, granted_at=now - timedelta(days=1))
    found = path(make_actor(world.maker), world.laser.id, now)
    assert found.way.done
    assert (found.supervised, found.now) == (True, False)
    hour = timedelta(hours=1)
    booked = make_reservation(world.maker, [world.laser], now - hour, now + hour)
    save(Companion(reservation_id=booked.id, person_id=world.luc.id))
    assert path(make_actor(world.maker), world.laser.id, now).now


def test_staff_see_the_way_of_others_and_makers_their_own(world: PathLab) -> None:
    other = make_person()
    found = path(make_actor(world.luc), world.laser.id, clock.now(), world.maker.id)
    assert (found.person.id, found.own) == (world.maker.id, False)
    with pytest.raises(NotFound):
        path(make_actor(other), world.laser.id, clock.now(), world.maker.id)


def test_the_queries_of_the_way_stay_few(world: PathLab, count_queries: CountQueries) -> None:
    grown_up(world.maker)
    for number in range(10):
        make_certification(f"More {number}")
    actor = make_actor(world.maker)
    db.session.rollback()
    count_queries()
    path(actor, world.laser.id, clock.now())
    assert count_queries() <= 26


def test_a_maker_enrols_from_the_page_with_one_click(client: FlaskClient, world: PathLab) -> None:
    grown_up(world.maker)
    sign_in(client, world.maker)
    page = client.get(f"/resources/{world.laser.id}/path")
    assert page.status_code == 200
    assert f'action="/trainings/{world.training.id}/enrol"' in page.text
    assert f'href="/certifications/{world.co2.id}/quiz"' in page.text
    assert "Join the waiting list" in page.text
    assert "Another way would do as well" in page.text


def test_staff_get_no_button_that_would_enrol_themselves(client: FlaskClient, world: PathLab) -> None:
    grown_up(world.maker)
    sign_in(client, world.luc)
    page = client.get(f"/resources/{world.laser.id}/path?person_id={world.maker.id}")
    assert page.status_code == 200
    assert "/enrol" not in page.text
    assert client.get(f"/resources/{world.laser.id}/path?person_id=x").status_code == 404


def test_each_kind_of_step_has_its_words(client: FlaskClient, world: PathLab) -> None:
    with transaction():
        db.session.get_one(Person, world.maker.id).born_on = clock.now().date() - timedelta(days=3000)
    save(TheoryPass(person_id=world.maker.id, certification_id=world.co2.id, passed_at=NOW, percent=90))
    page = sign_in(client, world.maker).get(f"/resources/{world.laser.id}/path").text
    assert "Wait until" in page
    assert "Pass the quiz" not in page
    free = make_machine("Table")
    assert "without a certification" in client.get(f"/resources/{free.id}/path").text


@pytest.mark.parametrize("where", ["/resources/{laser}", "/certifications/{co2}", "/l/{laser}"])
def test_the_way_is_linked(client: FlaskClient, world: PathLab, where: str) -> None:
    sign_in(client, world.maker)
    page = client.get(where.format(laser=world.laser.id, co2=world.co2.id)).text
    assert f'href="/resources/{world.laser.id}/path"' in page


def test_a_certification_shows_its_quiz_and_the_next_trainings(client: FlaskClient, world: PathLab) -> None:
    page = sign_in(client, world.maker).get(f"/certifications/{world.co2.id}").text
    assert f'href="/certifications/{world.co2.id}/quiz"' in page
    assert f'href="/trainings/{world.training.id}"' in page


def test_who_may_look_on_the_simulation_is_led_to_it(client: FlaskClient, world: PathLab) -> None:
    sign_in(client, make_person(role=Role.MANAGER))
    for page in ("/certifications", f"/resources/{world.laser.id}"):
        assert "/certifications/simulate" in client.get(page).text


# -- passport ---------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("app")
def test_the_passport_says_what_since_until_why_and_who() -> None:
    now = clock.now()
    person, luc = make_passport(now)
    found = passport(make_actor(person), person.id, now)
    held = {one.certification.name["en"]: one for one in found.held}
    assert next(iter(held)) == "Wood shop", "what ends soon comes first"
    assert set(held) == {"Wood shop", "Laser master", "CO2 laser", "Vinyl cutter"}
    assert held["Wood shop"].standing.code == "lapsing"
    assert held["CO2 laser"].since == found.history.entries[-1].at, "renewed in time, held without a break"
    assert held["Vinyl cutter"].included
    assert held["Vinyl cutter"].grant.id == held["Laser master"].grant.id
    assert all(one.certificate for one in found.held)
    (saw,) = found.suspended
    assert saw.suspension is not None
    assert saw.suspension.reason.startswith("Please come by")
    assert not saw.certificate
    assert [one.standing.code for one in found.ended] == ["certification_revoked", "certification_expired"]
    assert found.names[luc.id] == "Luc Martin"


@pytest.mark.usefixtures("app")
def test_the_passport_of_others_is_for_the_staff() -> None:
    person, luc = make_passport(clock.now())
    assert not passport(make_actor(luc), person.id, clock.now()).own
    with pytest.raises(NotFound):
        passport(make_actor(make_person()), person.id, clock.now())


@pytest.mark.usefixtures("app")
def test_the_queries_of_the_passport_stay_few(count_queries: CountQueries) -> None:
    person, _luc = make_passport(clock.now())
    for number in range(20):
        make_grant(person, make_certification(f"More {number}"))
    actor = make_actor(person)
    db.session.rollback()
    count_queries()
    passport(actor, person.id, clock.now())
    assert count_queries() <= 10


@pytest.mark.usefixtures("app")
def test_the_passport_leads_to_certificate_and_badge(client: FlaskClient) -> None:
    person, luc = make_passport(clock.now())
    page = sign_in(client, person).get("/passport").text
    grant = next(one for one in passport(make_actor(person), person.id, clock.now()).held if not one.included).grant
    for url in (f"grants/{grant.id}/certificate.pdf", f"grants/{grant.id}/badge.jwt", f"/verify/{grant.public_id}"):
        assert url in page
    assert "/passport" in client.get(f"/people/{person.id}").text
    assert client.get("/passport?page=99999999999").status_code == 200
    staff = sign_in(client, luc).get(f"/people/{person.id}/passport").text
    assert "badge.jwt" not in staff
    assert "The guard was taken off" in staff


@pytest.mark.usefixtures("app")
def test_an_empty_passport_shows_the_way(client: FlaskClient) -> None:
    assert "No certification yet" in sign_in(client, make_person()).get("/passport").text
