"""What a picture is, judged by its content: PNG, JPEG or WebP with its size in pixels. Anything else is none."""

import struct
from dataclasses import dataclass

_JPEG_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})


@dataclass(frozen=True, slots=True)
class Picture:
    """`ending` is the usual one of file names, `mimetype` what a browser is told."""

    ending: str
    mimetype: str
    width: int
    height: int


def picture(content: bytes) -> Picture | None:
    """The kind and size of a picture; None where the content is not one of the three kinds, or has no size."""
    for ending, mimetype, size in (
        ("png", "image/png", _png_size),
        ("jpg", "image/jpeg", _jpeg_size),
        ("webp", "image/webp", _webp_size),
    ):
        try:
            found = size(content)
        except (struct.error, IndexError):
            continue
        if found and found[0] > 0 and found[1] > 0:
            return Picture(ending, mimetype, *found)
    return None


def _png_size(content: bytes) -> tuple[int, int] | None:
    """PNG, part 5.6: the signature, then the chunk IHDR with width and height, big-endian."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n") or content[12:16] != b"IHDR":
        return None
    width, height = struct.unpack(">II", content[16:24])
    return width, height


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """JPEG (ITU T.81, annex B): segments from the start marker on, up to the frame header with height and width."""
    if not content.startswith(b"\xff\xd8\xff"):
        return None
    at = 2
    while at + 9 < len(content):
        if content[at] != 0xFF:
            return None
        marker = content[at + 1]
        if marker == 0xFF:
            at += 1
        elif marker in _JPEG_ALONE:
            at += 2
        elif marker in _JPEG_FRAMES:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return width, height
        else:
            at += 2 + max(2, struct.unpack(">H", content[at + 2 : at + 4])[0])
    return None


def _webp_size(content: bytes) -> tuple[int, int] | None:
    """WebP (RFC 9649): a RIFF container whose first chunk is VP8X, VP8L or VP8, each with the size in its own way."""
    if content[:4] != b"RIFF" or content[8:12] != b"WEBP" or len(content) < 30:
        return None
    kind = content[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(content[24:27], "little"), 1 + int.from_bytes(content[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(content[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", content[26:30])
        return width & 0x3FFF, height & 0x3FFF
    return None
