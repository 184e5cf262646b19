"""Devices for the staff: adopt, ignore, forget, and what could not be understood; as pages and over HTTP."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from fablab.core.actor import Role
from fablab.core.db import db
from fablab.devices.models import Device, DeviceState, Journal
from tests import factories as make
from tests.api_helpers import Program
from tests.factories import NOW
from tests.web_helpers import post, sign_in


def test_a_new_device_is_adopted_for_a_machine(client: FlaskClient) -> None:
    laser = make.make_machine("Laser cutter")
    device = make.make_device(state=DeviceState.DISCOVERED, name="new plug")
    make.save(Journal(device_id=device.id, received_at=NOW, topic="stat/plug", payload=b'{"POWER":"ON"\x00}'))
    sign_in(client, make.make_person(role=Role.MANAGER))
    text = client.get("/devices").get_data(as_text=True)
    assert "new plug" in text
    assert "stat/plug" in text
    assert post(client, f"/devices/{device.id}/adopt", {"resource": str(laser.id)}, page="/devices").status_code == 303
    db.session.refresh(device)
    assert (device.state, device.resource_id) == (DeviceState.ADOPTED, laser.id)
    post(client, f"/devices/{device.id}/forget", {"ignore": "yes"}, page="/devices")
    db.session.refresh(device)
    assert device.state is DeviceState.IGNORED


def test_what_was_not_understood_is_counted_by_topic(client: FlaskClient) -> None:
    for number in range(3):
        make.save(
            Journal(received_at=NOW, topic="tele/x/SENSOR", payload=b"{", problem="bad_payload", detail=f"no {number}")
        )
    make.save(Journal(received_at=NOW, topic="<b>odd</b>", payload=b"", problem="unknown_topic"))
    sign_in(client, make.make_person(role=Role.MANAGER))
    text = client.get("/devices").get_data(as_text=True)
    assert "tele/x/SENSOR" in text
    assert "no 2" in text
    assert "<b>odd</b>" not in text


def test_makers_have_no_devices(client: FlaskClient, app: Flask) -> None:
    sign_in(client, make.make_person())
    assert client.get("/devices").status_code == 403
    assert Program(app, make.make_person()).get("/devices").status_code == 403


def test_the_api_lists_adopts_and_forgets(app: Flask) -> None:
    program, laser = Program(app, make.make_person(role=Role.MANAGER)), make.make_machine()
    device = make.make_device(state=DeviceState.DISCOVERED, password_hash="secret hash")
    listed = program.get("/devices?state=discovered").get_json()["items"]
    assert [one["id"] for one in listed] == [str(device.id)]
    assert "secret hash" not in str(listed)
    path = f"/devices/{device.id}"
    body = {"state": "adopted", "resource_id": str(laser.id), "options": {"power": {"on_w": 30, "off_w": 8}}}
    adopted = program.ask("PATCH", path, body).get_json()
    assert (adopted["state"], adopted["resource_id"], adopted["options"]["power"]["on_w"]) == (
        "adopted",
        str(laser.id),
        30,
    )
    assert program.ask("PATCH", path, {"options": {"power": {"on_w": "x"}}}).status_code == 422
    assert program.ask("PATCH", path, {"fold": None}).status_code == 422
    assert program.ask("DELETE", path).status_code == 204
    assert program.get(path).get_json()["state"] == "discovered"
    made = program.ask("POST", "/devices", {"dialect": "tasmota", "base": "plug_saw"})
    assert made.status_code == 201
    assert program.ask("POST", "/devices", {"dialect": "tasmota", "base": "plug_saw"}).status_code == 409
    assert len(db.session.query(Device).all()) == 2


@pytest.mark.parametrize("nowhere", ["/devices/99", "/devices/99999999999999999999"])
def test_unknown_devices(app: Flask, nowhere: str) -> None:
    assert Program(app, make.make_person(role=Role.MANAGER)).get(nowhere).status_code == 404
