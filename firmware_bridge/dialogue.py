"""The dialogue with native devices (devices.md, part 8): taps and answers, leases, acknowledgements, gaps.

Runs inside the turn's transaction; what it says is journalled there and published after the commit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import structlog
from flask_babel import force_locale, gettext

from fablab.core import words
from fablab.core.denials import Denial
from fablab.devices.readings import Heartbeat, Message
from fablab.interlock import alarms
from fablab.interlock import service as interlock
from fablab.interlock.rules import STALE_S
from fablab.usage.changes import SessionChange, TapHeard
from fablab.usage.recording import instant
from firmware_bridge.mqtt import compact
from firmware_bridge.registry import Ear, Registry
from firmware_bridge.turn import Say, Turn

log = structlog.get_logger("bridge.dialogue")

TAP_EXPIRY_S = 5
LEASE_EXPIRY_S = 10
BEAT_FRESH_S = 10.0
"""A heartbeat that waited longer than this in a queue proves nothing about now."""
SETTLE_S = 10.0
"""So long after a grant a heartbeat may still say that the relay is off."""
GAP_WAIT_S = 3.0
GAP_BACK_OFF_S = 300.0
TIME_EVERY_S = 3600.0
PRESENT_S = 600.0
"""Somebody who badged at a plain reader so long ago is taken for who uses the machine now."""
OBEY_S = 5.0
DISOBEYS = "does_not_obey"
"""The alarm for a grant of which no use is seen within `OBEY_S`."""


class Dialogue:
    """Answers readers and keeps leases. One instance for the life of the worker."""

    def __init__(self, registry: Registry, clock: Callable[[], float]) -> None:
        self._registry = registry
        self._clock = clock
        self._gaps: dict[int, tuple[float, float]] = {}
        self._refused: set[tuple[int, str]] = set()
        self._present: dict[int, tuple[str, float]] = {}

    def answer(self, turn: Turn) -> None:
        """Answer everything that this turn has heard."""
        for ear, tap in turn.taps:
            if tap.rid is None and tap.decision is None:
                self._plain(ear, tap)
        asked = {(ear.id, tap.rid) for ear, tap in turn.taps if tap.rid is not None and tap.decision is None}
        for ear, tap in list(turn.taps):
            if tap.rid is not None and tap.decision is None:
                self._tap(turn, ear, tap, tap.rid)
        for ear, rid in turn.repeats:
            if (ear.id, rid) not in asked:
                self._tap(turn, ear, None, rid)
        for ear, beat in turn.beats.values():
            self._beat(turn, ear, beat)
        for ear in turn.births.values():
            self._tell_time(turn, ear)

    def review(self, turn: Turn, told: dict[str, Any]) -> None:
        """Judge running uses anew: something that may end a person's right has just been committed."""
        person_id, resource_id = told.get("person_id"), told.get("resource_id")
        for running in interlock.running_grants(person_id=person_id, resource_id=resource_id):
            denials = interlock.renewal_denials(running, instant(turn.now))
            if denials:
                ear = self._registry.ear_of(running.device_id)
                if ear is not None:
                    self._revoke(turn, ear, running, denials[0])

    def settled(self, turn: Turn, ear: Ear, change: SessionChange) -> None:
        """A use is over: so is its grant."""
        running = ear.running
        if running is None or change.withdrawn or change.end_at is None or change.end_at < running.at.timestamp():
            return
        interlock.end_use(running, instant(change.end_at), change.outcome or "ended")
        ear.running = None

    def sweep(self, turn: Turn, ears: Iterable[Ear]) -> None:
        """Tell the time each hour; raise the alarm for a grant that nothing follows; end those whose lease ran out."""
        for ear in ears:
            if ear.native and ear.online and turn.now - ear.timed_at >= TIME_EVERY_S:
                self._tell_time(turn, ear)
            running = ear.running
            if running is None:
                continue
            if ear.unproven_at is not None and turn.now - ear.unproven_at > OBEY_S:
                self.alarm(ear, DISOBEYS, turn.now)
                ear.unproven_at = None
            lease = interlock.lease_for(running.resource_id)
            ear.lease_until = ear.lease_until or max(turn.now, running.at.timestamp()) + lease
            if turn.now > ear.lease_until + lease:
                interlock.end_use(running, instant(ear.lease_until), "lease")
                ear.running = None

    def end_orphans(self, turn: Turn) -> None:
        """End the grants of devices that are adopted no more: nobody would ever hear of their end."""
        for running in interlock.running_grants():
            if self._registry.ear_of(running.device_id) is None:
                interlock.end_use(running, instant(turn.now), "device_forgotten")

    def alarm(self, ear: Ear, kind: str, at: float) -> None:
        """Open an alarm, unless the same one is open."""
        ear.alarms.add(kind)
        alarms.raise_alarm(ear.id, ear.resource_id, kind, instant(at))

    def settle(self) -> None:
        """The turn is stored: what was refused without the database is now written down."""
        self._refused.clear()

    def acknowledge(self, turn: Turn) -> None:
        """Tell devices up to which record everything is in the database (it will be when this is sent)."""
        for ear, boots in list(turn.acks.values()):
            known = ear.fold.acknowledge if ear.fold is not None else {}
            for boot in sorted(boots):
                if boot in known:
                    turn.say(ear, "ack", {"boot": boot, "seq": known[boot]})

    def ask_for_gaps(self, turn: Turn) -> None:
        """Ask devices for records that they have made and we have not heard: one question at a time, ever rarer."""
        for ear in list(turn.touched.values()):
            missing = ear.fold.missing if ear.native and ear.fold is not None else ()
            if not missing:
                self._gaps.pop(ear.id, None)
                continue
            due, wait = self._gaps.setdefault(ear.id, (turn.now + GAP_WAIT_S, GAP_WAIT_S))
            if turn.now < due or not ear.online:
                continue
            boot, first, last = missing[0]
            body = {"cid": f"gap-{boot}-{first}", "op": "replay", "boot": boot, "from": first, "to": last}
            turn.say(ear, "cmd", body, expiry_s=30)
            wait = min(wait * 2, GAP_BACK_OFF_S)
            self._gaps[ear.id] = (turn.now + wait, wait)

    def switch_off(self, turn: Turn, ear: Ear) -> None:
        """A relay is on that nobody was granted: say off, with a lease number above all others."""
        if ear.native and ear.running is None and ear.heard_boot is not None:
            body = {
                "boot": ear.heard_boot,
                "lid": interlock.next_lease(ear.id),
                "ttl": 0,
                "how": "now",
                "why": "not_granted",
            }
            turn.say(ear, "lease", body, expiry_s=LEASE_EXPIRY_S)

    def refuse(self, ear: Ear, message: Message) -> Say | None:
        """The answer to a tap while the database is away: no. It is not stored, for it grants nothing."""
        try:
            rid = json.loads(message.payload)["rid"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        if message.retained or self._clock() - message.at > STALE_S:
            return None
        self._refused.add((ear.id, str(rid)))
        body = {"v": 1, "rid": rid, "ok": False, "code": "blocked", "txt": [gettext("Try again later")]}
        payload = compact(body)
        return Say(f"{ear.base}/dn/tap", payload, 1, TAP_EXPIRY_S)

    def _tap(self, turn: Turn, ear: Ear, tap: TapHeard | None, rid: str) -> None:
        refused = (ear.id, rid) in self._refused  # told no already, while the database was away
        answer = interlock.badge_in(
            interlock.Tap(
                device_id=ear.id,
                resource_id=ear.resource_id,
                at=instant(tap.at if tap is not None else turn.now),
                rid=rid,
                boot=tap.boot if tap is not None else None,
                uid=tap.uid if tap is not None else None,
                stale=tap is None or refused or self._is_stale(ear, tap),
                ambiguous=tap is not None and tap.ambiguous,
                device_max_s=_lease_option(ear),
            )
        )
        if not answer.repeated and answer.granted:
            if answer.act == "start":
                ear.running = answer.running
                ear.lease_until = turn.now + (answer.ttl_ms or 0) / 1000
                ear.unproven_at = turn.now
            else:
                ear.running = None
        turn.say(ear, "tap", _tap_body(rid, answer), expiry_s=TAP_EXPIRY_S)

    def _plain(self, ear: Ear, tap: TapHeard) -> None:
        """A badge at a reader that only reads: who is let in is taken for the user of the machine's next session."""
        asked = interlock.Tap(ear.id, ear.resource_id, instant(tap.at), tap.key, uid=tap.uid, ambiguous=tap.ambiguous)
        if interlock.note_tap(asked) and ear.resource_id is not None and tap.uid is not None:
            self._present[ear.resource_id] = (tap.uid, tap.at)

    def present(self, resource_id: int | None, at: float) -> str | None:
        """The card that was let in at a plain reader of this resource shortly before `at`."""
        uid, tapped_at = self._present.get(resource_id or 0, (None, 0.0))
        return uid if 0 <= at - tapped_at <= PRESENT_S else None

    def _is_stale(self, ear: Ear, tap: TapHeard) -> bool:
        """True for a tap that waited in a queue, of an earlier life, or from before the newest heartbeat."""
        if self._clock() - tap.at > STALE_S:
            return True
        if tap.boot in ear.past_boots:
            return True
        if tap.boot != ear.heard_boot or ear.heard_up is None or tap.up_ms is None:
            return False  # a new life that has not beaten yet
        return tap.up_ms / 1000 < ear.heard_up[1] - STALE_S

    def _beat(self, turn: Turn, ear: Ear, beat: Heartbeat) -> None:
        if beat.waiting:
            turn.acknowledge(ear, beat.boot)
        running = ear.running
        if running is None:
            return
        if running.boot is not None and beat.boot != running.boot:
            interlock.end_use(running, instant(beat.at), "restarted")
            ear.running = None
            return
        if not beat.relay or beat.lid is None or beat.lid > running.lease_id:
            if beat.relay is False and beat.at > running.at.timestamp() + SETTLE_S:
                interlock.end_use(running, instant(beat.at), "not_in_use")
                ear.running = None
            return
        if self._clock() - beat.at > BEAT_FRESH_S:
            return
        denials = interlock.renewal_denials(running, instant(turn.now))
        if denials:
            self._revoke(turn, ear, running, denials[0])
            return
        lid, _ = interlock.renew(running, instant(turn.now))
        ttl = interlock.lease_for(running.resource_id, _lease_option(ear))
        ear.running = interlock.with_lease(running, lid)
        ear.lease_until = turn.now + ttl
        body = {"boot": beat.boot, "lid": lid, "ttl": int(ttl * 1000), "hb": beat.n}
        turn.say(ear, "lease", body, expiry_s=LEASE_EXPIRY_S)

    def _revoke(self, turn: Turn, ear: Ear, running: interlock.Running, denial: Denial) -> None:
        how = interlock.how_to_revoke(running.resource_id)
        lid = interlock.end_use(running, instant(turn.now), denial.code)
        ear.running = None
        log.info("use revoked", device=ear.id, reason=denial.code, how=how)
        body = {"boot": running.boot or ear.heard_boot, "lid": lid, "ttl": 0, "how": how, "why": denial.code}
        turn.say(ear, "lease", body, expiry_s=LEASE_EXPIRY_S)

    def _tell_time(self, turn: Turn, ear: Ear) -> None:
        ear.timed_at = turn.now
        turn.say(ear, "time", {"ts": int(self._clock() * 1000)}, qos=0, expiry_s=TAP_EXPIRY_S)


def _lease_option(ear: Ear) -> float | None:
    told = ear.options.get("lease_ms")
    return told / 1000 if isinstance(told, int | float) and not isinstance(told, bool) and told > 0 else None


def _tap_body(rid: str, answer: interlock.Answer) -> dict[str, Any]:
    """The answer as the reader takes it, its words in the person's language."""
    with force_locale(answer.language or words.config().lab.languages[0]):
        first = answer.name.split(" ")[0][:40]
        if not answer.granted:
            lines = [words.display(denial) for denial in answer.denials[:2]] or [gettext("Please tap again")]
            return {"rid": rid, "ok": False, "code": answer.code, "txt": lines}
        if answer.act == "end":
            lines = [gettext("Bye %(name)s", name=first)]
            if answer.minutes is not None:
                lines.append(words.length(answer.minutes))
            return {"rid": rid, "ok": True, "act": "end", "txt": lines}
        lines = [gettext("Hello %(name)s", name=first)]
        if answer.until is not None:
            lines.append(gettext("until %(hour)s", hour=words.hour(answer.until.isoformat())))
        return {"rid": rid, "ok": True, "lid": answer.lid, "ttl": answer.ttl_ms, "who": first, "txt": lines}
