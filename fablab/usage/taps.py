"""Taps on native readers: each is asked once under its number (`rid`), however often it arrives, and answered once.

A decision counts only when it is our own answer, or the device's own word in its journal.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fablab.devices.readings import TapAnswered, TapAsked
from fablab.usage.changes import TapHeard
from fablab.usage.copies import replace

KEPT = 32


@dataclass(frozen=True, slots=True)
class Tap:
    key: str  # the rid, or <boot>:r<seq> of a tap that only the journal knows
    at: float
    boot: str
    uid: str | None = None
    h1: str | None = None
    tok: str | None = None
    decision: str | None = None
    code: str | None = None
    up_ms: int | None = None
    seq: int | None = None  # of the journal record
    asked: bool = False  # the device asked us


@dataclass(frozen=True, slots=True)
class Taps:
    known: tuple[Tap, ...] = ()  # by arrival
    floors: tuple[tuple[str, int], ...] = ()  # boot and the highest number forgotten


Told = tuple[Taps, list[TapHeard]]


def find(taps: Taps, key: str | None) -> Tap | None:
    """The tap of this number."""
    return next((tap for tap in reversed(taps.known) if tap.key == key), None) if key else None


def is_new(taps: Taps, rid: str) -> bool:
    """Whether a question of this number was never heard."""
    return find(taps, rid) is None and not _forgotten(taps, rid)


def asked(taps: Taps, told: TapAsked) -> Told:
    """A question of the device; a second time it is the same tap."""
    if not is_new(taps, told.rid):
        return taps, []
    tap = Tap(told.rid, told.at, told.boot, told.uid, told.h1, told.tok, up_ms=told.up_ms, asked=True)
    return _added(taps, tap), [heard(tap)]


def answered(taps: Taps, told: TapAnswered) -> Told:
    """Our answer; the first one counts."""
    tap = find(taps, told.rid)
    if tap is None or tap.decision is not None:
        return taps, []
    decision = ("tap_out" if told.act == "end" else "granted") if told.ok else "denied"
    tap = replace(tap, decision=decision, code=None if told.ok else told.code)
    return _put(taps, tap), [heard(tap)]


def journalled(taps: Taps, boot: str, seq: int, up_ms: int, at: float, data: Mapping[str, Any]) -> Told:
    """The device's own record of a tap: news only where the question never reached us."""
    rid, ok, auth = data.get("rid"), data.get("ok"), data.get("auth", "server")
    known = find(taps, rid)
    uid, h1 = data.get("uid"), data.get("h1")
    if known is None and (_forgotten(taps, rid) or (uid is None and h1 is None)):
        return taps, []
    decision = None
    if ok is not None:
        decision = ("granted" if auth == "server" else "granted_offline") if ok else "denied"
    if known is not None:
        tap = replace(known, seq=seq, decision=known.decision or decision, code=known.code or data.get("code"))
        return _put(taps, tap), [heard(tap)] if tap.decision != known.decision else []
    tap = Tap(rid or f"{boot}:r{seq}", at, boot, uid, h1, None, decision, data.get("code"), up_ms, seq)
    return _added(taps, tap), [heard(tap)]


def replaced(taps: Taps, boot: str, begin: float) -> Told:
    """The places of taps that only the journal knows, now that their life is placed better."""
    changes = []
    for tap in taps.known:
        if tap.boot == boot and not tap.asked and tap.up_ms is not None:
            at = begin + tap.up_ms / 1000
            if abs(at - tap.at) > 1:
                tap = replace(tap, at=at)
                taps = _put(taps, tap)
                changes.append(heard(tap))
    return taps, changes


def before(taps: Taps, boot: str, seq: int) -> Tap | None:
    """The last tap that the device itself let in before this record."""
    mine = [tap for tap in taps.known if tap.boot == boot and tap.seq is not None and tap.seq < seq]
    mine = [tap for tap in mine if tap.decision in ("granted", "granted_offline")]
    return max(mine, key=lambda tap: tap.seq or 0, default=None)


def heard(tap: Tap) -> TapHeard:
    """The tap as a change."""
    return TapHeard(
        tap.at,
        tap.key,
        tap.uid,
        tap.decision,
        tap.code,
        tap.key if tap.asked else None,
        tap.boot,
        tap.up_ms,
        tap.h1,
        tap.tok,
    )


def _put(taps: Taps, tap: Tap) -> Taps:
    return replace(taps, known=tuple(tap if each.key == tap.key else each for each in taps.known))


def _added(taps: Taps, tap: Tap) -> Taps:
    known = (*taps.known, tap)
    if len(known) <= KEPT:
        return replace(taps, known=known)
    boot, number = _number(known[0].key)
    floors = dict(taps.floors)
    if number is not None:
        floors[boot] = max(floors.get(boot, 0), number)
    return Taps(known[1:], tuple(floors.items())[-KEPT:])


def _number(rid: str) -> tuple[str, int | None]:
    boot, _, count = rid.rpartition(":")
    return boot, int(count) if count.isascii() and count.isdigit() and len(count) < 12 else None


def _forgotten(taps: Taps, rid: str | None) -> bool:
    if rid is None or not taps.floors:
        return False
    boot, number = _number(rid)
    return number is not None and number <= dict(taps.floors).get(boot, 0)
