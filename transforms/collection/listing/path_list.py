"""A text file of paths, as shells, spreadsheets and people write them."""

from __future__ import annotations

import codecs
from typing import Final

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_QUOTES: Final = "\"'"


def paths_in(content: bytes) -> list[tuple[str, ...]]:
    """What each line of a list may mean, the likeliest first, each line once.

    A line is a path as it stands; or, where there is no such path, without the blanks around it; or without
    the quotes around that. Paths that end in NUL (`find -print0`) are only what they are. The text is UTF-8,
    with other bytes kept as surrogate escapes, or UTF-16, as Windows PowerShell writes it. Raises ValueError
    where it says that it is UTF-16 and is not.
    """
    text = _decoded(content)
    if "\0" in text:
        return [(path,) for path in dict.fromkeys(text.split("\0")) if path.strip()]
    lines = dict.fromkeys(line.removesuffix("\r") for line in text.split("\n"))
    return [_meanings(line) for line in lines if line.strip()]


def _decoded(content: bytes) -> str:
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            errors = "surrogateescape" if encoding == "utf-8" else "strict"
            return content[len(bom) :].decode(encoding, errors)
    # Every other byte of ASCII in UTF-16 is 0; of paths that end in NUL few are.
    for first, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        half = content[first::2]
        if len(content) >= 8 and len(content) % 2 == 0 and half.count(0) > 0.9 * len(half):
            return content.decode(encoding)
    return content.decode("utf-8", "surrogateescape")


def _meanings(line: str) -> tuple[str, ...]:
    bare = line.strip()
    meanings = [line, bare]
    if len(bare) > 2 and bare[0] in _QUOTES and bare[-1] == bare[0]:
        meanings.append(bare[1:-1])
    return tuple(dict.fromkeys(meanings))
