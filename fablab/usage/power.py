"""Sessions of machines that are only metered or switched: by power, with hysteresis and dwell.

Start: the first reading of at least `on_w` that survives `on_delay_s`. End: the first reading below `off_w` that
survives `off_delay_s`; an opened relay ends at once. The delays run on the clock, because readings are sparse. When an
outage or a reboot lies before a reading and it is low, the session ended at the last evidence before; if it is high,
the session goes on. Sources: rules R3, R4, R5; promise R16 for the relay.
"""

from dataclasses import dataclass

from fablab.devices.readings import Commanded, EnergyTotal, Fault, Outcome, Power, Relay
from fablab.usage.changes import Alarm, Change, Flag, LiveReading, SessionChange
from fablab.usage.copies import replace
from fablab.usage.energy import Meter, begin, energy_wh, held_until, is_measured, with_power, with_total

TELL_S = 60.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    on_w: float = 10.0
    off_w: float = 5.0
    on_delay_s: float = 5.0
    off_delay_s: float = 60.0
    stale_s: float = 610.0
    p_max_w: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """A session, or one that may become it (`waiting` for the delay)."""

    start_at: float
    last_at: float  # the last reading that was high
    wh: float = 0.0  # at that reading
    waiting: bool = True
    estimated: bool = False
    low_at: float | None = None
    low_wh: float = 0.0
    low_s: float = 0.0  # dips that were bridged
    told_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Machine:
    run: Run | None = None
    meter: Meter = Meter()
    read_at: float | None = None
    outage: bool = False  # between what was heard before and the next reading
    relay: bool | None = None
    rebooted: bool = False  # since the relay was heard last
    granted: bool = False  # we closed the relay and nobody has opened it since
    last_end: float = 0.0


Told = tuple[Machine, list[Change]]


def powered(machine: Machine, told: Power, limits: Thresholds) -> Told:
    """A power reading."""
    changes: list[Change] = [LiveReading(told.at, power_w=told.watts)]
    unknown = machine.read_at is None or machine.outage or told.at - machine.read_at > limits.stale_s
    if machine.run is not None and machine.outage:
        if told.watts < limits.off_w:
            machine, more = _interrupted(machine)
            changes += more
        machine = replace(machine, outage=False)
    machine = replace(
        machine,
        meter=with_power(machine.meter, told.at, told.watts, limits.stale_s),
        read_at=told.at,
        outage=False,
    )
    if machine.run is None:
        return _maybe_started(machine, told, limits, unknown), changes
    machine, more = _went_on(machine, machine.run, told, limits)
    return machine, changes + more


def counted(machine: Machine, told: EnergyTotal, limits: Thresholds) -> Told:
    """A counter reading."""
    meter = with_total(machine.meter, told.at, told.wh, limits.stale_s, limits.p_max_w)
    return replace(machine, meter=meter), []


def switched(machine: Machine, told: Relay, limits: Thresholds) -> Told:
    """What the relay is doing, told at each change and now and then."""
    changes: list[Change] = []
    if told.on != machine.relay or machine.rebooted:
        changes.append(LiveReading(told.at, relay=told.on))
        risen = told.on and (machine.relay is False or machine.rebooted) and machine.relay is not None
        if risen and not machine.granted:
            changes.append(Alarm(told.at, "relay_on_without_grant"))
    machine = replace(machine, relay=told.on, rebooted=False, granted=machine.granted and told.on)
    if told.on or machine.run is None:
        return machine, changes
    machine, more = _opened(machine, machine.run, told.at, "ended", limits)
    return machine, changes + more


def commanded(machine: Machine, told: Commanded) -> Machine:
    """We have told the relay what to do."""
    return replace(machine, granted=told.on)


def faulted(machine: Machine, told: Fault, limits: Thresholds) -> Told:
    """Overpower opens the relay: the session ends at once."""
    alarm = Alarm(told.at, told.kind, told.text)
    if told.kind != "overpower" or machine.run is None:
        return machine, [alarm]
    machine, more = _opened(machine, machine.run, told.at, "interrupted", limits)
    return machine, [alarm, *more]


def restarted(machine: Machine) -> Machine:
    """A reboot: what the relay does now, it does by itself."""
    return replace(machine, outage=True, rebooted=True, granted=False)


def back(machine: Machine) -> Machine:
    """An outage lies behind us: the next reading tells what it did to the session."""
    return replace(machine, outage=True)


def gone(machine: Machine) -> Told:
    """The grace time is over."""
    return _interrupted(machine)


def due(machine: Machine, limits: Thresholds) -> float | None:
    """When a delay ends."""
    run = machine.run
    if run is None or machine.outage:
        return None
    if run.waiting:
        return run.start_at + limits.on_delay_s
    return None if run.low_at is None else run.low_at + limits.off_delay_s


def pass_time(machine: Machine, at: float, limits: Thresholds) -> Told:
    """Fire a delay that has ended."""
    run, when = machine.run, due(machine, limits)
    if run is None or when is None or at < when:
        return machine, []
    if run.waiting:
        run = replace(run, waiting=False, told_at=when)
        return replace(machine, run=run), [_change(machine, run)]
    end = run.start_at if run.low_at is None else run.low_at
    return _closed(machine, run, end, run.low_wh, "ended")


# -- parts ------------------------------------------------------------------------------------------------------------


def _maybe_started(machine: Machine, told: Power, limits: Thresholds, unknown: bool) -> Machine:
    if told.watts < limits.on_w:
        return machine
    start = max(told.at, machine.last_end)
    return replace(machine, run=Run(start, told.at, estimated=unknown), meter=begin(machine.meter))


def _went_on(machine: Machine, run: Run, told: Power, limits: Thresholds) -> Told:
    wh = energy_wh(machine.meter)
    if run.waiting:
        if told.watts < limits.on_w:
            return replace(machine, run=None), []
        return replace(machine, run=replace(run, last_at=told.at, wh=wh)), []
    if told.watts >= limits.off_w:
        dip = 0.0 if run.low_at is None else told.at - run.low_at
        run = replace(run, last_at=told.at, wh=wh, low_at=None, low_s=run.low_s + dip)
    elif run.low_at is None:
        run = replace(run, low_at=told.at, low_wh=wh)
    if told.at - run.told_at < TELL_S:
        return replace(machine, run=run), []
    run = replace(run, told_at=told.at)
    return replace(machine, run=run), [_change(machine, run)]


def _opened(machine: Machine, run: Run, at: float, outcome: Outcome, limits: Thresholds) -> Told:
    """The relay is open, so nothing runs any more."""
    if machine.outage:
        return _interrupted(machine)
    if run.low_at is not None:
        return _closed(machine, run, run.low_at, run.low_wh, outcome)
    machine = replace(machine, meter=held_until(machine.meter, at, limits.stale_s))
    return _closed(machine, run, at, energy_wh(machine.meter), outcome)


def _interrupted(machine: Machine) -> Told:
    """What ran ended at its last evidence, unless it had already fallen low."""
    run = machine.run
    if run is None:
        return machine, []
    if run.low_at is not None:
        return _closed(machine, run, run.low_at, run.low_wh, "ended")
    return _closed(machine, run, run.last_at, run.wh, "interrupted")


def _closed(machine: Machine, run: Run, end: float, wh: float, outcome: Outcome) -> Told:
    if run.waiting:
        return replace(machine, run=None), []
    end = max(end, run.start_at)
    change = _change(machine, replace(run, last_at=end, wh=wh), end, outcome)
    return replace(machine, run=None, last_end=max(end, machine.last_end)), [change]


def _change(machine: Machine, run: Run, end: float | None = None, outcome: Outcome | None = None) -> SessionChange:
    flags: list[Flag] = ["start_estimated"] if run.estimated else []
    if outcome == "interrupted":
        flags.append("end_estimated")
    return SessionChange(
        f"power:{round(run.start_at * 1000)}",
        run.start_at,
        end,
        outcome,
        energy_wh=round(run.wh, 3) if is_measured(machine.meter) else None,
        working_s=round(max(run.last_at - run.start_at - run.low_s, 0.0), 3),
        flags=tuple(flags),
        last_at=run.last_at,
    )
