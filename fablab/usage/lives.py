"""The lives (boots) of a native device: which records of each were heard, and when its up-time began.

Records carry no trustworthy clock but `up`, the ms since boot. The offset (receipt − up) of live heartbeats, at its
minimum over about ten minutes, places every record of that life; nothing is received before it is sent. A life that
never spoke live is placed by its device's clock if that is believable, else just before the life after it.
Source: the design note on MQTT dialects, 8.4 and 8.5.
"""

from dataclasses import dataclass

from fablab.usage.copies import replace

SLIDE_S = 600.0
LIVE_S = 2.0  # a live record this near to its place keeps its receipt time
BETTER_S = 2.0  # an anchor that falls by more has been late before: places must be corrected
LEAP_S = 7200.0
KEPT = 12  # lives remembered

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Life:
    boot: str
    met_at: float  # when it was first heard of
    offset: float | None = None  # receipt − up, in seconds: minimum of this span
    before: float | None = None  # … and of the span before
    since: float = 0.0
    sure: bool = False  # from a heartbeat rather than from a record that may have waited
    clock: float | None = None  # the same by the device's own clock
    up_s: float = 0.0  # the largest up-time heard
    conn: int = -1
    dead: int = -1  # the newest connection whose will was heard
    n: int = -1
    floor: int = 0  # records up to this one are taken to be safe, heard or not
    newest: int = 0  # the newest record the device has spoken of
    heard: tuple[Span, ...] = ()  # ascending, not touching

    @property
    def anchor(self) -> float | None:
        """Unix seconds at which this life began, None while unknown."""
        if self.offset is None:
            return None
        return self.offset if self.before is None else min(self.offset, self.before)


def anchored(life: Life, receipt: float, up_ms: int, heartbeat: bool) -> Life:
    """The life after a live message with an up-time. An up-time that leaps beyond all queues is not believed."""
    up_s = up_ms / 1000
    offset = receipt - up_s
    most = max(life.up_s, up_s)
    if life.offset is None:
        return replace(life, up_s=most, offset=offset, since=receipt, sure=heartbeat)
    if life.sure and offset < life.offset - LEAP_S:
        return life
    if heartbeat and receipt - life.since > SLIDE_S:
        return replace(life, up_s=most, offset=offset, before=life.offset, since=receipt, sure=True)
    return replace(life, up_s=most, offset=min(offset, life.offset), sure=life.sure or heartbeat)


def with_clock(life: Life, clock_at: float | None, up_ms: int) -> Life:
    """The life after a record that tells the time by the device's own clock."""
    if clock_at is None or life.clock is not None:
        return life
    return replace(life, clock=clock_at - up_ms / 1000)


def begin_of(lives: tuple[Life, ...], boot: str) -> tuple[float | None, bool]:
    """When this life began, and whether that is certain. None: there is nothing to tell it by."""
    for place, life in enumerate(lives):
        if life.boot != boot:
            continue
        if life.anchor is not None:
            return life.anchor, True
        if life.clock is not None:
            return life.clock, True
        after = next((each.anchor for each in lives[place + 1 :] if each.anchor is not None), None)
        end = min(life.met_at, after) if after is not None else life.met_at
        return end - life.up_s, False
    return None, False


def is_heard(life: Life, seq: int) -> bool:
    """Whether this record came before."""
    return any(first <= seq <= last for first, last in life.heard)


def with_heard(life: Life, first: int, last: int) -> Life:
    """The life with these records heard, or known to be lost for ever."""
    spans: list[Span] = []
    for a, b in life.heard:
        if b < first - 1 or a > last + 1:
            spans.append((a, b))
        else:
            first, last = min(a, first), max(b, last)
    spans.append((first, last))
    spans.sort()
    if len(spans) > 64:  # hostile gaps: the oldest are given up
        spans = [(spans[0][0], spans[1][1]), *spans[2:]]
    return replace(life, heard=tuple(spans), newest=max(life.newest, last))


def contiguous(life: Life) -> int:
    """The record up to which all are heard or safe."""
    top = life.floor
    for first, last in life.heard:
        if first > top + 1:
            break
        top = max(top, last)
    return top


def missing(life: Life) -> list[Span]:
    """Ranges of records that the device has made and nobody has heard."""
    top, gaps = life.floor, []
    for first, last in life.heard:
        if first > top + 1:
            gaps.append((top + 1, first - 1))
        top = max(top, last)
    if life.newest > top:
        gaps.append((top + 1, life.newest))
    return gaps
