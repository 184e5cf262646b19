"""Sessions of machines that tell their jobs: one job, one ending, whatever gets lost on the way.

The first ending closes; one that follows within seconds may only refine the outcome. A lost start is dated back, a
lost end is the last evidence of the job. A job given up because the machine was away is taken up again, under the same
key, when it proves to have gone on. Sources: rules R4, R7, R8.
"""

from dataclasses import dataclass

from fablab.devices.readings import (
    JobEnded,
    JobPaused,
    JobProgressed,
    JobRecorded,
    JobResumed,
    JobStarted,
    JobStopping,
    Outcome,
)
from fablab.usage.changes import Flag, SessionChange
from fablab.usage.copies import replace

TWICE_S = 2.0  # the same start told twice
ENDING_S = 10.0  # an idle machine's ending may still be told
REFINE_S = 30.0  # a second ending of the same job
FULL_S = 600.0  # at 100 % and nothing more
LATE_START_S = 5.0  # a start known better than this is not called estimated
SAME_START_S = 60.0  # two estimates of one start
TELL_S = 60.0  # how often a running session is told anew
FALL = 0.05  # progress may waver by so much
KEPT = 8  # closed jobs remembered, to complete them from the machine's own history


@dataclass(frozen=True, slots=True)
class Job:
    key: str
    start_at: float
    last_at: float  # the last evidence
    job: str | None = None
    user: str | None = None
    estimated: bool = False
    paused_at: float | None = None
    paused_s: float = 0.0
    fraction: float | None = None
    stop_at: float | None = None  # it seems to be over since
    stop_due: float | None = None
    stop_outcome: Outcome = "unknown"
    told_at: float = 0.0
    end_at: float | None = None
    outcome: Outcome | None = None
    lost: bool = False  # the ending was not told but concluded
    away: bool = False  # concluded because the machine was away, where it may have gone on
    material: str | None = None
    grams: float | None = None
    energy_wh: float | None = None


@dataclass(frozen=True, slots=True)
class Jobs:
    open: Job | None = None
    closed: tuple[Job, ...] = ()  # by end
    ghost: float | None = None  # the progress shown since the last ending: only a rise is a new job
    forgotten_until: float = 0.0  # jobs that ended before have been forgotten

    @property
    def last_end(self) -> float:
        return max((job.end_at or 0.0 for job in self.closed), default=self.forgotten_until)


Told = tuple[Jobs, list[SessionChange]]


def started(jobs: Jobs, told: JobStarted) -> Told:
    """A start. It ends what ran before at its last evidence."""
    changes: list[SessionChange] = []
    if jobs.open is not None:
        if jobs.open.job == told.job and told.at - jobs.open.start_at < TWICE_S and told.began_at is None:
            return jobs, []
        jobs, changes = _give_up(jobs, "unknown", told.at)
    again = _same_as_last(jobs, told.job, told.began_at, None)
    if again is not None:
        return _told(_reopened(jobs, again), told.at, changes)
    began = told.at if told.began_at is None else told.began_at
    late = told.at - began > LATE_START_S
    job = Job(_key(told.at), max(began, jobs.last_end), told.at, told.job, told.user, estimated=late)
    return _told(replace(jobs, open=job, ghost=None), told.at, changes)


def progressed(jobs: Jobs, told: JobProgressed) -> Told:
    """Evidence that a job runs; perhaps the first we have of it."""
    if jobs.open is None:
        return _opened_by_progress(jobs, told) if told.opens else (jobs, [])
    if told.fraction is not None and not _proves(jobs.open, told):
        return _fallen_back(jobs, jobs.open, told)
    job = _with_evidence(jobs.open, told)
    news = (job.job, job.paused_at) != (jobs.open.job, jobs.open.paused_at) or told.at - job.told_at >= TELL_S
    jobs = replace(jobs, open=job)
    return _told(jobs, told.at, []) if news else (jobs, [])


def paused(jobs: Jobs, told: JobPaused) -> Told:
    """The job stands still."""
    if jobs.open is None or jobs.open.paused_at is not None:
        return jobs, []
    return _told(replace(jobs, open=_paused(jobs.open, told.at)), told.at, [])


def resumed(jobs: Jobs, told: JobResumed) -> Told:
    """The job goes on."""
    if jobs.open is None or jobs.open.paused_at is None:
        return jobs, []
    return _told(replace(jobs, open=_resumed(jobs.open, told.at)), told.at, [])


def stopping(jobs: Jobs, told: JobStopping) -> Told:
    """The machine is idle: if no ending is told within seconds, this was it."""
    job = jobs.open
    if job is None or (job.stop_at is not None and job.fraction != 1):
        return jobs, []
    sure = told.outcome if told.outcome != "unknown" or job.fraction != 1 else "completed"
    job = replace(job, stop_at=told.at, stop_due=told.at + ENDING_S, stop_outcome=sure)
    return replace(jobs, open=job), []


def ended(jobs: Jobs, told: JobEnded) -> Told:
    """An ending: of the open job; else a second one; else of a job whose start was lost."""
    if jobs.open is not None:
        return _close_told(jobs, jobs.open, told)
    last = jobs.closed[-1] if jobs.closed else None
    if last is not None and last.end_at is not None:
        if last.lost and _may_be(last, told):
            jobs = _reopened(jobs, last)
            return _close_told(jobs, jobs.open or last, told)
        if told.at - last.end_at <= REFINE_S:
            return _refine(jobs, last, told)
    if told.ran_s is None or told.at - told.ran_s < jobs.last_end - LATE_START_S:
        return jobs, []
    start = max(told.at - told.ran_s, jobs.last_end)
    job = Job(_key(told.at), start, told.at, told.job, told.user, estimated=True)
    return _close(replace(jobs, open=job), told.at, told.outcome, lost=False)


def lost(jobs: Jobs, away: bool) -> Told:
    """The machine has started anew, or is away for too long: an open job ended at its last evidence."""
    if jobs.open is None:
        return jobs, []
    return _give_up(replace(jobs, open=replace(jobs.open, away=away)), "interrupted", None)


def due(jobs: Jobs) -> float | None:
    """When an ending that was not told is concluded."""
    return jobs.open.stop_due if jobs.open is not None else None


def pass_time(jobs: Jobs, at: float) -> Told:
    """Conclude an ending that nobody told."""
    job = jobs.open
    if job is None or job.stop_due is None or job.stop_at is None or at < job.stop_due:
        return jobs, []
    return _close(jobs, job.stop_at, job.stop_outcome, lost=True)


def recorded(jobs: Jobs, told: JobRecorded) -> Told:
    """A job of the machine's own history: completes the session heard, or stands for one that was missed."""
    if told.end_at is None or told.outcome is None:
        return _completed_start(jobs, told)
    for place, job in enumerate(jobs.closed):
        if _is_record_of(job, told):
            better = replace(
                job,
                material=told.material or job.material,
                grams=job.grams if told.grams is None else told.grams,
                energy_wh=job.energy_wh if told.energy_wh is None else told.energy_wh,
                user=job.user or told.user,
            )
            if better == job:
                return jobs, []
            closed = (*jobs.closed[:place], better, *jobs.closed[place + 1 :])
            return replace(jobs, closed=closed), [_change(better)]
    if told.start_at < jobs.forgotten_until or _overlaps(jobs, told.start_at, told.end_at):
        return jobs, []
    job = Job(
        f"history:{told.id}",
        told.start_at,
        told.end_at,
        told.job,
        told.user,
        end_at=told.end_at,
        outcome=told.outcome,
        material=told.material,
        grams=told.grams,
        energy_wh=told.energy_wh,
    )
    return _remember(jobs, job), [_change(job)]


# -- parts ------------------------------------------------------------------------------------------------------------


def _key(at: float) -> str:
    return f"job:{round(at * 1000)}"


def _paused(job: Job, at: float) -> Job:
    return replace(job, paused_at=at, last_at=max(job.last_at, at), stop_at=None, stop_due=None)


def _resumed(job: Job, at: float) -> Job:
    since = at if job.paused_at is None else job.paused_at
    longer = job.paused_s + max(at - since, 0.0)
    return replace(job, paused_at=None, paused_s=longer, last_at=max(job.last_at, at), stop_at=None, stop_due=None)


def _proves(job: Job, told: JobProgressed) -> bool:
    """Whether a progress shows that the job goes on: some versions repeat the last one for ever after an ending."""
    if told.fraction is None or job.fraction is None or told.elapsed_s is not None:
        return True
    return told.fraction > job.fraction or (told.fraction == job.fraction and job.stop_at is None)


def _fallen_back(jobs: Jobs, job: Job, told: JobProgressed) -> Told:
    """Progress far below what the job has reached is of another job, whose start we missed: wait for it to rise."""
    if not told.opens or (told.fraction or 0.0) >= (job.fraction or 0.0) - FALL:
        return jobs, []
    jobs, changes = _give_up(jobs, "unknown", told.at)
    return replace(jobs, ghost=told.fraction), changes


def _with_evidence(job: Job, told: JobProgressed) -> Job:
    if told.paused is not None and told.paused != (job.paused_at is not None):
        job = _paused(job, told.at) if told.paused else _resumed(job, told.at)
    full = told.fraction is not None and told.fraction >= 1
    first_full = full and (job.fraction or 0.0) < 1
    job = replace(
        job,
        job=job.job or told.job,
        last_at=max(job.last_at, told.at),
        fraction=job.fraction if told.fraction is None else told.fraction,
    )
    if first_full:
        return replace(job, stop_at=told.at, stop_due=told.at + FULL_S, stop_outcome="completed")
    return job if full else replace(job, stop_at=None, stop_due=None)


def _opened_by_progress(jobs: Jobs, told: JobProgressed) -> Told:
    began = None if told.elapsed_s is None else told.at - told.elapsed_s
    again = _same_as_last(jobs, told.job, began, told.fraction)
    if again is not None:
        return progressed(_reopened(jobs, again), replace(told, opens=False))
    if told.fraction is not None and told.elapsed_s is None and jobs.closed:
        last = jobs.last_end
        if jobs.ghost is None or told.fraction <= jobs.ghost or told.at - last < REFINE_S:
            return replace(jobs, ghost=told.fraction), []  # what some versions repeat for ever after an ending
    start = max(told.at if began is None else began, jobs.last_end)
    job = Job(_key(told.at), start, told.at, told.job, estimated=True, fraction=told.fraction)
    if told.paused:
        job = replace(job, paused_at=told.at)
    return _told(replace(jobs, open=job, ghost=None), told.at, [])


def _same_as_last(jobs: Jobs, name: str | None, began: float | None, fraction: float | None) -> Job | None:
    """The last job, if it was given up and this is it: by its start, else by a progress that goes on from there."""
    last = jobs.closed[-1] if jobs.closed else None
    if last is None or not last.lost or (name is not None and last.job not in (None, name)):
        return None
    if began is not None:
        return last if abs(began - last.start_at) < SAME_START_S else None
    return last if last.away and fraction is not None and fraction >= (last.fraction or 0.0) else None


def _may_be(last: Job, told: JobEnded) -> bool:
    """Whether an ending belongs to the job that was given up: it must have begun before that."""
    if told.job is not None and last.job not in (None, told.job):
        return False
    length = told.lasted_s if told.lasted_s is not None else told.ran_s
    return length is None or told.at - length <= (last.end_at or told.at)


def _reopened(jobs: Jobs, job: Job) -> Jobs:
    back = replace(job, end_at=None, outcome=None, lost=False, away=False, stop_at=None, stop_due=None)
    return replace(jobs, open=back, closed=jobs.closed[:-1], ghost=None)


def _close_told(jobs: Jobs, job: Job, told: JobEnded) -> Told:
    """Close by the machine's own word, and by its own measure of the length where that is better than ours."""
    end = told.at
    if told.lasted_s is not None and not job.estimated and job.start_at + told.lasted_s < end - ENDING_S:
        end = max(job.start_at + told.lasted_s, job.last_at)  # told late, after an outage
    if job.paused_at is not None:
        job = _resumed(job, end)
    job = replace(job, job=told.job or job.job, user=job.user or told.user)
    length = told.lasted_s
    if length is None and told.ran_s is not None:
        length = told.ran_s + job.paused_s
    if job.estimated and length is not None:
        job = replace(job, start_at=max(end - length, jobs.last_end))
    return _close(replace(jobs, open=job), end, told.outcome, lost=False)


def _close(jobs: Jobs, end: float, outcome: Outcome, lost: bool) -> Told:
    job = jobs.open
    if job is None:
        return jobs, []
    end = max(end, job.start_at)
    if job.paused_at is not None:
        job = _resumed(job, end)
    job = replace(job, end_at=end, last_at=end, outcome=outcome, lost=lost, stop_at=None, stop_due=None)
    jobs = _remember(replace(jobs, open=None, ghost=job.fraction), job)
    return jobs, [_change(job)]


def _give_up(jobs: Jobs, outcome: Outcome, before: float | None) -> Told:
    """Close at the last evidence, not later than `before`."""
    job = jobs.open
    if job is None:
        return jobs, []
    if job.stop_at is not None:
        end, outcome = job.stop_at, job.stop_outcome
    else:
        end = job.last_at
    return _close(jobs, end if before is None else min(end, before), outcome, lost=True)


def _refine(jobs: Jobs, last: Job, told: JobEnded) -> Told:
    """A second ending: cancelled beats failed, anything beats unknown."""
    better = (last.outcome == "failed" and told.outcome == "cancelled") or last.outcome == "unknown"
    better = better or (last.outcome == "interrupted" and last.lost)
    job = replace(last, outcome=told.outcome if better else last.outcome, job=last.job or told.job)
    if job == last:
        return jobs, []
    return replace(jobs, closed=(*jobs.closed[:-1], job)), [_change(job)]


def _completed_start(jobs: Jobs, told: JobRecorded) -> Told:
    """What the history knows of a job that is still running."""
    job = jobs.open
    if job is None or job.job not in (None, told.job) or told.start_at > job.last_at:
        return jobs, []
    better = replace(job, user=job.user or told.user, material=job.material or told.material)
    if job.estimated:
        better = replace(better, start_at=max(told.start_at, jobs.last_end))
    return _told(replace(jobs, open=better), told.at, []) if better != job else (jobs, [])


def _is_record_of(job: Job, told: JobRecorded) -> bool:
    if job.key == f"history:{told.id}":
        return True
    same = job.job is None or told.job is None or job.job == told.job
    return same and abs(job.start_at - told.start_at) < (SAME_START_S if job.estimated else LATE_START_S)


def _overlaps(jobs: Jobs, start: float, end: float) -> bool:
    if jobs.open is not None and end > jobs.open.start_at:
        return True
    return any(start < (job.end_at or 0.0) and end > job.start_at for job in jobs.closed)


def _remember(jobs: Jobs, job: Job) -> Jobs:
    closed = sorted((*jobs.closed, job), key=lambda each: each.end_at or 0.0)
    if len(closed) <= KEPT:
        return replace(jobs, closed=tuple(closed))
    return replace(jobs, closed=tuple(closed[1:]), forgotten_until=max(jobs.forgotten_until, closed[0].end_at or 0.0))


def _told(jobs: Jobs, at: float, changes: list[SessionChange]) -> Told:
    """The open job's value is sent now."""
    if jobs.open is None:
        return jobs, changes
    job = replace(jobs.open, told_at=at)
    return replace(jobs, open=job), [*changes, _change(job)]


def _change(job: Job) -> SessionChange:
    flags: list[Flag] = []
    if job.estimated:
        flags.append("start_estimated")
    if job.lost and job.end_at is not None:
        flags.append("end_estimated")
    working = None if job.end_at is None else round(max(job.end_at - job.start_at - job.paused_s, 0.0), 3)
    return SessionChange(
        job.key,
        job.start_at,
        job.end_at,
        job.outcome,
        job.job,
        energy_wh=job.energy_wh,
        paused_s=round(job.paused_s, 3),
        paused=job.paused_at is not None and job.end_at is None,
        working_s=working,
        material=job.material,
        grams=job.grams,
        user=job.user,
        flags=tuple(flags),
        last_at=job.last_at,
    )
