"""What trips a naive decoder of OctoPrint."""

import pytest

from tests.dialects.tape import OctoPrint


def printing() -> OctoPrint:
    """A print that began at 60."""
    tape = OctoPrint()
    tape.say(0, "mqtt", "connected")
    tape.event(60, "PrintStarted").state(60.2, "PRINTING").progress(65, 1)
    return tape


def test_a_cancel_is_one_ending_in_either_order() -> None:
    new = printing().event(500, "PrintCancelled").event(500.1, "PrintFailed", reason="cancelled")
    old = printing().event(500, "PrintFailed").event(500.1, "PrintCancelled")
    assert new.sessions() == old.sessions() == [(60, 500, "cancelled")]


def test_a_firmware_halt_is_announced_after_the_disconnection() -> None:
    tape = (
        printing().progress(400, 20).state(410, "ERROR").event(410, "Error", error="halt").event(410.1, "Disconnected")
    )
    tape.state(410.2, "OFFLINE").event(411, "PrintFailed", reason="error", time=351)
    assert tape.sessions() == [(60, 411, "failed")]


def test_an_ending_that_was_lost_is_concluded_from_the_state() -> None:
    assert printing().state(500, "OPERATIONAL").progress(505, 1).sessions() == [(60, 500, "unknown")]
    assert printing().state(499, "FINISHING").state(500, "OPERATIONAL").sessions() == [(60, 500, "completed")]
    assert printing().state(499, "CANCELLING").state(500, "OPERATIONAL").sessions() == [(60, 500, "cancelled")]


def test_restarting_a_paused_print_is_a_second_session() -> None:
    tape = printing().event(100, "PrintPaused").state(100.1, "PAUSED").event(160, "PrintStarted").progress(165, 1)
    tape.event(300, "PrintDone", time=139.0)
    assert tape.sessions() == [(60, 100.1, "unknown"), (160, 300, "completed")]


def test_a_new_start_ends_what_was_never_ended_at_its_last_evidence() -> None:
    tape = printing().progress(900, 97).event(5000, "PrintStarted").event(5600, "PrintDone", time=600)
    assert tape.sessions() == [(60, 900, "unknown"), (5000, 5600, "completed")]


def test_a_late_will_is_refuted_by_the_next_message() -> None:
    tape = printing()
    tape.say(70, "mqtt", "disconnected", qos=1)
    tape.progress(75, 2).event(500, "PrintDone", time=440)
    assert tape.sessions() == [(60, 500, "completed")]
    assert tape.states() == [(0, "online")]


def test_a_host_that_dies_ends_its_job_at_the_last_evidence() -> None:
    tape = printing().progress(300, 10)
    tape.say(390, "mqtt", "disconnected", qos=1)
    assert tape.sessions() == [(60, 300, "interrupted")]
    assert tape.states() == [(0, "online"), (390, "offline")]
    tape.say(800, "mqtt", "connected")
    tape.progress(800.1, 0, path="").progress(900, 0)
    assert tape.sessions() == [(60, 300, "interrupted")]


def test_a_print_that_outlives_the_broker_is_one_session() -> None:
    tape = printing().progress(300, 10)
    tape.say(390, "mqtt", "disconnected", qos=1)
    tape.say(2000, "mqtt", "connected")
    tape.progress(2005, 40).progress(2100, 42).event(3000, "PrintDone", time=2940)
    assert tape.sessions() == [(60, 3000, "completed")]


def test_stored_words_start_and_end_nothing() -> None:
    tape = OctoPrint().progress(0, 64, retain=True)
    tape.say(0, "event/PrintStarted", {"name": "x", "_event": "PrintStarted", "_timestamp": 1}, retain=True)
    assert tape.sessions() == []
    running = printing()
    running.say(100, "event/PrintDone", {"name": "x", "time": 5, "_event": "PrintDone", "_timestamp": 1}, retain=True)
    assert running.sessions() == [(60, None, None)]


def test_what_is_shown_after_an_ending_is_no_new_job() -> None:
    tape = printing().progress(400, 41).event(410, "PrintFailed", reason="error", time=350)
    for t in range(415, 800, 5):
        tape.progress(t, 41)
    assert tape.progress(805, 0).sessions() == [(60, 410, "failed")]


def test_a_lost_start_is_dated_back() -> None:
    tape = OctoPrint().event(1000, "PrintDone", time=900.0)
    [session] = tape.answer()["sessions"]
    assert (session["start"], session["end"], session["flags"]) == (100, 1000, ["start_estimated"])
    paused = OctoPrint().progress(500, 50).event(600, "PrintPaused").event(700, "PrintResumed")
    assert paused.event(1000, "PrintDone", time=800.0).sessions() == [(100, 1000, "completed")]


def test_an_ending_that_comes_again_is_no_job_of_its_own() -> None:
    tape = printing().event(500, "PrintDone", time=440)
    done = dict(tape.lines[-1])
    for t in range(510, 900):
        tape.say(t, "temperature/bed", {"actual": 20.0 + t, "target": 0, "_timestamp": t})
    tape.lines.append({**done, "t": 5000})
    assert tape.sessions() == [(60, 500, "completed")]


@pytest.mark.parametrize("clock", [0.0, 1e9, 1772438400.0 - 5 * 86400])
def test_the_clock_of_the_host_does_not_matter(clock: float) -> None:
    tape = OctoPrint(clock=clock).event(60, "PrintStarted")
    tape.clock += 3 * 86400  # somebody sets it
    tape.progress(100, 5).event(500, "PrintDone", time=440)
    assert tape.sessions() == [(60, 500, "completed")]
    tape.clock -= 6 * 86400
    tape.event(600, "PrintStarted").event(700, "PrintDone", time=100)
    assert tape.sessions() == [(60, 500, "completed"), (600, 700, "completed")]


def test_what_waited_in_our_queue_is_placed_by_its_stamp() -> None:
    tape = printing().direct(100, "subscriber_disconnect").direct(2000, "subscriber_reconnect")
    late = OctoPrint().event(700, "PrintDone", time=640).event(900, "PrintStarted").progress(1990, 50)
    tape.lines += [{**line, "t": 2000 + i / 100} for i, line in enumerate(late.lines)]
    tape.event(2500, "PrintDone", time=1600)
    found = tape.sessions()
    assert [outcome for *_, outcome in found] == ["completed", "completed"]
    assert found[0][1] == pytest.approx(700, abs=2)
    assert found[1][0] == pytest.approx(900, abs=2)


def test_nonsense_is_named_and_changes_nothing() -> None:
    tape = printing()
    for payload in ("", "{", "[]", "null", "nan", "{}", '{"_event": "PrintDone"', "\udcff\udcfe", "9" * 5000):
        for leaf in ("event/PrintDone", "progress/printing", "mqtt", "temperature/tool0"):
            tape.say(70, leaf, payload)
    assert tape.sessions() == [(60, None, None)]
