"""The failures table: one row per loss, where it happened, what it was, which file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headcount.schemas.columns import TEXT, WORD, column

_OF_THE_FILE: Final = {
    "empty": "The file has no bytes.",
    "not_an_image": "The name says photo, the content does not.",
    "bad_image": "The picture data is damaged or incomplete.",
    "too_large": "The picture has more pixels than --max_pixels allows, or the file more bytes than a photo.",
    "bad_metadata": "The metadata is damaged; the rest of the photo was read.",
    "truncated": "The picture ends too early; what is there was read.",
    "bad_face": "A detected face could not be described; the photo and its other faces were kept.",
}
_OF_THE_MACHINE: Final = {
    "unreadable": "The file or folder could not be opened or read.",
    "unreadable_sidecar": "A sidecar of the photo could not be opened or read; the photo was.",
    "timeout": "Reading took longer than --photo_timeout seconds.",
    "decoder_died": "The decoder crashed on this file.",
    "out_of_memory": "The machine had too little memory for this file.",
    "internal_error": "Headcount itself failed on this file; please report the detail.",
}

CODES: Final = _OF_THE_FILE | _OF_THE_MACHINE
"""Stable error codes and what each means to the owner of the photos."""

MACHINE_CODES: Final = frozenset(_OF_THE_MACHINE)
"""What happened around a file and is no fact about it: every run tries such a file again, and until it
succeeds the rows of earlier runs stay. Other codes hold until the file, its sidecars or a setting changes."""

STAGES: Final = ("read", "metadata", "decode", "detect", "describe")


@dataclass(frozen=True, slots=True)
class Failure:
    """One loss. A candidate that cannot be read has one of these and no photo row."""

    uri: str = column(TEXT, "absolute path or bucket address of the file")
    stage: str = column(WORD, f"where it happened: {', '.join(STAGES)}")
    code: str = column(WORD, f"stable error code: {', '.join(CODES)}")
    message: str = column(TEXT, "what happened, for the owner of the photos")
    detail: str = column(TEXT, "what happened, for a developer")


def failure(uri: str, stage: str, code: str, detail: str = "") -> Failure:
    """The row for `code` with its message; raises KeyError or ValueError for an unlisted code or stage."""
    if stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}: {stage}")
    return Failure(uri=uri, stage=stage, code=code, message=CODES[code], detail=detail)
