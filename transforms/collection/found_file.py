"""A file that may be a photo: how to open it and how the tables name it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote_from_bytes

LARGEST_PHOTO: Final = 2**30
"""Bytes. A larger file is no photo, whatever it is called: 250 megapixels take 0.75 GB uncompressed."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file as it was listed. `path` opens it, also where its bytes are not UTF-8 (surrogate escapes)."""

    path: str
    root: str
    """The folder, as `path` begins, below which the names of folders may be dates."""
    size: int
    modified: float | None
    """Seconds since 1970, null where the file system does not say."""
    sidecars: tuple[str, ...] = ()
    """Paths of the `.xmp` and `.json` files that speak of this photo."""
    sidecar_version: str = ""
    """Changes when a sidecar does."""
    day_order: str = ""
    """How other names in the folder show that the date in this one is to be read, where that is needed."""

    @property
    def uri(self) -> str:
        """The name of this file in every table."""
        return uri_of(self.path)

    @property
    def version(self) -> str:
        """Changes when the file or one of its sidecars does, or the folder that its date may come from."""
        order = f" {self.day_order}" if self.day_order else ""
        return f"{self.size}:{self.modified}{self.sidecar_version}{order} in {uri_of(self.root)}"

    def packed(self) -> tuple[Any, ...]:
        """This file for a shuffle, in half the bytes of its pickle: all files wait there, the in-process
        runner's in memory. `unpacked` gives it back.
        """
        path, *sidecars = map(os.fsencode, (self.path, *self.sidecars))
        root = len(os.fsencode(self.root))
        return path, root, self.size, self.modified, tuple(sidecars), self.sidecar_version, self.day_order

    @classmethod
    def unpacked(cls, packed: tuple[Any, ...]) -> FoundFile:
        """The file of which `packed` made this."""
        path, root, size, modified, sidecars, *strings = packed
        names = (os.fsdecode(path), os.fsdecode(path[:root]))
        return cls(*names, size, modified, tuple(map(os.fsdecode, sidecars)), *strings)


def uri_of(path: str) -> str:
    """`path` as text for tables: bytes that are not UTF-8 are percent-encoded, all else stays."""
    try:
        path.encode()
        return path
    except UnicodeEncodeError:
        return "".join(
            quote_from_bytes(c.encode(errors="surrogateescape")) if "\udc80" <= c <= "\udcff" else c
            for c in path
        )
