"""A card is the same card wherever its number is typed or read."""

import pytest

from fablab.core import badges
from firmware_bridge.decoders.uids import canonical_uid


@pytest.mark.parametrize(
    "spelling",
    ["04A2246AB15C80", "04:a2:24:6a:b1:5c:80", "74-10-37-94", "8ec793", "0x94D8FC5F", "94 d8 fc 5f", "BA839D7"],
)
def test_typed_and_read_it_is_one_number(spelling: str) -> None:
    assert badges.canonical(spelling) == canonical_uid(spelling)


@pytest.mark.parametrize("nonsense", ["", "00000000", "FFFFFFFF", "hello", "12", "0" * 40])
def test_what_is_no_card_is_refused(nonsense: str) -> None:
    with pytest.raises(ValueError, match="card"):
        badges.canonical(nonsense)
