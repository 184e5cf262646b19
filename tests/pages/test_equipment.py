"""The form of machines and rooms: added, changed, with places and the certifications asked for."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.certifications import requirements
from fablab.certifications.facts import required_for
from fablab.certifications.rules import Either, Every, Held, Need
from fablab.core.actor import Role, system
from fablab.core.audit import AuditEntry
from fablab.core.db import db
from fablab.core.outbox import Outbox
from fablab.resources.models import Place, Resource, ResourceGroup, RiskClass
from tests.factories import (
    NOW,
    make_certification,
    make_grant,
    make_machine,
    make_person,
    make_place,
    require_certification,
    save,
)
from tests.web_helpers import post, sign_in

FORM = {
    "kind": "machine",
    "name_fr": "Fraiseuse",
    "name_en": "Mill",
    "risk_class": "a",
    "model": "Shaper",
    "place_id": "",
}


@pytest.fixture
def manager(app: Flask, client: FlaskClient) -> FlaskClient:
    """A manager's browser."""
    sign_in(client, make_person(role=Role.MANAGER))
    return client


def test_a_machine_is_added_in_a_new_place_with_what_it_asks_for(manager: FlaskClient) -> None:
    hall, safety = make_place("Hall"), make_certification("Safety")
    answer = post(
        manager,
        "/resources/new",
        FORM | {"place_id": str(hall.id), "new_place": "Corner", "need_1": str(safety.id)},
    )
    assert answer.status_code == 303
    made = db.session.scalars(select(Resource)).one()
    assert answer.location.endswith(f"/resources/{made.id}")
    assert (made.name, made.risk_class, made.model) == ({"fr": "Fraiseuse", "en": "Mill"}, RiskClass.A, "Shaper")
    corner = db.session.scalars(select(Place).where(Place.parent_id == hall.id)).one()
    assert (made.place_id, corner.name) == (corner.id, {"fr": "Corner"})
    assert list(required_for([made.id])[made.id].names) == [safety.id]
    assert "Mill" in manager.get(f"/resources/{made.id}", headers={"Accept-Language": "en"}).text
    acts = set(db.session.scalars(select(AuditEntry.action)))
    assert {"place.added", "resource.added", "resource.requirements_changed"} <= acts


def test_the_form_shows_what_is_known_and_changes_it(manager: FlaskClient) -> None:
    laser, basics, fibre = make_machine("Laser"), make_certification("Basics"), make_certification("Fibre")
    require_certification(laser, basics)
    shown = manager.get(f"/resources/{laser.id}/edit").text
    assert 'value="Laser"' in shown
    assert f'value="{basics.id}" checked' in shown
    post(manager, f"/resources/{laser.id}/edit", FORM | {"need_1": str(fibre.id)}, page="/resources")
    db.session.expire_all()
    assert list(required_for([laser.id])[laser.id].names) == [fibre.id]
    assert laser.name == {"fr": "Fraiseuse", "en": "Mill"}
    reviews = [row.payload for row in db.session.scalars(select(Outbox).where(Outbox.kind == "device"))]
    assert any(one["resource_id"] == laser.id for one in reviews), "who uses it now is judged anew"


@pytest.mark.parametrize(
    ("over", "field"),
    [
        pytest.param({"name_fr": " ", "name_en": ""}, "name_fr", id="no name"),
        pytest.param({"name_en": "x" * 201}, "name_fr", id="a name too long"),
        pytest.param({"description_fr": "x" * 5001}, "description_fr", id="a text too long"),
        pytest.param({"kind": "spaceship"}, "kind", id="an unknown kind"),
        pytest.param({"risk_class": "z"}, "risk_class", id="an unknown risk"),
        pytest.param({"place_id": "99"}, "place_id", id="an unknown place"),
        pytest.param({"place_id": "x"}, "place_id", id="no number"),
        pytest.param({"new_place": "x" * 101}, "new_place", id="a place too long"),
        pytest.param({"model": "x" * 201}, "model", id="a model too long"),
    ],
)
def test_each_wrong_field_is_named_and_nothing_is_added(manager: FlaskClient, over: dict[str, str], field: str) -> None:
    answer = post(manager, "/resources/new", FORM | {"new_place": "Corner"} | over)
    assert answer.status_code == 422
    assert f'id="wrong-{field}"' in answer.text
    assert db.session.scalars(select(Resource)).all() == []
    assert db.session.scalars(select(Place)).all() == []


def test_an_unknown_certification_adds_nothing(manager: FlaskClient) -> None:
    assert post(manager, "/resources/new", FORM | {"need_1": "99"}).status_code == 404
    assert db.session.scalars(select(Resource)).all() == []


# -- what it asks for -------------------------------------------------------------------------------------------------


def need(resource: Resource) -> Need:
    db.session.rollback()
    return requirements.own_need(Resource, resource.id)


def test_groups_are_joined_by_and_the_ticks_of_one_by_or_without_javascript(manager: FlaskClient) -> None:
    safety, co2, fibre = (make_certification(name) for name in ("Safety", "Laser CO₂", "Laser fibre"))
    laser = make_machine("Laser")
    form = FORM | {"need_1": str(safety.id), "need_2": [str(co2.id), str(fibre.id)]}
    more = post(manager, f"/resources/{laser.id}/edit", form | {"needs_more": "yes"}, page="/resources")
    assert more.status_code == 200
    assert f'name="need_2" value="{fibre.id}" checked' in more.text
    assert 'name="need_3"' in more.text
    assert need(laser) == Every(), "the button for another group saves nothing"
    post(manager, f"/resources/{laser.id}/edit", form, page="/resources")
    assert need(laser) == Every((Held(safety.id), Either((Held(co2.id), Held(fibre.id)))))
    page = manager.get(f"/resources/{laser.id}", headers={"Accept-Language": "en"}).text
    assert "Safety and (Laser CO₂ or Laser fibre)" in page
    post(manager, f"/resources/{laser.id}/edit", FORM, page="/resources")
    assert need(laser) == Every()


def test_what_the_form_cannot_say_is_said_in_words_and_kept(manager: FlaskClient) -> None:
    safety, co2, fibre = (make_certification(name) for name in ("Safety", "CO₂", "Fibre"))
    laser = make_machine("Laser")
    tree = Either((Every((Held(safety.id), Held(co2.id))), Held(fibre.id)))
    requirements.require(system("cli"), Resource, laser.id, tree, NOW)
    page = manager.get(f"/resources/{laser.id}/edit", headers={"Accept-Language": "en"}).text
    assert "As it is: (Safety and CO₂) or Fibre" in page
    post(manager, f"/resources/{laser.id}/edit", FORM | {"needs_as": "kept"}, page="/resources")
    assert need(laser) == tree
    post(
        manager,
        f"/resources/{laser.id}/edit",
        FORM | {"needs_as": "groups", "need_1": str(fibre.id)},
        page="/resources",
    )
    assert need(laser) == Held(fibre.id)


def test_who_holds_one_of_several_reads_that_it_will_do(app: Flask, client: FlaskClient) -> None:
    co2, fibre, laser, maker = make_certification("CO₂"), make_certification("Fibre"), make_machine(), make_person()
    requirements.require(system("cli"), Resource, laser.id, Either((Held(co2.id), Held(fibre.id))), NOW)
    sign_in(client, maker)
    assert "You need the certification" in client.get(f"/resources/{laser.id}", headers={"Accept-Language": "en"}).text
    make_grant(maker, fibre)
    page = client.get(f"/resources/{laser.id}", headers={"Accept-Language": "en"}).text
    assert "Not needed: you hold another one that will do." in page
    assert "You need the certification" not in page


def test_what_a_group_asks_for_is_said_on_its_page(manager: FlaskClient) -> None:
    group, safety = save(ResourceGroup(name={"en": "Lasers"})), make_certification("Safety")
    laser = make_machine("Laser", group_id=group.id)
    where = f"/rules/groups/{group.id}/requirements"
    assert where in manager.get("/rules").text
    assert f"/resources/{laser.id}" in manager.get(where).text
    assert post(manager, where, {"needs_more": "yes", "need_1": str(safety.id)}, page=where).status_code == 200
    assert required_for([laser.id]) == {}
    assert post(manager, where, {"need_1": str(safety.id)}, page=where).status_code == 303
    assert list(required_for([laser.id])[laser.id].names) == [safety.id]
    assert "Now: Safety" in manager.get(where, headers={"Accept-Language": "en"}).text
    gone = post(manager, where, {"need_1": "99"}, page=where)
    assert gone.status_code == 409
    assert manager.get("/rules/groups/99/requirements").status_code == 404
