"""BigTIFF, which exifread does not know, as a classic TIFF that holds its metadata and no picture."""

from __future__ import annotations

import struct
from typing import Final

BIG_TIFF: Final = (b"II+\0", b"MM\0+")

_EXIF, _GPS = 0x8769, 0x8825
_STRIPS: Final = frozenset({273, 279, 324, 325})
"""Where the picture lies, in tables that may be long."""
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_WIDE: Final = {16: 4, 17: 9, 18: 13}
"""Types of eight bytes a value, and the classic types of four that stand for them."""
_MAX_ENTRIES: Final = 1000

_Entry = tuple[int, int, int, bytes]
"""Tag, type, count, value."""


def as_classic_tiff(big: bytes, max_value: int) -> bytes:
    """The first directory of a BigTIFF with its EXIF and GPS directories, without values longer than
    `max_value` bytes in all. Raises struct.error where the header is cut.
    """
    order = "<" if big[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "Q", big, 8)
    header = big[:2] + struct.pack(order + "HI", 42, 8)
    return header + _written(order, _directory(order, big, first, max_value), len(header), big, max_value)


def _directory(order: str, big: bytes, at: int, left: int) -> list[_Entry]:
    """The entries of a directory, as far as they lie inside the file and have a known type."""
    if not 8 <= at <= len(big) - 8:
        return []
    entries: list[_Entry] = []
    (count,) = struct.unpack_from(order + "Q", big, at)
    for start in range(at + 8, at + 8 + 20 * min(count, _MAX_ENTRIES), 20):
        if start + 20 > len(big):
            break
        tag, kind, values, offset = struct.unpack_from(order + "HHQQ", big, start)
        size = values * (8 if kind in _WIDE else _SIZES.get(kind, 0))
        if tag in _STRIPS or not 0 < size <= left:
            continue
        left -= size
        value = big[start + 12 : start + 12 + size] if size <= 8 else big[offset : offset + size]
        if len(value) < size:
            continue
        if kind in _WIDE:
            numbers = struct.unpack(f"{order}{values}Q", value)
            kind, value = _WIDE[kind], struct.pack(f"{order}{values}I", *(n & 0xFFFFFFFF for n in numbers))
        entries.append((tag, kind, values, value))
    return entries


def _written(order: str, entries: list[_Entry], at: int, big: bytes, left: int) -> bytes:
    """A classic directory that lies at `at`, with its values and the directories it points to behind it."""
    table = struct.pack(order + "H", len(entries))
    behind = at + 2 + 12 * len(entries) + 4
    tail = b""
    for tag, kind, count, value in entries:
        if tag in (_EXIF, _GPS) and len(value) == 4:
            (pointer,) = struct.unpack(order + "I", value)
            inner = [one for one in _directory(order, big, pointer, left) if one[0] not in (_EXIF, _GPS)]
            kind, value = 4, struct.pack(order + "I", behind + len(tail))
            tail += _written(order, inner, behind + len(tail), big, left)
        elif len(value) > 4:
            tail, value = tail + value, struct.pack(order + "I", behind + len(tail))
        table += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")
        tail += b"\0" * (len(tail) % 2)
    return table + bytes(4) + tail
