"""Whether a device is there: its wills, which may be late, and its silence.

A will starts a grace time; any later live message refutes it. Stored (retained) words are context: they may say that
a device nobody has heard is offline, or start the grace time of one that was heard. Source: rules R2 and R4.
"""

from dataclasses import dataclass
from typing import Literal

from fablab.usage.changes import Availability
from fablab.usage.copies import replace

CONFIRM_S = 30.0  # a late will is refuted sooner than this by most devices: so long nobody is told

Event = Literal["back", "gone"]
"""`back`: an outage lay between what was heard before and now. `gone`: the grace time is over, nobody came back."""


@dataclass(frozen=True, slots=True)
class Presence:
    word: Literal["online", "offline"] | None = None  # what was told last
    heard_at: float | None = None  # last live message
    will_at: float | None = None  # since when it is said or thought to be away
    silent: bool = False  # away by silence rather than by its word
    gone: bool = False  # the grace time is over


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait: `grace_s` until sessions end, `confirm_s` until a will is told, `silence_s` until silence is a
    will (None: never)."""

    grace_s: float
    confirm_s: float
    silence_s: float | None


def alive(now: Presence, at: float, birth: bool) -> tuple[Presence, list[Availability], list[Event]]:
    """A live message. A birth, or any word after silence, shows an outage; anything else, that the will was late."""
    if now.will_at is None and now.word == "online" and not now.gone:
        return replace(now, heard_at=at), [], []
    told = [] if now.word == "online" else [Availability(at, "online")]
    outage = now.gone or (now.will_at is not None and (birth or now.silent))
    return Presence("online", at), told, ["back"] if outage else []


def said_offline(now: Presence, at: float, stored: bool) -> tuple[Presence, list[Availability]]:
    """A will or a good-bye."""
    if now.word == "offline" or now.will_at is not None:
        return now, []
    told = stored and now.word is None
    after = replace(now, will_at=at, word="offline" if told else now.word)
    return after, [Availability(at, "offline")] if told else []


def dues(now: Presence, patience: Patience) -> list[float]:
    """The moments at which `pass_time` has something to do."""
    if now.will_at is None:
        if patience.silence_s is None or now.heard_at is None:
            return []
        return [now.heard_at + patience.silence_s]
    waits = [] if now.gone else [now.will_at + patience.grace_s]
    return waits + ([now.will_at + patience.confirm_s] if now.word != "offline" else [])


def pass_time(now: Presence, at: float, patience: Patience) -> tuple[Presence, list[Availability], list[Event]]:
    """Fire what is due at `at`."""
    if now.will_at is None:
        if patience.silence_s is not None and now.heard_at is not None and at >= now.heard_at + patience.silence_s:
            due = now.heard_at + patience.silence_s
            return replace(now, will_at=due, silent=True, word="offline"), [Availability(due, "offline")], []
        return now, [], []
    since = now.will_at
    told: list[Availability] = []
    if now.word != "offline" and at >= since + patience.confirm_s:
        now, told = replace(now, word="offline"), [Availability(since, "offline")]
    if not now.gone and at >= since + patience.grace_s:
        return replace(now, gone=True), told, ["gone"]
    return now, told, []
