"""Our own network, taught by YuNet, in LiteRT."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

import cv2
import numpy as np
from ai_edge_litert.interpreter import SignatureRunner

from headcount.models.detectors import DEFAULT_DETECTOR, WEIGHTS
from headcount.models.detectors.cells import STRIDES, faces_in
from headcount.models.detectors.libraries import takes_no_model
from headcount.models.detectors.search import (
    LEAST_SCORE,
    Detector,
    Find,
    Found,
    Networks,
    padded,
    resized,
    scaled_marks,
)
from headcount.models.framing import Framing
from headcount.models.litert import load_runner

LARGEST_FACE: Final = 150.0
"""Height in pixels over which our network, which learned from pictures of 320, sees faces less well."""

COARSER: Final = 4
"""How much smaller the next picture is in which it looks for larger ones."""


def load(model_path: str | None) -> Detector:
    """The detector with the weights that ship."""
    takes_no_model(DEFAULT_DETECTOR, model_path)
    return own_detector(str(WEIGHTS))


def own_detector(weights: str) -> Detector:
    """Our own network, taught by YuNet, with the `weights` of `detector_training.export`, in LiteRT."""
    framing = Framing(0.002, 0.007, 0.976, 1.043)
    # The lowest threshold, in steps of 0.05, that leaves under 1 % of false detections (cards/detectors.md).
    return Detector(DEFAULT_DETECTOR, 0.55, framing, in_scales(litert_search(weights)))


def litert_search(weights: str) -> Find:
    """The network in the `.tflite` file `weights`, without framing, at the one size of each picture."""

    networks: Networks[SignatureRunner] = Networks(lambda height, width: load_runner(weights))

    def find(pixels: np.ndarray) -> Iterable[Found]:
        below, beside = (-side % STRIDES[-1] for side in pixels.shape[:2])
        pixels = cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_CONSTANT)
        return faces_in(networks.of(*pixels.shape[:2])(pixels=pixels[None]), LEAST_SCORE)

    return find


def in_scales(search: Find) -> Find:
    """`search` of the picture and of ever smaller ones, in each for faces of the size that suits it.

    Where answers from two of them share more than half of the smaller box, the surer one stays.
    """

    def find(pixels: np.ndarray) -> Iterable[Found]:
        found: list[tuple[float, Found]] = []
        for scale, shown, most in _smaller(pixels):
            least = 0.0 if scale == 1 else LARGEST_FACE / COARSER / 2
            # The sides of the copy are whole pixels, so the scale of each is its own.
            x, y = pixels.shape[1] / shown.shape[1], pixels.shape[0] / shown.shape[0]
            for box, score, marks in search(padded(shown)):
                if least <= box.height <= most:
                    found.append((scale, (box.scaled(x, y), score, scaled_marks(marks, x, y))))
        kept: list[tuple[float, Found]] = []
        for scale, one in sorted(found, key=lambda answer: -answer[1][1]):
            if all(scale == other or one[0].shared(box) <= 0.5 for other, (box, _, _) in kept):
                kept.append((scale, one))
        return [one for _, one in kept]

    return find


def _smaller(pixels: np.ndarray) -> Iterator[tuple[float, np.ndarray, float]]:
    """`pixels` and ever smaller copies: how much smaller, the copy, and the largest face it is good for."""
    scale, shown = 1.0, pixels
    while max(shown.shape[:2]) > LARGEST_FACE:
        yield scale, shown, LARGEST_FACE
        scale *= COARSER
        shown = resized(pixels, 1 / scale)
    yield scale, shown, math.inf
