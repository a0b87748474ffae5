"""Which files of a folder are sidecars of a photo: XMP files and the JSON files of Google Takeout.

The case and the Unicode form of names do not matter, since disks and programs change both.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

_ENDINGS: Final = (".xmp", ".json")
_TAKEOUT_ENDING: Final = ".supplemental-metadata"
_TAKEOUT_LENGTH: Final = 46
"""Google Takeout cuts a sidecar's name to so many characters before `.json`."""
_NUMBERED: Final = re.compile(r"(.+)(\([0-9]+\))", re.DOTALL)
_EDITED: Final = frozenset(
    {
        *("edited", "effects", "smile", "mix", "bearbeitet", "modifié", "editado", "ha editado", "editada"),
        *(
            "modificato",
            "modificata",
            "bewerkt",
            "edytowane",
            "redigeret",
            "redigerad",
            "redigert",
            "muokattu",
        ),
        *("upraveno", "upravené", "szerkesztett", "editat", "editată", "düzenlendi", "изменено", "編集済み"),
        *("수정됨", "已修改", "已編輯"),
    }
)
"""What Google Photos calls the edited copy of a photo, behind a hyphen, in the language of the account."""
_OTHER_HALVES: Final = ("heic", "jpg", "jpeg", "png", "dng", "heif", "mp4", "mov")
"""Extensions of the file that a sidecar may name where the photo is a conversion or a part of it."""

SidecarIndex = Mapping[str, list[str]]
"""The names in a folder that may be those of sidecars, by `alike`."""


def alike(name: str) -> str:
    """What names that differ in nothing but case and Unicode form have in common."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).lower()


def index_sidecars(names: Iterable[str]) -> SidecarIndex:
    """Those of the names in a folder that sidecars may have, for `find_sidecars`."""
    index: dict[str, list[str]] = {}
    for name in names:
        key = alike(name)
        if key.endswith(_ENDINGS):
            index.setdefault(key, []).append(name)
    return index


def find_sidecars(photo: str, index: SidecarIndex) -> tuple[str, ...]:
    """The names of the sidecars of the file named `photo` in its folder, the best first.

    Case counts only where several names differ in nothing else.
    """
    if not index:
        return ()
    found: dict[str, None] = {}
    for key in sidecar_names(alike(photo)):
        if same := index.get(key):
            exact = [name for name in same if name in sidecar_names(photo)] if len(same) > 1 else same
            found.update(dict.fromkeys(exact or same))
    found.pop(photo, None)
    return tuple(found)


def sidecar_names(photo: str) -> tuple[str, ...]:
    """The names that the sidecars of the file named `photo` have in its folder, best first.

    `a.jpg.xmp` (darktable) and `a.xmp` (Adobe); then `a.jpg.json` and `a.jpg.supplemental-metadata.json`,
    cut as Takeout cuts long names and with a copy's number where it puts it: `a(1).jpg` belongs to
    `a.jpg(1).json`. So do, in this order, a name without the extension, that of the original of
    `a-edited.jpg`, and that of the HEIC or video of which `a.jpg` is a conversion or a part.
    """
    photo = unicodedata.normalize("NFC", photo)
    stem = photo.rpartition(".")[0] or photo
    takeout = [
        f"{(title + ending)[:_TAKEOUT_LENGTH]}{number}.json"
        for title, number in _titles(photo)
        for ending in ("", _TAKEOUT_ENDING)
    ]
    return tuple(dict.fromkeys([f"{photo}.xmp", f"{stem}.xmp", *takeout]))


def _titles(photo: str) -> Iterator[tuple[str, str]]:
    """What Takeout may call the photo, and the number of the copy."""
    stem, dot, extension = photo.rpartition(".")
    if not stem:
        stem, dot, extension = photo, "", ""
    plain, number = _without_number(stem)
    original, copy = _without_number(_original(plain))
    named = list(dict.fromkeys([(stem, ""), (plain, number), (original, copy or number)]))
    for ending in (dot + extension, "", *(f".{other}" for other in _OTHER_HALVES)):
        yield from ((base + ending, count) for base, count in named)


def _without_number(stem: str) -> tuple[str, str]:
    numbered = _NUMBERED.fullmatch(stem)
    return (numbered[1], numbered[2]) if numbered else (stem, "")


def _original(stem: str) -> str:
    """`a` for `a-edited`, also where Takeout has cut a long name in the middle of that word."""
    base, hyphen, word = stem.rpartition("-")
    word = word.lower()
    cut = len(stem) >= _TAKEOUT_LENGTH and len(word) > 1
    if hyphen and base and (word in _EDITED or (cut and any(w.startswith(word) for w in _EDITED))):
        return base
    return stem
