"""Labelled faces in the shared format, re-cropped once to the canonical framing and packed for training.

The pictures of the public sets were cut by different tools. A detector runs over each, and the face
nearest the centre is cut out again, so that the network learns on the framing it meets in a run.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import cv2
import numpy as np

from headcount.models.datasets.labelled import MOOD_VOTES, LabelledFace, read_parquet
from headcount.models.framing import CROP_CONTEXT, CROP_SIZE, Box, crop_face
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGES, MOODS

PACKED_SIZE: Final = CROP_SIZE * 5 // 4
PACKED_CONTEXT: Final = CROP_CONTEXT * 5 / 4
"""A packed crop has the scale of a network input and a margin, so that shifts and turns find real pixels."""

ATTEMPTS: Final = {
    "utkface": ((0.25, 128), (0.25, 192), (0.0, 128)),
    "fairface": ((0.25, 128), (0.25, 192), (0.0, 96)),
    "ferplus": ((0.25, 128), (0.25, 192), (0.0, 48)),
    "rafdb": ((0.25, 128), (0.25, 192), (0.0, 100)),
}
"""Per source of tight crops: margin (of the side) and size of the picture shown to the detector, in turn."""

WIDE: Final = ((0.0, None),)
"""For a source with surroundings: the picture as it is."""

_RESERVED: Final = 20
"""One in so many FairFace training faces is set aside for choosing, by hash of its id."""


class FaceDetector(Protocol):
    """What is needed of a detector: canonical boxes of the faces in an RGB picture."""

    def detect(self, rgb: np.ndarray, /) -> Sequence[Any]:
        """Objects with `box` (models.framing.Box, canonical)."""


@dataclass(frozen=True)
class Faces:
    """Crops with their labels, all of the same length n. Missing labels are as stated."""

    face_id: np.ndarray
    source: np.ndarray
    split: np.ndarray
    group: np.ndarray
    """Text; empty where there is none. For measuring gaps and nothing else."""
    crops: np.ndarray
    """uint8 [n, side, side, 3] RGB; the side is PACKED_SIZE for training, CROP_SIZE as a run cuts them."""
    real: np.ndarray
    """uint8 [n, 4]: left, top, right, bottom of the part of the crop that the picture had."""
    found: np.ndarray
    """bool [n]: the detector found the face."""
    age: np.ndarray
    """int16 [n, 2]: completed years [low, high); low == high where there is no age."""
    apparent: np.ndarray
    """float32 [n, 2]: mean and standard deviation of the ages that people guessed; nan where nobody did."""
    female: np.ndarray
    """float32 [n]: 1 female, 0 male, nan where there is no gender."""
    votes: np.ndarray
    """int16 [n, 8] in the order of MOOD_VOTES; zeros where there is no mood."""

    def __len__(self) -> int:
        return len(self.face_id)

    @property
    def aged(self) -> np.ndarray:
        """bool [n]: the age is known, to the year or as a bin."""
        return self.age[:, 1] > self.age[:, 0]

    @property
    def exact(self) -> np.ndarray:
        """bool [n]: the age is known to the year."""
        return self.age[:, 1] - self.age[:, 0] == 1

    def take(self, index: np.ndarray) -> Faces:
        """The rows that `index` selects (positions or a mask)."""
        return Faces(**{name: values[index] for name, values in vars(self).items()})


def concatenate(parts: Sequence[Faces]) -> Faces:
    """All rows of `parts`, in order."""
    return Faces(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in vars(parts[0])})


def labels_of(faces: Sequence[LabelledFace]) -> dict[str, Any]:
    """The labels as the arrays of `Faces`."""
    ages = np.array([face.age for face in faces], float).reshape(-1, 2)
    return {
        "face_id": np.array([face.face_id for face in faces], str),
        "source": np.array([face.source for face in faces], str),
        "split": np.array([face.split for face in faces], str),
        "group": np.array([face.group for face in faces], str),
        "age": np.nan_to_num(ages, nan=0.0).astype(np.int16),
        "apparent": np.array([face.apparent for face in faces], np.float32).reshape(-1, 2),
        "female": np.array([face.female for face in faces], np.float32),
        "votes": np.array([face.votes for face in faces], np.int16).reshape(-1, len(MOOD_VOTES)),
    }


def age_classes(age: np.ndarray) -> np.ndarray:
    """Years [low, high) [n, 2] as classes of the age distribution; ages over the last class belong to it."""
    low = np.minimum(age[:, 0], AGES - 1)
    known = age[:, 1] > age[:, 0]
    return np.stack([low, np.where(known, np.clip(age[:, 1], low + 1, AGES), low)], 1)


def mood_shares(votes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Votes [n, 8] as shares of the seven MOODS, float32 [n, 7], and which rows have any, bool [n]."""
    seven = votes[:, [MOOD_VOTES.index(mood) for mood in MOODS]].astype(np.float32)
    total = seven.sum(1, keepdims=True)
    return seven / np.maximum(total, 1), total[:, 0] > 0


def majority_mood(votes: np.ndarray) -> np.ndarray:
    """Index into MOODS of the label with more than half of all eight columns' votes, int [n]; -1 if none."""
    seven = votes[:, [MOOD_VOTES.index(mood) for mood in MOODS]]
    best = seven.argmax(1)
    clear = seven.max(1) * 2 > votes.sum(1)
    return np.where(clear, best, -1)


def reserved(face_id: str) -> bool:
    """Whether the face is set aside for choosing; the same on every machine."""
    return int.from_bytes(hashlib.sha256(face_id.encode()).digest()[:4], "big") % _RESERVED == 0


def find_face(
    rgb: np.ndarray, detector: FaceDetector, attempts: Iterable[tuple[float, int | None]]
) -> Box | None:
    """The canonical box of the face nearest the centre, in pixels of `rgb`; None where none is found."""
    side = max(rgb.shape[:2])
    for margin, size in attempts:
        pad = round(margin * side)
        shown = cv2.copyMakeBorder(rgb, pad, pad, pad, pad, cv2.BORDER_REPLICATE) if pad else rgb
        factor = size / max(shown.shape[:2]) if size else 1.0
        if factor != 1.0:
            method = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
            shown = cv2.resize(shown, None, fx=factor, fy=factor, interpolation=method)
        boxes = [found.box for found in detector.detect(np.ascontiguousarray(shown))]
        if boxes:
            box = nearest_centre(boxes, shown.shape[1], shown.shape[0]).scaled(1 / factor)
            return Box(box.left - pad, box.top - pad, box.right - pad, box.bottom - pad)
    return None


def nearest_centre(boxes: Iterable[Box], width: float, height: float) -> Box:
    """The box whose centre is nearest that of a picture of the given size."""
    return min(boxes, key=lambda box: math.hypot(box.left + box.right - width, box.top + box.bottom - height))


def pack(rgb: np.ndarray, box: Box) -> tuple[np.ndarray, tuple[int, int, int, int]]:
    """The packed crop around a canonical box, and the part of it that the picture had (as `Faces.real`)."""
    crop = crop_face(rgb, box, PACKED_SIZE, PACKED_CONTEXT)
    scale = PACKED_SIZE / (max(box.width, box.height) * PACKED_CONTEXT)
    left = PACKED_SIZE / 2 - (box.left + box.right) / 2 * scale
    top = PACKED_SIZE / 2 - (box.top + box.bottom) / 2 * scale
    edges = (left, top, left + rgb.shape[1] * scale, top + rgb.shape[0] * scale)
    inside = [min(max(round(edge), 0), PACKED_SIZE) for edge in edges]
    return crop, (inside[0], inside[1], inside[2], inside[3])


def decode(data: bytes) -> np.ndarray:
    """An encoded picture as RGB uint8 [height, width, 3]; raises UsageError for anything else."""
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB) if data else None
    if picture is None:
        raise UsageError(f"a labelled face is no picture ({len(data)} bytes); leave its row out")
    return picture


_detector: FaceDetector


def _start(make_detector: Callable[[], FaceDetector]) -> None:
    global _detector
    cv2.setNumThreads(1)
    _detector = make_detector()


def _boxes(images: Sequence[bytes], attempts: Sequence[tuple[float, int | None]]) -> list[Box | None]:
    return [find_face(decode(image), _detector, attempts) for image in images]


def _median_box(images: Sequence[bytes], boxes: Sequence[Box | None]) -> tuple[float, ...]:
    """The middle of the found boxes as fractions of their picture, for the pictures without one."""
    shares = []
    for image, box in zip(images, boxes, strict=True):
        if box is not None:
            height, width = decode(image).shape[:2]
            shares.append((box.left / width, box.top / height, box.right / width, box.bottom / height))
    return tuple(np.median(shares, axis=0)) if shares else (0.1, 0.0, 0.9, 1.0)


def repack(file: Path, cache: Path, make_detector: Callable[[], FaceDetector], processes: int = 2) -> Path:
    """Re-crops one Parquet file of labelled faces into `cache`; returns the folder it wrote.

    What is there already is kept. `make_detector` is called once in each process and must be picklable.
    """
    target = cache / file.stem
    if (target / "labels.npz").exists():
        return target
    if not file.is_file():
        raise UsageError(
            f"no labelled faces at {file}: give the folder that holds SOURCE-SPLIT.parquet files"
        )
    faces = list(read_parquet(file))
    images, source = [bytes(face.picture) for face in faces], faces[0].source
    work = functools.partial(_boxes, attempts=ATTEMPTS.get(source, WIDE))
    parts = [images[i : i + 250] for i in range(0, len(images), 250)]
    with ProcessPoolExecutor(processes, initializer=_start, initargs=(make_detector,)) as pool:
        boxes = [box for part in pool.map(work, parts) for box in part]
    fallback = _median_box(images, boxes)
    crops = np.empty((len(images), PACKED_SIZE, PACKED_SIZE, 3), np.uint8)
    real = np.empty((len(images), 4), np.uint8)
    for i, (image, box) in enumerate(zip(images, boxes, strict=True)):
        rgb = decode(image)
        height, width = rgb.shape[:2]
        left, top, right, bottom = fallback
        whole = Box(left * width, top * height, right * width, bottom * height)
        crops[i], real[i] = pack(rgb, box or whole)
    target.mkdir(parents=True, exist_ok=True)
    np.save(target / "crops.npy", crops)
    found = np.array([box is not None for box in boxes])
    np.savez(target / "labels.npz", real=real, found=found, **labels_of(faces))
    (target / "about.json").write_text(json.dumps({"faces": len(images), "found": int(found.sum())}))
    return target


def load(folder: Path) -> Faces:
    """The packed faces of one folder that `repack` wrote."""
    if not (folder / "labels.npz").exists():
        raise UsageError(f"no packed faces at {folder}: re-crop the labelled faces first")
    with np.load(folder / "labels.npz") as labels:
        return Faces(crops=np.load(folder / "crops.npy"), **dict(labels))
