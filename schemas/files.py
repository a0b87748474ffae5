"""The files table: one row per file or folder that was met, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headcount.schemas.columns import TEXT, WORD, column

PHOTO: Final = "photo"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"


@dataclass(frozen=True, slots=True)
class File:
    """What the next run compares: a file of the same `uri` and `version` is not read again."""

    uri: str = column(TEXT, "as in photos and failures")
    version: str = column(TEXT, "size and modification time of the file and its sidecars when it was listed")
    outcome: str = column(WORD, f"{PHOTO}, {FAILED} (a row of failures and none of photos) or {SKIPPED}")
    file_type: str = column(WORD, "type of the content, or why it was skipped")
