"""From one file to its rows and face crops: the fused step that reads each photo once.

bytes -> sha256 -> capture time -> scaled decode -> detect -> crop. Imports no Beam, so that a child
process that only reads photos stays small and starts fast.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import cv2
import numpy as np

from models.detectors import Detection, Detector, detect_faces
from models.framing import Box, crop_face
from schemas.errors import PhotoError
from schemas.faces import Face
from schemas.failures import Failure, failure
from schemas.photos import Photo
from transforms.capture_time import capture_time
from transforms.decode import Decoded, decode
from transforms.exif import read_metadata
from transforms.file_types import HEAD_BYTES, sniff
from transforms.found_file import FoundFile, Skipped, read_bytes

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What decides the outcome of reading a photo, beside its bytes."""

    detector: str
    detector_model: str | None
    detection_side: int
    """Longer side, in pixels, of the picture that the detector sees."""
    min_score: float | None
    crop_size: int
    keep_location: bool
    use_mtime: bool
    max_pixels: int
    started_at: datetime
    """Start of the run, UTC without zone: no photo is from after it."""


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A face to be described: its row so far, and uint8 [crop_size, crop_size, 3] RGB."""

    face: Face
    crop: np.ndarray


@dataclass(slots=True)
class ReadResult:
    """What became of a file: skipped, or failed, or a photo with its faces and perhaps lesser failures."""

    skipped: Skipped | None = None
    photo: Photo | None = None
    faces: list[FaceCrop] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


def read_photo(file: FoundFile, settings: ReadSettings, detector: Detector) -> ReadResult:
    """Reads one file. Whatever is wrong with it becomes failure rows; only a programming error raises."""
    try:
        return _read_photo(file, settings, detector)
    except _LostError as lost:
        return ReadResult(failures=[failure(file.uri, lost.stage, lost.code, lost.detail)])


class _LostError(PhotoError):
    """A PhotoError that knows its stage."""

    def __init__(self, stage: str, code: str, detail: str) -> None:
        super().__init__(code, detail)
        self.stage = stage


def _step(stage: str, function: Callable[..., T], *args: object) -> T:
    try:
        return function(*args)
    except PhotoError as error:
        raise _LostError(stage, error.code, error.detail) from error
    except OSError as error:
        raise _LostError(stage, "unreadable", str(error)) from error


def _read_photo(file: FoundFile, settings: ReadSettings, detector: Detector) -> ReadResult:
    kind = sniff(_step("read", read_bytes, file.path, HEAD_BYTES), file.path)
    if not kind.candidate:
        return ReadResult(skipped=Skipped(kind.file_type))
    content = _step("read", read_bytes, file.path)
    if not content:
        raise _LostError("read", "empty", "")
    photo_id = hashlib.sha256(content).hexdigest()[:32]
    metadata = read_metadata(content, kind.format)
    taken = capture_time(metadata, file, settings.started_at, settings.use_mtime)
    decoded = _step(
        "decode",
        decode,
        content,
        kind.format,
        metadata.orientation,
        settings.detection_side,
        settings.max_pixels,
    )
    detections = _step(
        "detect", detect_faces, decoded.pixels, detector, settings.detection_side, settings.min_score
    )
    photo = Photo(
        uri=file.uri,
        photo_id=photo_id,
        duplicate_of=None,
        taken_at=taken.taken_at,
        date_precision=taken.date_precision,
        utc_offset_minutes=taken.utc_offset_minutes,
        date_source=taken.date_source,
        width=decoded.width,
        height=decoded.height,
        orientation=metadata.orientation,
        make=metadata.make,
        model=metadata.model,
        latitude=metadata.latitude if settings.keep_location else None,
        longitude=metadata.longitude if settings.keep_location else None,
        file_type=kind.file_type,
        bytes=len(content),
        faces=len(detections),
    )
    faces = [
        _cut_out(photo, number, detection, decoded, settings.crop_size)
        for number, detection in enumerate(sorted(detections, key=_reading_order))
    ]
    damages = (
        ("metadata", "bad_metadata", metadata.damage),
        ("metadata", "bad_metadata", taken.damage),
        ("decode", "truncated", decoded.damage),
    )
    failures = [failure(file.uri, stage, code, damage) for stage, code, damage in damages if damage]
    return ReadResult(photo=photo, faces=faces, failures=failures)


def _reading_order(detection: Detection) -> tuple[float, float]:
    return detection.box.left, detection.box.top


def _cut_out(photo: Photo, number: int, detection: Detection, decoded: Decoded, size: int) -> FaceCrop:
    crop = crop_face(decoded.pixels, detection.box, size)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    box: Box = detection.box.scaled(decoded.width / decoded.pixels.shape[1])
    face = Face(
        face_id=f"{photo.photo_id}-{number}",
        photo_id=photo.photo_id,
        uri=photo.uri,
        taken_at=photo.taken_at,
        left=box.left,
        top=box.top,
        right=box.right,
        bottom=box.bottom,
        score=detection.score,
        sharpness=float(cv2.Laplacian(grey, cv2.CV_32F).var()),
        brightness=float(grey.mean()),
    )
    return FaceCrop(face, crop)
