"""The REST of certifications: every field, suspensions, what resources and groups ask for."""

from typing import Any

import pytest
from flask import Flask

from fablab.core.actor import Role
from fablab.resources.models import ResourceGroup
from tests.api_helpers import Program
from tests.factories import make_certification, make_grant, make_machine, make_person, make_teacher, save

WHOLE: dict[str, Any] = {
    "level": "instructor",
    "validity_months": 12,
    "lapse_after_unused_days": 90,
    "min_age": 16,
    "quiz_questions": 4,
    "quiz_pass_percent": 75,
    "quiz_attempts": 2,
    "quiz_wait_hours": 1,
    "practical": True,
}


@pytest.fixture
def manager(app: Flask) -> Program:
    """A manager's program."""
    return Program(app, make_person(role=Role.MANAGER))


def test_everything_can_be_said_and_is_shown(manager: Program) -> None:
    safety, saw = make_certification("Safety"), make_certification("Saw")
    body = WHOLE | {"name": {"en": "Teaching"}, "prerequisites": [str(safety.id)], "includes": [str(saw.id)]}
    made = manager.ask("POST", "/certifications", body)
    assert made.status_code == 201
    shown = made.get_json()
    assert {name: shown[name] for name in body if name != "name"} == {one: body[one] for one in body if one != "name"}
    assert (shown["validity_days"], shown["validity_ends_on"]) == (None, None)
    change: dict[str, Any] = {"validity_months": None, "validity_ends_on": "08-31", "includes": []}
    changed = manager.ask("PATCH", f"/certifications/{shown['id']}", change).get_json()
    assert {name: changed[name] for name in change} == change
    assert changed["prerequisites"] == [str(safety.id)], "what is left out stays"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"level": "master"}, "level"),
        ({"validity_days": 1, "validity_months": 1}, "validity_months"),
        ({"validity_ends_on": "02-31"}, "validity_ends_on"),
        ({"prerequisites": ["999"]}, "prerequisites"),
        ({"includes": "1"}, "includes"),
        ({"min_age": "16"}, "min_age"),
        ({"practical": False}, "practical"),
    ],
)
def test_what_is_wrong_is_named(manager: Program, body: dict[str, Any], field: str) -> None:
    answer = manager.ask("POST", "/certifications", {"name": "Laser", **body})
    assert answer.status_code == 422
    assert [one["field"].split(".")[0] for one in answer.get_json()["errors"]] == [field]


def test_a_circle_is_named(manager: Program) -> None:
    a = make_certification("A")
    b = manager.ask("POST", "/certifications", {"name": {"en": "B"}, "prerequisites": [str(a.id)]}).get_json()["id"]
    answer = manager.ask("PATCH", f"/certifications/{a.id}", {"includes": [b]})
    assert answer.status_code == 422
    [error] = answer.get_json()["errors"]
    assert error["field"] == "includes"
    assert "→ B →" in error["message"]


def test_it_is_taken_out_of_use_when_nothing_asks_for_it(manager: Program) -> None:
    a, machine = make_certification("A"), make_machine("Laser")
    manager.ask("PUT", f"/resources/{machine.id}/requirements", {"expression": {"certification": str(a.id)}})
    refused = manager.ask("DELETE", f"/certifications/{a.id}")
    assert refused.status_code == 409
    assert f"resource {machine.id}" in refused.get_json()["detail"]
    manager.ask("PUT", f"/resources/{machine.id}/requirements", {"expression": {"all": []}})
    assert manager.ask("DELETE", f"/certifications/{a.id}").status_code == 204
    assert manager.get(f"/certifications/{a.id}").status_code == 404


def test_a_grant_says_on_what_it_stands(app: Flask) -> None:
    laser, ada = make_certification(quiz_questions=2), make_person()
    teacher = Program(app, make_teacher(laser))
    path, body = f"/certifications/{laser.id}/grants", {"person_id": str(ada.id), "reason": "knows it"}
    refused = teacher.ask("POST", path, body)
    assert refused.status_code == 409
    assert [one["code"] for one in refused.get_json()["denials"]] == ["theory_missing"]
    assert teacher.ask("POST", path, body | {"evidence": "recognised"}).status_code == 422
    made = teacher.ask("POST", path, body | {"evidence": "recognised", "proof": "Nevers, badge 17"})
    assert made.status_code == 201
    shown = made.get_json()
    assert (shown["evidence"], shown["proof"], shown["state"]) == ("recognised", "Nevers, badge 17", "held")


def test_an_instructor_may_what_he_teaches(app: Flask) -> None:
    laser, saw, ada = make_certification(), make_certification(), make_person()
    teacher = Program(app, make_teacher(laser))
    found = make_grant(ada, saw)
    body = {"person_id": str(ada.id), "reason": "x"}
    assert teacher.ask("POST", f"/certifications/{saw.id}/grants", body).status_code == 403
    assert teacher.ask("POST", f"/certifications/{saw.id}/suspensions", body).status_code == 403
    assert teacher.ask("POST", f"/grants/{found.id}/revoke", {"reason": "x"}).status_code == 403
    assert teacher.ask("POST", f"/certifications/{laser.id}/grants", body).status_code == 201


def test_a_suspension_is_begun_listed_and_lifted(app: Flask) -> None:
    laser, ada, bob = make_certification(), make_person(), make_person()
    found = make_grant(ada, laser)
    make_grant(bob, laser)
    teacher = Program(app, make_teacher(laser))
    path = f"/certifications/{laser.id}/suspensions"
    made = teacher.ask("POST", path, {"person_id": str(ada.id), "reason": "talk"})
    assert made.status_code == 201
    ident = made.get_json()["id"]
    assert teacher.ask("POST", path, {"person_id": str(ada.id), "reason": "talk"}).status_code == 409
    [shown] = [
        one
        for one in teacher.get(f"/certifications/{laser.id}/grants").get_json()["items"]
        if one["id"] == str(found.id)
    ]
    assert shown["state"] == "certification_suspended"
    for who, count in ((ada, 1), (bob, 0)):
        assert len(Program(app, who).get(path).get_json()["items"]) == count, "one's own alone"
    lifted = teacher.ask("POST", f"/suspensions/{ident}/lift", {"note": "talked"}).get_json()
    assert (lifted["end_note"], lifted["ended_at"] is not None) == ("talked", True)
    assert teacher.ask("POST", f"/suspensions/{ident}/lift", {}).status_code == 409
    assert teacher.ask("POST", "/suspensions/999/lift", {}).status_code == 404


def test_what_a_resource_and_its_group_ask_for_counts_together(app: Flask, manager: Program) -> None:
    safety, co2, fibre = (make_certification(name) for name in ("safety", "laser CO₂", "laser fibre"))
    group = save(ResourceGroup(name={"en": "Lasers"}))
    machine = make_machine(group_id=group.id)
    either = {"any": [{"certification": str(co2.id)}, {"certification": str(fibre.id)}]}
    of_group = manager.ask(
        "PUT", f"/resource-groups/{group.id}/requirements", {"expression": {"certification": str(safety.id)}}
    )
    assert of_group.get_json() == {"expression": {"certification": str(safety.id)}, "text": "safety"}
    own = manager.ask(
        "PUT", f"/resources/{machine.id}/requirements", {"expression": either}, **{"Accept-Language": "en"}
    )
    assert own.status_code == 200
    assert own.get_json() == {
        "expression": either,
        "text": "laser CO₂ or laser fibre",
        "whole": {
            "expression": {"all": [either, {"certification": str(safety.id)}]},
            "text": "(laser CO₂ or laser fibre) and safety",
        },
    }
    maker = Program(app, make_person())
    assert maker.get(f"/resources/{machine.id}/requirements").get_json()["expression"] == either
    assert maker.get(f"/resource-groups/{group.id}/requirements").status_code == 200
    assert maker.ask("PUT", f"/resources/{machine.id}/requirements", {"expression": either}).status_code == 403


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        ({"all": []}, 200),
        ({"any": []}, 422),
        ({"one": []}, 422),
        ({}, 422),
        ([], 422),
        ({"certification": "x"}, 422),
        ({"certification": "999"}, 404),
        ({"all": [{"all": [{"all": [{"all": [{"all": []}]}]}]}]}, 422),
    ],
)
def test_what_is_no_expression_is_refused(manager: Program, expression: Any, status: int) -> None:
    path = f"/resources/{make_machine().id}/requirements"
    assert manager.ask("PUT", path, {"expression": expression}).status_code == status


def test_the_date_of_birth_is_for_staff_and_oneself(app: Flask, manager: Program) -> None:
    ada = make_person()
    changed = manager.ask("PATCH", f"/people/{ada.id}", {"born_on": "2010-03-31"})
    assert changed.get_json()["born_on"] == "2010-03-31"
    assert manager.ask("PATCH", f"/people/{ada.id}", {"born_on": "1810-03-31"}).status_code == 422
    own = Program(app, ada)
    assert own.get("/me").get_json()["person"]["born_on"] == "2010-03-31"
    assert own.ask("PATCH", f"/people/{ada.id}", {"born_on": "2000-03-31"}).status_code == 403
    assert Program(app, make_person()).get(f"/people/{ada.id}").status_code == 404


def test_with_a_group_goes_what_it_asks_for(app: Flask, manager: Program) -> None:
    group, safety = save(ResourceGroup(name={"en": "Lasers"})), make_certification("safety")
    path = f"/resource-groups/{group.id}"
    manager.ask("PUT", f"{path}/requirements", {"expression": {"certification": str(safety.id)}})
    assert manager.ask("DELETE", path).status_code == 204
    assert manager.get(f"{path}/requirements").status_code == 404
    assert manager.ask("DELETE", f"/certifications/{safety.id}").status_code == 204, "nothing asks for it any more"
