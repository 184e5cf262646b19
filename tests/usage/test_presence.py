"""Whether a device is there."""

import pytest

from fablab.usage.changes import Availability
from fablab.usage.presence import Patience, Presence, alive, dues, pass_time, said_offline

PATIENCE = Patience(grace_s=600, confirm_s=30, silence_s=700)
HERE = Presence("online", 100.0)


def test_the_first_live_message_is_online() -> None:
    assert alive(Presence(), 5, birth=False) == (Presence("online", 5), [Availability(5, "online")], [])


def test_a_will_waits_and_is_refuted() -> None:
    gone, told = said_offline(HERE, 200, stored=False)
    assert told == []
    assert sorted(dues(gone, PATIENCE)) == [230, 800]
    back, told, events = alive(gone, 210, birth=False)
    assert (back, told, events) == (Presence("online", 210), [], [])


def test_a_birth_after_a_will_was_an_outage() -> None:
    gone, _ = said_offline(HERE, 200, stored=False)
    assert alive(gone, 210, birth=True)[2] == ["back"]


def test_a_will_that_nobody_refutes() -> None:
    gone, _ = said_offline(HERE, 200, stored=False)
    gone, told, events = pass_time(gone, 230, PATIENCE)
    assert (told, events) == ([Availability(200, "offline")], [])
    gone, told, events = pass_time(gone, 800, PATIENCE)
    assert (told, events) == ([], ["gone"])
    assert dues(gone, PATIENCE) == []
    assert alive(gone, 900, birth=False)[1:] == ([Availability(900, "online")], ["back"])


def test_silence_is_a_will() -> None:
    assert dues(HERE, PATIENCE) == [800]
    silent, told, events = pass_time(HERE, 800, PATIENCE)
    assert (told, events) == ([Availability(800, "offline")], [])
    assert alive(silent, 900, birth=False)[2] == ["back"]
    assert dues(HERE, Patience(600, 30, None)) == []


@pytest.mark.parametrize(("before", "told"), [(Presence(), 1), (HERE, 0)])
def test_a_stored_will_is_told_only_of_devices_nobody_has_heard(before: Presence, told: int) -> None:
    assert len(said_offline(before, 200, stored=True)[1]) == told
