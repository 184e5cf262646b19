"""What simulated devices say, played without a broker and without time."""

import itertools
import json

import pytest

from firmware_bridge.simulate.device import Publish
from firmware_bridge.simulate.moonraker import Moonraker
from firmware_bridge.simulate.native import Native
from firmware_bridge.simulate.octoprint import OctoPrint
from firmware_bridge.simulate.play import Heard, Stage
from firmware_bridge.simulate.tasmota import TasmotaPlug, TasmotaReader
from firmware_bridge.simulate.visits import Visits

START = 1_772_438_400.0
HOUR = 3600.0
BASE = "fablab/v1/lab1/laser-1"


class SmallLab:
    """Answers a native reader as the lab does: grants the first tap, ends at the second, renews, acknowledges."""

    def __init__(self, deny: str | None = None, silent: bool = False) -> None:
        self.deny = deny
        self.silent = silent
        self.using = False
        self.lid = 100

    def __call__(self, said: Publish) -> list[tuple[str, str]]:
        leaf = said.topic.rpartition("/")[2]
        word = json.loads(said.payload)
        if self.silent:
            return []
        if leaf == "tap":
            return [(f"{BASE}/dn/tap", json.dumps(self.decide(word)))]
        if leaf == "ev":
            return [(f"{BASE}/dn/ack", json.dumps({"v": 1, "boot": word["boot"], "seq": word["seq"]}))]
        if leaf == "hb" and word["relay"]:
            self.lid += 1
            renewal = {"v": 1, "boot": word["boot"], "lid": self.lid, "ttl": 60000, "hb": word["n"]}
            return [(f"{BASE}/dn/lease", json.dumps(renewal))]
        return []

    def decide(self, word: dict) -> dict:
        if self.deny:
            return {"v": 1, "rid": word["rid"], "ok": False, "code": self.deny}
        self.using = not self.using
        if not self.using:
            return {"v": 1, "rid": word["rid"], "ok": True, "act": "end"}
        self.lid += 1
        return {"v": 1, "rid": word["rid"], "ok": True, "lid": self.lid, "ttl": 60000, "who": "Ada"}


def words(heard: list[Heard], leaf: str) -> list[dict]:
    return [json.loads(one.payload) for one in heard if one.topic.endswith(leaf) and not one.outbound]


def reader() -> Native:
    visits = Visits((("04A2246AB15C80", 1.0),), first_s=(20, 20), gap_s=(300, 400), troubles=0.0)
    return Native("laser-1", 7, base=BASE, visits=visits)


@pytest.mark.parametrize("make", [OctoPrint, Moonraker, TasmotaPlug])
def test_it_says_the_same_for_the_same_seed_and_other_things_for_another(make: type) -> None:
    def told(seed: int) -> list[Heard]:
        return list(Stage([make("one", seed, base="one/")], START).run(3 * HOUR))

    assert told(1) == told(1)
    assert told(1) != told(2)


@pytest.mark.parametrize("make", [OctoPrint, Moonraker, TasmotaPlug])
def test_times_never_run_backwards(make: type) -> None:
    heard = list(Stage([make("one", 3, base="one/")], START).run(24 * HOUR))
    assert len(heard) > 100
    assert all(before.at <= after.at for before, after in itertools.pairwise(heard))


def test_octoprint_fires_both_endings_of_a_cancelled_print_in_order() -> None:
    heard = list(Stage([OctoPrint("mk4", 1, base="lab/mk4/", story=("cancelled",))], START).run(6 * HOUR))
    events = [one.topic.rpartition("/")[2] for one in heard if "/event/" in one.topic]
    begun = events.index("PrintStarted")
    assert events.index("PrintCancelling") > begun
    assert events.index("PrintFailed") == events.index("PrintCancelled") + 1
    failed = words(heard, "event/PrintFailed")[0]
    assert failed["reason"] == "cancelled"


def test_octoprint_counts_no_pause_in_the_time_of_a_print() -> None:
    for seed in range(30):
        device = OctoPrint("mk4", seed, base="lab/mk4/", story=("completed",))
        heard = list(Stage([device], START).run(5 * HOUR))
        done = words(heard, "event/PrintDone")
        first = device.truth[0]
        if done and first.paused_s and first.end:
            assert done[0]["time"] == pytest.approx(first.end - first.start - first.paused_s, abs=2)
            return
    pytest.fail("no print with a pause in thirty seeds")


def test_octoprint_joined_in_mid_print_has_said_nothing_of_its_start() -> None:
    device = OctoPrint("mk4", 5, base="lab/mk4/", joins=True, story=("completed",))
    heard = list(Stage([device], START).run(4 * HOUR))
    first = words(heard, "progress/printing")[0]["progress"]
    assert 20 <= first <= 91
    topics = [one.topic for one in heard]
    assert topics.index("lab/mk4/event/PrintDone") < topics.index("lab/mk4/event/PrintStarted")
    first_job = device.truth[0]
    assert first_job.end is not None
    lasted = first_job.end - first_job.start - first_job.paused_s
    assert words(heard, "PrintDone")[0]["time"] == pytest.approx(lasted, abs=2)


def test_octoprint_whose_host_dies_is_heard_by_its_will_alone() -> None:
    device = OctoPrint("mk4", 2, base="lab/mk4/", story=("interrupted",))
    heard = list(Stage([device], START).run(5 * HOUR))
    lines = [one.payload for one in heard if one.topic == "lab/mk4/mqtt"]
    assert lines[:3] == ["connected", "disconnected", "connected"]
    assert not words(heard, "event/PrintDone")


def test_moonraker_sends_only_what_changed_after_the_first_status() -> None:
    heard = list(Stage([Moonraker("voron", 1, base="voron", story=("completed",))], START).run(3 * HOUR))
    status = words(heard, "klipper/status")
    assert set(status[0]["status"]) >= {"webhooks", "print_stats", "virtual_sdcard"}
    states = [
        one["status"]["print_stats"]["state"] for one in status if "state" in one["status"].get("print_stats", {})
    ]
    assert states[:3] == ["standby", "printing", "complete"] or states[:3] == ["standby", "printing", "paused"]
    clock = [one["eventtime"] for one in status]
    assert clock == sorted(clock)


def test_moonraker_tells_its_history_on_request() -> None:
    device = Moonraker("voron", 1, base="voron", story=("completed",))
    stage = Stage([device], START)
    list(stage.run(4 * HOUR))
    stage.tell(
        "voron/moonraker/api/request", json.dumps({"method": "server.history.list", "params": {"limit": 1}, "id": 9})
    )
    stage.tell("voron/moonraker/api/request", "{broken")
    answer = words(list(stage.run(1)), "api/response")
    assert len(answer) == 1
    assert answer[0]["id"] == 9
    assert answer[0]["result"]["jobs"][0]["status"] == "completed"


def test_the_plugs_counter_adds_up_what_flowed() -> None:
    device = TasmotaPlug("plug", 4, base="plug", load="laser", outages=False)
    stage = Stage([device], START)
    heard = list(stage.run(8 * HOUR))
    while device.truth[-1].end is None:
        heard += stage.run(60)
    totals = [one["ENERGY"]["Total"] for one in words(heard, "/SENSOR")]
    assert totals == sorted(totals)
    used = sum(truth.energy_wh or 0.0 for truth in device.truth)
    assert used > 100
    assert 1000 * (totals[-1] - totals[0]) == pytest.approx(used, rel=0.1)


def test_the_plug_obeys_its_lease_and_opens_by_itself() -> None:
    device = TasmotaPlug("plug", 4, base="plug", always_on=False)
    stage = Stage([device], START)
    list(stage.run(10))
    stage.tell("cmnd/plug/PulseTime", "160")
    stage.tell("cmnd/plug/POWER", "ON", 1)
    stage.tell("cmnd/plug/POWER", "ON", 40)
    told = [(one.at - START, one.payload) for one in stage.run(200) if one.topic == "stat/plug/POWER"]
    assert [word for _, word in told] == ["ON", "ON", "OFF"]
    assert told[-1][0] == pytest.approx(10 + 40 + 60, abs=2)


def test_a_card_left_on_the_reader_is_told_every_two_seconds() -> None:
    device = TasmotaReader("reader", 3, base="reader", cards=("94D8FC5F", "BA839D07"))
    heard = list(Stage([device], START).run(6 * HOUR))
    reads = words(heard, "/SENSOR")
    assert len(reads) > len(device.truth) > 10
    assert {one["PN532"]["UID"] for one in reads} == {"94D8FC5F", "BA839D07"}


def test_a_granted_tap_opens_the_relay_and_a_second_one_ends_the_use() -> None:
    device = reader()
    heard = list(Stage([device], START, SmallLab()).run(3 * HOUR))
    records = [one["e"] for one in words(heard, "up/ev")]
    assert records[:3] == ["boot", "relay", "use.start"]
    end = next(one for one in words(heard, "up/ev") if one["e"] == "use.end")
    assert end["d"]["why"] in ("user", "idle")
    assert end["d"]["wh"] == pytest.approx(device.truth[0].energy_wh)
    assert device.truth[0].uid == "04A2246AB15C80"
    assert not device.ring.kept


def test_every_message_fits_into_a_small_device() -> None:
    heard = list(Stage([reader()], START, SmallLab()).run(3 * HOUR))
    assert max(len(one.payload) for one in heard if not one.outbound) <= 480


def test_a_refused_tap_leaves_the_relay_open_and_is_journalled() -> None:
    device = reader()
    heard = list(Stage([device], START, SmallLab(deny="not_certified")).run(HOUR))
    assert not any(one["relay"] for one in words(heard, "up/hb"))
    refused = [one["d"] for one in words(heard, "up/ev") if one["e"] == "tap"]
    assert refused
    assert all(one["ok"] is False and one["code"] == "not_certified" for one in refused)


def test_a_tap_that_nobody_answers_is_asked_twice_with_one_rid_and_then_refused() -> None:
    heard = list(Stage([reader()], START, SmallLab(silent=True)).run(120))
    taps = words(heard, "up/tap")
    assert [one["rid"] for one in taps] == [taps[0]["rid"]] * 2
    last = next(one for one in words(heard, "up/ev") if one["e"] == "tap")
    assert last["d"]["ok"] is False


def test_the_relay_drops_by_itself_when_the_broker_is_gone_and_the_journal_comes_later() -> None:
    device = reader()
    stage = Stage([device], START, SmallLab())
    list(stage.run(60))
    assert device.relay
    stage.cut()
    list(stage.run(59))
    list(stage.run(30))
    assert not device.relay
    waiting = [entry["seq"] for entry in device.ring.kept]
    assert waiting
    late = stage.mend() + list(stage.run(5))
    again = [one for one in words(late, "up/ev") if one.get("r") == 1]
    assert [one["seq"] for one in again] == waiting
    assert any(one["d"].get("why") == "lease" for one in again)
    assert not device.ring.kept


def test_a_renewal_of_another_boot_or_an_old_heartbeat_does_not_count() -> None:
    device = reader()
    stage = Stage([device], START, SmallLab())
    list(stage.run(60))
    end = device.lease_end
    for word in (
        {"v": 1, "boot": "other", "lid": 999, "ttl": 60000, "hb": device.beat},
        {"v": 1, "boot": device.boot, "lid": 999, "ttl": 60000, "hb": device.beat - 3},
        {"v": 1, "boot": device.boot, "lid": device.lid, "ttl": 60000, "hb": device.beat},
    ):
        device.hear(f"{BASE}/dn/lease", json.dumps(word), False, stage.now + 1)
    assert device.lease_end == end
    renewal = json.dumps({"v": 1, "boot": device.boot, "lid": 999, "ttl": 60000, "hb": device.beat})
    device.hear(f"{BASE}/dn/lease", renewal, True, stage.now + 1)
    assert device.lease_end == end
    device.hear(f"{BASE}/dn/lease", renewal, False, stage.now + 1)
    assert device.lease_end > end


def test_a_revocation_ends_the_use_at_once() -> None:
    device = reader()
    stage = Stage([device], START, SmallLab())
    list(stage.run(60))
    stage.tell(f"{BASE}/dn/lease", json.dumps({"v": 1, "boot": device.boot, "lid": 900, "ttl": 0, "how": "now"}))
    heard = list(stage.run(1))
    assert not device.relay
    assert [one["d"]["why"] for one in words(heard, "up/ev")] == ["revoked", "revoked"]


def test_a_reboot_keeps_what_was_not_acknowledged_and_starts_a_new_count() -> None:
    device = reader()
    stage = Stage([device], START, SmallLab(silent=True))
    list(stage.run(60))
    old = device.boot
    stage.tell(f"{BASE}/dn/cmd", json.dumps({"v": 1, "cid": "c1", "op": "reboot", "boot": old}))
    heard = list(stage.run(30))
    assert device.boot != old
    assert words(heard, "up/rsp")[0]["ok"] is True
    boots = [one for one in words(heard, "up/ev") if one["e"] == "boot"]
    assert boots[0]["seq"] == 1
    assert boots[0]["d"]["prev"] == old
    assert any(one["boot"] == old and one.get("r") == 1 for one in words(heard, "up/ev"))
    assert [
        json.loads(one.payload)["why"] for one in heard if one.topic.endswith("status") and '"on":false' in one.payload
    ]


def test_a_replay_request_brings_the_records_again() -> None:
    device = reader()
    stage = Stage([device], START, SmallLab(silent=True))
    list(stage.run(60))
    ask = {"v": 1, "cid": "c2", "op": "replay", "boot": device.boot, "from": 1, "to": 1}
    stage.tell(f"{BASE}/dn/cmd", json.dumps(ask))
    again = [one for one in words(list(stage.run(2)), "up/ev") if one.get("r") == 1]
    assert [one["seq"] for one in again] == [1]
