"""Who may see, grant, withdraw, hold back and give free what: every way there is, with whole requests, by everybody who
could try. The table of all routes (`tests/web`) says who may knock; this one who is let in."""

import pytest
from flask import Flask

from fablab.certifications import suspending
from fablab.certifications.rules import Level
from fablab.core.actor import Role, system
from fablab.people.models import Person
from tests.api_helpers import Program
from tests.factories import NOW, make_certification, make_grant, make_machine, make_person, make_teacher
from tests.web_helpers import post, sign_in

CALLERS = ("holder", "maker", "another's instructor", "its instructor", "manager", "administrator")
WAYS = {
    "GET /api/v1/certifications/{laser}/grants": "yyyyyy",
    "GET /api/v1/certifications/{laser}/suspensions": "yyyyyy",
    "GET /api/v1/people/{person}/certifications": "y-yyyy",
    "GET /api/v1/access/check?resource_id={machine}&person_id={person}": "y-yyyy",
    "GET /certifications/{laser}/people/{person}": "nnyyyy",
    "GET /certifications/simulate?person_id={person}": "y-yyyy",
    "POST /api/v1/certifications/{saw}/grants": "nnnyyy",
    "POST /api/v1/grants/{grant}/revoke": "nnnyyy",
    "POST /api/v1/certifications/{laser}/suspensions": "nnnyyy",
    "POST /api/v1/suspensions/{held}/lift": "nnnyyy",
    "POST /certifications/{saw}/people/{person}/grant": "nnnyyy",
    "POST /certifications/{laser}/people/{person}/revoke": "nnnyyy",
    "POST /certifications/{laser}/people/{person}/suspend": "nnnyyy",
    "POST /certifications/{saw}/people/{person}/lift/{held}": "nnnyyy",
    "POST /api/v1/certifications/{teaching}/grants": "nnnnyy",
    "POST /certifications/{teaching}/people/{person}/grant": "nnnnyy",
}
"""For each caller: y may; n may not (403); - is told that there is nothing (404). All about `holder`."""


class Lab:
    """Somebody who holds the laser, from whom the saw's safety is held back; and everybody who could try."""

    def __init__(self) -> None:
        self.laser, self.saw, self.safety = (make_certification(name) for name in ("Laser", "Saw", "Safety"))
        self.person = make_person(name="Holder")
        self.grant = make_grant(self.person, self.laser)
        make_grant(self.person, self.safety)
        self.held = suspending.suspend(system("cli"), self.safety.id, self.person.id, "talk", NOW)
        teaching, machine = make_certification("Teaching", level=Level.INSTRUCTOR), make_machine()
        self.ids = {
            "laser": self.laser.id,
            "saw": self.saw.id,
            "teaching": teaching.id,
            "person": self.person.id,
            "grant": self.grant.id,
            "held": self.held.id,
            "machine": machine.id,
        }
        self.callers: dict[str, Person] = {
            "holder": self.person,
            "maker": make_person(),
            "another's instructor": make_teacher(make_certification("Sewing")),
            "its instructor": make_teacher(self.laser, self.saw, self.safety),
            "manager": make_person(role=Role.MANAGER),
            "administrator": make_person(role=Role.ADMINISTRATOR),
        }


@pytest.mark.parametrize("way", WAYS)
def test_who_is_let_in(app: Flask, way: str) -> None:
    found = ""
    for caller in CALLERS:
        lab = Lab()
        method, _, path = way.format(**lab.ids).partition(" ")
        status = _ask(app, lab.callers[caller], method, path, str(lab.person.id))
        found += {200: "y", 201: "y", 303: "y", 403: "n", 404: "-"}[status]
    assert found == WAYS[way]


def _ask(app: Flask, caller: Person, method: str, path: str, person_id: str) -> int:
    if path.startswith("/api/v1"):
        body = {"reason": "x", "person_id": person_id} if method == "POST" else None
        if path.endswith("/revoke"):
            body = {"reason": "x"}
        if path.endswith("/lift"):
            body = {"note": "x"}
        return Program(app, caller).ask(method, path.removeprefix("/api/v1"), body).status_code
    client = sign_in(app.test_client(), caller)
    if method == "GET":
        return client.get(path).status_code
    return post(client, path, {"reason": "x", "note": "x"}, page="/certifications").status_code


def test_one_sees_of_others_only_what_is_ones_own(app: Flask) -> None:
    lab = Lab()
    for path, key in (("grants", "laser"), ("suspensions", "safety")):
        ident = {**lab.ids, "safety": lab.safety.id}[key]
        own = Program(app, lab.person).get(f"/certifications/{ident}/{path}").get_json()["items"]
        others = Program(app, lab.callers["maker"]).get(f"/certifications/{ident}/{path}").get_json()["items"]
        assert ([one["person_id"] for one in own], others) == ([str(lab.person.id)], [])


@pytest.mark.parametrize("role", [Role.INSTRUCTOR, Role.MANAGER, Role.ADMINISTRATOR])
def test_nobody_does_any_of_it_for_himself(app: Flask, role: Role) -> None:
    laser, saw, safety = (make_certification(name) for name in ("Laser", "Saw", "Safety"))
    own = make_teacher(laser, saw, safety, role=role)
    grant = make_grant(own, laser)
    make_grant(own, safety)
    held = suspending.suspend(system("cli"), safety.id, own.id, "talk", NOW)
    for path in (
        f"/api/v1/certifications/{saw.id}/grants",
        f"/api/v1/grants/{grant.id}/revoke",
        f"/api/v1/certifications/{laser.id}/suspensions",
        f"/api/v1/suspensions/{held.id}/lift",
        f"/certifications/{saw.id}/people/{own.id}/grant",
        f"/certifications/{laser.id}/people/{own.id}/revoke",
        f"/certifications/{laser.id}/people/{own.id}/suspend",
        f"/certifications/{safety.id}/people/{own.id}/lift/{held.id}",
    ):
        assert _ask(app, own, "POST", path, str(own.id)) == 403, path
