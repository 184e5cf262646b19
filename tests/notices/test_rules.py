"""When to try again, which addresses a channel may have, what a person gets."""

from datetime import timedelta
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fablab.notices import rules
from fablab.notices.rules import Wish, address_fault, is_hopeless, is_public, is_wanted, wait_before


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (8, 128), (9, 240), (10, 240), (1000, 240)])
def test_waits_double_up_to_four_hours(failures: int, minutes: int) -> None:
    assert wait_before(failures, 0.5) == timedelta(minutes=minutes)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_chance_changes_a_wait_by_a_quarter_at_most(failures: int, chance: float) -> None:
    plain = wait_before(failures, 0.5)
    assert plain * 0.749 <= wait_before(failures, chance) <= plain * 1.251


def test_it_is_tried_for_a_day() -> None:
    tries = next(number for number in range(1, 100) if is_hopeless(number))
    waited = sum((wait_before(number, 0.5) for number in range(1, tries)), timedelta())
    assert timedelta(days=1) <= waited < timedelta(hours=29)
    assert not is_hopeless(tries - 1)


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("ntfys://ntfy.example.org/lab", None),
        ("ntfys://lab-topic", None),
        ("tgram://123456789:abcdefg/12315544", None),
        ("MATRIXS://user:word@matrix.example.org/!room", None),
        ("", "empty"),
        ("   ", "empty"),
        ("ntfys://" + "a" * 1000, "too_long"),
        ("ntfys://ntfy.example.org/a b", "characters"),
        ("ntfys://ntfy.example.org/a\r\nb", "characters"),
        ("ntfy://ntfy.example.org/lab", "service"),
        ("mailto://user:word@example.org", "service"),
        ("json://example.org", "service"),
        ("syslog://", "service"),
        ("file:///etc/passwd", "service"),
        ("dbus://", "service"),
        ("https://discord.com/api/webhooks/1/2", "service"),
        ("lab", "service"),
        ("ntfys://localhost/lab", "host"),
        ("ntfys://LOCALHOST./lab", "host"),
        ("ntfys://127.0.0.1/lab", "host"),
        ("ntfys://user:word@10.0.0.7:8443/lab", "host"),
        ("gotifys://192.168.1.4/token", "host"),
        ("gotifys://[::1]/token", "host"),
        ("gotifys://[::ffff:10.0.0.1]/token", "host"),
        ("gotifys://[fe80::1]/token", "host"),
        ("matrixs://u:p@printer.local/!room", "host"),
        ("matrixs://u:p@nas.lan/!room", "host"),
        ("ntfys://2130706433/lab", "host"),
        ("ntfys://127.1/lab", "host"),
        ("ntfys://[broken/lab", "host"),
    ],
)
def test_which_addresses_may_be_a_channel(url: str, fault: str | None) -> None:
    assert address_fault(url) == fault


def test_the_administrator_may_allow_a_host_of_the_lab() -> None:
    allowed = frozenset({"ntfy.lan", "192.168.1.4"})
    assert address_fault("ntfys://ntfy.lan/lab", allowed) is None
    assert address_fault("gotifys://192.168.1.4/token", allowed) is None
    assert address_fault("gotifys://192.168.1.5/token", allowed) == "host"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
    ],
)
def test_the_labs_own_network_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    ("choices", "fixed", "wanted"),
    [
        ({}, False, True),
        ({Wish("reservation_reminder", "mail"): False}, False, False),
        ({Wish("reservation_reminder", "7"): False}, False, True),
        ({Wish("reservation_reminder", "mail"): False}, True, True),
    ],
)
def test_what_is_wanted(choices: dict[Wish, bool], fixed: bool, wanted: bool) -> None:
    assert is_wanted(choices, "reservation_reminder", "mail", fixed=fixed) is wanted


def test_only_services_on_the_network_and_encrypted_are_allowed() -> None:
    assert set(rules.SERVICES) >= rules.HOSTED_BY_ANYBODY
    assert not {"ntfy", "gotify", "matrix", "mmost", "rocket", "nctalk", "http", "https", "mailto"} & set(
        rules.SERVICES
    )
