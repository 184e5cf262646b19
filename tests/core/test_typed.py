"""Numbers as people type them."""

import pytest

from fablab.core.typed import whole_number, whole_numbers


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("0", 0),
        ("12", 12),
        (" 12 ", 12),
        ("007", 7),
        ("999999999", 999_999_999),
        ("1000000000", None),
        ("9" * 400, None),
        ("", None),
        (" ", None),
        ("-1", None),
        ("1.5", None),
        ("1e3", None),
        ("one", None),
        ("٣", None),
        ("²", None),
    ],
)
def test_only_what_fits_into_an_id_is_a_number(typed: str, number: int | None) -> None:
    assert whole_number(typed) == number


def test_of_several_the_numbers_are_kept_in_their_order() -> None:
    assert whole_numbers(["3", "x", "", "1", "9" * 20]) == [3, 1]
