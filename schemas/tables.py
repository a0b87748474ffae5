"""All tables by name."""

from __future__ import annotations

from typing import Final

from schemas.album import Album
from schemas.faces import Face
from schemas.failures import Failure
from schemas.files import File
from schemas.footfall import Footfall
from schemas.photos import Photo

TABLES: Final[dict[str, type]] = {
    "photos": Photo,
    "faces": Face,
    "failures": Failure,
    "files": File,
    "footfall": Footfall,
    "album": Album,
}
"""Folder name under the output, and the dataclass of a row."""
