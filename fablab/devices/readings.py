"""What a device said, in the lab's own words: the messages that come in and the readings that decoders make of them.

Pure values: no database, no clock, no MQTT client. Every instant is Unix seconds, UTC, as a float; power is in watts,
energy in watt-hours, durations in seconds. A reading's `at` is the receipt time of its message unless the message is
known to be late and could be placed (docs/decisions/0003).
"""

from dataclasses import dataclass
from typing import Any, Literal

Outcome = Literal["completed", "cancelled", "failed", "interrupted", "ended", "unknown"]


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message as it was received, or, with `outbound`, as Fablab itself published it."""

    topic: str
    payload: bytes
    at: float  # Unix seconds UTC of receipt
    qos: int = 0
    retained: bool = False  # RETAIN as the subscriber sees it: true only for a stored message handed out by the broker
    outbound: bool = False  # what Fablab itself published (answers, leases, commands)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A device that a message gives away, for the page *New devices*: enough to adopt it."""

    dialect: str
    base: str  # the topic root, as the option `base` wants it
    name: str = ""
    model: str = ""
    serial: str = ""  # the strongest identity found (MAC address, serial number)
    abilities: tuple[str, ...] = ()  # of: job, power, energy, switch, badge, journal
    options: tuple[tuple[str, str], ...] = ()  # further options that adoption needs, such as `fulltopic`


# -- presence ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SignOfLife:
    """A live message of the device that says nothing else. Every other live reading is a sign of life too."""

    at: float


@dataclass(frozen=True, slots=True)
class Online:
    """The device's birth message. `stored`: handed out by the broker after a subscription, context only."""

    at: float
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Offline:
    """The device's will or its own good-bye."""

    at: float
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Restarted:
    """The device (or the computer that drives it) has started anew: what ran before has died with it."""

    at: float


@dataclass(frozen=True, slots=True)
class Fault:
    """The device reports something wrong with itself; `kind` is a short code such as `overpower`."""

    at: float
    kind: str
    text: str = ""


# -- machines that know their jobs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job began. `began_at`: when, if the device tells that it has been running for a while (then estimated)."""

    at: float
    job: str | None = None
    user: str | None = None
    began_at: float | None = None


@dataclass(frozen=True, slots=True)
class JobProgressed:
    """The job goes on. `elapsed_s` counts pauses, as far as the device knows. `paused`: it stands still just now."""

    at: float
    job: str | None = None
    fraction: float | None = None  # 0 … 1
    elapsed_s: float | None = None
    opens: bool = False  # good enough to conclude that a job runs whose start was missed
    paused: bool | None = None


@dataclass(frozen=True, slots=True)
class JobPaused:
    at: float


@dataclass(frozen=True, slots=True)
class JobResumed:
    at: float


@dataclass(frozen=True, slots=True)
class JobStopping:
    """The machine's state says that no job runs any more, but the ending itself was not told (yet)."""

    at: float
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class JobEnded:
    """The job's ending. `ran_s`: its length without pauses, `lasted_s`: with pauses, as the device measured them."""

    at: float
    outcome: Outcome
    job: str | None = None
    user: str | None = None
    ran_s: float | None = None
    lasted_s: float | None = None


@dataclass(frozen=True, slots=True)
class JobRecorded:
    """A job out of the device's own history: completes a session we heard, or stands for one we missed."""

    at: float
    id: str
    start_at: float
    end_at: float | None
    outcome: Outcome | None  # None: still in progress
    job: str | None = None
    user: str | None = None
    material: str | None = None
    grams: float | None = None
    energy_wh: float | None = None


# -- meters and switches ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Power:
    at: float
    watts: float  # ≥ 0


@dataclass(frozen=True, slots=True)
class EnergyTotal:
    """A counter that only ever rises, except when it is reset, rolls back or leaps: judged by `usage.energy`."""

    at: float
    wh: float  # ≥ 0


@dataclass(frozen=True, slots=True)
class Relay:
    at: float
    on: bool


@dataclass(frozen=True, slots=True)
class Commanded:
    """We told the relay to switch; so what it does next is not by itself."""

    at: float
    on: bool


# -- badges -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BadgeRead:
    """One read of a card by a plain reader, which repeats it while the card lies there. `uid` is canonical
    (upper-case hex, or `badge:…` where it was cloaked). `ambiguous`: the reader's spelling fits several cards."""

    at: float
    uid: str
    ambiguous: bool = False


# -- the native protocol, fablab/v1 -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Birth:
    """`up/status` with `on: true`: connection number `conn` of life `boot`."""

    at: float
    boot: str
    conn: int
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Death:
    """`up/status` with `on: false`: counts only for the newest (boot, conn)."""

    at: float
    boot: str
    conn: int
    why: str = "lost"
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """`up/hb`: what the device is doing now. Passed on unchanged among the changes, for the interlock."""

    at: float
    boot: str
    conn: int
    n: int
    up_ms: int
    seq: int = 0  # the newest record of its journal
    relay: bool | None = None
    lid: int | None = None
    lease_ms: int | None = None
    sess: str | None = None  # "<boot>:<sid>" of the use that runs
    watts: float | None = None
    wh: float | None = None  # since boot
    waiting: int = 0  # records not yet acknowledged


@dataclass(frozen=True, slots=True)
class TapAsked:
    """`up/tap`: a card was presented and the device asks. Exactly one of `uid`, `h1`, `tok` says whose it was."""

    at: float
    boot: str
    up_ms: int
    rid: str
    uid: str | None = None
    h1: str | None = None
    tok: str | None = None


@dataclass(frozen=True, slots=True)
class TapAnswered:
    """Our own `dn/tap`. `act` is `end` for a tap-out."""

    at: float
    rid: str
    ok: bool
    act: str | None = None
    code: str | None = None
    lid: int | None = None
    ttl_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LeaseSent:
    """Our own `dn/lease`: a renewal, or with `ttl_ms` 0 a revocation."""

    at: float
    boot: str
    lid: int
    ttl_ms: int
    why: str | None = None
    how: str = "now"  # how soon a revocation bites: now, idle, job


@dataclass(frozen=True, slots=True)
class AckSent:
    """Our own `dn/ack`: records up to `seq` of `boot` are in the database."""

    at: float
    boot: str
    seq: int


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """`up/ev`: record number `seq` of life `boot`, made `up_ms` after that boot. `data` holds only checked values."""

    at: float  # receipt
    boot: str
    seq: int
    up_ms: int
    kind: str  # boot tap use.start tick use.state use.end job.start job.progress job.end relay fault lost cfg
    data: dict[str, Any]
    again: bool = False  # sent again: its receipt time tells nothing
    clock_at: float | None = None  # the device's own clock, where it has one that is believable


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """`up/info`: what the device is and can do."""

    at: float
    boot: str
    why: str = ""
    firmware: str = ""
    hardware: str = ""
    caps: tuple[str, ...] = ()
    stored: bool = False


# -- what cannot be understood ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BadMessage:
    """A message on the device's topic that makes no sense: kept, counted and shown, never fatal. `reason` is a short
    code out of `decoders.parse.REASONS`; `detail` is for people and holds nothing of the payload."""

    at: float
    topic: str
    reason: str
    detail: str = ""


Reading = (
    SignOfLife
    | Online
    | Offline
    | Restarted
    | Fault
    | JobStarted
    | JobProgressed
    | JobPaused
    | JobResumed
    | JobStopping
    | JobEnded
    | JobRecorded
    | Power
    | EnergyTotal
    | Relay
    | Commanded
    | BadgeRead
    | Birth
    | Death
    | Heartbeat
    | TapAsked
    | TapAnswered
    | LeaseSent
    | AckSent
    | JournalRecord
    | DeviceInfo
    | BadMessage
)
