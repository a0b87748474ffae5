"""What a finished run says of itself: `manifest.json` next to its tables."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Final

from headcount.schemas.errors import UsageError

FORMAT: Final = 1
"""Raised when an older Headcount would misunderstand a manifest; a new field does not raise it."""

READING_VERSION: Final = 2
"""Raised when the same files, models and settings give other rows than before; a release alone does not."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One complete run. The tables next to it are all of this run."""

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
    changes: dict[str, int] = field(default_factory=dict)
    """Photos by what became of them since the run before (`collection.state.CHANGES`)."""
    unseen: dict[str, int] = field(default_factory=dict)
    """Photos whose rows stay though this run did not see them, by reason (`collection.state.UNSEEN`)."""
    incomplete: dict[str, int] = field(default_factory=dict)
    """What this run could not list or read for the machine's reasons: files by code, and `folders`."""
    made_by: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What `made` was of each earlier run that rows are still from, by the run's id (`files.made_by`)."""
    forgotten: dict[str, Any] = field(default_factory=dict)
    """Salted hashes of photos that shall have no row (`collection.forgotten`)."""
    reading: int = 0
    """The `READING_VERSION` that made the rows."""
    format: int = FORMAT

    def made(self) -> dict[str, Any]:
        """What its rows were made with."""
        return {name: getattr(self, name) for name in ("version", "reading", "settings", "models")}

    def to_json(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """The reverse of `to_json`, which leaves out fields that it does not know.

        Raises ValueError, TypeError or KeyError for any other text, and UsageError for a later format.
        """
        given = json.loads(text)
        if given.get("format", FORMAT) > FORMAT:
            raise UsageError(
                f"it is of a later Headcount ({given.get('version')}, format {given['format']}; this one"
                f" reads format {FORMAT}); install that version or a later one"
            )
        known = {f.name: f.type for f in dataclasses.fields(cls) if f.name in given}
        for name, kind in known.items():
            expected = {"str": str, "int": int}.get(str(kind), dict)
            if not isinstance(given[name], expected):
                raise TypeError(f"{name} is no {expected.__name__}: {given[name]!r}")
            if str(kind) == "dict[str, int]" and not all(isinstance(n, int) for n in given[name].values()):
                raise TypeError(f"{name} holds what is no number: {given[name]!r}")
        return cls(**{name: given[name] for name in known})
