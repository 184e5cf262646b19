"""What simulated devices really did is what decoders and usage derivation make of what they said."""

import json
from collections.abc import Iterator

import pytest

from fablab.devices.readings import Message
from fablab.usage.changes import Alarm, Availability, Change, LiveReading, SessionChange, TapHeard
from firmware_bridge.devicefold import DeviceFold
from firmware_bridge.simulate.device import Device, Publish, Truth
from firmware_bridge.simulate.loads import LOADS
from firmware_bridge.simulate.moonraker import Moonraker
from firmware_bridge.simulate.native import Native
from firmware_bridge.simulate.octoprint import OctoPrint
from firmware_bridge.simulate.play import Heard, Stage
from firmware_bridge.simulate.tasmota import TasmotaPlug, TasmotaReader
from firmware_bridge.simulate.visits import Visits

START = 1_772_438_400.0
HOUR = 3600.0
BASE = "fablab/v1/lab1/laser-1"


class Lab:
    """Answers a native reader as the bridge does: tap in, tap out, renew on each heartbeat, acknowledge."""

    def __init__(self) -> None:
        self.using: str | None = None
        self.lid = 100
        self.answered: dict[str, str] = {}

    def __call__(self, said: Publish) -> Iterator[tuple[str, str]]:
        word, leaf = json.loads(said.payload), said.topic.rpartition("/")[2]
        if leaf == "tap":
            yield f"{BASE}/dn/tap", self.answered.setdefault(word["rid"], json.dumps(self._decide(word)))
        elif leaf == "ev":
            if word["e"] == "use.end":
                self.using = None
            yield f"{BASE}/dn/ack", json.dumps({"v": 1, "boot": word["boot"], "seq": word["seq"]})
        elif leaf == "hb":
            if not word["relay"]:
                self.using = None
                return
            self.lid += 1
            renewal = {"v": 1, "boot": word["boot"], "lid": self.lid, "ttl": 60000, "hb": word["n"]}
            yield f"{BASE}/dn/lease", json.dumps(renewal)

    def _decide(self, word: dict[str, str]) -> dict[str, object]:
        answer: dict[str, object] = {"v": 1, "rid": word["rid"], "ok": True}
        if self.using == word["uid"]:
            return {**answer, "act": "end"}
        self.using = word["uid"]
        self.lid += 1
        return {**answer, "lid": self.lid, "ttl": 60000, "who": "Ada", "txt": ["Hello Ada"]}


def listen(fold: DeviceFold, heard: list[Heard], until: float) -> list[Change]:
    """The bridge's loop for one device."""
    changes: list[Change] = []
    for one in heard:
        while (due := fold.next_due()) is not None and due <= one.at:
            changes += fold.advance(due)
        changes += fold.hear(Message(one.topic, one.payload.encode(), one.at, one.qos, False, one.outbound))
    return changes + list(fold.advance(until))


def sessions(changes: list[Change]) -> list[SessionChange]:
    """The last word about each session, in order of their starts."""
    last: dict[str, SessionChange] = {}
    for change in changes:
        if isinstance(change, SessionChange):
            last[change.key] = change
    return sorted((one for one in last.values() if not one.withdrawn), key=lambda one: one.start_at)


def play(device: Device, options: dict[str, object], hours: float, dialect: str) -> list[Change]:
    """Play a device from its start until nothing is under way, and derive."""
    stage = Stage([device], START, Lab() if dialect == "fablab_v1" else None)
    heard = list(stage.run(hours * HOUR))
    while not device.truth or device.truth[-1].end is None:
        heard += stage.run(1)
    heard += stage.run(3)
    return listen(DeviceFold(dialect, {"dialect": dialect, **options}), heard, stage.now + HOUR)


def compare(derived: list[SessionChange], truth: list[Truth], tolerance_s: float = 4.0) -> None:
    assert len(derived) == len(truth)
    for found, true in zip(derived, truth, strict=True):
        assert found.start_at == pytest.approx(true.start, abs=tolerance_s)
        assert found.end_at == pytest.approx(true.end, abs=tolerance_s)
        assert found.job == true.job


@pytest.mark.parametrize("pace", [1.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_octoprint(seed: int, pace: float) -> None:
    device = OctoPrint("mk4", seed, pace, base="lab/mk4/", story=("completed", "cancelled", "failed"))
    derived = sessions(play(device, {"base": "lab/mk4/"}, 12 / pace, "octoprint"))
    compare(derived, device.truth)
    assert [one.outcome for one in derived] == [true.outcome for true in device.truth]
    for found, true in zip(derived, device.truth, strict=True):
        assert (found.paused_s or 0.0) == pytest.approx(true.paused_s, abs=3)


@pytest.mark.parametrize("pace", [1.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_moonraker(seed: int, pace: float) -> None:
    device = Moonraker("voron", seed, pace, base="voron24", story=("completed", "cancelled", "failed"), interval_s=5.0)
    derived = sessions(play(device, {"base": "voron24"}, 8 / pace, "moonraker"))
    compare(derived, device.truth)
    assert [one.outcome for one in derived] == [true.outcome for true in device.truth]


@pytest.mark.parametrize("make", [OctoPrint, Moonraker])
def test_joined_in_mid_print(make: type[OctoPrint] | type[Moonraker]) -> None:
    device = make("one", 5, base="one/", joins=True, story=("completed",))
    dialect = "octoprint" if make is OctoPrint else "moonraker"
    changes = play(device, {"base": "one/"}, 1, dialect)
    derived = sessions(changes)
    shown = [one.progress for one in changes if isinstance(one, LiveReading) and one.progress is not None]
    assert 0.15 < shown[0] < 0.92
    assert max(shown) > 0.98
    assert derived[0].start_at == pytest.approx(device.truth[0].start, abs=5)
    assert derived[0].outcome == "completed"
    assert "start_estimated" in derived[0].flags


def test_octoprint_host_dies() -> None:
    device = OctoPrint("mk4", 2, base="lab/mk4/", story=("interrupted", "completed"))
    changes = play(device, {"base": "lab/mk4/"}, 9, "octoprint")
    derived = sessions(changes)
    assert derived[0].outcome == "interrupted"
    assert derived[0].end_at == pytest.approx(device.truth[0].end, abs=90)
    assert [one.state for one in changes if isinstance(one, Availability)][:3] == ["online", "offline", "online"]


@pytest.mark.parametrize("pace", [1.0, 10.0])
@pytest.mark.parametrize("load", sorted(LOADS))
def test_tasmota_plug(load: str, pace: float) -> None:
    device = TasmotaPlug("plug", 3, pace, base="plug_x", load=load, outages=False)
    options: dict[str, object] = {"base": "plug_x", "power": LOADS[load].thresholds()}
    changes = play(device, options, 8 / pace, "tasmota")
    derived = sessions(changes)
    assert len(derived) == len(device.truth)
    for found, true in zip(derived, device.truth, strict=True):
        assert found.start_at == pytest.approx(true.start, abs=4)
        assert found.end_at == pytest.approx(true.end, abs=4)
        assert found.energy_wh == pytest.approx(true.energy_wh, rel=0.1, abs=2)
    assert not [one for one in changes if isinstance(one, Alarm)]


def test_tasmota_plug_that_is_pulled() -> None:
    device = TasmotaPlug("plug", 11, 10.0, base="plug_x", load="laser")
    options: dict[str, object] = {"base": "plug_x", "power": LOADS["laser"].thresholds()}
    changes = play(device, options, 6, "tasmota")
    assert "offline" in [one.state for one in changes if isinstance(one, Availability)]
    assert len(sessions(changes)) == len(device.truth)


def test_tasmota_reader() -> None:
    device = TasmotaReader("reader", 3, base="reader", cards=("94D8FC5F", "BA839D07"))
    stage = Stage([device], START)
    heard = list(stage.run(6 * HOUR))
    fold = DeviceFold("tasmota", {"dialect": "tasmota", "base": "reader", "tap_debounce_s": 5})
    taps = [one for one in listen(fold, heard, stage.now) if isinstance(one, TapHeard)]
    assert [(round(one.at), one.uid) for one in taps] == [(round(one.start), one.uid) for one in device.truth]


@pytest.mark.parametrize("pace", [1.0, 10.0])
@pytest.mark.parametrize("seed", range(4))
def test_native(seed: int, pace: float) -> None:
    visits = Visits((("04A2246AB15C80", 1.0), ("94D8FC5F", 1.0)), troubles=0.0)
    device = Native("laser-1", seed, pace, base=BASE, visits=visits)
    changes = play(device, {"base": BASE, "hb_s": 20, "offline_after_s": 65, "lease_ms": 60000}, 8 / pace, "fablab_v1")
    derived = sessions(changes)
    compare(derived, device.truth, 2)
    for found, true in zip(derived, device.truth, strict=True):
        assert found.uid == true.uid
        assert found.energy_wh == pytest.approx(true.energy_wh, abs=0.5)
    assert not [one for one in changes if isinstance(one, Alarm)]


@pytest.mark.parametrize("seed", range(6))
def test_native_with_lost_radio_and_power_cuts(seed: int) -> None:
    visits = Visits((("04A2246AB15C80", 1.0),), troubles=0.7)
    device = Native("laser-1", seed, 4.0, base=BASE, visits=visits)
    changes = play(device, {"base": BASE, "hb_s": 20, "offline_after_s": 65, "lease_ms": 60000}, 6, "fablab_v1")
    compare(sessions(changes), device.truth, 5)
