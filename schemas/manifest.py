"""What a finished run says of itself: `manifest.json` beside its tables."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Manifest:
    """One complete run. The tables beside it are all of this run."""

    run_id: str
    version: str
    """Of Headcount."""
    started_at: str
    """ISO 8601, UTC."""
    finished_at: str
    settings: dict[str, Any]
    models: dict[str, str]
    """Name of each model and the sha256 of its file."""
    rows: dict[str, int]
    """Rows of each table."""
    kept: int
    """Files that were not read again because an earlier run had."""
    duplicates: int
    """Photos that are byte copies of another; they have a row in photos and no faces."""
    failures: dict[str, int]
    """Failures by code."""
    skipped: dict[str, int]
    """Files that are no photos, and folders that were not entered, by type."""

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The reverse of `to_json`; raises ValueError, TypeError or KeyError for any other text."""
        return cls(**json.loads(text))
