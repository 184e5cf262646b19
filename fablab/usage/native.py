"""The usage fold of native devices: lives, taps, leases and uses put together.

Nothing here depends on the order in which records arrive, and nothing heard twice counts twice: records are known by
(boot, seq), heartbeats by (boot, n), taps by their rid, connections by (boot, conn).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from fablab.devices.readings import (
    AckSent,
    Birth,
    Death,
    DeviceInfo,
    Heartbeat,
    JournalRecord,
    LeaseSent,
    Outcome,
    TapAnswered,
    TapAsked,
)
from fablab.usage import leases as grants
from fablab.usage import taps as tapping
from fablab.usage.changes import Alarm, Change, LiveReading
from fablab.usage.copies import replace
from fablab.usage.leases import Leases
from fablab.usage.lives import (
    KEPT,
    LIVE_S,
    Life,
    anchored,
    begin_of,
    is_heard,
    with_clock,
    with_heard,
)
from fablab.usage.taps import Taps
from fablab.usage.uses import ENDING_S, Point, Use, bounded, change, given_up, with_record
from fablab.usage.uses import KEPT as USES_KEPT

TELL_S = 60.0
MOVED_S = 1.0


@dataclass(frozen=True, slots=True)
class Native:
    lives: tuple[Life, ...] = ()  # oldest first; the last is the one that lives
    uses: tuple[Use, ...] = ()
    taps: Taps = Taps()
    leases: Leases = Leases()
    journal: bool = False  # it keeps one
    ended_at: float = 0.0  # uses no longer remembered ended before
    done: tuple[tuple[str, int], ...] = ()  # boot and the last record of uses no longer remembered


Told = tuple[Native, list[Change]]


def is_current(native: Native, boot: str) -> bool:
    """Whether this is the life that goes on now, or the first sign of a new one."""
    life = _life(native, boot)
    return life is None or life is native.lives[-1] or (life.conn < 0 and life.n < 0)


def is_news(native: Native, told: Birth | Heartbeat | TapAsked | JournalRecord) -> bool:
    """Whether the device said this just now: not a past life, and not a message that was heard before."""
    if not is_current(native, told.boot):
        return False
    life = _life(native, told.boot)
    if isinstance(told, TapAsked):
        return tapping.is_new(native.taps, told.rid)
    if isinstance(told, JournalRecord):
        return not told.again and (life is None or not is_heard(life, told.seq))
    if life is None:
        return True
    return told.n > life.n if isinstance(told, Heartbeat) else told.conn >= life.conn and told.conn > life.dead


def born(native: Native, told: Birth) -> Told:
    """A connection begins."""
    native, out = _living(native, told.boot, told.at)
    life = native.lives[-1]
    return _with_life(native, replace(life, conn=max(life.conn, told.conn))), out


def died(native: Native, told: Death) -> tuple[Native, bool]:
    """A will, and whether it is true: it counts only for the newest connection of the newest life."""
    life = native.lives[-1] if native.lives else None
    if life is None or life.boot != told.boot or told.conn < life.conn:
        return native, False
    return _with_life(native, replace(life, dead=max(life.dead, told.conn))), True


def described(native: Native, told: DeviceInfo) -> Native:
    """What the device says of itself."""
    return replace(native, journal=native.journal or "journal" in told.caps)


def beat(native: Native, told: Heartbeat) -> Told:
    """A heartbeat of the life that goes on."""
    native, out = _living(native, told.boot, told.at)
    life = native.lives[-1]
    first = life.n < 0 and not life.heard and life.floor == 0
    begun = begin_of(native.lives, told.boot)
    life = anchored(life, told.at, told.up_ms, heartbeat=True)
    floor = max(0, told.seq - told.waiting) if first else life.floor
    life = replace(life, n=told.n, conn=max(life.conn, told.conn), floor=floor, newest=max(life.newest, told.seq))
    native = _with_life(native, life)
    if not native.journal and (told.seq > 0 or told.sess is not None):
        native = replace(native, journal=True)
    native, moved = _replaced(native, told.boot, begun)
    native, shown = _shown(native, told)
    leases, more = grants.beat(native.leases, told, native.journal)
    live = LiveReading(told.at, power_w=told.watts, relay=told.relay)
    return replace(native, leases=leases), [*out, *moved, *shown, *more, told, live]


def asked(native: Native, told: TapAsked) -> Told:
    """A tap that wants an answer."""
    native, out = _living(native, told.boot, told.at)
    native = _with_life(native, anchored(native.lives[-1], told.at, told.up_ms, heartbeat=False))
    taps, more = tapping.asked(native.taps, told)
    return replace(native, taps=taps), [*out, *more]


def answered(native: Native, told: TapAnswered) -> Told:
    """Our answer to it."""
    tap = tapping.find(native.taps, told.rid)
    if tap is None or tap.decision is not None:
        return native, []
    taps, out = tapping.answered(native.taps, told)
    return replace(native, taps=taps, leases=grants.granted(native.leases, told, tap.uid)), list(out)


def leased(native: Native, told: LeaseSent) -> Native:
    """Our renewal or revocation."""
    return replace(native, leases=grants.renewed(native.leases, told))


def acknowledged(native: Native, told: AckSent) -> Native:
    """Our acknowledgement: what it covers is in the database."""
    life = _life(native, told.boot)
    return native if life is None else _with_life(native, replace(life, floor=max(life.floor, told.seq)))


def journalled(native: Native, told: JournalRecord) -> Told:
    """A record of the device's journal, the first time it is heard."""
    native, out = _of_life(native, told)
    life = _life(native, told.boot)
    if life is None or is_heard(life, told.seq):
        return native, out
    begun = begin_of(native.lives, told.boot)
    life = with_heard(life, told.seq, told.seq)
    life = with_clock(replace(life, up_s=max(life.up_s, told.up_ms / 1000)), told.clock_at, told.up_ms)
    if not told.again:
        life = anchored(life, told.at, told.up_ms, heartbeat=False)
    native = _with_life(native if native.journal else replace(native, journal=True), life)
    native, moved = _replaced(native, told.boot, begun)
    point = _place(native, told.boot, told.seq, told.up_ms, None if told.again else told.at, told.at)
    native, more = _recorded(native, told, point)
    return native, [*out, *moved, *more]


def gone(native: Native) -> Told:
    """The device has been away for too long: what ran ended at its last evidence, until it tells better."""
    leases, out = grants.gone(native.leases)
    native, more = _all_given_up(replace(native, leases=leases), lambda use: True)
    return native, [*out, *more]


def due(native: Native) -> float | None:
    """When an ending that only heartbeats show is concluded."""
    return min((use.over_at + ENDING_S for use in native.uses if use.over_at is not None), default=None)


def pass_time(native: Native, at: float) -> Told:
    """Conclude endings that no record has told."""
    return _all_given_up(native, lambda use: use.over_at is not None and use.over_at + ENDING_S <= at, "unknown")


# -- lives ------------------------------------------------------------------------------------------------------------


def _life(native: Native, boot: str) -> Life | None:
    return next((life for life in reversed(native.lives) if life.boot == boot), None)


def _with_life(native: Native, life: Life) -> Native:
    return replace(native, lives=tuple(life if each.boot == life.boot else each for each in native.lives))


def _living(native: Native, boot: str, at: float) -> Told:
    """The native with this life as the one that goes on; what an earlier one left running has ended."""
    if native.lives and native.lives[-1].boot == boot:
        return native, []
    life = _life(native, boot) or Life(boot, at)
    others = tuple(each for each in native.lives if each.boot != boot)[1 - KEPT :]
    return _all_given_up(replace(native, lives=(*others, life)), lambda use: use.boot != boot)


def _of_life(native: Native, told: JournalRecord) -> Told:
    """The native that knows the life of this record. One that is only told of later lies before the present one."""
    if _life(native, told.boot) is not None:
        return native, []
    if not told.again or not native.lives:
        return _living(native, told.boot, told.at)
    lives = (*native.lives[:-1], Life(told.boot, told.at), native.lives[-1])
    return replace(native, lives=lives[-KEPT:]), []


# -- places -----------------------------------------------------------------------------------------------------------


def _place(native: Native, boot: str, seq: int, up_ms: int, receipt: float | None, now: float) -> Point:
    begin, sure = begin_of(native.lives, boot)
    if begin is None:
        return Point(seq, up_ms, receipt, now if receipt is None else receipt, receipt is not None)
    at = begin + up_ms / 1000
    if receipt is not None and abs(receipt - at) < LIVE_S:
        return Point(seq, up_ms, receipt, receipt, True)
    return Point(seq, up_ms, receipt, min(at, now), sure)


def _replaced(native: Native, boot: str, before: tuple[float | None, bool]) -> Told:
    """Everything of this life placed again, if its begin is now known better than it was."""
    begin, sure = begin_of(native.lives, boot)
    if begin is None or (before[0] is not None and before[1] == sure and abs(begin - before[0]) < MOVED_S):
        return native, []
    if before[0] is not None and before[1] and sure and begin > before[0]:
        return native, []  # drift of the device's clock; what was placed stays
    out: list[Change] = []
    for use in native.uses:
        if use.boot != boot:
            continue
        moved = _moved(native, use)
        if moved != use:
            native, told = _told(native, moved)
            out += told
    taps, heard = tapping.replaced(native.taps, boot, begin)
    return replace(native, taps=taps), [*out, *heard]


def _moved(native: Native, use: Use) -> Use:
    points = {}
    for name in ("start", "end"):
        point: Point | None = getattr(use, name)
        if point is not None:
            points[name] = _place(native, use.boot, point.seq, point.up_ms, point.receipt, math.inf)
    if not points:
        return use
    ats = [point.at for point in points.values()]
    first = min(ats) if use.start is not None else min(use.first_at, *ats)
    last = max(ats) if use.end is not None else max(use.last_at, *ats)
    return replace(use, first_at=first, last_at=last, start=points.get("start"), end=points.get("end"))


# -- uses -------------------------------------------------------------------------------------------------------------


def _told(native: Native, use: Use) -> Told:
    """The use put back, and its value, bounded by its neighbours."""
    ages = {life.boot: age for age, life in enumerate(native.lives)}
    others = tuple(each for each in native.uses if each.key != use.key)
    uses = sorted((*others, use), key=lambda each: (ages.get(each.boot, -1), each.seq, each.first_at))
    out: list[Change] = []
    kept: list[Use] = []
    for each, start, end in bounded(uses, max(native.ended_at, native.leases.last_end)):
        if each.key == use.key or (each.shown_start, each.shown_end) != (start, end):
            each = replace(each, shown_start=start, shown_end=end)
            out.append(change(each))
        kept.append(each)
    return _forgotten(replace(native, uses=tuple(kept))), out


def _kept(native: Native, use: Use) -> Native:
    """The native with the present value of a use that it knows, and nobody is told."""
    return replace(native, uses=tuple(use if each.key == use.key else each for each in native.uses))


def _forgotten(native: Native) -> Native:
    """Without the oldest uses: ended ones first, and of each life the last record that they reached."""
    if len(native.uses) <= USES_KEPT:
        return native
    oldest = next((use for use in native.uses if not use.is_open), native.uses[0])
    done = dict(native.done)
    reached = max(oldest.tick_seq, *(point.seq for point in (oldest.start, oldest.end) if point is not None), 0)
    done[oldest.boot] = max(done.get(oldest.boot, 0), reached)
    uses = tuple(use for use in native.uses if use is not oldest)
    ended_at = max(native.ended_at, oldest.shown_end or 0.0)
    return replace(native, uses=uses, done=tuple(done.items())[-KEPT:], ended_at=ended_at)


def _all_given_up(native: Native, which: Callable[[Use], bool], cause: Outcome = "interrupted") -> Told:
    out: list[Change] = []
    for use in native.uses:
        if use.is_open and which(use):
            native, told = _told(native, given_up(use, cause))
            out += told
    return native, out


def _recorded(native: Native, told: JournalRecord, point: Point) -> Told:
    kind, data = told.kind, told.data
    if kind == "tap":
        return _tapped(native, told, point)
    if kind == "fault":
        return native, [Alarm(point.at, "fault", " ".join(filter(None, (data.get("code"), data.get("txt")))))]
    if kind == "lost" and data.get("from", 2) <= data.get("to", 1):
        life = _life(native, told.boot)
        count = data["to"] - data["from"] + 1
        native = native if life is None else _with_life(native, with_heard(life, data["from"], data["to"]))
        return native, [Alarm(point.at, "records_lost", f"{count} messages missing")]
    if kind == "job.progress" and not told.again and "pct" in data:
        return native, [LiveReading(point.at, progress=data["pct"] / 100)]
    sid = data.get("sid")
    return _used(native, told, point, sid) if isinstance(sid, str) else (native, [])


def _tapped(native: Native, told: JournalRecord, point: Point) -> Told:
    taps, heard = tapping.journalled(native.taps, told.boot, told.seq, told.up_ms, point.at, told.data)
    native, out = replace(native, taps=taps), list[Change](heard)
    for use in native.uses:
        if use.boot == told.boot and use.uid is None and use.start is not None:
            named = _named(native, use)
            if named.uid is not None:
                native, more = _told(native, named)
                out += more
    return native, out


def _used(native: Native, told: JournalRecord, point: Point, sid: str) -> Told:
    key = f"{told.boot}:{sid}"
    use = next((each for each in native.uses if each.key == key), None)
    out: list[Change] = []
    if use is None:
        if told.seq <= dict(native.done).get(told.boot, 0):
            return native, []  # of a use that is long over
        use = Use(told.boot, sid, point.at, point.at, seq=told.seq)
    told_before = use.start is not None or use.wh_now is not None
    use = with_record(use, told, point)
    if told.kind == "use.start":
        native, out = _started(native, use)
        use = _named(native, use)
    if use.is_open and told.boot != native.lives[-1].boot:
        use = replace(use, over_at=told.at)  # of an earlier life: it cannot be running
    if told.kind == "tick" and told_before and point.at - use.told_at < TELL_S:
        return _kept(native, use), out
    native, more = _told(native, replace(use, told_at=point.at))
    return native, [*out, *more]


def _started(native: Native, use: Use) -> Told:
    """A use begins: an earlier one of the same life that is still open has lost its ending."""
    seq = use.start.seq if use.start is not None else 0

    def earlier(other: Use) -> bool:
        return other.boot == use.boot and other.key != use.key and other.start is not None and other.start.seq < seq

    return _all_given_up(replace(native, leases=grants.obeyed(native.leases)), earlier, "unknown")


def _named(native: Native, use: Use) -> Use:
    """The use with the card it was started with."""
    tap = tapping.find(native.taps, use.rid)
    if tap is None and use.rid is None and use.start is not None:
        tap = tapping.before(native.taps, use.boot, use.start.seq)
    if tap is None:
        return use
    return replace(use, uid=use.uid or tap.uid, refused=use.auth == "server" and tap.decision == "denied")


def _shown(native: Native, told: Heartbeat) -> Told:
    """What a heartbeat shows of uses: the one that runs, and that others no longer do."""
    shown = told.sess if told.sess is not None and told.sess.startswith(f"{told.boot}:") else None
    out: list[Change] = []
    for use in native.uses:
        if use.is_open and use.boot == told.boot and use.key != shown and use.over_at is None:
            native = _kept(native, replace(use, over_at=told.at))
    if shown is None:
        return native, out
    sid = shown.removeprefix(f"{told.boot}:")
    new = Use(told.boot, sid, told.at, told.at, seq=told.seq, wh_before=native.leases.idle_wh)
    use = next((each for each in native.uses if each.key == shown), new)
    if use.end is not None:
        return native, out
    fresh = use.wh_now is None or use.given_up or told.at - use.told_at >= TELL_S
    before = use.wh_before if use.wh_before is not None else native.leases.idle_wh
    use = replace(
        use, last_at=max(use.last_at, told.at), wh_before=before, wh_now=told.wh, over_at=None, given_up=False
    )
    if not fresh:
        return _kept(native, use), out
    native, more = _told(native, replace(use, told_at=told.at))
    return native, [*out, *more]
