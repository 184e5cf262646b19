"""`/reservations` and the free slots over HTTP, as programs use them."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from fablab.core import clock
from fablab.core.actor import Role
from tests import factories as make
from tests.api_helpers import Program
from tests.factories import NOW

START, END = NOW + timedelta(hours=1), NOW + timedelta(hours=2)


@pytest.fixture(autouse=True)
def _at_nine_on_a_monday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)


def wanted(*resources: Any, **over: Any) -> dict[str, Any]:
    ids: dict[str, Any] = {"resource_id": str(resources[0].id)}
    if len(resources) > 1:
        ids = {"resource_ids": [str(one.id) for one in resources]}
    return ids | {"start": START.isoformat(), "end": END.isoformat()} | over


def test_it_books_shows_moves_and_cancels(app: Flask) -> None:
    person, laser = make.make_person(), make.make_machine()
    program = Program(app, person)
    made = program.ask("POST", "/reservations", wanted(laser, note="gift"))
    assert made.status_code == 201
    body = made.get_json()
    assert body["start"] == "2026-03-02T09:00:00Z"
    assert (body["resource_id"], body["person_id"], body["note"]) == (str(laser.id), str(person.id), "gift")
    path = f"/reservations/{body['id']}"
    assert program.get(path).get_json() == body
    assert [one["id"] for one in program.get("/reservations?state=booked").get_json()["items"]] == [body["id"]]
    later = {"end": (END + timedelta(hours=1)).isoformat()}
    assert program.ask("PATCH", path, later).get_json()["end"] == "2026-03-02T11:00:00Z"
    assert program.ask("DELETE", path).status_code == 204
    assert program.ask("DELETE", path).status_code == 409
    assert program.get(path).get_json()["state"] == "cancelled"


def test_it_refuses_with_every_reason(app: Flask) -> None:
    laser = make.make_machine()
    make.require_certification(laser, make.make_certification())
    Program(app, make.make_person(role=Role.INSTRUCTOR)).ask("POST", "/reservations", wanted(laser))
    make.make_reservation(make.make_person(), [laser], START, END)
    refused = Program(app, make.make_person()).ask("POST", "/reservations", wanted(laser))
    assert (refused.status_code, refused.content_type) == (409, "application/problem+json")
    denials = refused.get_json()["denials"]
    assert [one["code"] for one in denials] == ["not_certified", "slot_taken"]
    assert all(one["message"] for one in denials)


def test_check_books_nothing(app: Flask) -> None:
    person, laser = make.make_person(), make.make_machine()
    make.make_reservation(make.make_person(), [laser], START, END)
    program = Program(app, person)
    verdict = program.ask("POST", "/reservations/check", wanted(laser)).get_json()
    assert (verdict["allowed"], [one["code"] for one in verdict["denials"]]) == (False, ["slot_taken"])
    assert verdict["suggestions"][0]["end"] == "2026-03-02T09:00:00Z"
    assert program.get("/reservations").get_json() == {"items": [], "next": None}


def test_several_resources_in_one(app: Flask) -> None:
    room, laser = make.make_machine("Room"), make.make_machine()
    made = Program(app, make.make_person()).ask("POST", "/reservations", wanted(room, laser)).get_json()
    assert made["resource_ids"] == [str(room.id), str(laser.id)]


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"start": "2026-03-02T09:00:00"}, "start"),
        ({"start": "2026-02-30T09:00:00Z"}, "start"),
        ({"start": 1772442000}, "start"),
        ({"start": None}, "start"),
        ({"end": START.isoformat()}, "end"),
        ({"resource_id": 7}, "resource_id"),
        ({"resource_id": "9999"}, "resource_id"),
        ({"resource_id": "9" * 18}, "resource_id"),
        ({"resource_ids": ["1"]}, "body"),
        ({"person_id": True}, "person_id"),
        ({"note": "x" * 501}, "note"),
        ({"note": 3}, "note"),
        ({"recurrence": "FREQ=DAILY"}, "recurrence"),
        ({"end": "9999-12-31T23:59:59Z"}, "end"),
        ({"start": "0001-01-01T00:00:00Z"}, "start"),
    ],
)
@pytest.mark.parametrize("path", ["/reservations", "/reservations/check"])
def test_each_wrong_field_is_named(app: Flask, path: str, over: dict[str, Any], field: str) -> None:
    laser = make.make_machine()
    answer = Program(app, make.make_person()).ask("POST", path, wanted(laser, **over))
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert [one["field"] for one in answer.get_json()["errors"]] == [field]


def test_no_body_and_no_json_are_refused(app: Flask) -> None:
    program = Program(app, make.make_person())
    assert program.ask("POST", "/reservations").status_code in {400, 422}
    assert program._client.post("/api/v1/reservations", data=b"{", headers=program._headers).status_code == 415


def test_the_same_request_twice_books_once(app: Flask) -> None:
    laser = make.make_machine()
    program = Program(app, make.make_person())
    first = program.ask("POST", "/reservations", wanted(laser), **{"Idempotency-Key": "one"})
    again = program.ask("POST", "/reservations", wanted(laser), **{"Idempotency-Key": "one"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.get_json() == again.get_json()
    assert len(program.get("/reservations").get_json()["items"]) == 1


def test_others_reservations_are_unknown(app: Flask) -> None:
    laser = make.make_machine()
    made = make.make_reservation(make.make_person(), [laser], START, END)
    other, staff = Program(app, make.make_person()), Program(app, make.make_person(role=Role.INSTRUCTOR))
    for method in ("GET", "DELETE"):
        assert other.ask(method, f"/reservations/{made.id}").status_code == 404
    assert other.ask("PATCH", f"/reservations/{made.id}", {"note": "x"}).status_code == 404
    assert other.get("/reservations").get_json()["items"] == []
    assert staff.get(f"/reservations/{made.id}").status_code == 200
    assert len(staff.get(f"/reservations?resource_id={laser.id}").get_json()["items"]) == 1


def test_scopes_hold(app: Flask) -> None:
    laser = make.make_machine()
    reader = Program(app, make.make_person(), "read")
    assert reader.get("/reservations").status_code == 200
    assert reader.ask("POST", "/reservations", wanted(laser)).status_code == 403


def test_a_maker_books_for_nobody_else(app: Flask) -> None:
    laser, other = make.make_machine(), make.make_person()
    body = wanted(laser, person_id=str(other.id))
    assert Program(app, make.make_person()).ask("POST", "/reservations", body).status_code == 403
    assert Program(app, make.make_person(role=Role.INSTRUCTOR)).ask("POST", "/reservations", body).status_code == 201


def test_free_slots_come_in_pages(app: Flask) -> None:
    laser = make.make_machine()
    make.make_reservation(make.make_person(), [laser], START, END)
    program = Program(app, make.make_person())
    query = f"/resources/{laser.id}/availability?from=2026-03-02T09:00:00%2B01:00&to=2026-03-02T13:00:00%2B01:00"
    slots = program.get(f"{query}&minutes=60&limit=2").get_json()
    assert [one["start"] for one in slots["items"]] == ["2026-03-02T08:00:00Z", "2026-03-02T10:00:00Z"]
    rest = program.get(f"{query}&minutes=60&limit=2&cursor={slots['next']}").get_json()
    assert [one["start"] for one in rest["items"]] == ["2026-03-02T10:15:00Z", "2026-03-02T10:30:00Z"]
    assert (
        program.get("/resources/999/availability?from=2026-03-02T09:00:00Z&to=2026-03-02T10:00:00Z").status_code == 404
    )
    assert program.get(f"/resources/{laser.id}/availability").status_code == 422


def test_a_booking_that_is_moved_is_judged_whole_and_not_in_its_own_way(app: Flask) -> None:
    person, laser, saw = make.make_person(), make.make_machine(), make.make_machine("Saw")
    booked = make.make_reservation(person, [laser, saw], START, END)
    make.make_reservation(make.make_person(), [saw], END + timedelta(hours=1), END + timedelta(hours=2))
    program, path = Program(app, person), f"/reservations/{booked.id}/check"
    half = timedelta(minutes=30)
    later = {"start": (START + half).isoformat(), "end": (END + half).isoformat()}
    assert program.ask("POST", path, later).get_json()["allowed"] is True
    on_saw = {"start": (END + timedelta(hours=1)).isoformat(), "end": (END + timedelta(hours=2)).isoformat()}
    told = program.ask("POST", path, on_saw).get_json()
    assert ([one["code"] for one in told["denials"]], len(told["suggestions"])) == (["slot_taken"], 3)
    assert Program(app, make.make_person()).ask("POST", path, later).status_code == 404
    assert program.get(f"/reservations/{booked.id}").get_json()["start"] == "2026-03-02T09:00:00Z"
