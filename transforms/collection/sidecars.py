"""Which files of a folder are sidecars of a photo: XMP files and the JSON files of Google Takeout."""

from __future__ import annotations

import os
import re
from collections.abc import Set
from typing import Final

from headcount.transforms.collection.storage import join

_TAKEOUT_ENDING: Final = ".supplemental-metadata"
_TAKEOUT_LENGTH: Final = 46
"""Google Takeout cuts a sidecar's name to so many characters before `.json`."""
_NUMBERED = re.compile(r"(.*)(\(\d+\))(\.[^.]*)?", re.DOTALL)


def find_sidecars(path: str, siblings: Set[str]) -> tuple[str, ...]:
    """Paths of the sidecars of the photo at `path`, the best first, out of the names in its folder."""
    folder, name = os.path.split(path)
    return tuple(join(folder, n) for n in sidecar_names(name) if n in siblings)


def sidecar_names(photo: str) -> tuple[str, ...]:
    """The names that the sidecars of the file named `photo` have in its folder, best first.

    `a.jpg.xmp` (darktable) and `a.xmp` (Adobe); then `a.jpg.json` and `a.jpg.supplemental-metadata.json`,
    cut as Takeout cuts long names and with a copy's number where it puts it: `a(1).jpg` belongs to
    `a.jpg(1).json`.
    """
    stem = photo.rpartition(".")[0] or photo
    xmp = [f"{base}{ending}" for base in (photo, stem) for ending in (".xmp", ".XMP")]
    plain, number = photo, ""
    if numbered := _NUMBERED.fullmatch(photo):
        plain, number = numbered[1] + (numbered[3] or ""), numbered[2]
    takeout = [
        f"{(title + ending)[:_TAKEOUT_LENGTH]}{count}.json"
        for title, count in ((photo, ""), (plain, number))
        for ending in ("", _TAKEOUT_ENDING)
    ]
    return tuple(dict.fromkeys(xmp + takeout))
