"""dlib's frontal face detector (HOG; Boost licence)."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from headcount.models.detectors.libraries import dlib, dlib_box, logistic, takes_no_model
from headcount.models.detectors.search import Detector, Found
from headcount.models.framing import Framing


def load(model_path: str | None) -> Detector:
    """dlib's frontal face detector (HOG; Boost licence), the picture enlarged once: faces from 40 pixels."""
    takes_no_model("dlib-hog", model_path)
    net = dlib().get_frontal_face_detector()

    def find(pixels: np.ndarray) -> Iterable[Found]:
        rectangles, margins, _ = net.run(np.ascontiguousarray(pixels), 1, -0.5)
        for rectangle, margin in zip(rectangles, margins, strict=True):
            yield dlib_box(rectangle), logistic(margin), None

    return Detector("dlib-hog", 0.5, Framing(-0.019, -0.047, 0.924, 1.271), find)
