"""Which files of a folder are sidecars of a photo: XMP files and the JSON files of Google Takeout."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

_ENDINGS: Final = (".xmp", ".json")
_TAKEOUT_ENDING: Final = ".supplemental-metadata"
_TAKEOUT_LENGTH: Final = 46
"""Google Takeout cuts a sidecar's name to so many characters before `.json`."""
_NUMBERED = re.compile(r"(.*)(\(\d+\))(\.[^.]*)?", re.DOTALL)

SidecarIndex = Mapping[str, list[str]]
"""The names in a folder that may be those of sidecars, by the same names in lower case."""


def index_sidecars(names: Iterable[str]) -> SidecarIndex:
    """Those of the names in a folder that sidecars may have, for `find_sidecars`."""
    index: dict[str, list[str]] = {}
    for name in names:
        lower = name.lower()
        if lower.endswith(_ENDINGS):
            index.setdefault(lower, []).append(name)
    return index


def find_sidecars(photo: str, index: SidecarIndex) -> tuple[str, ...]:
    """The names of the sidecars of the file named `photo` in its folder, the best first.

    Disks and programs change the case of names, so it counts only where several names differ in nothing else.
    """
    if not index:
        return ()
    found: dict[str, None] = {}
    for name in sidecar_names(photo):
        alike = index.get(name.lower(), [])
        found.update(dict.fromkeys([name] if name in alike else alike))
    found.pop(photo, None)
    return tuple(found)


def sidecar_names(photo: str) -> tuple[str, ...]:
    """The names that the sidecars of the file named `photo` have in its folder, best first.

    `a.jpg.xmp` (darktable) and `a.xmp` (Adobe); then `a.jpg.json` and `a.jpg.supplemental-metadata.json`,
    cut as Takeout cuts long names and with a copy's number where it puts it: `a(1).jpg` belongs to
    `a.jpg(1).json`.
    """
    stem = photo.rpartition(".")[0] or photo
    xmp = [f"{base}.xmp" for base in (photo, stem)]
    plain, number = photo, ""
    if numbered := _NUMBERED.fullmatch(photo):
        plain, number = numbered[1] + (numbered[3] or ""), numbered[2]
    takeout = [
        f"{(title + ending)[:_TAKEOUT_LENGTH]}{count}.json"
        for title, count in ((photo, ""), (plain, number))
        for ending in ("", _TAKEOUT_ENDING)
    ]
    return tuple(dict.fromkeys(xmp + takeout))
