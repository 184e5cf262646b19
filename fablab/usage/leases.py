"""What we granted to a native device, what its heartbeats show of it, and sessions of devices that keep no journal.

A device of level L0 or L1 tells no uses: the use is read off lease and heartbeat and marked estimated. Of every device
it is watched whether it obeys. Source: the design note on MQTT dialects, 8.2, 8.3 and 8.8; promise R16.
"""

from dataclasses import dataclass

from fablab.devices.readings import Heartbeat, LeaseSent, Outcome, TapAnswered
from fablab.usage.changes import Alarm, SessionChange
from fablab.usage.copies import replace

OBEY_S = 5.0
GAP_S = 45.0  # longer between two heartbeats: something was not heard


@dataclass(frozen=True, slots=True)
class Reign:
    """A use that lease and heartbeats show."""

    key: str
    start_at: float
    last_at: float
    boot: str
    uid: str | None = None
    wh_before: float | None = None
    wh_now: float | None = None
    told_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Leases:
    granted_at: float | None = None  # the last grant
    until: float = 0.0  # the device lets go by itself then
    lid: int | None = None
    uid: str | None = None
    obeyed: bool = False
    ended_at: float | None = None  # by tap-out or revocation, after the last grant
    ended_why: Outcome = "completed"
    scolded: bool = False
    relay: bool | None = None
    boot: str = ""
    beat_at: float = 0.0  # the last heartbeat
    idle_wh: float | None = None  # the counter while nothing ran
    reign: Reign | None = None
    last_end: float = 0.0


Told = tuple[Leases, list[SessionChange | Alarm]]


def granted(leases: Leases, told: TapAnswered, uid: str | None) -> Leases:
    """Our answer to a tap."""
    if not told.ok:
        return leases
    if told.act == "end":
        return replace(leases, ended_at=told.at, ended_why="completed", scolded=False)
    until = told.at + (told.ttl_ms or 0) / 1000
    return replace(
        leases, granted_at=told.at, until=until, lid=told.lid, uid=uid, obeyed=False, ended_at=None, scolded=False
    )


def renewed(leases: Leases, told: LeaseSent) -> Leases:
    """Our renewal, or revocation."""
    if told.ttl_ms:
        return replace(leases, until=max(leases.until, told.at + told.ttl_ms / 1000), lid=told.lid)
    if told.how != "now" or leases.ended_at is not None:
        return leases
    return replace(leases, ended_at=told.at, ended_why="interrupted", scolded=False, until=told.at)


def obeyed(leases: Leases) -> Leases:
    """The device has told a use."""
    return replace(leases, obeyed=True)


def beat(leases: Leases, told: Heartbeat, journal: bool) -> Told:
    """A heartbeat: does the device do what we said, and is somebody using it?"""
    out: list[SessionChange | Alarm] = []
    if told.relay is not None:
        leases, out = _watched(leases, told, journal)
    if leases.reign is not None and told.boot != leases.reign.boot:
        leases, more = _over(leases, leases.reign.last_at, "interrupted")
        out += more
    if journal or told.sess is not None:
        if leases.reign is not None:
            withdrawn = SessionChange(leases.reign.key, leases.reign.start_at, withdrawn=True)
            leases, out = replace(leases, reign=None), [*out, withdrawn]
    elif told.relay is not None:
        leases, more = _reigned(leases, told)
        out += more
    idle = told.wh if not told.relay else leases.idle_wh
    return replace(leases, relay=told.relay, boot=told.boot, beat_at=told.at, idle_wh=idle), out


def gone(leases: Leases) -> Told:
    """The device has been away for too long."""
    if leases.reign is None:
        return leases, []
    return _over(leases, leases.reign.last_at, "interrupted")


# -- parts ------------------------------------------------------------------------------------------------------------


def _watched(leases: Leases, told: Heartbeat, journal: bool) -> Told:
    alarms: list[SessionChange | Alarm] = []
    live = leases.granted_at is not None and leases.ended_at is None
    if told.relay:
        late = leases.ended_at is not None and told.at - leases.ended_at > OBEY_S
        risen = leases.relay is False and leases.boot == told.boot and not journal and told.sess is None
        if late and not leases.scolded:
            alarms.append(Alarm(told.at, "does_not_obey", "relay on after the lease was taken back"))
            leases = replace(leases, scolded=True)
        elif risen and not live and not late:
            alarms.append(Alarm(told.at, "relay_on_without_grant"))
        return replace(leases, obeyed=True) if live and not leases.obeyed else leases, alarms
    unheard = live and not leases.obeyed and told.at - (leases.granted_at or 0.0) > OBEY_S
    if unheard and told.at - leases.beat_at < GAP_S and not leases.scolded:
        alarms.append(Alarm(told.at, "does_not_obey", "relay off after a grant"))
        leases = replace(leases, scolded=True)
    return leases, alarms


def _reigned(leases: Leases, told: Heartbeat) -> Told:
    reign = leases.reign
    if told.relay and reign is None:
        granted_at = leases.granted_at
        start = told.at
        if granted_at is not None and leases.ended_at is None and leases.beat_at < granted_at:
            start = granted_at
        uid = leases.uid if leases.ended_at is None else None
        before = leases.idle_wh if leases.boot == told.boot else told.wh
        reign = Reign(
            f"{told.boot}:n{told.n}", max(start, leases.last_end), told.at, told.boot, uid, before, told.wh, told.at
        )
        return replace(leases, reign=reign), [_change(reign, leases)]
    if reign is None:
        return leases, []
    if told.relay:
        news = told.at - reign.told_at >= 60
        reign = replace(reign, last_at=told.at, wh_now=told.wh, told_at=told.at if news else reign.told_at)
        return replace(leases, reign=reign), [_change(reign, leases)] if news else []
    leases = replace(leases, reign=replace(reign, wh_now=told.wh if told.wh is not None else reign.wh_now))
    if leases.ended_at is not None and reign.last_at <= leases.ended_at:
        return _over(leases, leases.ended_at, leases.ended_why)
    if told.at - reign.last_at > GAP_S:
        return _over(leases, min(max(leases.until, reign.last_at), told.at), "interrupted")
    return _over(leases, told.at, "interrupted" if leases.until <= told.at else "ended")


def _over(leases: Leases, end: float, outcome: Outcome) -> Told:
    reign = leases.reign
    if reign is None:
        return leases, []
    end = max(end, reign.start_at)
    closed = replace(leases, reign=None, last_end=max(end, leases.last_end))
    return closed, [_change(reign, leases, end, outcome)]


def _change(reign: Reign, leases: Leases, end: float | None = None, outcome: Outcome | None = None) -> SessionChange:
    wh = None
    if reign.wh_now is not None and reign.wh_before is not None:
        wh = round(max(reign.wh_now - reign.wh_before, 0.0), 3)
    return SessionChange(
        reign.key,
        reign.start_at,
        end,
        outcome,
        energy_wh=wh,
        uid=reign.uid,
        flags=("start_estimated",) if end is None else ("start_estimated", "end_estimated"),
        last_at=reign.last_at if end is None else end,
    )
