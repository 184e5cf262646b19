"""A badge reader with relay and meter that speaks the lab's own protocol, fablab/v1, at conformance level L2.

Birth and will carry (boot, conn); a heartbeat every 20 s and at once when the relay moves; journal records with
(boot, seq) stay in the ring until `dn/ack` and are sent again with r:1 after a reconnect or on request. A tap waits
1.5 s for the answer with its own rid, is sent once more, and is refused by the reader itself after 3 s. The relay is
closed only under a lease that runs out by itself; a renewal counts only for this boot, with a higher lid and one of the
last three heartbeats. Grants are never taken from retained messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from firmware_bridge.simulate.device import Device, Script, Truth, Will
from firmware_bridge.simulate.loads import LOADS, Load
from firmware_bridge.simulate.ring import Ring
from firmware_bridge.simulate.visits import Visits

HEARTBEAT_S = 20.0
TICK_S = 60.0
KEEPALIVE_S = 20.0
FIRST_WAIT_S, SECOND_WAIT_S = 1.5, 3.0
RESEND_EVERY_S = 0.05
MAX_TTL_MS = 60_000


class Native(Device):
    """`cards` are the card numbers that people come with, each with how often (a weight)."""

    def __init__(
        self,
        name: str,
        seed: int,
        pace: float = 1.0,
        *,
        base: str,
        load: str = "laser",
        cards: tuple[tuple[str, float], ...] = (),
        visits: Visits | None = None,
    ) -> None:
        super().__init__(name, seed, pace)
        self.base = base
        self.load: Load = LOADS[load]
        self.visits = visits or Visits(cards)
        self.boots = self.random.randint(3, 40)
        self.ring = Ring()
        self.boot = ""
        self.why, self.before = "power", ""
        self.conn = 0
        self._power_up()

    def _power_up(self) -> None:
        """A new life: new boot, all counters from the start, relay open."""
        self.before, self.boots = self.boot, self.boots + 1
        self.boot = f"{self.boots}-{self.random.getrandbits(32):08x}"
        self.booted_at = self.now
        self.uptime_0 = 0.0
        self.conn = self.beat = self.rids = self.uses = 0
        self.ring.new_life(self.boot)
        self.relay, self.lid, self.lease_end = False, 0, 0.0
        self.sid: str | None = None
        self.used_at = self.worked_s = 0.0
        self.machine_w = self.wh = self.wh_at_start = 0.0
        self.counted_at = self.now
        self.pending: dict[str, Any] | None = None
        self.end_at_rest = False

    @property
    def will(self) -> Will:
        """The last will, tied to this boot and connection (`conn` counts on with the next one)."""
        word = {"v": 1, "on": False, "boot": self.boot, "conn": self.conn + (not self.online), "why": "lost"}
        return Will(f"{self.base}/up/status", self.encode(word), qos=1)

    @property
    def subscriptions(self) -> tuple[str, ...]:
        """A device reads only what is addressed to it."""
        return tuple(f"{self.base}/dn/{leaf}" for leaf in ("tap", "lease", "cmd", "ack", "cfg", "time", "allow"))

    def life(self) -> Script:
        """Switched on: hardware first, then people."""
        self.booted_at = self.now
        self.uptime_0 = self.random.uniform(60, 4000)
        self.counted_at = self.now
        self._begin()
        yield 0.0

    def _begin(self) -> None:
        self.connect()
        self.spawn(self._heartbeats())
        self.spawn(self._watch())
        self.spawn(self.visits.people(self))

    def connected(self) -> None:
        """Birth, who I am, a heartbeat, what is not acknowledged yet; the birth once more a little later."""
        self.conn += 1
        self._birth()
        self._up("info", self._about(), qos=1, retain=True)
        if self.conn == 1:
            self.record("boot", {"why": self.why, "prev": self.before or None})
        self.heartbeat()
        self.spawn(self._resend(self.ring.waiting(but_newest=self.conn == 1)))
        self.spawn(self._birth_again(self.conn))

    def heard(self, topic: str, payload: str, retained: bool) -> None:
        """Obey the lab, within the rules: nothing retained opens, revokes or commands."""
        leaf = topic.rpartition("/")[2]
        try:
            word = json.loads(payload)
        except ValueError:
            return
        if not isinstance(word, dict) or (retained and leaf in ("tap", "lease", "cmd")):
            return
        obey = {"tap": self._answered, "lease": self._lease, "cmd": self._command, "ack": self._acknowledged}
        if leaf in obey:
            obey[leaf](word)

    # --- what is said ---

    def uptime(self) -> int:
        """Milliseconds since the boot."""
        return round((self.uptime_0 + self.now - self.booted_at) * 1000)

    def record(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write a journal record to the ring, then publish it."""
        word = {"v": 1, "boot": self.boot, "seq": self.ring.next_seq(), "up": self.uptime()}
        stamp = {"ts": round(self.now * 1000), "tq": "ntp"}
        entry = self.ring.keep({**word, **stamp, "e": kind, "d": dict(data)})
        self.say(f"{self.base}/up/ev", entry, qos=1)

    def heartbeat(self) -> None:
        """One sign of life with all that can be seen."""
        self.count()
        self.beat += 1
        self._up("hb", self._signs())

    def _signs(self) -> dict[str, Any]:
        left = max(0, round((self.lease_end - self.now) * 1000))
        return {
            "boot": self.boot,
            "conn": self.conn,
            "up": self.uptime(),
            "n": self.beat,
            "seq": self.ring.newest,
            "relay": self.relay,
            "lid": self.lid if self.relay else None,
            "lease": left if self.relay else None,
            "sess": f"{self.boot}:{self.sid}" if self.sid else None,
            "w": round(self.flowing_w(), 1),
            "wh": round(self.wh, 3),
            "rssi": self.random.randint(-67, -58),
            "q": len(self.ring.kept),
        }

    def _about(self) -> dict[str, Any]:
        return {
            "boot": self.boot,
            "why": self.why,
            "fw": "fablab-reader 1.2.0",
            "hw": "esp32+pn532+relay+hlw8012",
            "caps": ["tap", "relay", "power", "display"],
            "lease": {"on_loss": "off", "max_ms": MAX_TTL_MS},
            "cfg": 0,
            "allow": 0,
            "ring": self.ring.size,
        }

    def encode(self, payload: Mapping[str, Any]) -> str:
        """Compact JSON: 480 bytes are all there is."""
        return json.dumps(payload, separators=(",", ":"))

    def _up(self, leaf: str, word: Mapping[str, Any], qos: int = 0, retain: bool = False) -> None:
        self.say(f"{self.base}/up/{leaf}", {"v": 1, **word}, qos, retain)

    def _birth(self) -> None:
        self._up("status", {"on": True, "boot": self.boot, "conn": self.conn}, qos=1, retain=True)

    def _birth_again(self, conn: int) -> Script:
        """Repairs a stored status that the late will of an older connection has overwritten."""
        yield 1.5 * KEEPALIVE_S + 5
        if self.conn == conn:
            self._birth()

    def _heartbeats(self) -> Script:
        yield 5.0
        while True:
            if self.online:
                self.heartbeat()
            yield HEARTBEAT_S

    def _resend(self, entries: list[dict[str, Any]]) -> Script:
        yield 0.3
        for entry in entries:
            if self.ring.holds(entry):
                self.say(f"{self.base}/up/ev", {**entry, "r": 1}, qos=1)
                yield RESEND_EVERY_S

    # --- the tap dialogue ---

    def tap(self, uid: str) -> Script:
        """A card is held to the reader: ask, ask once more, and refuse when there is no answer."""
        self.rids += 1
        rid = f"{self.boot}:{self.rids}"
        self.pending = {"rid": rid, "uid": uid}
        for wait in (FIRST_WAIT_S, SECOND_WAIT_S):
            self._up("tap", {"boot": self.boot, "up": self.uptime(), "rid": rid, "uid": uid}, qos=1)
            waited = 0.0
            while waited < wait:
                yield 0.1
                waited += 0.1
                if self.pending is None or self.pending["rid"] != rid:
                    return
        self.pending = None
        self.record("tap", {"rid": rid, "ok": False, "auth": "key", "code": "no_answer"})

    def _answered(self, word: dict[str, Any]) -> None:
        asked = self.pending
        if asked is None or word.get("rid") != asked["rid"]:
            return
        self.pending = None
        if not word.get("ok"):
            self.record("tap", {"rid": asked["rid"], "ok": False, "code": word.get("code"), "auth": "server"})
        elif word.get("act") == "end":
            self.end_use("user")
        else:
            self._grant(asked, word)

    def _grant(self, asked: dict[str, Any], word: dict[str, Any]) -> None:
        ttl, lid = word.get("ttl"), word.get("lid")
        if not isinstance(ttl, int) or not isinstance(lid, int) or self.relay:
            return
        self.lid, self.lease_end = lid, self.now + min(ttl, MAX_TTL_MS) / 1000
        self.count()
        self.relay, self.end_at_rest = True, False
        self.uses += 1
        self.sid, self.used_at, self.worked_s, self.wh_at_start = f"s{self.uses}", self.now, 0.0, self.wh
        self.record("relay", {"on": True, "why": "lease"})
        self.record("use.start", {"sid": self.sid, "rid": asked["rid"], "auth": "server", "lid": lid})
        self.truth.append(Truth(self.now, uid=asked["uid"]))
        self.heartbeat()
        self.spawn(self._ticks(self.sid))
        self.spawn(self.visits.work(self, self.sid))

    # --- the relay and its lease ---

    def end_use(self, why: str) -> None:
        """Open the relay and close the use."""
        if self.sid is None:
            return
        self.count()
        self.relay = False
        self.machine_w = 0.0
        used = round(self.wh - self.wh_at_start, 3)
        self.record("relay", {"on": False, "why": why})
        self.record("use.end", {"sid": self.sid, "why": why, "run_s": round(self.worked_s), "wh": used})
        self.truth[-1].end, self.truth[-1].energy_wh = self.now, used
        self.truth[-1].outcome = "completed" if why in ("user", "idle", "job") else "interrupted"
        self.sid = None
        self.heartbeat()

    def _watch(self) -> Script:
        """The relay drops by itself when its lease runs out, whoever is or is not listening."""
        while True:
            yield 0.25
            if self.relay and self.now >= self.lease_end:
                self.end_use("lease")

    def _lease(self, word: dict[str, Any]) -> None:
        lid, ttl = word.get("lid"), word.get("ttl")
        if not isinstance(lid, int) or not isinstance(ttl, int) or word.get("boot") != self.boot or lid <= self.lid:
            return
        if ttl <= 0:
            self.lid = lid
            if word.get("how") in ("idle", "job"):
                self.end_at_rest = True
            else:
                self.end_use("revoked")
        elif self.relay and word.get("hb") in (self.beat, self.beat - 1, self.beat - 2):
            self.lid, self.lease_end = lid, self.now + min(ttl, MAX_TTL_MS) / 1000

    def _ticks(self, sid: str) -> Script:
        while True:
            yield TICK_S
            if self.sid != sid:
                return
            self.count()
            used = round(self.wh - self.wh_at_start, 3)
            self.record("tick", {"sid": sid, "wh": used, "w": round(self.flowing_w(), 1), "relay": self.relay})

    def flowing_w(self) -> float:
        """Watts through the relay at this moment."""
        return self.machine_w if self.relay else 0.0

    def count(self) -> None:
        """Bring the energy counter and the working time up to now."""
        passed = self.now - self.counted_at
        self.wh += self.flowing_w() * passed / 3600
        self.worked_s += passed if self.flowing_w() >= self.load.on_w else 0.0
        self.counted_at = self.now

    # --- commands ---

    def _acknowledged(self, word: dict[str, Any]) -> None:
        if isinstance(word.get("seq"), int) and isinstance(word.get("boot"), str):
            self.ring.forget(word["boot"], word["seq"])

    def _command(self, word: dict[str, Any]) -> None:
        op, cid = word.get("op"), word.get("cid")
        if word.get("boot") not in (None, self.boot) and op != "replay":
            self._up("rsp", {"cid": cid, "ok": False, "err": "boot"}, qos=1)
            return
        if isinstance(word.get("exp_up"), int) and self.uptime() > word["exp_up"]:
            self._up("rsp", {"cid": cid, "ok": False, "err": "expired"}, qos=1)
            return
        self._up("rsp", {"cid": cid, "ok": op in ("replay", "birth", "identify", "display", "reboot")}, qos=1)
        if op == "replay":
            self.spawn(self._resend(self.ring.between(word.get("boot"), word.get("from"), word.get("to"))))
        elif op == "birth":
            self._birth()
            self.heartbeat()
        elif op == "reboot":
            self.reboot("sw")

    def reboot(self, why: str, dark_s: float = 6.0) -> None:
        """Start anew: the relay drops, an open use is closed as a power loss by the next life's first record."""
        self.count()
        if self.sid is not None:
            used = self.wh - self.wh_at_start
            self.truth[-1].end, self.truth[-1].energy_wh, self.truth[-1].outcome = self.now, used, "interrupted"
        self.drop()
        self.halt()
        self.why = why
        self._power_up()
        self.spawn(self._come_up(dark_s))

    def _come_up(self, dark_s: float) -> Script:
        yield dark_s
        self.booted_at = self.counted_at = self.now
        self._begin()

    def vanish(self, seconds: float) -> Script:
        """The radio is gone for a while; everything goes on, unheard."""
        self.drop()
        yield seconds
        self.connect()
