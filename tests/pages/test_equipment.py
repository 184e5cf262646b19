"""The form of machines and rooms: added, changed, with places and the certifications asked for."""

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from fablab.certifications.facts import required_for
from fablab.core.actor import Role
from fablab.core.audit import AuditEntry
from fablab.core.db import db
from fablab.core.outbox import Outbox
from fablab.resources.models import Place, Resource, RiskClass
from tests.factories import make_certification, make_machine, make_person, make_place, require_certification
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
        FORM | {"place_id": str(hall.id), "new_place": "Corner", "certification": str(safety.id)},
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
    post(manager, f"/resources/{laser.id}/edit", FORM | {"certification": str(fibre.id)}, page="/resources")
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
    assert post(manager, "/resources/new", FORM | {"certification": "99"}).status_code == 404
    assert db.session.scalars(select(Resource)).all() == []
