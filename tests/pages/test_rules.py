"""The wall's rules as tables: what state a resource is in, and who may know by whom."""

from typing import Any

import pytest

from fablab.pages.rules import VISITOR, Person, State, StateFacts, Viewer, Whom, state_of, told, whom

ADA = Person(7, "Ada Martin")
OTHER = Viewer(person_id=8)
STAFF = Viewer(person_id=9, staff=True)

EVERYTHING = {"alarmed": True, "devices": (True,), "in_use": True, "granted": True, "reserved": True}


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        ({}, State.FREE),
        ({"devices": (True,)}, State.FREE),
        ({"reserved": True}, State.RESERVED),
        ({"granted": True, "reserved": True}, State.IDLE),
        ({"in_use": True, "granted": True, "reserved": True}, State.WORKING),
        ({"in_use": True, "paused": True}, State.PAUSED),
        ({"paused": True}, State.FREE),
        ({"devices": (False,), "in_use": True}, State.OFFLINE),
        ({"devices": (False, True), "in_use": True}, State.WORKING),
        (EVERYTHING, State.ERROR),
        ({**EVERYTHING, "in_service": False}, State.OUT_OF_SERVICE),
    ],
)
def test_the_most_pressing_state_is_shown(facts: dict[str, Any], state: State) -> None:
    assert state_of(StateFacts(**facts)) is state


@pytest.mark.parametrize(
    ("person", "viewer", "known"),
    [
        (ADA, VISITOR, None),
        (ADA, OTHER, Whom()),
        (ADA, Viewer(person_id=ADA.id), Whom(you=True, name=ADA.name, person_id=ADA.id)),
        (ADA, Viewer(person_id=ADA.id, staff=True), Whom(you=True, name=ADA.name, person_id=ADA.id)),
        (ADA, STAFF, Whom(name=ADA.name, person_id=ADA.id)),
        (None, STAFF, None),
    ],
)
def test_names_are_for_staff_and_for_oneself(person: Person | None, viewer: Viewer, known: Whom | None) -> None:
    assert whom(person, viewer) == known


STARTED: dict[str, object] = {"resource_id": "3", "session_id": "5", "person_id": "7", "device_id": "1"}
ENDED: dict[str, object] = {**STARTED, "outcome": "completed"}


@pytest.mark.parametrize(
    ("kind", "data", "viewer", "heard"),
    [
        ("usage.ended", ENDED, STAFF, ENDED),
        ("usage.ended", ENDED, Viewer(person_id=7), ENDED),
        ("usage.ended", ENDED, OTHER, {"resource_id": "3", "outcome": "completed"}),
        ("usage.ended", ENDED, VISITOR, None),
        ("access.denied", STARTED, OTHER, None),
        ("access.denied", STARTED, Viewer(person_id=7), STARTED),
        ("access.denied", STARTED, STAFF, STARTED),
        ("person.changed", STARTED, STAFF, None),
        ("device.discovered", STARTED, STAFF, None),
    ],
)
def test_an_event_is_told_without_what_others_may_not_know(
    kind: str, data: dict[str, object], viewer: Viewer, heard: dict[str, object] | None
) -> None:
    assert told(kind, data, viewer) == heard
