"""What the usage fold tells the rest of the program: values to store, show or act upon.

A change is a whole value, never a difference: to hear one twice does no harm. Times are Unix seconds UTC.
"""

from dataclasses import dataclass
from typing import Literal

from fablab.devices.readings import BadMessage, DeviceInfo, Heartbeat, Outcome

Flag = Literal["start_estimated", "end_estimated", "time_uncertain", "ambiguous_uid", "not_granted"]
State = Literal["online", "offline"]


@dataclass(frozen=True, slots=True)
class SessionChange:
    """The present value of one usage session, to be upserted by (device, `key`). `key` follows from what was heard
    and never changes; everything else may, also after the end (an outcome refined, a place in time corrected).
    `withdrawn`: it turned out to be part of another session and must be deleted."""

    key: str
    start_at: float
    end_at: float | None = None  # None: running
    outcome: Outcome | None = None  # None while running
    job: str | None = None
    energy_wh: float | None = None  # None: nobody measures it
    paused_s: float | None = None
    working_s: float | None = None
    material: str | None = None
    grams: float | None = None
    uid: str | None = None  # canonical or cloaked card number of the person
    sid: str | None = None  # the device's own name of it: "<boot>:<sid>"
    user: str | None = None  # who started it, by the name the device's own software knows
    flags: tuple[Flag, ...] = ()
    last_at: float = 0.0  # the last proof of use; the end, if nothing more is heard
    withdrawn: bool = False
    paused: bool = False  # it runs, but the job stands still just now


@dataclass(frozen=True, slots=True)
class TapHeard:
    """A card was presented. Sent when it is heard (`decision` None) and again, with the same `key`, when decided.
    `decision`: granted, denied, tap_out, granted_offline (by the device itself), or None where nobody has decided."""

    at: float
    key: str
    uid: str | None
    decision: str | None = None
    code: str | None = None  # the reason of a denial
    rid: str | None = None  # set: the device waits for an answer under this number
    boot: str | None = None
    up_ms: int | None = None
    h1: str | None = None
    tok: str | None = None
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something a person should look at: relay_on_without_grant, does_not_obey, overpower, fault, records_lost …"""

    at: float
    kind: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Availability:
    at: float
    state: State


@dataclass(frozen=True, slots=True)
class LiveReading:
    """What the wall shows while it moves. Only what this message told is set; not worth storing one by one."""

    at: float
    power_w: float | None = None
    progress: float | None = None  # 0 … 1
    relay: bool | None = None


Change = SessionChange | TapHeard | Alarm | Availability | LiveReading | Heartbeat | DeviceInfo | BadMessage
