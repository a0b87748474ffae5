"""All tables by name."""

from __future__ import annotations

from typing import Final

from headcount.schemas.album import Album
from headcount.schemas.faces import Face
from headcount.schemas.failures import Failure
from headcount.schemas.files import File
from headcount.schemas.footfall import Footfall
from headcount.schemas.photos import Photo

TABLES: Final[dict[str, type]] = {
    "photos": Photo,
    "faces": Face,
    "failures": Failure,
    "files": File,
    "footfall": Footfall,
    "album": Album,
}
"""Folder name under the output, and the dataclass of a row."""
