"""When to try again, which addresses a channel may have, what a person gets. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=4)
GIVE_UP_AFTER = timedelta(days=1)
JITTER = 0.25

SERVICES = {
    "discord": "Discord",
    "gchat": "Google Chat",
    "gotifys": "Gotify",
    "matrixs": "Matrix",
    "mmosts": "Mattermost",
    "nctalks": "Nextcloud Talk",
    "ntfys": "ntfy",
    "pbul": "Pushbullet",
    "pover": "Pushover",
    "rockets": "Rocket.Chat",
    "slack": "Slack",
    "tgram": "Telegram",
    "threema": "Threema",
    "zulip": "Zulip",
}
"""What people may connect: services on the network, encrypted; never mail, SMS, files, desktops or scripts."""

HOSTED_BY_ANYBODY = frozenset({"gotifys", "matrixs", "mmosts", "nctalks", "ntfys", "rockets"})
"""Services whose address names a server; the others are always their maker's."""

LONGEST_ADDRESS = 1000
_LOCAL_NAMES = (".local", ".lan", ".home", ".internal", ".localdomain", ".localhost", ".arpa")
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Wish:
    """One cell of a person's choices."""

    message: str
    channel: str


def wait_before(failures: int, chance: float) -> timedelta:
    """How long to wait after `failures` failures (1, 2, …): doubled each time up to `LONGEST_WAIT`, and up to a quarter
    more or less by `chance` in [0, 1), so that many that failed together do not come back together."""
    plain = min(FIRST_WAIT * int(2 ** min(failures - 1, 20)), LONGEST_WAIT)
    return timedelta(seconds=plain.total_seconds() * (1 + JITTER * (2 * chance - 1)))


def is_hopeless(failures: int) -> bool:
    """Whether it was tried for `GIVE_UP_AFTER` already. Counted in tries, so that a lab that slept still tries."""
    return sum((wait_before(n, 0.5) for n in range(1, failures)), timedelta()) >= GIVE_UP_AFTER


def is_wanted(choices: Mapping[Wish, bool], message: str, channel: str, *, fixed: bool) -> bool:
    """Whether a message goes over a channel. A fixed one always does; the others unless it was switched off."""
    return fixed or choices.get(Wish(message, channel), True)


def address_fault(url: str, allowed_hosts: frozenset[str] = frozenset()) -> str | None:
    """Why an address cannot be a person's channel: `empty`, `too_long`, `characters`, `service` or `host`; None when
    it can. Names are not looked up here: where they lead is checked when a message is sent."""
    if not url.strip():
        return "empty"
    if len(url) > LONGEST_ADDRESS:
        return "too_long"
    if any(not one.isprintable() or one.isspace() for one in url):
        return "characters"
    scheme = url.partition("://")[0].lower()
    if scheme not in SERVICES:
        return "service"
    if scheme in HOSTED_BY_ANYBODY and is_local_name(_host(url), allowed_hosts):
        return "host"
    return None


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return "localhost"  # an address that cannot be read is no address: refused as one of the lab's own


def is_local_name(host: str, allowed_hosts: frozenset[str] = frozenset()) -> bool:
    """True for names and literal addresses of this machine or its network, unless the administrator allowed them.

    A name without a dot counts as none: `ntfys://topic` names a topic of the public server, not a machine.
    """
    name = host.rstrip(".").lower()
    if not name or name in allowed_hosts:
        return False
    try:
        return not is_public(ip_address(name))
    except ValueError:
        return name == "localhost" or name.endswith(_LOCAL_NAMES) or name.replace(".", "").isdigit()


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """True for addresses of the public internet; an IPv4 address inside an IPv6 one is judged by itself."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is None and address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast
