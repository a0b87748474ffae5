"""From one file to its rows and face crops: the fused step that reads each photo once.

bytes -> sha256 -> capture time -> scaled decode -> detect -> crop. Imports no Beam, so that a child
process that only reads photos stays small and starts fast.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

import cv2
import numpy as np

from headcount.models.detectors import load_detector
from headcount.models.detectors.search import Detection, Detector, detect_faces
from headcount.models.framing import crop_face, sharpness
from headcount.schemas.errors import PhotoError
from headcount.schemas.faces import Face
from headcount.schemas.failures import Failure, failure
from headcount.schemas.photos import Photo
from headcount.transforms.collection.earlier import Earlier, KnownPhotos
from headcount.transforms.collection.found_file import LARGEST_PHOTO, FoundFile
from headcount.transforms.collection.storage import open_file, os_errors, read_bytes
from headcount.transforms.photo.capture_time import CaptureTime, ReadSidecar, capture_time
from headcount.transforms.photo.decode import Decoded, decode
from headcount.transforms.photo.file_types import HEAD_BYTES, FileKind, sniff
from headcount.transforms.photo.metadata.containers import MAX_XMP
from headcount.transforms.photo.metadata.exif import Metadata, read_metadata

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """What decides the outcome of reading a photo, in addition to its bytes."""

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
    earlier: Earlier | None = None
    """Rows of photos whose bytes are known; such a photo is hashed and not decoded."""


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """A face to be described: its row so far, and uint8 [crop_size, crop_size, 3] RGB."""

    face: Face
    crop: np.ndarray


@dataclass(slots=True)
class ReadResult:
    """What became of a file: a photo with its faces and perhaps lesser failures, or failed, or skipped."""

    file_type: str = "unknown"
    photo: Photo | None = None
    faces: list[FaceCrop] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a file in a bucket holds, read ahead of the process that looks at it."""

    content: bytes
    """All of it, or its first HEAD_BYTES where those say that it is no photo."""
    sidecars: dict[str, bytes | OSError]

    def read_sidecar(self, path: str, count: int) -> bytes:
        """The first `count` bytes of a sidecar; raises the OSError that came instead."""
        found = self.sidecars[path]
        if isinstance(found, OSError):
            raise found
        return found[:count]


def fetch(file: FoundFile) -> Fetched:
    """Reads a file and its sidecars; raises what `_content` does for the file itself."""
    sidecars: dict[str, bytes | OSError] = {}
    for path in file.sidecars:
        try:
            sidecars[path] = read_bytes(path, MAX_XMP + 1)
        except OSError as error:
            sidecars[path] = error
    return Fetched(_content(file), sidecars)


def _content(found: FoundFile) -> bytes:
    """All of a file, or its head where that says that it is no photo; raises OSError, and PhotoError for one
    that was listed as larger than any photo.
    """
    with os_errors(), open_file(found.path) as file:
        content = file.read(HEAD_BYTES)
        if not sniff(content, found.path).candidate:
            return content
        if found.size <= LARGEST_PHOTO:
            return content + file.read()
    raise PhotoError("too_large", f"{found.size} bytes, more than the {LARGEST_PHOTO} of any photo")


class PhotoReader:
    """Reads photos one at a time with one detector; for use from one thread."""

    def __init__(self, settings: ReadSettings) -> None:
        self._settings = settings
        self._detector = load_detector(settings.detector, settings.detector_model)
        self._known = KnownPhotos(settings.earlier) if settings.earlier else None

    def read(self, file: FoundFile, fetched: Fetched | None = None) -> ReadResult:
        """Reads one file. What is wrong with it becomes failure rows; only a programming error raises.

        `fetched` are its bytes where another process has read them (see `fetch`).
        """
        kind = FileKind("unknown", candidate=False)
        try:
            content = fetched.content if fetched else _step("read", _content, file)
            kind = sniff(content[:HEAD_BYTES], file.path)
            if not kind.candidate:
                return ReadResult(kind.file_type)
            return self._read(file, kind, content, fetched.read_sidecar if fetched else read_bytes)
        except _LostError as lost:
            lost_row = failure(file.uri, lost.stage, lost.code, lost.detail)
            return ReadResult(kind.file_type, failures=[lost_row])

    def _read(self, file: FoundFile, kind: FileKind, content: bytes, read_sidecar: ReadSidecar) -> ReadResult:
        if not content:
            raise _LostError("read", "empty", "")
        photo_id = hashlib.sha256(content).hexdigest()[:32]
        metadata = read_metadata(content, kind.format)
        started_at, use_mtime = self._settings.started_at, self._settings.use_mtime
        taken = capture_time(metadata, file, started_at, use_mtime, read_sidecar)
        troubles = (
            ("bad_metadata", metadata.damage),
            ("bad_metadata", taken.damage),
            ("unreadable_sidecar", taken.unread),
        )
        failures = [failure(file.uri, "metadata", code, detail) for code, detail in troubles if detail]
        known = self._known.find(photo_id) if self._known else None
        if known:
            moved = replace(known, uri=file.uri, duplicate_of=None, **_dates(taken))
            return ReadResult(kind.file_type, moved, failures=failures)
        decoded, detections = find_faces(content, kind, metadata, self._detector, self._settings)
        photo = Photo(
            uri=file.uri,
            photo_id=photo_id,
            **_dates(taken),
            width=decoded.width,
            height=decoded.height,
            orientation=metadata.orientation,
            make=metadata.make,
            model=metadata.model,
            latitude=metadata.latitude if self._settings.keep_location else None,
            longitude=metadata.longitude if self._settings.keep_location else None,
            file_type=kind.file_type,
            bytes=len(content),
            faces=len(detections),
        )
        faces = [
            _cut_out(photo, number, detection, decoded, self._settings.crop_size)
            for number, detection in enumerate(sorted(detections, key=_from_the_left))
        ]
        if decoded.damage:
            failures.append(failure(file.uri, "decode", "truncated", decoded.damage))
        return ReadResult(kind.file_type, photo, faces, failures)


def find_faces(
    content: bytes, kind: FileKind, metadata: Metadata, detector: Detector, settings: ReadSettings
) -> tuple[Decoded, list[Detection]]:
    """The picture in the bytes of a photo, and the faces in its pixels; raises PhotoError."""
    side, orientation = settings.detection_side, metadata.orientation
    decoded = _step("decode", decode, content, kind.format, orientation, side, settings.max_pixels)
    return decoded, _step("detect", detect_faces, decoded.pixels, detector, side, settings.min_score)


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


def _dates(taken: CaptureTime) -> dict[str, Any]:
    names = ("taken_at", "date_precision", "utc_offset_minutes", "date_source", "date_conflict")
    return {name: getattr(taken, name) for name in names}


def _from_the_left(detection: Detection) -> tuple[float, float]:
    return detection.box.left, detection.box.top


def _cut_out(photo: Photo, number: int, detection: Detection, decoded: Decoded, size: int) -> FaceCrop:
    crop = crop_face(decoded.pixels, detection.box, size)
    height, width = decoded.pixels.shape[:2]
    whole = detection.box.scaled(decoded.width / width, decoded.height / height)
    box = whole.clipped(decoded.width, decoded.height)
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
        sharpness=sharpness(crop),
        brightness=float(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).mean()),
    )
    return FaceCrop(face, crop)
