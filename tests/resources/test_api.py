"""`/resources` and `/machines` over HTTP."""

from typing import Any

import pytest
from flask import Flask

from fablab.core.actor import Role
from fablab.resources.models import Kind
from tests import factories as make
from tests.api_helpers import Program


def test_a_manager_adds_changes_and_retires(app: Flask) -> None:
    program, place = Program(app, make.make_person(role=Role.MANAGER)), make.make_place()
    body = {
        "kind": "machine",
        "name": {"en": "Laser", "fr": "Découpeuse"},
        "place_id": str(place.id),
        "risk_class": "a",
    }
    made = program.ask("POST", "/resources", body)
    assert made.status_code == 201
    path = f"/resources/{made.get_json()['id']}"
    assert made.get_json()["place"]["id"] == str(place.id)
    changed = program.ask(
        "PATCH",
        path,
        {
            "capacity": 4,
            "opening": "own",
            "opening_hours": {"monday": ["09:00-12:30"]},
            "documents": [{"title": "Manual", "url": "https://example.org/m.pdf"}],
        },
    )
    assert (changed.get_json()["capacity"], changed.get_json()["opening"]) == (4, "own")
    assert changed.get_json()["names"] == body["name"]
    closed = program.ask("PATCH", path, {"state": "out_of_service", "state_note": "lens"}).get_json()
    assert (closed["state"], closed["state_note"]) == ("out_of_service", "lens")
    assert program.ask("DELETE", path).status_code == 204
    assert program.get(path).status_code == 404


def test_lists_filter_and_page(app: Flask) -> None:
    program = Program(app, make.make_person())
    machines = [make.make_machine(f"Machine {number}") for number in range(3)]
    make.make_machine("Room", kind=Kind.ROOM)
    first = program.get("/machines?limit=2").get_json()
    assert [one["id"] for one in first["items"]] == [str(one.id) for one in machines[:2]]
    rest = program.get(f"/machines?limit=2&cursor={first['next']}").get_json()
    assert ([one["id"] for one in rest["items"]], rest["next"]) == ([str(machines[2].id)], None)
    assert [one["kind"] for one in program.get("/resources?kind=room").get_json()["items"]] == ["room"]
    assert len(program.get("/resources?q=machine").get_json()["items"]) == 3
    for query in ("kind=car", "limit=0", "limit=501", "cursor=%00", "unknown=1", "place_id=x"):
        assert program.get(f"/resources?{query}").status_code == 422, query


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "machine"}, "name"),
        ({"kind": "car", "name": "x"}, "kind"),
        ({"kind": "room", "name": {"xx": "y"}}, "name"),
        ({"kind": "room", "name": "  "}, "name"),
        ({"kind": "room", "name": "x", "photo": "../../etc/passwd"}, "photo"),
        ({"kind": "room", "name": "x", "place_id": "77"}, "place_id"),
        ({"kind": "room", "name": "x", "capacity": 0}, "capacity"),
        ({"kind": "room", "name": "x", "opening_hours": {"monday": ["9-10"]}}, "opening_hours.monday"),
        ({"kind": "room", "name": "x", "documents": [{"title": "t", "url": "javascript:alert(1)"}]}, "documents.0.url"),
    ],
)
def test_each_wrong_field_is_named(app: Flask, body: dict[str, Any], field: str) -> None:
    answer = Program(app, make.make_person(role=Role.MANAGER)).ask("POST", "/resources", body)
    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"].startswith(field)


def test_makers_only_read(app: Flask) -> None:
    laser, program = make.make_machine(), Program(app, make.make_person())
    assert program.get(f"/resources/{laser.id}").status_code == 200
    assert program.ask("POST", "/resources", {"kind": "room", "name": "x"}).status_code == 403
    assert program.ask("PATCH", f"/resources/{laser.id}", {"model": "x"}).status_code == 403
    assert program.ask("DELETE", f"/resources/{laser.id}").status_code == 403
    assert app.test_client().get("/api/v1/resources").status_code == 401
    instructor = Program(app, make.make_person(role=Role.INSTRUCTOR))
    assert instructor.ask("PATCH", f"/resources/{laser.id}", {"model": "x"}).status_code == 403
    assert (
        instructor.ask("PATCH", f"/resources/{laser.id}", {"state": "out_of_service", "state_note": "x"}).status_code
        == 200
    )


def test_the_status_tells_names_to_staff_only(app: Flask) -> None:
    laser = make.make_machine()
    for role, shown in ((Role.MAKER, None), (Role.INSTRUCTOR, None)):
        answer = Program(app, make.make_person(role=role)).get(f"/resources/{laser.id}/status")
        assert (answer.status_code, answer.get_json()["state"], answer.get_json()["person_name"]) == (
            200,
            "free",
            shown,
        )
    for nowhere in ("99", "99999999999999999999", "-1"):
        assert Program(app, make.make_person()).get(f"/resources/{nowhere}/status").status_code == 404
