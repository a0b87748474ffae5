"""What Headcount sees in one picture: a copy with numbered boxes, and a table."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from headcount.beam_pipeline.download import downloaded, name_of
from headcount.beam_pipeline.seeing import describe_settings, read_settings
from headcount.beam_pipeline.settings import Seeing
from headcount.beam_pipeline.text import printable
from headcount.models.attributes import load_attribute_model
from headcount.models.detectors import load_detector
from headcount.schemas.errors import PoolError, UsageError
from headcount.schemas.faces import Face
from headcount.schemas.failures import CODES, Failure
from headcount.schemas.labels import with_years
from headcount.schemas.photos import Photo
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.listing.places import match_inputs
from headcount.transforms.collection.storage import is_remote, read_bytes
from headcount.transforms.photo.child_processes import ChildDiedError, ChildPool
from headcount.transforms.photo.decode import Decoded, decode
from headcount.transforms.photo.describe import describe_batch
from headcount.transforms.photo.file_types import HEAD_BYTES, sniff
from headcount.transforms.photo.reader import ReadResult, ReadSettings
from headcount.transforms.photo.reader_pool import start_reader

COPY_SIDE: Final = 1600
"""Longer side of the annotated copy, in pixels, unless the picture is smaller."""


class Sight(NamedTuple):
    """What is seen in one picture: its row, those of its faces, a copy with numbered boxes, whose longer side
    is COPY_SIDE or more if the picture's is, and what was lost of it.
    """

    photo: Photo
    faces: Sequence[Face]
    picture: Image.Image
    failures: Sequence[Failure]


def look(photo: str, target: str | None, settings: Seeing) -> str:
    """Looks at one picture, writes the copy with boxes to `target` and gives the table to print.

    Raises UsageError where the picture cannot be read or the copy cannot be written.
    """
    if target and os.path.exists(target) and os.path.exists(photo) and os.path.samefile(target, photo):
        raise UsageError(f"--output {target} is the picture itself; give another name")
    seen = see(photo, settings)
    name = name_of(photo) if is_remote(photo) else os.path.basename(photo)
    written = _save(seen.picture, target, os.path.splitext(name)[0] or "photo")
    lost = [printable(f"{one.message} ({one.detail})") for one in seen.failures]
    return "\n".join([_about(seen.photo), *_table(seen.faces), *lost, f"boxes drawn in {printable(written)}"])


def see(photo: str, settings: Seeing) -> Sight:
    """Reads one picture, a path or an http(s) address, and describes its faces as a run does.

    The names of all its folders may be dates, since there is no input folder below which they are. Raises
    UsageError for what cannot be read, in the time and memory that a run has for a photo.
    """
    load_detector(settings.detector, settings.detector_model)
    model = load_attribute_model(settings.attribute_model)
    reading = read_settings(settings, model.side, datetime.now(UTC).replace(tzinfo=None))
    describing = describe_settings(settings, threads=1)
    place = downloaded(photo, settings.photo_timeout) if is_remote(photo) else nullcontext(photo)
    with place as path:
        file = _found(photo, path)
        result, copy = _read(photo, file, reading, settings.photo_timeout)
    if result.photo is None or copy is None:
        raise UsageError(_why_not(photo, result.failures))
    rows = describe_batch(result.faces, model, describing) if result.faces else []
    faces = [row for row in rows if isinstance(row, Face)]
    failures = [*result.failures, *(row for row in rows if isinstance(row, Failure))]
    height, width = copy.pixels.shape[:2]
    drawn = draw_faces(copy.pixels, faces, (width / copy.width, height / copy.height))
    return Sight(result.photo, faces, drawn, failures)


def _found(photo: str, path: str) -> FoundFile:
    """The picture as a run lists it, with its sidecars."""
    path = os.path.expanduser(path)
    if not os.path.isfile(path):
        raise UsageError(f"{photo} is no file; give a picture")
    path = os.path.abspath(path)
    # What is listed with it is of a list of paths.
    matches = (match for match in match_inputs([path]) if isinstance(match, FoundFile))
    try:
        file = next((match for match in matches if match.path == path), None)
    except OSError as error:
        raise UsageError(f"{photo} cannot be opened ({error}); give a picture") from error
    if file is None:
        raise UsageError(_why_not(photo, ()))
    if is_remote(photo):
        # Only its name speaks of it: it has been in that folder for a moment.
        return replace(file, modified=None)
    return replace(file, root=os.path.splitdrive(path)[0] + os.sep)


def _read(
    photo: str, file: FoundFile, reading: ReadSettings, seconds: float
) -> tuple[ReadResult, Decoded | None]:
    """What a child process reads in `file`, and the picture to draw on."""
    pool = ChildPool(1, partial(start_looking, reading), seconds)
    try:
        result: tuple[ReadResult, Decoded | None] = pool.submit(file).result()
        return result
    except PoolError as error:
        raise UsageError(str(error)) from error
    except TimeoutError:
        raise UsageError(f"{photo}: {CODES['timeout']} ({seconds:g} s)") from None
    except MemoryError:
        raise UsageError(f"{photo}: {CODES['out_of_memory']}") from None
    except ChildDiedError as death:
        raise UsageError(f"{photo}: {CODES['decoder_died']} ({death})") from death
    except RuntimeError as error:
        raise UsageError(f"{photo}: {CODES['internal_error']} ({error})") from error
    finally:
        pool.stop()


def start_looking(reading: ReadSettings) -> Callable[[FoundFile], tuple[ReadResult, Decoded | None]]:
    """In a child process: what reads a picture as a run does, and gives it to draw on."""
    read = start_reader(reading)

    def look(file: FoundFile) -> tuple[ReadResult, Decoded | None]:
        result = read(file, None)
        if result.photo is None:
            return result, None
        content = read_bytes(file.path)
        format = sniff(content[:HEAD_BYTES], file.path).format
        return result, decode(content, format, result.photo.orientation, COPY_SIDE, reading.max_pixels)

    return look


def _save(picture: Image.Image, target: str | None, stem: str) -> str:
    """Writes the picture to `target`, or to a new file by the name of the photo; gives its name."""
    wanted = target or f"{stem}-faces.jpg"
    format = Image.registered_extensions().get(os.path.splitext(wanted)[1].lower())
    encoded = io.BytesIO()
    try:
        picture.save(encoded, format or "", quality=90)
        if target:
            with open(target, "wb") as file:
                file.write(encoded.getbuffer())
            return target
        number = 1
        while True:
            name = wanted if number == 1 else f"{stem}-faces-{number}.jpg"
            try:
                with open(name, "xb") as file:
                    file.write(encoded.getbuffer())
                return name
            except FileExistsError:
                number += 1
    except (OSError, ValueError, KeyError) as error:
        why = f"{error}" if format else "no name of a picture"
        raise UsageError(f"--output {wanted} cannot be written ({why}); give a .jpg or .png file") from error


def draw_faces(pixels: np.ndarray, faces: Sequence[Face], scale: tuple[float, float]) -> Image.Image:
    """`pixels` (uint8 RGB) with a numbered box around each face; `scale` is that of x and of y from
    the faces' pixels to these."""
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    for number, face in enumerate(faces, 1):
        left, top, right, bottom = (
            edge * scale[axis]
            for axis, edge in zip((0, 1, 0, 1), (face.left, face.top, face.right, face.bottom), strict=True)
        )
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


def _why_not(photo: str, failures: Sequence[Failure]) -> str:
    if not failures:
        return f"{photo} is not a picture that Headcount reads"
    detail = f" ({failures[0].detail})" if failures[0].detail else ""
    return f"{photo}: {failures[0].message}{detail}"
