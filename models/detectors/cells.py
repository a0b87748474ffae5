"""What the cells of a detector of YuNet's kind say, and the faces in it.

At strides of 8, 16 and 32 pixels each cell has a score, a box and five landmarks (Wu et al. 2023,
doi:10.1007/s11633-023-1423-y).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

import cv2
import numpy as np

from headcount.models.framing import Box

STRIDES: Final = (8, 16, 32)
"""Pixels between the cells of each level."""

PARTS: Final = {"score": 1, "bbox": 4, "kps": 10}
"""Numbers per cell: score; centre in cells from the cell's corner and logarithm of the size in cells; x and
y of right eye, left eye, nose, right and left mouth corner in cells from the corner."""

SAME_FACE: Final = 0.3
"""Boxes that overlap by more are of one face, as in OpenCV's decoding of YuNet."""


def faces_in(
    outputs: Mapping[str, np.ndarray], least: float
) -> Iterator[tuple[Box, float, tuple[tuple[float, float], ...]]]:
    """Box, score and landmarks, in pixels, of each face with a score of `least` or more; best first.

    `outputs` has float32 [1, height / stride, width / stride, numbers] for `score_8`, `bbox_8`, `kps_8`,
    `score_16` ..., the scores from 0 to 1.
    """
    levels = [_level(outputs, stride, least) for stride in STRIDES]
    boxes, scores, marks = (np.concatenate(part).tolist() for part in zip(*levels, strict=True))
    for index in cv2.dnn.NMSBoxes(boxes, scores, least, SAME_FACE):
        x, y, width, height = boxes[index]
        yield Box(x, y, x + width, y + height), scores[index], tuple(map(tuple, marks[index]))


def _level(
    outputs: Mapping[str, np.ndarray], stride: int, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes [n, 4] (left, top, width, height), scores [n] and landmarks [n, 5, 2] of one level's cells."""
    score, bbox, kps = (outputs[f"{part}_{stride}"][0] for part in PARTS)
    cells = rows, columns = np.nonzero(score[..., 0] >= least)
    corners = np.stack([columns, rows], axis=1)
    size = np.exp(bbox[cells][:, 2:])
    boxes = np.hstack([corners + bbox[cells][:, :2] - size / 2, size])
    marks = corners[:, None] + kps[cells].reshape(-1, 5, 2)
    return boxes * stride, score[cells][:, 0], marks * stride
