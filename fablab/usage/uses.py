"""Sessions of native devices: one use is the fold over its journal records, in whatever order they arrive.

A use is known by (boot, sid). Its records are placed by the up-time of their life; when that is placed better, so are
they. Without its own start or end a use is bounded by heartbeats and ticks, marked estimated, and corrected when the
device tells later. Source: the design note on MQTT dialects, 8.4 and 8.5.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fablab.devices.readings import JournalRecord, Outcome
from fablab.usage.changes import Flag, SessionChange
from fablab.usage.copies import replace

ENDING_S = 10.0  # the record of an ending may come after the heartbeat that shows it
KEPT = 8  # ended uses remembered, to correct them
MOST_STATES = 200
MOST_JOBS = 50

_BY_REASON: dict[str, Outcome] = {
    "user": "completed",
    "idle": "completed",
    "job": "completed",
    "local": "completed",
    "fault": "failed",
    "lease": "interrupted",
    "revoked": "interrupted",
    "power": "interrupted",
}
_BY_JOB: dict[str, Outcome] = {"completed": "completed", "cancelled": "cancelled", "failed": "failed"}


@dataclass(frozen=True, slots=True)
class Point:
    """A record of the use: its number, its up-time, when it was received (None: sent again later), and its place."""

    seq: int
    up_ms: int
    receipt: float | None
    at: float
    sure: bool


@dataclass(frozen=True, slots=True)
class UseJob:
    seq: int  # of job.start; of job.end where that alone was heard
    job: str | None = None
    material: str | None = None
    out_seq: int = 0
    out: str | None = None
    grams: float | None = None


@dataclass(frozen=True, slots=True)
class Use:
    boot: str
    sid: str
    first_at: float  # the earliest evidence
    last_at: float  # the latest
    start: Point | None = None
    end: Point | None = None
    why: str | None = None
    run_s: float | None = None
    end_wh: float | None = None
    tick_seq: int = 0
    tick_wh: float | None = None
    wh_before: float | None = None  # the device's counter when the use began
    wh_now: float | None = None
    uid: str | None = None
    rid: str | None = None
    auth: str = ""
    refused: bool = False  # we had said no
    jobs: tuple[UseJob, ...] = ()
    states: tuple[tuple[int, int, str], ...] = ()  # seq, up_ms, word
    over_at: float | None = None  # heartbeats no longer show it since
    given_up: bool = False  # ended at its last evidence, until the device tells better
    cause: Outcome = "interrupted"
    told_at: float = 0.0
    seq: int = 0  # the first record known of it
    shown_start: float = 0.0  # as told last
    shown_end: float | None = None

    @property
    def is_sure(self) -> bool:
        return all(point.sure for point in (self.start, self.end) if point is not None)

    @property
    def key(self) -> str:
        return f"{self.boot}:{self.sid}"

    @property
    def is_open(self) -> bool:
        return self.end is None and not self.given_up

    @property
    def order(self) -> float:
        return self.first_at if self.start is None else self.start.at


def with_record(use: Use, record: JournalRecord, point: Point) -> Use:
    """The use after one of its records."""
    first, last = min(use.first_at, point.at), max(use.last_at, point.at)
    use = replace(use, first_at=first, last_at=last, seq=min(use.seq, record.seq))
    data = record.data
    if record.kind == "use.start":
        auth = str(data.get("auth", ""))
        return replace(use, start=point, rid=data.get("rid"), auth=auth, uid=data.get("uid") or use.uid)
    if record.kind == "use.end":
        return _ended(use, point, data)
    if record.kind == "tick":
        newer = record.seq > use.tick_seq and data.get("wh") is not None
        return replace(use, tick_seq=record.seq, tick_wh=data["wh"]) if newer else use
    if record.kind == "use.state":
        states = sorted({*use.states, (record.seq, record.up_ms, str(data["s"]))})
        return replace(use, states=tuple(states[-MOST_STATES:]))
    if record.kind == "job.start":
        return replace(use, jobs=_with_job(use.jobs, UseJob(record.seq, data.get("job"), data.get("material"))))
    if record.kind == "job.end":
        return replace(use, jobs=_with_ending(use.jobs, record.seq, data.get("out"), data.get("g")))
    return use


def given_up(use: Use, cause: Outcome) -> Use:
    """Ended at its last evidence."""
    return replace(use, given_up=True, cause=cause, over_at=None) if use.is_open else use


def bounded(uses: Sequence[Use], earliest: float) -> Iterator[tuple[Use, float, float | None]]:
    """Start and end of each use, none before `earliest` and none reaching into the next; `uses` in their true order.

    One whose place is uncertain gives way to its neighbours and keeps its length where there is room.
    """
    last = len(uses) - 1
    for place, use in enumerate(uses):
        start = max(use.order, earliest)
        if place == last and use.is_open:
            yield use, start, None
            return
        end = use.last_at if use.end is None else use.end.at
        if not use.is_sure:
            end = max(end, start + end - use.order)
        if place < last and (uses[place + 1].is_sure or not use.is_sure):
            end = min(end, uses[place + 1].order)
        end = max(end, start)
        yield use, start, end
        earliest = end


def change(use: Use) -> SessionChange:
    """The use as a session, within the bounds of its neighbours."""
    start, end = use.shown_start, use.shown_end
    job = use.jobs[-1] if use.jobs else None
    grams = [each.grams for each in use.jobs if each.grams is not None]
    return SessionChange(
        use.key,
        start,
        end,
        None if end is None else _outcome(use),
        None if job is None else job.job,
        energy_wh=_energy(use),
        paused_s=_spent_s(use, "pause"),
        working_s=_spent_s(use, "work") if use.run_s is None else use.run_s,
        material=next((each.material for each in reversed(use.jobs) if each.material), None),
        grams=round(sum(grams), 3) if grams else None,
        uid=use.uid,
        sid=use.key,
        flags=_flags(use),
        last_at=max(use.last_at if end is None else end, start),
    )


# -- parts ------------------------------------------------------------------------------------------------------------


def _ended(use: Use, point: Point, data: Mapping[str, Any]) -> Use:
    return replace(
        use,
        end=point,
        why=data.get("why"),
        run_s=data.get("run_s"),
        end_wh=data.get("wh"),
        given_up=False,
        over_at=None,
    )


def _with_job(jobs: tuple[UseJob, ...], job: UseJob) -> tuple[UseJob, ...]:
    for each in jobs:  # its ending came first
        if (
            each.job is None
            and each.out_seq > job.seq
            and not any(job.seq < other.seq < each.out_seq for other in jobs)
        ):
            job = replace(job, out_seq=each.out_seq, out=each.out, grams=each.grams)
            jobs = tuple(other for other in jobs if other is not each)
            break
    return tuple(sorted((*jobs, job), key=lambda each: each.seq))[-MOST_JOBS:]


def _with_ending(jobs: tuple[UseJob, ...], seq: int, out: str | None, grams: float | None) -> tuple[UseJob, ...]:
    last = max((each for each in jobs if each.seq < seq), key=lambda each: each.seq, default=None)
    if last is None or last.out_seq:
        job = UseJob(seq, out_seq=seq, out=out, grams=grams)
        return tuple(sorted((*jobs, job), key=lambda each: each.seq))[-MOST_JOBS:]
    return tuple(replace(each, out_seq=seq, out=out, grams=grams) if each is last else each for each in jobs)


def _outcome(use: Use) -> Outcome:
    if use.end is None:
        return use.cause
    by_reason = _BY_REASON.get(use.why or "", "unknown")
    finished = [each for each in use.jobs if each.out in _BY_JOB]
    if finished and by_reason in ("completed", "unknown"):
        return _BY_JOB[finished[-1].out or ""]
    return by_reason


def _energy(use: Use) -> float | None:
    if use.end_wh is not None:
        return use.end_wh
    by_heartbeat = None
    if use.wh_now is not None and use.wh_before is not None:
        by_heartbeat = round(max(use.wh_now - use.wh_before, 0.0), 3)
    if use.tick_wh is None:
        return by_heartbeat
    return max(use.tick_wh, by_heartbeat or 0.0)


def _spent_s(use: Use, state: str) -> float | None:
    """Time spent in a state (work, idle, pause), up to the end; None for a device that tells no states."""
    if not use.states:
        return None
    total, since = 0, None
    for _, up_ms, word in use.states:
        if since is not None:
            total += max(up_ms - since, 0)
        since = up_ms if word == state else None
    if since is not None and use.end is not None:
        total += max(use.end.up_ms - since, 0)
    return total / 1000


def _flags(use: Use) -> tuple[Flag, ...]:
    flags: list[Flag] = []
    if use.start is None:
        flags.append("start_estimated")
    if use.end is None and use.given_up:
        flags.append("end_estimated")
    if any(point is not None and not point.sure for point in (use.start, use.end)):
        flags.append("time_uncertain")
    if use.refused:
        flags.append("not_granted")
    return tuple(flags)
