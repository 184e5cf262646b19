"""Where to go after a form: only to paths of our own, never to another host."""

from urllib.parse import urlsplit


def target(wanted: str | None, default: str) -> str:
    """`wanted` when it is a plain path here, else `default`. Refuses hosts, schemes and control characters."""
    if not wanted or not wanted.startswith("/") or wanted[1:2] in {"/", "\\"}:
        return default
    if any(ord(character) < 32 or character == "\\" for character in wanted):
        return default
    parts = urlsplit(wanted)
    return default if parts.scheme or parts.netloc else wanted
