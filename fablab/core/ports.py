"""TCP ports of this machine: is one free, and which one is."""

from __future__ import annotations

import itertools
import random
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

LOWEST = 10_000
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")
"""Which ports the kernel of Linux gives to outgoing connections."""
_COUNT = itertools.count(random.SystemRandom().randrange(1 << 20))


def is_free(host: str, port: int) -> bool:
    """True when a server could listen there now."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError):
            return False
        return True


def first_free(host: str, wanted: int) -> int:
    """`wanted` when it is free, else one of the next few, else any."""
    return next((port for port in _near(wanted) if is_free(host, port)), 0) or any_free(host)


def any_free(host: str = "127.0.0.1") -> int:
    """Some port that is free now, another one at each call.

    It lies below those of outgoing connections: one of these could be taken by anybody's connection before the caller
    listens. Each process begins somewhere else, so that two of them hardly ever choose the same.
    """
    room = _first_outgoing() - LOWEST
    for _ in range(room):
        port = LOWEST + next(_COUNT) % room
        if is_free(host, port):
            return port
    with closing(socket.socket()) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _first_outgoing() -> int:
    try:
        return int(OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 32_768


def _near(wanted: int) -> Iterator[int]:
    yield from range(wanted, min(wanted + 20, 65536))
