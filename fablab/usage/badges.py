"""Presentations of cards to plain readers, which repeat a card every second or two while it lies there.

One presentation: reads of the same card with gaps shorter than the debounce time, measured from the last *read*.
Source: rule R6.
"""

from dataclasses import dataclass

from fablab.devices.readings import BadgeRead
from fablab.usage.changes import TapHeard

KEPT = 8


@dataclass(frozen=True, slots=True)
class Read:
    uid: str
    at: float


def read(reads: tuple[Read, ...], told: BadgeRead, debounce_s: float) -> tuple[tuple[Read, ...], list[TapHeard]]:
    """The latest read of each card, and the presentation that this read begins, if it does."""
    last = next((each for each in reads if each.uid == told.uid), None)
    others = tuple(each for each in reads if each.uid != told.uid)[1 - KEPT :]
    after = (*others, Read(told.uid, told.at if last is None else max(told.at, last.at)))
    if last is not None and told.at - last.at < debounce_s:
        return after, []
    key = f"tap:{round(told.at * 1000)}:{told.uid}"
    return after, [TapHeard(told.at, key, told.uid, ambiguous=told.ambiguous)]
