"""`fablab derive`: a recording in, usage out, every mistake named in one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from firmware_bridge.derive import derive, derive_command
from tests.dialects import stories

PLUG = {"pl-1": {"dialect": "tasmota", "base": "plug"}}
LINE = {"t": 0, "topic": "tele/plug/LWT", "payload": "Online", "qos": 0, "retain": False}


def run(folder: Path, lines: str | bytes, devices: Any, *more: str) -> Result:
    recording, known = folder / "day.jsonl", folder / "devices.json"
    recording.write_bytes(lines if isinstance(lines, bytes) else lines.encode())
    known.write_text(devices if isinstance(devices, str) else json.dumps(devices))
    return CliRunner().invoke(derive_command, [str(recording), "--devices", str(known), *more])


def test_it_prints_what_the_function_gives(tmp_path: Path) -> None:
    text = (stories.FOLDER / "tasmota.jsonl").read_text()
    result = run(tmp_path, text, stories.devices("tasmota"), "--sequence", "pn532_card_left_on_reader")
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert list(answer) == ["sessions", "taps", "alarms", "availability"]
    assert answer == derive(stories.lines("tasmota"), stories.devices("tasmota"), "pn532_card_left_on_reader")


def test_a_session_has_every_field_of_the_contract(tmp_path: Path) -> None:
    text = (stories.FOLDER / "fablab_v1.jsonl").read_text()
    answer = json.loads(run(tmp_path, text, stories.devices("fablab_v1")).stdout)
    fields = "device start end outcome job energy_wh paused_s working_s material grams uid sid flags"
    assert all(" ".join(session) == fields for session in answer["sessions"])
    starts = [session["start"] for session in answer["sessions"]]
    assert starts == sorted(starts)


@pytest.mark.parametrize(
    ("lines", "devices", "words"),
    [
        ("{", PLUG, "day.jsonl, line 1: this is not JSON"),
        ("\n[1]\n", PLUG, "line 1: a JSON object is needed"),
        ('{"t": "x", "topic": "a", "payload": ""}', PLUG, "line 1: t must be a number"),
        ('{"t": NaN, "topic": "a", "payload": ""}', PLUG, "line 1: t must be a number"),
        ('{"t": 1' + "0" * 400 + ', "topic": "a", "payload": ""}', PLUG, "line 1: t must be a number"),
        ('{"t": 0, "topic": "a", "payload": 5}', PLUG, "line 1: topic and payload must be texts"),
        (b"\xff\xfe", PLUG, "day.jsonl cannot be read: it is not UTF-8 text"),
        ("", "{", "devices.json: this is not JSON"),
        ("", [], "devices.json: an object of devices"),
        ("", {"a": 5}, "device a: an object"),
        ("", {"a": {"dialect": "morse", "base": "x"}}, "device a: dialect 'morse' is none of"),
        ("", {"a": {"dialect": "tasmota"}}, "device a: base"),
        ("", {"a": {"dialect": "tasmota", "base": "a/#"}}, "device a: base"),
        ("", {"a": {"dialect": "tasmota", "base": "p", "power": {"on_w": "much"}}}, "on_w: a number of at least 0"),
        ("", {"a": {"dialect": "tasmota", "base": "p", "power": {"on_w": 5, "off_w": 9}}}, "power.off_w: 9 is more"),
    ],
)
def test_what_is_wrong_is_one_sentence(tmp_path: Path, lines: str | bytes, devices: Any, words: str) -> None:
    result = run(tmp_path, lines, devices)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


def test_files_and_sequences_that_are_not_there(tmp_path: Path) -> None:
    assert "has no sequence noon" in run(tmp_path, json.dumps(LINE), PLUG, "--sequence", "noon").stderr
    missing = CliRunner().invoke(derive_command, [str(tmp_path / "no.jsonl"), "--devices", str(tmp_path)])
    assert missing.exit_code == 1
    assert CliRunner().invoke(derive_command, []).exit_code == 2


def test_after_the_last_line_the_clock_runs_on_for_an_hour() -> None:
    lines = [LINE, {**LINE, "t": 10, "topic": "tele/plug/SENSOR", "payload": '{"ENERGY": {"Power": 500}}'}]
    [session] = derive(lines, PLUG)["sessions"]
    assert (session["start"], session["end"], session["outcome"]) == (10, 10, "interrupted")
    kiln = {"pl-1": {**PLUG["pl-1"], "power": {"stale_s": 3000, "offline_grace_s": 3000}}}
    [session] = derive(lines, kiln)["sessions"]
    assert session["end"] is None


def test_payloads_may_be_any_bytes() -> None:
    lines = [{**LINE, "payload": text} for text in ("\udcff\udc80", "\ud800\udc80", "\x00", "é")]
    assert derive(lines, PLUG)["sessions"] == []
