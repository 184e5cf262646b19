"""What a device's own clock is good for: to notice that a message is late, and to say how late.

The offset (receipt − stamp) is learned from live messages; its minimum over about ten minutes is the truth, because
nothing is received before it is sent. A message whose stamp lies further back than that has waited in a queue, if the
place this gives it lies after everything heard before and if the queue empties soon. Otherwise somebody has set the
clock: learn again.
"""

LATE_S = 5.0  # less than this is the network, and the stamp's own coarseness
SLIDE_S = 600.0
BURST_S = 2.0  # so long after a late message, one without a stamp is as late
QUEUE_S = 60.0  # a queue is emptied sooner

Anchor = dict[str, float]
"""`now` minimum of this span, `was` of the one before, `since` its begin, `at` the last place given, `burst` receipt of
the last late message, `queue` of the first of its row. JSON-able."""


def place(anchor: Anchor | None, stamp: float | None, receipt: float) -> tuple[Anchor, float]:
    """The time of a message with this stamp (any clock, in seconds), and the anchor that has learned from it."""
    if not anchor:
        return ({}, receipt) if stamp is None else (_learned(receipt - stamp, receipt), receipt)
    if stamp is None:
        burst = receipt - anchor.get("burst", receipt - BURST_S) < BURST_S
        return anchor, anchor["at"] if burst else receipt
    offset = receipt - stamp
    best = min(anchor["now"], anchor["was"])
    late, placed = offset - best, stamp + best
    if late > LATE_S:
        queue = anchor.get("queue", receipt)
        if placed < anchor["at"] - 1 or receipt - queue > QUEUE_S:
            return _learned(offset, receipt), receipt
        return {**anchor, "at": max(placed, anchor["at"]), "burst": receipt, "queue": queue}, placed
    if late < -LATE_S:
        return _learned(offset, receipt), receipt
    slide = receipt - anchor["since"] > SLIDE_S
    was, since = (anchor["now"], receipt) if slide else (anchor["was"], anchor["since"])
    now = offset if slide else min(anchor["now"], offset)
    return {"now": now, "was": was, "since": since, "at": receipt}, receipt


def _learned(offset: float, receipt: float) -> Anchor:
    return {"now": offset, "was": offset, "since": receipt, "at": receipt}
