"""States, initials and status lists, without a database."""

import gzip
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openvc.status.bitstring import decode_bitstring, get_status_bit

from fablab.certifications.rules import GrantFacts
from fablab.credentials.rules import LIST_SIZE, State, initials, is_set, is_withdrawn, packed, state

T = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("facts", "expected", "withdrawn"),
    [
        ({}, (State.VALID, T), False),
        ({"valid_until": T + 9 * DAY}, (State.VALID, T), False),
        ({"valid_until": T + 5 * DAY}, (State.ENDED, T + 5 * DAY), False),
        ({"revoked_at": T + 3 * DAY}, (State.ENDED, T + 3 * DAY), True),
        ({"lapse_after_unused": 2 * DAY}, (State.ENDED, T + 2 * DAY), True),
        ({"lapse_after_unused": 2 * DAY, "last_used_at": T + 4 * DAY}, (State.VALID, T), False),
        ({"suspensions": ((T + 4 * DAY, None),)}, (State.SUSPENDED, T + 4 * DAY), True),
        ({"suspensions": ((T + DAY, T + 2 * DAY),)}, (State.VALID, T), False),
        ({"suspensions": ((T + DAY, None),), "revoked_at": T + 3 * DAY}, (State.ENDED, T + 3 * DAY), True),
        ({"suspensions": ((T + DAY, None),), "valid_until": T + 5 * DAY}, (State.ENDED, T + 5 * DAY), True),
    ],
    ids=lambda value: ", ".join(value) or "plain" if isinstance(value, dict) else None,
)
def test_how_a_certificate_stands_five_days_later(
    facts: dict[str, object], expected: tuple[State, datetime], withdrawn: bool
) -> None:
    grant = GrantFacts(certification_id=1, granted_at=T, **facts)  # type: ignore[arg-type]  # a row of the table
    assert state(grant, T + 5 * DAY) == expected
    assert is_withdrawn(grant, T + 5 * DAY) is withdrawn


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Ada Lovelace", "A. L."),
        ("Ana-Maria Petrova", "A. M. P."),
        ("Иван Димитров Петров", "И. Д. П."),
        ("élodie d’Arc", "É. D. A."),
        ("Plato", "P."),
        ("J. R. R. Tolkien", "J. R. R. T."),
        ("a b c d e f", "A. B. C. D."),
        ("  ", ""),
        ("42 (test)", ""),
    ],
)
def test_initials(name: str, expected: str) -> None:
    assert initials(name) == expected


@given(st.sets(st.integers(0, LIST_SIZE - 1), max_size=40), st.integers(0, LIST_SIZE - 1))
def test_a_list_says_of_each_place_what_was_put_there(places: set[int], other: int) -> None:
    text = packed(places)
    assert all(is_set(text, place) for place in places)
    assert is_set(text, other) is (other in places)
    assert packed(sorted(places, reverse=True)) == text


@given(st.sets(st.integers(0, LIST_SIZE - 1), min_size=1, max_size=5))
def test_another_library_reads_our_lists(places: set[int]) -> None:
    bits = decode_bitstring(packed(places))
    assert len(bits) * 8 == LIST_SIZE
    assert {place for place in places if get_status_bit(bits, place)} == places
    assert sum(byte.bit_count() for byte in bits) == len(places)


@pytest.mark.parametrize("text", ["", "x", "u", "uAAAA", "u!", packed([])[:40]])
def test_what_is_no_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="status list"):
        is_set(text, 0)


@pytest.mark.parametrize("place", [-1, LIST_SIZE])
def test_there_is_no_place_outside_a_list(place: int) -> None:
    with pytest.raises(ValueError, match="no position"):
        is_set(packed([]), place)
    with pytest.raises(ValueError, match="outside"):
        packed([place])


def test_a_list_that_unpacks_to_gigabytes_is_refused() -> None:
    bomb = gzip.compress(bytes(64 * 1024 * 1024), mtime=0)
    with pytest.raises(ValueError, match="cannot be unpacked"):
        is_set("u" + urlsafe_b64encode(bomb).decode().rstrip("="), 0)
