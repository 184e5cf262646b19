"""Every worked story comes out right: alone, with the whole file, and as recorded from real programs."""

import pytest

from firmware_bridge.derive import derive
from tests.dialects import stories


@pytest.mark.parametrize(("dialect", "name"), stories.ALL)
def test_a_story_alone(dialect: str, name: str) -> None:
    story = stories.expected(dialect)[name]
    answer = derive(stories.lines(dialect), story["devices"], name)
    assert stories.complaints(story, answer) == []


@pytest.mark.parametrize("dialect", stories.FILES)
def test_all_stories_of_a_file_at_once(dialect: str) -> None:
    answer = derive(stories.lines(dialect), stories.devices(dialect))
    for story in stories.expected(dialect).values():
        assert stories.complaints(story, answer, whole_file=True) == []
    wanted = sum(len(story["sessions"]) for story in stories.expected(dialect).values())
    assert len(answer["sessions"]) <= wanted


def test_a_job_in_the_history_that_was_heard_is_one_session() -> None:
    answer = derive(stories.lines("moonraker"), stories.devices("moonraker"))
    [job] = [each for each in answer["sessions"] if each["device"] == "kl-1" and each["start"] > 0]
    assert (job["material"], job["energy_wh"]) == ("PETG", 214.0)


@pytest.mark.parametrize(
    ("file", "device", "start", "end", "job"),
    [
        ("octoprint-ok", {"dialect": "octoprint", "base": "octoPrint/"}, 10.1, 75.7, "keyring.gcode"),
        ("moonraker-ok", {"dialect": "moonraker", "base": "voron-1"}, 8.0, 73.6, "jobs/Gehäuse Deckel v2.gcode"),
    ],
)
def test_what_real_programs_said(file: str, device: dict[str, str], start: float, end: float, job: str) -> None:
    live = [{**line, "retain": False} for line in stories.lines(file)]
    [session] = derive(live, {"it": device})["sessions"]
    assert (session["outcome"], session["job"], session["flags"]) == ("completed", job, [])
    assert stories.near(start, 0.5, session["start"])
    assert stories.near(end, 0.5, session["end"])
