"""What a run is asked to do: every option with its default, and the checks made before any work."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from headcount.models.attributes import DEFAULT_MODEL
from headcount.models.detectors import DEFAULT_DETECTOR, DEFAULT_MIN_FACE
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import ATTRIBUTES
from headcount.transforms.collection.storage import is_remote

DECIDE_ROWS: Final = (
    "detector",
    "min_face",
    "min_score",
    "attributes",
    "keep_location",
    "use_mtime",
    "max_pixels",
)
"""Beside the models: what must be the same for the rows of an earlier run to be kept."""

DEFAULT_MAX_PIXELS: Final = 250_000_000
"""A 200-megapixel panorama passes; decoded it takes 750 MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of `headcount run`, under the names of their flags."""

    input: tuple[str, ...]
    output: str
    detector: str = DEFAULT_DETECTOR
    detector_model: str | None = None
    min_face: float = DEFAULT_MIN_FACE
    min_score: float | None = None
    attributes: tuple[str, ...] = ATTRIBUTES
    attribute_model: str = DEFAULT_MODEL
    keep_location: bool = False
    use_mtime: bool = False
    max_pixels: int = DEFAULT_MAX_PIXELS
    photo_timeout: float = 60.0
    max_failures: int | None = None
    rehash: bool = False
    retry_failed: bool = False
    keep_deleted: bool = False
    forget: tuple[str, ...] = ()
    processes: int = 0
    """Child processes that read photos; 0 is one per core of the machine they run on."""

    def check(self) -> None:
        """Raises UsageError for the first value that cannot work."""
        if not self.input:
            raise UsageError("--input is missing; give a folder, a glob, a photo or a .txt list of paths")
        for source in self.input:
            _check_input(source)
        unknown = [name for name in self.attributes if name not in ATTRIBUTES]
        if unknown or not self.attributes:
            raise UsageError(f"--attributes {','.join(self.attributes)}: choose from {','.join(ATTRIBUTES)}")
        if self.rehash and self.retry_failed:
            raise UsageError("--rehash reads everything and --retry_failed only failures; give one of them")
        ranges = {
            "min_face": (0.0, 1.0, "a share of the longer side of the photo"),
            "min_score": (0.0, 1.0, "a score"),
            "max_pixels": (1, None, "a number of pixels"),
            "photo_timeout": (0.0, None, "seconds"),
            "max_failures": (0, None, "a number of failures"),
            "processes": (0, None, "a number of processes, or 0 for one per core"),
        }
        for name, (low, high, what) in ranges.items():
            value = getattr(self, name)
            strict = name in ("min_face", "photo_timeout")
            if value is not None and (value < low or (strict and value == low) or (high and value > high)):
                limit = f"over {low:g}" if strict else f"at least {low:g}"
                raise UsageError(
                    f"--{name} {value}: give {what}, {limit}{f', at most {high:g}' if high else ''}"
                )


def _check_input(source: str) -> None:
    if is_remote(source):
        return
    if os.path.isdir(source):
        if not os.access(source, os.R_OK | os.X_OK):
            raise UsageError(f"--input {source} cannot be read; check its permissions")
        with os.scandir(source) as entries:
            if not any(entries):
                raise UsageError(
                    f"--input {source} is an empty folder; give the folder that holds the photos"
                )
    elif os.path.isfile(source):
        if not os.access(source, os.R_OK):
            raise UsageError(f"--input {source} cannot be read; check its permissions")
    elif not any(glob.iglob(source, recursive=True)):
        near = next((str(path) for path in Path(source).parents if path.is_dir()), ".")
        raise UsageError(f"--input {source} matches nothing; {near} is the nearest folder that exists")
