"""Keeps what people configure away from the lab's own network: looks at each connection as it is made.

An address is judged where it leads, not by its name, so neither a redirect nor a name that changes its answer between
the check and the connection gets through. Python tells an audit hook of every connection before it is made; the hook
is added once and does nothing outside `only_public`.
"""

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

from fablab.notices.rules import is_public

_here = threading.local()
_adding = threading.Lock()
_added = False


class NotPublic(ConnectionRefusedError):
    """A connection to this machine or its network was refused."""


@contextmanager
def only_public(allowed_hosts: frozenset[str] = frozenset()) -> Iterator[None]:
    """Within it this thread connects to addresses of the public internet only, and to `allowed_hosts`."""
    _add_once()
    _here.allowed = _addresses(allowed_hosts)
    try:
        yield
    finally:
        del _here.allowed


def _add_once() -> None:
    global _added
    with _adding:
        if not _added:
            sys.addaudithook(_look)
            _added = True


def _look(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "socket.connect":
        return
    allowed: frozenset[str] | None = getattr(_here, "allowed", None)
    if allowed is None:
        return
    address = arguments[1]
    host = str(address[0]).partition("%")[0] if isinstance(address, tuple) else ""
    if host not in allowed and not _is_public(host):
        raise NotPublic("the address leads into the lab's own network")


def _is_public(host: str) -> bool:
    try:
        return is_public(ip_address(host))
    except ValueError:
        return False


def _addresses(hosts: frozenset[str]) -> frozenset[str]:
    found = set(hosts)
    for host in hosts:
        try:
            found |= {str(info[4][0]) for info in socket.getaddrinfo(host, None)}
        except OSError:
            continue
    return frozenset(found)
