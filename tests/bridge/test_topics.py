"""Topics and filters: the broker's own rules, and subscription lists without overlaps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.topics import Router, covers, join, matches, overlap, without_overlaps


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("#", "a/b", True),
        ("#", "$SYS/x", False),
        ("+/x", "$SYS/x", False),
        ("$SYS/#", "$SYS/x", True),
        ("+/+", "/x", True),
        ("/+", "/x", True),
    ],
)
def test_it_matches_as_a_broker_does(pattern: str, topic: str, expected: bool) -> None:
    assert matches(pattern, topic) is expected
    assert (Router([(pattern, 1)]).find(topic) == (1,)) is expected


def test_it_merges_filters_that_would_deliver_twice() -> None:
    assert without_overlaps(["tele/plug/#", "tele/+/LWT", "stat/plug/#"]) == ["stat/plug/#", "tele/+/#"]
    assert without_overlaps(["a/#", "a/b", "a/+/c"]) == ["a/#"]
    assert without_overlaps(["a/b", "a/c"]) == ["a/b", "a/c"]


def test_it_finds_all_devices_of_a_topic_once() -> None:
    router = Router([("octo/#", "printer"), ("octo/event/+", "printer"), ("octo/event/X", "plug")])
    assert set(router.find("octo/event/X")) == {"printer", "plug"}
    assert len(router.find("octo/event/X")) == 2
    assert router.find("other") == ()


LEVEL = st.sampled_from(["a", "b", "+", ""])
FILTER = st.builds(
    lambda levels, deep: "/".join([*levels, "#"] if deep else levels),
    st.lists(LEVEL, min_size=1, max_size=3),
    st.booleans(),
)
TOPIC = st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, max_size=4).map("/".join)


@given(st.lists(FILTER, max_size=5), TOPIC)
def test_a_list_without_overlaps_hears_everything_once(filters: list[str], topic: str) -> None:
    before = any(matches(one, topic) for one in filters)
    after = [one for one in without_overlaps(filters) if matches(one, topic)]
    assert len(after) <= 1
    assert after or not before


@given(FILTER, FILTER, TOPIC)
def test_filter_algebra_agrees_with_matching(one: str, other: str, topic: str) -> None:
    left, right = matches(one, topic), matches(other, topic)
    if left and right:
        assert overlap(one, other)
    if covers(one, other) and right:
        assert left
    if left or right:
        assert matches(join(one, other), topic)


@given(st.lists(st.tuples(FILTER, st.integers(0, 3)), max_size=6), TOPIC)
def test_the_router_agrees_with_matching(filters: list[tuple[str, int]], topic: str) -> None:
    expected = {key for pattern, key in filters if matches(pattern, topic)}
    assert set(Router(filters).find(topic)) == expected
