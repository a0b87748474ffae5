"""What several detectors of other libraries need to load."""

from __future__ import annotations

import importlib
import math
from types import ModuleType
from typing import Any

from headcount.models.framing import Box
from headcount.schemas.errors import UsageError


def takes_no_model(name: str, model_path: str | None) -> None:
    """Raises UsageError where a model is given to a detector that brings its own."""
    if model_path is not None:
        raise UsageError(f"detector {name} brings its own model; leave out {model_path} or choose yunet")


def imported(module: str, detector: str, remedy: str) -> ModuleType:
    """The module, or UsageError with the `remedy`."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"detector {detector} is not installed ({error}): {remedy}") from error


def dlib() -> Any:
    """The module `dlib`."""
    return imported("dlib", "dlib", "pip install dlib-bin")


def dlib_box(rectangle: Any) -> Box:
    """A rectangle of dlib, whose last row and column belong to it."""
    return Box(rectangle.left(), rectangle.top(), rectangle.right() + 1, rectangle.bottom() + 1)


def logistic(margin: float) -> float:
    """A score for a classifier's margin, which has no bounds; 0.5 is its decision threshold."""
    return 1 / (1 + math.exp(-margin))
