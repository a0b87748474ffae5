"""OpenCV's frontal Haar cascade, which OpenCV 4.x ships and 5.x does not."""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np

from headcount.models.detectors.libraries import logistic, takes_no_model
from headcount.models.detectors.search import Detector, Found
from headcount.models.framing import Box, Framing
from headcount.schemas.errors import UsageError


def load(model_path: str | None) -> Detector:
    """See `models.detectors.load_detector`."""
    takes_no_model("haar", model_path)
    if not hasattr(cv2, "CascadeClassifier"):
        raise UsageError(
            f"detector haar needs OpenCV 4.x, not {cv2.__version__}: install 'opencv-python-headless<5'"
        )
    net = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml")  # type: ignore[attr-defined]

    def find(pixels: np.ndarray) -> Iterable[Found]:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
        boxes, _, margins = net.detectMultiScale3(grey, 1.1, 3, minSize=(20, 20), outputRejectLevels=True)
        for (x, y, w, h), margin in zip(np.asarray(boxes).tolist(), np.ravel(margins).tolist(), strict=True):
            yield Box(x, y, x + w, y + h), logistic(margin), None

    return Detector("haar", 0.5, Framing(0.0, 0.022, 0.812, 1.117), find)
