"""The files table: one row per file or folder that was met, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headcount.schemas.columns import TEXT, WORD, column

PHOTO: Final = "photo"
FAILED: Final = "failed"
SKIPPED: Final = "skipped"
LISTED: Final = "listed"
"""A folder, or a prefix of a bucket, that was listed to its end: what it held is known."""

FOLDER: Final = "folder"
"""The type of what was listed, or could not be."""


@dataclass(frozen=True, slots=True)
class File:
    """What the next run compares: a file of the same `uri` and `version` is not read again."""

    uri: str = column(TEXT, "as in photos and failures")
    version: str = column(
        TEXT,
        "size and modification time of the file and its sidecars when it was listed; of a folder, the number"
        " of its entries",
    )
    outcome: str = column(
        WORD,
        f"{PHOTO}, {FAILED} (a row of failures and none of photos), {SKIPPED}, or, of a folder, {LISTED}",
    )
    file_type: str = column(WORD, f"type of the content, {FOLDER}, or why it was skipped")
    made_by: str | None = column(
        WORD,
        "null, or the earlier run that made the rows with other models or settings: made_by in manifest.json",
        nullable=True,
    )
