"""What trips a naive decoder of Moonraker."""

from typing import Any, Self

from firmware_bridge.derive import T0
from tests.dialects.tape import Tape


class Klipper(Tape):
    def __init__(self, boot: float = 5000.0) -> None:
        super().__init__("moonraker", "voron")
        self.boot = boot  # eventtime at t = 0

    def status(self, t: float, **objects: Any) -> Self:
        return self.say(t, "klipper/status", {"eventtime": self.boot + t, "status": objects})

    def stats(self, t: float, **fields: Any) -> Self:
        return self.status(t, print_stats=fields)

    def server(self, t: float, word: str, **line: Any) -> Self:
        return self.say(t, "moonraker/status", {"server": word}, **line)


def printing() -> Klipper:
    """Idle at 1, printing a.gcode from 60."""
    tape = Klipper().server(0, "online").stats(1, state="standby", filename="", total_duration=0.0)
    return tape.stats(60, state="printing", filename="a.gcode", total_duration=0.1)


def test_standby_while_a_job_runs_is_a_cancel() -> None:
    assert printing().stats(500, state="standby", filename="").sessions() == [(59.9, 500, "cancelled")]


def test_a_shutdown_fails_the_job_whatever_else_the_message_says() -> None:
    tape = printing().status(500, webhooks={"state": "shutdown"}, print_stats={"state": "paused"})
    tape.stats(501, state="error").status(600, webhooks={"state": "ready"}, print_stats={"state": "standby"})
    assert tape.sessions() == [(59.9, 500, "failed")]


def test_a_host_that_restarts_interrupts_the_job() -> None:
    tape = printing().stats(300, total_duration=240).server(400, "offline")
    tape.server(500, "online")
    tape.boot = -480.0  # the monotonic clock begins anew
    tape.stats(502, state="standby", filename="", total_duration=0.0)
    assert tape.sessions() == [(59.9, 300, "interrupted")]
    silent = printing().stats(300, total_duration=240)
    silent.boot = -480.0
    assert silent.stats(502, state="standby", filename="").sessions() == [(59.9, 300, "interrupted")]


def test_an_old_message_that_comes_again_is_no_restart() -> None:
    tape = printing().stats(300, total_duration=240)
    for t in range(301, 400):
        tape.stats(t, total_duration=t - 60.0)
    again = dict(tape.lines[2])
    tape.lines.append({**again, "t": 400})
    tape.stats(401, total_duration=341).stats(660, state="complete", total_duration=600)
    assert tape.sessions() == [(59.9, 660, "completed")]


def test_moonraker_away_does_not_stop_the_printer() -> None:
    tape = printing().stats(300, total_duration=240).server(400, "offline").server(3000, "online")
    full = {"state": "printing", "filename": "a.gcode", "total_duration": 2941.0}
    tape.stats(3001, **full).stats(3600, state="complete", total_duration=3540)
    assert tape.sessions() == [(59.9, 3600, "completed")]


def test_an_ending_while_moonraker_was_away_is_placed_by_the_length() -> None:
    tape = printing().stats(300, total_duration=240).server(400, "offline").server(700, "online")
    tape.stats(701, state="complete", filename="a.gcode", total_duration=500.0)
    assert tape.sessions() == [(59.9, 559.9, "completed")]


def test_another_job_while_moonraker_was_away() -> None:
    tape = printing().stats(300, total_duration=240).server(400, "offline").server(500, "online")
    tape.stats(501, state="printing", filename="b.gcode", total_duration=30.0).stats(900, state="cancelled")
    assert tape.sessions() == [(59.9, 300, "unknown"), (471, 900, "cancelled")]


def test_a_job_shorter_than_the_interval() -> None:
    tape = Klipper().stats(1, state="standby").stats(100, state="complete", filename="a.gcode", total_duration=40.0)
    assert tape.sessions() == [(60, 100, "completed")]


def test_a_state_that_persists_is_no_edge() -> None:
    tape = Klipper().stats(1, state="complete", filename="a.gcode", total_duration=900.0)
    assert tape.stats(60, state="complete").stats(70, state="standby").sessions() == []


def test_joining_a_running_job() -> None:
    known = Klipper().stats(1000, state="printing", filename="a.gcode", total_duration=600.0)
    assert known.stats(1500, state="complete", total_duration=1100).sessions() == [(400, 1500, "completed")]
    [session] = Klipper().stats(1000, total_duration=600.0).stats(1001, total_duration=601.0).answer()["sessions"]
    assert (session["start"], session["flags"]) == (400, ["start_estimated"])
    paused = Klipper().stats(1000, state="paused", filename="a.gcode", total_duration=600.0)
    paused.stats(1100, state="printing").stats(1500, state="complete", total_duration=1100)
    assert paused.sessions() == [(400, 1500, "completed")]


def test_a_paused_job_that_resumes_with_less_is_another() -> None:
    tape = printing().stats(300, total_duration=240).stats(310, state="paused")
    tape.stats(400, state="printing", total_duration=0.3).stats(500, state="complete", total_duration=100.3)
    assert [outcome for *_, outcome in tape.sessions()] == ["unknown", "completed"]


def test_split_values_alone() -> None:
    tape = Klipper()
    for t, field, value in [
        (1, "state", "standby"),
        (60, "state", "printing"),
        (60, "filename", "b.gcode"),
        (60, "total_duration", 0.1),
        (500, "total_duration", 440.0),
        (500, "state", "complete"),
    ]:
        tape.say(t, f"klipper/state/print_stats/{field}", {"eventtime": 5000.0 + t, "value": value})
    [session] = tape.answer()["sessions"]
    assert (session["start"], session["end"], session["job"]) == (60, 500, "b.gcode")


def test_stored_words_start_and_end_nothing() -> None:
    tape = Klipper().say(0, "klipper/state/print_stats/state", {"eventtime": 1, "value": "printing"}, retain=True)
    assert tape.server(0, "online", retain=True).sessions() == []
    running = printing().say(70, "klipper/state/print_stats/state", {"eventtime": 1, "value": "complete"}, retain=True)
    assert running.sessions() == [(59.9, None, None)]


def test_a_late_message_is_placed_by_the_clock_of_the_host() -> None:
    tape = printing().direct(100, "subscriber_disconnect").direct(2000, "subscriber_reconnect")
    for count, (t, fields) in enumerate([(660, {"state": "complete", "total_duration": 600.0}), (900, {})]):
        tape.say(2000 + count / 10, "klipper/status", {"eventtime": 5000.0 + t, "status": {"print_stats": fields}})
    assert tape.sessions() == [(59.9, 660, "completed")]


def test_the_history_is_not_counted_twice() -> None:
    tape = printing().stats(300, total_duration=240).stats(660, state="complete", total_duration=600)
    job = {"job_id": "1", "filename": "a.gcode", "status": "completed", "start_time": T0 + 60, "end_time": T0 + 660}
    other = {**job, "job_id": "2", "start_time": T0 + 100, "end_time": T0 + 200, "status": "cancelled"}
    missed = {**job, "job_id": "3", "start_time": T0 - 500, "end_time": T0 - 200, "status": "klippy_shutdown"}
    wrong: list[Any] = [None, 5, {}, {**job, "job_id": 7}, {**job, "start_time": float("nan")}, {**job, "end_time": 5}]
    for t in (700, 800):
        tape.say(t, "moonraker/api/response", {"id": 1, "result": {"jobs": [job, other, missed, *wrong]}})
    assert tape.sessions() == [(-500, -200, "failed"), (59.9, 660, "completed")]


def test_nonsense_changes_nothing() -> None:
    tape = printing()
    payloads: list[Any] = ["", "{", "[]", "null", {}, {"status": 5}, {"eventtime": "x", "status": {"print_stats": []}}]
    payloads += [{"eventtime": 1e400, "status": {"print_stats": {"state": [], "total_duration": True}}}, {"server": 1}]
    for payload in payloads:
        for leaf in ("klipper/status", "moonraker/status", "moonraker/api/response", "klipper/state/print_stats/state"):
            tape.say(100, leaf, payload)
    assert tape.stats(660, state="complete", total_duration=600).sessions() == [(59.9, 660, "completed")]
