"""What a device's own clock is good for: to notice that a message is late, and to say how late.

The offset (receipt − stamp) is learned from live messages; its minimum over about ten minutes is the truth, because
nothing is received before it is sent. A message whose stamp lies further back than that has waited in a queue, if the
place this gives it lies after everything heard before. If it does not, somebody has set the clock: learn again.
"""

from typing import Any

LATE_S = 5.0  # less than this is the network, and the stamp's own coarseness
SLIDE_S = 600.0

Anchor = dict[str, float]
"""`now` minimum of this span, `was` of the one before, `since` its begin, `at` the last place given. JSON-able."""


def place(anchor: Anchor | None, stamp: float | None, receipt: float) -> tuple[Anchor, float]:
    """The time of a message with this stamp (any clock, in seconds), and the anchor that has learned from it."""
    if stamp is None:
        return anchor or {}, receipt
    offset = receipt - stamp
    if not anchor or "now" not in anchor:
        return {"now": offset, "was": offset, "since": receipt, "at": receipt}, receipt
    best = min(anchor["now"], anchor["was"])
    late = offset - best
    placed = stamp + best
    if late > LATE_S and placed >= anchor["at"] - 1 and receipt - anchor["since"] < SLIDE_S + late:
        return {**anchor, "at": placed}, placed
    if late > LATE_S or late < -LATE_S:
        return {"now": offset, "was": offset, "since": receipt, "at": receipt}, receipt
    if receipt - anchor["since"] > SLIDE_S:
        return {"now": offset, "was": anchor["now"], "since": receipt, "at": receipt}, receipt
    return {**anchor, "now": min(anchor["now"], offset), "at": receipt}, receipt


def anchor_of(state: dict[str, Any]) -> Anchor | None:
    """The anchor in a decoder's state."""
    value: Anchor | None = state.get("anchor")
    return value
