"""What trips a naive decoder of Tasmota plugs and readers."""

from typing import Any

import pytest

from tests.dialects.tape import Plug, clock


def sawing(until: int = 900, **options: Any) -> Plug:
    """Idle, then 1000 W from 300 on, told each 100 s."""
    tape = Plug(**options).lwt(0, "Online").watts(5, 2, 41.0)
    for t in range(300, until, 100):
        tape.watts(t, 1000, 41.0 + (t - 300) / 3600)
    return tape


def energy(tape: Plug) -> list[float]:
    return [each["energy_wh"] for each in tape.answer()["sessions"]]


def test_dips_shorter_than_the_delay_belong_to_the_session() -> None:
    tape = sawing().watts(850, 3).watts(905, 800).watts(1000, 3)
    assert tape.sessions() == [(300, 1000, "ended")]
    assert tape.answer()["sessions"][0]["working_s"] == 645


def test_an_inrush_starts_nothing() -> None:
    assert Plug().watts(0, 2).watts(10, 3000).watts(12, 8).sessions() == []


def test_delays_run_on_the_clock() -> None:
    assert Plug().watts(0, 2).watts(10, 500).watts(100, 3).sessions() == [(10, 100, "ended")]


def test_the_end_is_the_opened_relay() -> None:
    assert sawing().relay(850, "OFF").sessions() == [(300, 850, "ended")]
    assert sawing().watts(840, 2).relay(850, "OFF").sessions() == [(300, 840, "ended")]


def test_a_late_will_changes_nothing() -> None:
    tape = sawing().lwt(850, "Offline", qos=1).watts(900, 2, 41.166)
    assert tape.sessions() == [(300, 900, "ended")]


def test_a_reconnection_while_working_goes_on() -> None:
    tape = sawing().lwt(820, "Offline", qos=1).lwt(1000, "Online").watts(1010, 1000, 41.197).watts(1100, 2, 41.22)
    assert tape.sessions() == [(300, 1100, "ended")]
    assert energy(tape) == [pytest.approx(220, abs=3)]


def test_idle_after_an_outage_means_that_it_ended_before() -> None:
    tape = sawing().lwt(820, "Offline", qos=1).lwt(1000, "Online").watts(1010, 2, 41.166)
    assert tape.sessions() == [(300, 800, "interrupted")]
    boot = {"Info3": {"RestartReason": "Power On", "BootCount": 3}}
    silent = sawing().say(1000, "tele/plug/INFO3", boot)
    silent.say(1010, "tele/plug/SENSOR", {"Time": clock(1010), "ENERGY": {"Power": 0, "Total": 41.0}})
    assert silent.sessions() == [(300, 800, "interrupted")]


def test_silence_is_an_end() -> None:
    tape = sawing()
    assert tape.sessions() == [(300, 800, "interrupted")]
    assert tape.states() == [(0, "online"), (1500, "offline")]


def test_a_phantom_leap_of_the_counter_is_refused() -> None:
    tape = sawing().watts(900, 1000, 106.9).watts(1000, 1000, 106.928).watts(1100, 2, 106.956)
    assert energy(tape) == [pytest.approx(222, abs=5)]


def test_a_counter_set_to_zero_is_a_reset() -> None:
    tape = sawing().watts(900, 1000, 0.0).watts(1000, 1000, 0.028).watts(1100, 2, 0.056)
    assert energy(tape) == [pytest.approx(222, abs=30)]


def test_an_old_reading_that_comes_again_is_not_counted_twice() -> None:
    tape = sawing()
    again = dict(tape.lines[3])
    tape.watts(900, 1000, 41.167)
    tape.lines.append({**again, "t": 950})
    tape.watts(1000, 2, 41.194)
    assert energy(tape) == [pytest.approx(194, abs=3)]


@pytest.mark.parametrize("bad", [None, "nan", "", True, [], {}, -5, "1e999", float("nan"), 10**400, "12_0"])
def test_no_number_is_not_zero(bad: Any) -> None:
    tape = sawing(800).watts(750, bad, bad).watts(800, 1000).watts(900, 2)
    assert tape.sessions() == [(300, 900, "ended")]


def test_three_phases_are_summed_and_channels_chosen() -> None:
    tape = Plug().watts(0, [1, 1, 0], [10.0, 5.0, 5.0]).watts(100, [300, 300, 300], [10.0, 5.0, 5.0])
    tape.watts(600, [300, 300, 300], [10.04, 5.04, 5.045]).watts(1100, [1, 0, 1], [10.08, 5.08, 5.09])
    assert tape.sessions() == [(100, 1100, "ended")]
    assert energy(tape) == [pytest.approx(250, abs=1)]
    second = Plug(channel=2).watts(0, [1, 1]).watts(100, [900, 2]).watts(200, [1, 500]).watts(400, [900, 1])
    second.relay(410, "ON").say(420, "stat/plug/POWER2", "OFF")
    assert second.sessions() == [(200, 400, "ended")]


@pytest.mark.parametrize(
    "full", ["%topic%/%prefix%/", "lab/%prefix%/a/%topic%/", "%prefix%/%topic%", "/%topic%/%prefix%/"]
)
def test_any_full_topic(full: str) -> None:
    tape = Plug("saw", fulltopic=full)
    root = full.replace("%topic%", "saw").replace("%prefix%", "tele").rstrip("/")
    for t, watts in ((0, 2), (100, 900), (200, 2)):
        tape.say(t, f"{root}/SENSOR", {"Time": clock(t), "ENERGY": {"Power": watts}})
    assert tape.sessions() == [(100, 200, "ended")]


def test_stored_reports_are_of_the_past() -> None:
    tape = Plug().lwt(0, "Offline", retain=True).watts(0, 1000, 5.0, retain=True).relay(0, "ON", retain=True)
    assert tape.sessions() == []
    assert tape.states() == [(0, "offline")]
    tape = Plug().watts(0, 1000, 5.0, retain=True).watts(10, 1000, 5.0).watts(100, 2, 5.025)
    [session] = tape.answer()["sessions"]
    assert (session["start"], session["end"], session["flags"]) == (10, 100, ["start_estimated"])


def test_a_clock_that_steps_moves_no_session() -> None:
    tape = Plug().watts(0, 2).watts(100, 900).watts(200, 900, stamp=3800).watts(300, 900, stamp=300).watts(400, 2)
    assert tape.sessions() == [(100, 400, "ended")]
    unset = Plug()
    for t, watts in ((0, 2), (100, 900), (200, 2)):
        unset.say(t, "tele/plug/SENSOR", {"Time": f"1970-01-01T00:00:{t // 10:02}", "ENERGY": {"Power": watts}})
    assert unset.sessions() == [(100, 200, "ended")]


def test_what_waited_in_our_queue_is_placed_by_its_stamp() -> None:
    tape = Plug().watts(0, 2, 1.0).watts(60, 2, 1.0).direct(70, "subscriber_disconnect")
    tape.direct(1500, "subscriber_reconnect")
    for count, (t, watts) in enumerate([(300, 2), (360, 900), (660, 900), (960, 900), (1000, 2), (1300, 2)]):
        tape.watts(1500 + count / 100, watts, 1.0 + max(0, min(t, 1000) - 360) / 4000, stamp=t)
    tape.watts(1600, 2, 1.16)
    [session] = tape.answer()["sessions"]
    assert (session["start"], session["end"]) == (pytest.approx(360, abs=2), pytest.approx(1000, abs=2))
    assert session["energy_wh"] == pytest.approx(160, abs=2)


def test_a_relay_that_closes_by_itself_is_an_alarm() -> None:
    tape = Plug().relay(0, "OFF").relay(10, "ON").relay(10, "ON").relay(50, "OFF")
    tape.say(60, "cmnd/plug/POWER", "ON", dir="out").relay(60.1, "ON").relay(100, "ON").relay(160, "OFF")
    tape.say(170, "cmnd/plug/POWER", "ON", dir="other").relay(171, "ON")
    assert tape.alarms() == [(10, "relay_on_without_grant"), (171, "relay_on_without_grant")]


@pytest.mark.parametrize("uid", ["00000000", "FFFFFFFFFFFFFF", "", " ", "xyz", None, 12, ["94D8FC5F"], "9" * 400])
def test_ghosts_are_no_cards(uid: Any) -> None:
    assert Plug().say(0, "tele/plug/SENSOR", {"Time": clock(0), "PN532": {"UID": uid}}).answer()["taps"] == []


@pytest.mark.parametrize(
    ("spelling", "printed", "canonical"),
    [
        ("hex", "94d8fc5f", "94D8FC5F"),
        ("hex-dash", "74-10-37-94", "74103794"),
        ("dec32", "7616525", "0074380D"),
        ("rev4", "079d83ba", "BA839D07"),
        ("wiegand26", "12345678", "00BC614E"),
        ("hex", "badge:0123456789abcdef", "badge:0123456789abcdef"),
    ],
)
def test_every_spelling_of_a_card_number(spelling: str, printed: str, canonical: str) -> None:
    tape = Plug(uid_format=spelling).say(0, "tele/plug/SENSOR", {"Time": clock(0), "RC522": {"UID": printed}})
    assert [each["uid"] for each in tape.answer()["taps"]] == [canonical]


def test_nonsense_changes_nothing() -> None:
    tape = sawing(800)
    for payload in ("", "{", "[]", "null", "nan", "{}", '{"Time": "2026-03-02', "\udcff\udcfe", '{"a":' * 3000):
        for leaf in ("tele/plug/SENSOR", "tele/plug/LWT", "stat/plug/RESULT", "stat/plug/POWER"):
            tape.say(790, leaf, payload)
    assert tape.watts(850, 2).sessions() == [(300, 850, "ended")]
