"""What the teacher, YuNet, sees in a picture: its dense answers at two scales, on the student's grid.

At twice the size the teacher finds more of the small faces. A level of stride s of the doubled picture has
the cells of the student's level of stride s / 2, with the same numbers in units of cells, so the answers of
both scales are compared cell by cell and the surer one is kept.

Answers are float [..., cells, 15]: the score from 0 to 1 (or `UNKNOWN`), then box and landmarks as in
`models.detectors.cells.PARTS`; the cells of all levels one after another, row by row, the finest first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from headcount.models.detectors.cells import STRIDES
from headcount.models.detectors.search import Detection, Detector
from headcount.schemas.errors import UsageError

TEACHER: Final = "models/face_detection_yunet_2026may.onnx"
"""The teacher in the folder of shared data."""

UNKNOWN: Final = -1.0
"""The score of a cell of which nothing is to be learned."""

ENLARGED: Final = 2
"""How much larger the teacher's second picture is."""

SAME_FACE: Final = 0.4
"""Boxes that overlap by more are of one face."""

MIDDLE: Final = 0.3
"""Reach of a face's middle, in its heights."""

SEEN: Final = 0.4
"""Score from which the teacher saw something in the middle of a face."""

_MIRRORED: Final = (1, 0, 2, 4, 3)
"""The landmarks of a mirrored face."""


class Teacher:
    """YuNet's ONNX file; use from one thread at a time."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise UsageError(
                f"no teacher at {file}: give the path of face_detection_yunet_*.onnx (OpenCV Zoo)"
            )
        self.net = cv2.dnn.readNet(str(file))

    def answer(self, doubled: np.ndarray) -> np.ndarray:
        """Answers [cells, 15] for a picture whose sides are multiples of 32, given at twice its size.

        `doubled` is RGB uint8 [2 * height, 2 * width, 3].
        """
        height, width = doubled.shape[0] // ENLARGED, doubled.shape[1] // ENLARGED
        single = cv2.resize(doubled, (width, height), interpolation=cv2.INTER_AREA)
        levels, finer = self._levels(single), self._levels(doubled)
        surer = [
            np.where(one[:, :1] >= other[:, :1], one, other)
            for one, other in zip(levels, finer[1:], strict=False)
        ]
        return np.concatenate([*surer, levels[-1]])

    def _levels(self, pixels: np.ndarray) -> list[np.ndarray]:
        """The answers of each level for one picture at one size."""
        self.net.setInput(cv2.dnn.blobFromImage(pixels, swapRB=True))
        parts = ("cls", "obj", "bbox", "kps")
        names = [f"{part}_{stride}" for stride in STRIDES for part in parts]
        outputs = [one[0] for one in self.net.forward(names)]
        levels = [outputs[i : i + len(parts)] for i in range(0, len(outputs), len(parts))]
        return [np.concatenate([np.sqrt(cls * obj), bbox, kps], 1) for cls, obj, bbox, kps in levels]


def grids(height: int, width: int) -> Iterator[tuple[int, int, int, int]]:
    """For each level: its first cell, rows, columns and stride."""
    start = 0
    for stride in STRIDES:
        rows, columns = height // stride, width // stride
        yield start, rows, columns, stride
        start += rows * columns


def mirrored(answers: np.ndarray, side: int) -> np.ndarray:
    """The answers [cells, 15] for a square picture of `side` turned left to right.

    A cell stands for its left corner, so cell c goes to columns - c; nothing is known of the first column.
    """
    result = answers.copy()
    for start, rows, columns, _ in grids(side, side):
        grid = answers[start : start + rows * columns].reshape(rows, columns, -1)
        turned = grid.copy()
        turned[:, 1:] = grid[:, :0:-1]
        turned[:, 0, 0] = UNKNOWN
        turned[..., 1] *= -1
        points = turned[..., 5:].reshape(rows, columns, 5, 2)[:, :, _MIRRORED]
        turned[..., 5:] = (points * [-1, 1]).reshape(rows, columns, 10)
        result[start : start + rows * columns] = turned.reshape(rows * columns, -1)
    return result


def correct(answers: np.ndarray, maybe: np.ndarray, faces: np.ndarray) -> None:
    """Puts into `answers` [cells, 15] what is known of a square picture and escapes the teacher.

    Scores become 0 where the box's centre is on a 0 of `maybe` (uint8 [side, side]), and `UNKNOWN` in the
    middle of faces (`faces` [n, 3]: centre and height in pixels) of which the teacher sees nothing sure.
    """
    side = len(maybe)
    levels = list(grids(side, side))
    for start, rows, columns, stride in levels:
        level = answers[start : start + rows * columns]
        corners = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 2)
        x, y = np.clip((corners + level[:, 1:3]) * stride, 0, side - 1).astype(int).T
        level[maybe[y, x] == 0, 0] = 0
    for x, y, height in faces:
        middles = []
        for start, rows, columns, stride in levels:
            scores = answers[start : start + rows * columns, 0].reshape(rows, columns)
            low_x, low_y, high_x, high_y = (
                max(round((middle + sign * MIDDLE * height) / stride), 0)
                for sign in (-1, 1)
                for middle in (x, y)
            )
            middles.append(scores[low_y : high_y + 1, low_x : high_x + 1])
        if all((scores < SEEN).all() for scores in middles):
            for scores in middles:
                scores[:] = UNKNOWN


def teacher_faces(pixels: np.ndarray, yunet: Detector) -> list[Detection]:
    """YuNet's faces at both scales, those of one face merged, in pixels of RGB uint8 [height, width, 3]."""
    doubled = cv2.resize(pixels, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_LINEAR)
    small = (Detection(one.box.scaled(1 / ENLARGED), one.score) for one in yunet.detect(doubled))
    kept: list[Detection] = []
    for one in sorted([*yunet.detect(pixels), *small], key=lambda face: -face.score):
        if all(one.box.overlap(other.box) <= SAME_FACE for other in kept):
            kept.append(one)
    return kept
