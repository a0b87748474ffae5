"""YuNet (MIT) in OpenCV, from the user's model file."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from headcount.models.detectors.cells import SAME_FACE
from headcount.models.detectors.search import LEAST_SCORE, MIN_SIDE, Detector, Find, Found, Networks
from headcount.models.framing import Box, Framing
from headcount.schemas.errors import UsageError


def load(model_path: str | None) -> Detector:
    """YuNet (MIT) in OpenCV, from the user's model file; its box is the canonical one."""
    if model_path is None:
        raise UsageError(
            "detector yunet needs its model: give the path of face_detection_yunet_*.onnx (OpenCV Zoo)"
        )
    return Detector("yunet", 0.6, Framing(), _opencv_search(model_path))


def _opencv_search(model_path: str) -> Find:
    def load(height: int, width: int) -> cv2.FaceDetectorYN:
        return cv2.FaceDetectorYN.create(model_path, "", (width, height), LEAST_SCORE, SAME_FACE, 5000)

    networks = Networks(load)
    try:
        networks.of(MIN_SIDE, MIN_SIDE)
    except cv2.error as error:
        raise UsageError(f"{model_path} is not a YuNet model; give the path of its .onnx file") from error

    def find(pixels: np.ndarray) -> Iterable[Found]:
        net = networks.of(*pixels.shape[:2])
        _, rows = net.detect(cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
        for row in () if rows is None else rows.tolist():
            x, y, w, h = row[:4]
            marks = tuple(zip(row[4:14:2], row[5:14:2], strict=True))
            yield Box(x, y, x + w, y + h), min(row[14], 1.0), marks

    return find
