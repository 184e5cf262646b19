"""What a native device may do to whoever counts its uses."""

import itertools
from typing import Any

import pytest

from fablab.devices.readings import Message
from firmware_bridge.derive import T0
from firmware_bridge.devicefold import DeviceFold
from tests.dialects.tape import Native

UID = "04A2246AB15C80"


def using() -> Native:
    """A live use from 30 on: tap, grant, start; life begins at −100."""
    tape = Native().birth(0).beat(5, 105, wh=0.0).tap(30, 130, "1-aa:1")
    tape.ours(30.03, "tap", rid="1-aa:1", ok=True, lid=1, ttl=60000)
    return tape.record(30.1, 130.05, 1, "use.start", sid="s1", rid="1-aa:1", auth="server", lid=1)


def beats(tape: Native, first: int, last: int, lid: int = 1, **body: Any) -> Native:
    for t in range(first, last, 20):
        tape.beat(t, t + 100, relay=True, sess="1-aa:s1", lid=lid, seq=1, w=600, wh=(t - 30) / 6, **body)
    return tape


def only(tape: Native) -> dict[str, Any]:
    [session] = tape.answer()["sessions"]
    return dict(session)


def test_records_count_in_any_order() -> None:
    records: list[tuple[int, float, str, dict[str, Any]]] = [
        (1, 200, "use.start", {"sid": "s1", "auth": "cache"}),
        (2, 260, "tick", {"sid": "s1", "wh": 10.0}),
        (3, 300, "job.start", {"sid": "s1", "job": "a", "material": "PLA"}),
        (4, 400, "job.end", {"sid": "s1", "out": "failed", "g": 3}),
        (5, 500, "use.end", {"sid": "s1", "why": "user", "run_s": 250, "wh": 50.0}),
    ]
    answers = []
    for order in itertools.permutations(records):
        tape = Native().birth(900).beat(901, 1001, seq=5)
        for count, (seq, up, kind, data) in enumerate([*order, order[0]]):
            tape.record(902 + count, up, seq, kind, r=1, **data)
        answers.append(only(tape))
    assert all(answer == answers[0] for answer in answers)
    first = answers[0]
    assert (first["start"], first["end"], first["outcome"], first["energy_wh"]) == (100, 400, "failed", 50.0)
    assert (first["job"], first["material"], first["grams"], first["working_s"]) == ("a", "PLA", 3, 250)
    assert first["flags"] == []


def test_a_power_cut_ends_the_use_at_its_last_sign() -> None:
    tape = beats(using(), 40, 200).will(245).birth(400, 1, "2-bb").beat(401, 5, "2-bb")
    session = only(tape)
    assert (session["start"], session["end"], session["outcome"]) == (30.1, 180, "interrupted")
    assert session["flags"] == ["end_estimated"]
    assert session["energy_wh"] == 25.0
    tape.record(402, 295, 2, "use.end", r=1, sid="s1", why="power", run_s=165, wh=27.0)
    session = only(tape)
    assert (session["end"], session["outcome"], session["energy_wh"], session["flags"]) == (195, "interrupted", 27, [])


def test_a_device_that_never_returns() -> None:
    tape = beats(using(), 40, 200)
    assert tape.sessions() == [(30.1, 180, "interrupted")]
    assert tape.states() == [(0, "online"), (245, "offline")]


def test_an_outage_of_the_broker_in_a_use() -> None:
    tape = beats(beats(using(), 40, 200), 1000, 1100)
    tape.record(1105, 1205, 2, "use.end", sid="s1", why="user", run_s=1000, wh=180)
    assert tape.sessions() == [(30.1, 1105, "completed")]
    assert tape.states()[:3] == [(0, "online"), (245, "offline"), (1000, "online")]


def test_a_late_will_of_an_older_connection_is_nobodys() -> None:
    tape = beats(using().birth(35, 2).will(36, 1), 40, 200, conn=2)
    assert tape.states()[0] == (0, "online")
    assert [state for t, state in tape.states() if t < 200] == ["online"]
    taken_over = beats(using().will(35, 1).birth(35.1, 2), 40, 200, conn=2)
    assert [state for t, state in taken_over.states() if t < 200] == ["online"]
    dead = beats(using(), 40, 200).will(201).birth(202, 1)
    assert [state for t, state in dead.states() if t < 240] == ["online", "offline"]


def test_words_of_a_past_life_change_nothing() -> None:
    tape = beats(using(), 40, 200).birth(300, 1, "2-bb").beat(301, 5, "2-bb")
    recorded = [{**line, "t": 400 + count / 100} for count, line in enumerate(tape.lines[:-2])]
    before = tape.answer()
    tape.lines += recorded
    tape.beat(401, 105, "2-bb")
    after = tape.answer()
    assert after["sessions"] == before["sessions"]
    assert after["taps"] == before["taps"]


def test_a_late_end_closes_only_its_own_use() -> None:
    tape = using().record(100, 200, 3, "use.start", sid="s2", auth="server")
    tape.record(110, 160, 2, "use.end", r=1, sid="s1", why="user", wh=5)
    tape.record(300, 400, 4, "use.end", sid="s2", why="idle", wh=9)
    assert tape.sessions() == [(30.1, 60, "completed"), (100, 300, "completed")]


def test_an_end_that_is_never_told_is_concluded() -> None:
    tape = beats(using(), 40, 200)
    for t in range(200, 400, 20):
        tape.beat(t, t + 100, relay=False, sess=None, seq=2)
    assert tape.sessions() == [(30.1, 180, "unknown")]


def test_a_start_that_is_never_told_is_bounded() -> None:
    tape = beats(Native().birth(0).beat(25, 125, wh=0.0), 40, 200)
    tape.record(210, 310, 2, "use.end", sid="s1", why="user", wh=30)
    session = only(tape)
    assert (session["start"], session["end"], session["flags"]) == (40, 210, ["start_estimated"])


def test_a_life_that_never_spoke_live_is_placed_before_the_next() -> None:
    tape = Native().birth(1000, 1, "2-bb").beat(1001, 11, "2-bb")
    tape.record(1002, 100, 1, "use.start", "1-aa", 1, sid="s1", auth="cache")
    tape.record(1003, 400, 2, "use.end", "1-aa", 1, sid="s1", why="user", wh=4)
    session = only(tape)
    assert session["end"] - session["start"] == 300
    assert session["end"] <= 990
    assert session["flags"] == ["time_uncertain"]


def test_the_clock_of_the_device_serves_only_where_nothing_else_does() -> None:
    tape = Native().birth(1000, 1, "2-bb").beat(1001, 11, "2-bb")
    for seq, up, kind, ts in [(1, 100, "use.start", 500), (2, 400, "use.end", 800)]:
        body = {"seq": seq, "up": up * 1000, "ts": (T0 + ts) * 1000, "tq": "ntp", "e": kind, "r": 1}
        tape.up(1002 + seq, "ev", "1-aa", **body, d={"sid": "s1", "why": "user"})
    assert tape.sessions() == [(500, 800, "completed")]
    wrong = using().up(60, "ev", seq=2, up=160_000, ts=12345, tq="ntp", e="use.end", d={"sid": "s1", "why": "user"})
    assert wrong.sessions() == [(30.1, 60, "completed")]


def test_records_before_the_first_heartbeat_find_their_place() -> None:
    tape = Native().birth(1000)
    tape.record(1001, 100, 1, "use.start", r=1, sid="s1", auth="cache")
    tape.record(1001.5, 400, 2, "use.end", r=1, sid="s1", why="user", wh=4)
    session = only(tape.beat(1002, 902, seq=2))
    assert (session["start"], session["end"], session["flags"]) == (200, 500, [])


def test_taps_are_answered_by_us_alone() -> None:
    tape = Native().birth(0).tap(10, 20, "1-aa:1").tap(10.5, 20.5, "1-aa:1").tap(20, 30, "1-aa:2", "94D8FC5F")
    tape.up(30, "tap", up=40_000, rid="1-aa:3", uid=UID, retain=True)
    tape.say(10.1, "dn/tap", {"v": 1, "rid": "1-aa:1", "ok": True}, dir="other")
    tape.ours(10.2, "tap", rid="1-aa:1", ok=False, code="badge_unknown").ours(10.3, "tap", rid="1-aa:1", ok=True)
    taps = [(each["t"], each["uid"], each["decision"]) for each in tape.answer()["taps"]]
    assert taps == [(10, UID, "denied"), (20, "94D8FC5F", None)]


def test_states_tell_work_from_pauses() -> None:
    tape = using()
    for seq, t, word in [(2, 50, "work"), (3, 150, "pause"), (4, 200, "work"), (5, 230, "idle")]:
        tape.record(t, t + 100, seq, "use.state", sid="s1", s=word)
    session = only(tape.record(300, 400, 6, "use.end", sid="s1", why="user"))
    assert (session["working_s"], session["paused_s"]) == (130, 50)


def test_a_tap_the_device_let_in_names_the_use() -> None:
    tape = Native().birth(900).beat(901, 1001, seq=2)
    tape.record(902, 201, 2, "use.start", r=1, sid="s1", auth="cache")
    tape.record(903, 200, 1, "tap", r=1, uid=UID, ok=True, auth="cache")
    assert only(tape)["uid"] == UID
    assert tape.answer()["taps"] == [{"t": 100, "device": "it", "uid": UID, "decision": "granted_offline"}]


def test_a_use_we_refused_is_marked() -> None:
    tape = Native().birth(0).tap(10, 20, "1-aa:1").ours(10.1, "tap", rid="1-aa:1", ok=False, code="not_certified")
    assert (
        only(tape.record(11, 21, 1, "use.start", sid="s1", rid="1-aa:1", auth="server"))["flags"][-1] == "not_granted"
    )


def test_a_device_without_a_journal_is_read_off_its_lease() -> None:
    tape = Native().birth(0).beat(5, 15, relay=False, wh=1.0).tap(30, 40, "1-aa:1")
    tape.ours(30.1, "tap", rid="1-aa:1", ok=True, lid=1, ttl=60000)
    for t in range(31, 200, 20):
        tape.beat(t, t + 10, relay=True, lid=1, wh=1.0 + t / 10)
        tape.ours(t + 0.1, "lease", boot="1-aa", lid=t, ttl=60000, hb=tape.n)
    out = tape.ours(205, "tap", rid="1-aa:2", ok=True, act="end")  # a tap we never heard: no end of its own
    session = only(out.beat(206, 216, relay=False, wh=21.0))
    assert (session["start"], session["uid"], session["energy_wh"]) == (30.1, UID, 20)
    assert session["end"] == pytest.approx(206, abs=20)
    assert session["flags"] == ["start_estimated", "end_estimated"]


def test_a_lease_that_ran_out_unheard() -> None:
    tape = Native().birth(0).beat(5, 15, relay=False).tap(30, 40, "1-aa:1")
    tape.ours(30.1, "tap", rid="1-aa:1", ok=True, lid=1, ttl=60000).beat(31, 41, relay=True, lid=1)
    tape.beat(400, 410, relay=False)
    assert only(tape)["end"] == pytest.approx(90.1, abs=20)
    assert only(tape)["outcome"] == "interrupted"


def test_who_does_not_obey_is_an_alarm() -> None:
    dead = Native().birth(0).beat(5, 15, relay=False).tap(20, 30, "1-aa:1")
    dead.ours(20.1, "tap", rid="1-aa:1", ok=True, lid=1, ttl=60000).beat(26, 36, relay=False).beat(45, 55, relay=False)
    assert dead.alarms() == [(26, "does_not_obey")]
    stuck = beats(using(), 40, 60).ours(60, "lease", boot="1-aa", lid=9, ttl=0, how="now", why="certification_revoked")
    assert beats(stuck, 80, 200).alarms() == [(80, "does_not_obey")]
    own = Native().birth(0).beat(5, 15, relay=False).beat(25, 35, relay=True)
    assert own.alarms() == [(25, "relay_on_without_grant")]
    assert beats(using(), 40, 200).alarms() == []


def test_gaps_are_told_and_lost_records_close_them() -> None:
    fold = DeviceFold("fablab_v1", {"base": "fablab/v1/lab1/saw-1"})
    tape = Native().birth(0).record(10, 20, 1, "use.start", sid="s1").record(20, 30, 4, "tick", sid="s1", wh=1)
    tape.beat(21, 31, seq=6, waiting=0)
    hear(fold, tape)
    assert (fold.missing, fold.acknowledge) == ((("1-aa", 2, 3), ("1-aa", 5, 6)), {"1-aa": 1})
    lost: dict[str, Any] = {"from": 2, "to": 3}
    hear(fold, Native().record(30, 40, 7, "lost", **lost).record(31, 25, 5, "tick", r=1, sid="s1"))
    assert (fold.missing, fold.acknowledge) == ((("1-aa", 6, 6),), {"1-aa": 5})
    again = DeviceFold("fablab_v1", {"base": "fablab/v1/lab1/saw-1"}, fold.state)
    assert (again.missing, again.acknowledge) == (fold.missing, fold.acknowledge)
    joined = DeviceFold("fablab_v1", {"base": "fablab/v1/lab1/saw-1"})
    hear(joined, Native().birth(0).beat(5, 105, seq=16))
    assert (joined.missing, joined.acknowledge) == ((), {"1-aa": 16})


def hear(fold: DeviceFold, tape: Native) -> list[Any]:
    return [
        change
        for line in tape.lines
        for change in fold.hear(Message(line["topic"], line["payload"].encode(), T0 + line["t"]))
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"boot": "1-aa", "seq": True, "up": 1, "e": "use.start", "d": {"sid": "s9"}},
        {"boot": "1-aa", "seq": 10**30, "up": 1, "e": "use.start", "d": {"sid": "s9"}},
        {"boot": "1-aa", "seq": 2, "up": -1, "e": "use.start", "d": {"sid": "s9"}},
        {"boot": "1-aa", "seq": 2, "up": float("nan"), "e": "use.start", "d": {"sid": "s9"}},
        {"boot": 5, "seq": 2, "up": 1, "e": "use.start", "d": {"sid": "s9"}},
        {"boot": "1-aa", "seq": 2, "up": 1, "e": ["use.start"], "d": {"sid": "s9"}},
        {"boot": "1-aa", "seq": 2, "up": 160000, "e": "use.start", "d": {"sid": 9}},
        {"boot": "1-aa", "seq": 2, "up": 160000, "e": "use.start", "d": [[[[[[]]]]]]},
        {"v": 2, "boot": "1-aa", "seq": 2, "up": 160000, "e": "use.start", "d": {"sid": "s9"}},
        {"v": "1", "boot": "1-aa", "seq": 2, "up": 160000, "e": "use.start", "d": {"sid": "s9"}},
    ],
)
def test_records_that_make_no_sense_start_nothing(body: dict[str, Any]) -> None:
    tape = using().up(60, "ev", **body) if "v" not in body else using().say(60, "up/ev", body)
    tape.record(100, 200, 3, "use.end", sid="s1", why="user", wh=float("inf"), run_s="x")
    assert tape.sessions() == [(30.1, 100, "completed")]
