"""What an attribute model predicts for labelled faces, framed as in a run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import Final

import cv2
import numpy as np

from headcount.models.attributes import (
    AttributeModel,
    Outputs,
)
from headcount.models.cores import usable_cores
from headcount.models.datasets.crops import Faces, decode, labels_of, nearest_centre
from headcount.models.datasets.labelled import LabelledFace
from headcount.models.detectors.search import Detector, detect_faces
from headcount.models.framing import Box, crop_face
from headcount.schemas.errors import UsageError

_BATCH: Final = 128


def has_labels(faces: Faces) -> bool:
    """Whether any face has an age, a gender or a mood."""
    return bool(faces.aged.any() or np.isfinite(faces.female).any() or faces.votes.any())


def predict(model: AttributeModel, crops: np.ndarray) -> Outputs:
    """The model's outputs for crops uint8 [n, model.side, model.side, 3]."""
    parts = [model.describe(crops[i : i + _BATCH]) for i in range(0, len(crops), _BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def frame_faces(
    labelled: Iterable[LabelledFace], make_detector: Callable[[], Detector], side: int, crop_size: int
) -> tuple[Faces, int]:
    """The faces as a run cuts them, and how many pictures could not be read.

    Of several faces in a picture the one nearest its centre counts; where there is none, the whole picture.
    """
    own = threading.local()

    def frame(face: LabelledFace) -> tuple[LabelledFace, np.ndarray, bool] | None:
        if not hasattr(own, "detector"):
            own.detector = make_detector()
        try:
            rgb = face.picture if isinstance(face.picture, np.ndarray) else decode(face.picture)
        except UsageError:
            return None
        box, found = frame_picture(rgb, own.detector, side)
        return replace(face, picture=b""), crop_face(rgb, box, crop_size), found

    cv2.setNumThreads(1)
    framed, unreadable = [], 0
    with ThreadPoolExecutor(usable_cores()) as pool:
        for batch in _batches(labelled):
            results = list(pool.map(frame, batch))
            framed += [result for result in results if result is not None]
            unreadable += results.count(None)
    if not framed:
        raise UsageError(f"none of the {unreadable} labelled pictures can be read; give others")
    kept, crops, found = zip(*framed, strict=True)
    edges = np.tile(np.array([0, 0, crop_size, crop_size], np.uint8), (len(kept), 1))
    return Faces(crops=np.stack(crops), real=edges, found=np.array(found), **labels_of(kept)), unreadable


def frame_picture(rgb: np.ndarray, detector: Detector, side: int) -> tuple[Box, bool]:
    """The box of the face nearest the centre, or that of the whole picture, and whether a face was found."""
    boxes = [one.box for one in detect_faces(rgb, detector, side)]
    height, width = rgb.shape[:2]
    if not boxes:
        return Box(0, 0, width, height), False
    return nearest_centre(boxes, width, height), True


def _batches(labelled: Iterable[LabelledFace]) -> Iterator[list[LabelledFace]]:
    """In parts, so that only the crops of a large set are in memory at once."""
    faces = iter(labelled)
    while batch := list(islice(faces, 512)):
        yield batch
