"""From pixels to canonical boxes: what all detectors have in common.

Each detector draws its boxes in its own way and scores them on its own scale. A fixed `Framing`,
kept in its module, maps its boxes to the canonical one; a threshold of its own goes with its scores,
which do not compare between detectors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

import cv2
import numpy as np

from headcount.models.detectors import DEFAULT_MIN_FACE
from headcount.models.framing import Box, Framing
from headcount.schemas.errors import UsageError

FACE_PIXELS: Final = 28.16
"""Height, in the detector's picture, that the smallest promised face gets. At 704 pixels the default finds
faces of 3, 4 and 6 % of the longer side at least as often as YuNet does at 640 (`cards/detectors.md`)."""

MIN_SIDE: Final = 64
"""Smaller pictures are padded: YuNet returns garbage, and MMOD may crash, on pictures a few pixels thin."""

MAX_SIDE: Final = 4096
"""Largest side of a picture for a detector; time and memory grow with its square."""

LEAST_SCORE: Final = 0.3
"""Lowest score of what our network and YuNet report at all."""

SIZES: Final = 6
KEPT_PIXELS: Final = 2 * 2**20
"""Sizes of pictures for which a network is kept at least: upright and across, at three scales; and pixels up
to which there are more: five usual shapes of photos at the default's side. Each takes 66 bytes a pixel."""

MAX_ENLARGEMENT: Final = 2.0
"""Small pictures are enlarged no more than this: it shows a detector nothing new, and a face that fills a
picture of 700 pixels is larger than those it learned from."""

T = TypeVar("T")

Landmarks = tuple[tuple[float, float], ...]
"""Five points (x, y): right eye, left eye, nose, right and left mouth corner (the person's own right)."""

Found = tuple[Box, float, Landmarks | None]
"""What a detector finds: a box in its own framing, its score from 0 to 1, and landmarks if it has them."""

Find = Callable[[np.ndarray], Iterable[Found]]


@dataclass(frozen=True, slots=True)
class Detection:
    """A face: the canonical box in pixels of the given picture, and the detector's score from 0 to 1."""

    box: Box
    score: float
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class Detector:
    """A loaded detector, for use from one thread at a time. Equal pictures give equal answers.

    `find` takes RGB uint8 [height, width, 3], at least `MIN_SIDE` each way, and has done its own
    non-maximum suppression; `framing` maps its boxes to the canonical one; `min_score` is the
    threshold chosen for its scores.
    """

    name: str
    min_score: float
    framing: Framing
    find: Find

    def detect(self, pixels: np.ndarray) -> list[Detection]:
        """All candidates in RGB uint8 [height, width, 3], also those under `min_score`; best first."""
        found = [
            Detection(self.framing.canonical(box), score, marks)
            for box, score, marks in self.find(padded(pixels))
        ]
        return sorted(found, key=lambda one: (-one.score, one.box.left, one.box.top))


class Networks(Generic[T]):
    """A network for each size of picture, since each plans its memory again for another size, which takes as
    long as a third of a search. Those not used for longest go first.
    """

    def __init__(self, load: Callable[[int, int], T]) -> None:
        """`load` makes the network for a height and width."""
        self._load = load
        self._kept: dict[tuple[int, int], T] = {}

    def of(self, height: int, width: int) -> T:
        """The network for this size."""
        size = height, width
        network = self._kept.pop(size, None) or self._load(height, width)
        self._kept[size] = network
        while len(self._kept) > SIZES and sum(h * w for h, w in self._kept) > KEPT_PIXELS:
            del self._kept[next(iter(self._kept))]
        return network


def detection_side(min_face: float = DEFAULT_MIN_FACE) -> int:
    """Longer side at which a picture is searched, so that a face `min_face` high has `FACE_PIXELS`.

    `min_face` is the height of the canonical box as a fraction of the picture's longer side. The
    side is a multiple of 32 (the network's coarsest stride) and at most `MAX_SIDE`.
    Raises UsageError for a `min_face` outside of (0, 1].
    """
    if not 0 < min_face <= 1:
        raise UsageError(f"min_face must be over 0 and at most 1 (a fraction of the longer side): {min_face}")
    return min(MAX_SIDE, 32 * math.ceil(round(FACE_PIXELS / min_face / 32, 6)))


def detect_faces(
    pixels: np.ndarray, detector: Detector, side: int, min_score: float | None = None
) -> list[Detection]:
    """Faces in RGB uint8 [height, width, 3], searched at a longer side of `side`, or of `MAX_ENLARGEMENT`
    times its own if that is less; best first.

    Boxes and landmarks are in pixels of `pixels`; boxes end at its edges. `min_score` None is the
    detector's own threshold.
    """
    height, width = pixels.shape[:2]
    factor = search_factor(pixels, side)
    least = detector.min_score if min_score is None else min_score
    shown = resized(pixels, factor)
    found = (one for one in detector.detect(shown) if one.score >= least)
    # Its sides are whole pixels, so the scale of each is its own.
    x, y = width / shown.shape[1], height / shown.shape[0]
    inside = (_placed(one, x, y, width, height) for one in found)
    return [one for one in inside if one.box.width > 0 and one.box.height > 0]


def search_factor(pixels: np.ndarray, side: int) -> float:
    """Size of the picture that the detector sees, over that of `pixels`."""
    return min(side / max(pixels.shape[:2]), MAX_ENLARGEMENT)


def padded(pixels: np.ndarray) -> np.ndarray:
    """`pixels` with black below and to the right, so that each side has `MIN_SIDE` at least."""
    height, width = pixels.shape[:2]
    below, beside = max(0, MIN_SIDE - height), max(0, MIN_SIDE - width)
    if not (below or beside):
        return pixels
    return cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_CONSTANT)


def resized(pixels: np.ndarray, factor: float) -> np.ndarray:
    """`pixels` made `factor` times as large."""
    height, width = pixels.shape[:2]
    size = max(1, round(width * factor)), max(1, round(height * factor))
    if size == (width, height):
        return pixels
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if factor < 0.5 else cv2.INTER_LINEAR)


def scaled_marks(marks: Landmarks | None, x: float, y: float) -> Landmarks | None:
    """The landmarks, if there are any, in a picture `x` times as wide and `y` times as high."""
    return None if marks is None else tuple((across * x, down * y) for across, down in marks)


def _placed(one: Detection, x: float, y: float, width: int, height: int) -> Detection:
    box = one.box.scaled(x, y).clipped(width, height)
    return replace(one, box=box, landmarks=scaled_marks(one.landmarks, x, y))
