"""How usage follows from readings: a pure fold, the same live, in `replay` and in `derive`.

`hear(state, readings)` and `advance(state, now)` return a new state and the changes; the old state stays valid.
Time comes from the readings; the only clock is the caller's `now`. Sources: the design note on MQTT dialects,
rules R1 to R12; docs/decisions/0003-hearing-machines.md.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fablab.devices import readings as r
from fablab.usage import badges, jobs, native, power, presence
from fablab.usage.badges import Read
from fablab.usage.changes import Change, LiveReading
from fablab.usage.copies import replace
from fablab.usage.jobs import Jobs
from fablab.usage.native import Native
from fablab.usage.power import Machine
from fablab.usage.presence import Presence
from fablab.usage.settings import UsageOptions, options

__all__ = ["UsageOptions", "UsageState", "advance", "hear", "next_due", "options"]


@dataclass(frozen=True, slots=True)
class UsageState:
    """All that the fold remembers of one device. Small, and JSON-able by `fablab.usage.codec`."""

    presence: Presence = Presence()
    jobs: Jobs = Jobs()
    machine: Machine = Machine()
    native: Native = Native()
    reads: tuple[Read, ...] = ()


Told = tuple[UsageState, list[Change]]


def hear(state: UsageState, readings: Iterable[r.Reading], how: UsageOptions) -> Told:
    """Fold readings, which are in the order of hearing. Timers that were due before them fire first."""
    out: list[Change] = []
    for told in readings:
        due = next_due(state, how)
        if due is not None and due < told.at:
            state, more = _fire(state, told.at, how, strict=True)
            out += more
        state, more = _hear(state, told, how)
        out += more
    return state, out


def advance(state: UsageState, now: float, how: UsageOptions) -> Told:
    """Let time pass: fire what is due up to `now`, each at its own due time, however late the call."""
    return _fire(state, now, how, strict=False)


def next_due(state: UsageState, how: UsageOptions) -> float | None:
    """When `advance` has something to do next, if nothing is heard until then."""
    dues = presence.dues(state.presence, how.patience)
    for due in (jobs.due(state.jobs), power.due(state.machine, how.limits), native.due(state.native)):
        if due is not None:
            dues.append(due)
    return min(dues, default=None)


def _fire(state: UsageState, now: float, how: UsageOptions, strict: bool) -> Told:
    out: list[Change] = []
    for _ in range(64):  # far more than timers can follow from each other
        due = next_due(state, how)
        if due is None or due > now or (strict and due == now):
            break
        state, more = _at(state, due, how)
        out += more
    return state, out


def _at(state: UsageState, due: float, how: UsageOptions) -> Told:
    """Fire everything that is due at this moment."""
    out: list[Change] = []
    machine, more = power.pass_time(state.machine, due, how.limits)
    out += more
    doing, told = jobs.pass_time(state.jobs, due)
    out += told
    own, more = native.pass_time(state.native, due)
    out += more
    there, availability, events = presence.pass_time(state.presence, due, how.patience)
    out += availability
    state = replace(state, machine=machine, jobs=doing, native=own, presence=there)
    state, more = _after(state, events)
    return state, out + more


def _after(state: UsageState, events: Sequence[presence.Event]) -> Told:
    """What an outage does to the sessions."""
    if not events:
        return state, []
    if "back" in events:
        return replace(state, machine=power.back(state.machine)), []
    machine, out = power.gone(state.machine)
    doing, told = jobs.lost(state.jobs, away=True)
    own, more = native.gone(state.native)
    return replace(state, machine=machine, jobs=doing, native=own), [*out, *told, *more]


def _hear(state: UsageState, told: r.Reading, how: UsageOptions) -> Told:
    hearer = _HEARERS.get(type(told))
    return hearer(state, told, how) if hearer is not None else (state, [])


def _alive(state: UsageState, at: float, birth: bool = False) -> Told:
    there, out, events = presence.alive(state.presence, at, birth)
    state, more = _after(replace(state, presence=there), events)
    return state, [*out, *more]


Hearer = Callable[[UsageState, Any, UsageOptions], Told]


def _living(hearer: Hearer) -> Hearer:
    """A reading that is also a sign of life."""

    def hear_alive(state: UsageState, told: Any, how: UsageOptions) -> Told:
        state, out = _alive(state, told.at)
        state, more = hearer(state, told, how)
        return state, out + more if out else more

    return hear_alive


# -- presence ---------------------------------------------------------------------------------------------------------


def _online(state: UsageState, told: r.Online, how: UsageOptions) -> Told:
    return (state, []) if told.stored else _alive(state, told.at, birth=True)


def _offline(state: UsageState, told: r.Offline, how: UsageOptions) -> Told:
    there, out = presence.said_offline(state.presence, told.at, told.stored)
    return replace(state, presence=there), list(out)


def _restarted(state: UsageState, told: r.Restarted, how: UsageOptions) -> Told:
    doing, out = jobs.lost(state.jobs, away=False)
    return replace(state, jobs=doing, machine=power.restarted(state.machine)), list(out)


def _silent(state: UsageState, told: Any, how: UsageOptions) -> Told:
    return state, []


def _passed_on(state: UsageState, told: Any, how: UsageOptions) -> Told:
    return state, [told]


# -- jobs, power, badges ----------------------------------------------------------------------------------------------


def _by_jobs(fold: Callable[[jobs.Jobs, Any], jobs.Told]) -> Hearer:
    def hearer(state: UsageState, told: Any, how: UsageOptions) -> Told:
        doing, out = fold(state.jobs, told)
        return replace(state, jobs=doing), list(out)

    return hearer


def _by_machine(fold: Callable[[power.Machine, Any, power.Thresholds], power.Told]) -> Hearer:
    def hearer(state: UsageState, told: Any, how: UsageOptions) -> Told:
        machine, out = fold(state.machine, told, how.limits)
        return replace(state, machine=machine), out

    return hearer


def _commanded(state: UsageState, told: r.Commanded, how: UsageOptions) -> Told:
    return replace(state, machine=power.commanded(state.machine, told)), []


def _badge(state: UsageState, told: r.BadgeRead, how: UsageOptions) -> Told:
    reads, out = badges.read(state.reads, told, how.debounce_s)
    return replace(state, reads=reads), list(out)


# -- native devices ---------------------------------------------------------------------------------------------------


def _by_native(fold: Callable[[native.Native, Any], native.Told]) -> Hearer:
    """News of the life that goes on are a sign of life; what came before, or of a past life, says nothing."""

    def hearer(state: UsageState, told: Any, how: UsageOptions) -> Told:
        if not native.is_news(state.native, told):
            return state, []
        state, out = _alive(state, told.at, birth=isinstance(told, r.Birth))
        own, more = fold(state.native, told)
        return replace(state, native=own), [*out, *more]

    return hearer


def _progressed(state: UsageState, told: r.JobProgressed, how: UsageOptions) -> Told:
    """A job goes on: people see how far, as often as the machine tells."""
    state, out = _by_jobs(jobs.progressed)(state, told, how)
    if state.jobs.open is None or told.fraction is None:
        return state, out
    return state, [LiveReading(told.at, progress=told.fraction), *out]


def _birth(state: UsageState, told: r.Birth, how: UsageOptions) -> Told:
    return (state, []) if told.stored else _by_native(native.born)(state, told, how)


def _death(state: UsageState, told: r.Death, how: UsageOptions) -> Told:
    own, true = native.died(state.native, told)
    if not true and (not told.stored or own.lives):
        return state, []
    return _offline(replace(state, native=own), r.Offline(told.at, told.stored), how)


def _record(state: UsageState, told: r.JournalRecord, how: UsageOptions) -> Told:
    out: list[Change] = []
    if native.is_news(state.native, told):
        state, out = _alive(state, told.at)
    own, more = native.journalled(state.native, told)
    return replace(state, native=own), [*out, *more]


def _info(state: UsageState, told: r.DeviceInfo, how: UsageOptions) -> Told:
    return replace(state, native=native.described(state.native, told)), [told]


def _answer(state: UsageState, told: r.TapAnswered, how: UsageOptions) -> Told:
    own, out = native.answered(state.native, told)
    return replace(state, native=own), out


def _lease(state: UsageState, told: r.LeaseSent, how: UsageOptions) -> Told:
    return replace(state, native=native.leased(state.native, told)), []


def _ack(state: UsageState, told: r.AckSent, how: UsageOptions) -> Told:
    return replace(state, native=native.acknowledged(state.native, told)), []


_HEARERS: Mapping[type, Hearer] = {
    r.SignOfLife: _living(_silent),
    r.Online: _online,
    r.Offline: _offline,
    r.Restarted: _living(_restarted),
    r.Fault: _living(_by_machine(power.faulted)),
    r.JobStarted: _living(_by_jobs(jobs.started)),
    r.JobProgressed: _living(_progressed),
    r.JobPaused: _living(_by_jobs(jobs.paused)),
    r.JobResumed: _living(_by_jobs(jobs.resumed)),
    r.JobStopping: _living(_by_jobs(jobs.stopping)),
    r.JobEnded: _living(_by_jobs(jobs.ended)),
    r.JobRecorded: _living(_by_jobs(jobs.recorded)),
    r.Power: _living(_by_machine(power.powered)),
    r.EnergyTotal: _living(_by_machine(power.counted)),
    r.Relay: _living(_by_machine(power.switched)),
    r.Commanded: _commanded,
    r.BadgeRead: _living(_badge),
    r.Birth: _birth,
    r.Death: _death,
    r.Heartbeat: _by_native(native.beat),
    r.TapAsked: _by_native(native.asked),
    r.TapAnswered: _answer,
    r.LeaseSent: _lease,
    r.AckSent: _ack,
    r.JournalRecord: _record,
    r.DeviceInfo: _info,
    r.BadMessage: _passed_on,
}
