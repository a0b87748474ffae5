"""What Headcount sees in one picture: a copy with numbered boxes, and a table."""

from __future__ import annotations

import os
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Final, NamedTuple
from urllib.error import URLError
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headcount.beam_pipeline.run import describe_settings, read_settings
from headcount.beam_pipeline.settings import Seeing
from headcount.beam_pipeline.text import printable
from headcount.models.attributes import load_attribute_model
from headcount.schemas.errors import UsageError
from headcount.schemas.faces import Face
from headcount.schemas.failures import Failure
from headcount.schemas.labels import with_years
from headcount.schemas.photos import Photo
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.storage import is_remote, read_bytes
from headcount.transforms.describe_faces import FaceModelHandler
from headcount.transforms.photo.decode import decode
from headcount.transforms.photo.file_types import sniff
from headcount.transforms.photo.reader import PhotoReader

COPY_SIDE: Final = 1600
"""Longer side of the annotated copy, in pixels, unless the picture is smaller."""
MOST_BYTES: Final = 200_000_000
"""Largest download."""


class Sight(NamedTuple):
    """What is seen in one picture: its row, those of its faces, and a copy with numbered boxes."""

    photo: Photo
    faces: Sequence[Face]
    picture: Image.Image


def look(photo: str, target: str | None, settings: Seeing) -> str:
    """Looks at one picture, writes the annotated copy to `target` and gives the table to print.

    Raises UsageError where the picture cannot be read or the copy cannot be written.
    """
    seen = see(photo, settings)
    target = target or f"{_stem(photo)}-faces.jpg"
    try:
        seen.picture.save(target, quality=90)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--output {target} cannot be written ({error}); give a .jpg or .png file"
        ) from error
    return "\n".join([_about(seen.photo), *_table(seen.faces), f"boxes drawn in {printable(target)}"])


def see(photo: str, settings: Seeing) -> Sight:
    """What is seen in one picture, given by its path or its http(s) address.

    Raises UsageError where the picture cannot be read.
    """
    with _local(photo) as path:
        if not os.path.isfile(path):
            raise UsageError(f"{photo} is no file; give a picture")
        model = load_attribute_model(settings.attribute_model)
        reading = read_settings(settings, model.side, datetime.now(UTC).replace(tzinfo=None))
        info = os.stat(path)
        file = FoundFile(
            os.path.abspath(path), os.path.dirname(os.path.abspath(path)), info.st_size, info.st_mtime
        )
        result = PhotoReader(reading).read(file)
        if result.photo is None:
            raise UsageError(_why_not(photo, result.failures))
        describing = describe_settings(settings, threads=1)
        rows = FaceModelHandler(describing).run_inference(result.faces, model) if result.faces else []
        faces = [row for row in rows if isinstance(row, Face)]
        content = read_bytes(path)
        kind = sniff(content, path)
        decoded = decode(content, kind.format, result.photo.orientation, COPY_SIDE, settings.max_pixels)
    picture = draw_faces(decoded.pixels, faces, decoded.pixels.shape[1] / decoded.width)
    return Sight(result.photo, faces, picture)


def draw_faces(pixels: np.ndarray, faces: Sequence[Face], scale: float) -> Image.Image:
    """`pixels` (uint8 RGB) with a numbered box around each face; `scale` maps the faces' pixels to these."""
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    for number, face in enumerate(faces, 1):
        left, top, right, bottom = (edge * scale for edge in (face.left, face.top, face.right, face.bottom))
        line = max(1, round((bottom - top) / 40))
        font = ImageFont.load_default(max(10, (bottom - top) / 5))
        draw.rectangle((left, top, right, bottom), outline="#ffd400", width=line)
        x0, y0, x1, y1 = draw.textbbox((0, 0), str(number), font=font)
        width, height = x1 - x0 + 4 * line, y1 - y0 + 4 * line
        above = top - height if top >= height else top
        draw.rectangle((left, above, left + width, above + height), fill="#ffd400")
        draw.text((left + 2 * line - x0, above + 2 * line - y0), str(number), fill="black", font=font)
    return picture


def _about(photo: Photo) -> str:
    taken = f"taken {photo.taken_at} ({photo.date_source})" if photo.taken_at else "no date"
    camera = " ".join(part for part in (photo.make, photo.model) if part)
    size = f"{photo.width}x{photo.height}"
    return printable(", ".join(part for part in (size, taken, camera, f"{photo.faces} faces") if part))


def _table(faces: Sequence[Face]) -> list[str]:
    if not faces:
        return []
    lines = [f"{'':>3} {'size':>5} {'score':>5}  {'age (90 %)':<14}{'age group':<22}{'gender':<14}mood"]
    for number, face in enumerate(faces, 1):
        age = "" if face.age is None else f"{face.age:.0f} ({face.age_low:.0f}-{face.age_high:.0f})"
        gender = _label(face.gender, None if face.p_female is None else max(face.p_female, 1 - face.p_female))
        mood = _label(face.mood, getattr(face, f"p_{face.mood}") if face.mood else None)
        size = round(face.bottom - face.top)
        group = with_years(face.age_group) if face.age_group else ""
        labels = f"{age:<14}{group:<22}{gender:<14}{mood}"
        lines.append(f"{number:>3} {size:>5} {face.score:>5.2f}  {labels}".rstrip())
    return lines


def _label(label: str | None, probability: float | None) -> str:
    return f"{label} {probability:.2f}" if label and probability else ""


def _stem(photo: str) -> str:
    name = PurePosixPath(urlsplit(photo).path).name if is_remote(photo) else os.path.basename(photo)
    return os.path.splitext(name)[0] or "photo"


def _why_not(photo: str, failures: Sequence[Failure]) -> str:
    if not failures:
        return f"{photo} is not a picture that Headcount reads"
    detail = f" ({failures[0].detail})" if failures[0].detail else ""
    return f"{photo}: {failures[0].message}{detail}"


@contextmanager
def _local(photo: str) -> Iterator[str]:
    """A local path of the picture; that of a URL exists only inside the `with` block."""
    if not is_remote(photo):
        yield os.path.expanduser(photo)
        return
    if urlsplit(photo).scheme not in ("http", "https"):
        raise UsageError(f"{photo}: give a local picture, or an http or https address")
    try:
        with urllib.request.urlopen(photo, timeout=30) as response:
            content = response.read(MOST_BYTES + 1)
    except (URLError, OSError, ValueError) as error:
        raise UsageError(f"{photo} cannot be fetched ({error})") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"{photo} is larger than {MOST_BYTES // 1_000_000} MB; save it and give the file")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, os.path.basename(urlsplit(photo).path) or "photo")
        with open(path, "wb") as file:
            file.write(content)
        yield path
