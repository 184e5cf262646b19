"""Which records of a life were heard, and when it began."""

from hypothesis import given
from hypothesis import strategies as st

from fablab.usage.lives import Life, anchored, begin_of, contiguous, is_heard, missing, with_heard


@given(st.lists(st.integers(1, 40), max_size=60))
def test_ranges_are_a_set(seqs: list[int]) -> None:
    life = Life("1-aa", 0)
    for seq in seqs:
        life = with_heard(life, seq, seq)
    assert [seq for seq in range(1, 42) if is_heard(life, seq)] == sorted(set(seqs))
    gone = [seq for first, last in missing(life) for seq in range(first, last + 1)]
    assert gone == sorted(set(range(1, max(seqs, default=0))) - set(seqs))
    assert contiguous(life) == (gone[0] - 1 if gone else max(seqs, default=0))


def test_the_smallest_offset_of_the_last_minutes_counts() -> None:
    life = anchored(Life("1-aa", 0), 130.0, 100_000, heartbeat=True)
    life = anchored(life, 150.5, 120_000, heartbeat=True)
    assert life.anchor == 30.0
    life = anchored(life, 160.0, 130_500, heartbeat=True)
    assert life.anchor == 29.5
    for t in range(200, 2200, 20):  # its clock is slow
        life = anchored(life, t, int((t - 31) * 1000), heartbeat=True)
    assert life.anchor == 31


def test_an_up_time_that_leaps_is_not_believed() -> None:
    life = anchored(Life("1-aa", 0), 130.0, 100_000, heartbeat=True)
    assert anchored(life, 140.0, 300_000_000_000, heartbeat=True).anchor == 30.0


def test_a_life_without_an_anchor_lies_before_the_next() -> None:
    old = Life("1-aa", 500.0, up_s=100.0)
    new = anchored(Life("2-bb", 490.0), 495.0, 5_000, heartbeat=True)
    assert begin_of((old, new), "1-aa") == (390.0, False)
    assert begin_of((old, new), "2-bb") == (490.0, True)
    assert begin_of((old, new), "3-cc") == (None, False)
