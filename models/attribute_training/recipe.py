"""The whole way from labelled faces to an attribute model that ships: `headcount train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from headcount.models.attribute_training import network
from headcount.models.attribute_training.export import age_margins, calibrate, export
from headcount.models.attribute_training.train import AGED, TrainOptions, load_aged, load_choosing, train
from headcount.models.attributes import Calibration
from headcount.models.detectors import DEFAULT_DETECTOR, load_detector
from headcount.models.detectors.search import Detector

CALIBRATION: Final = Calibration(gender=0.6, gender_from_age=3.0, mood=0.4, mood_sharpness=3.0)
"""Where a label is null. Calibrated, a gender of 0.6 is wrong four times in ten, and of children under three
nobody's network tells it well. On FER+ val, blurred more and more, moods told below a sharpness of three were
wrong four times in ten, below two more than half the time; above, one in four. `cards/attributes.md` has the
share that is left untold."""


def make_detector() -> Detector:
    """The detector that frames the faces: the one that a run uses."""
    return load_detector(DEFAULT_DETECTOR)


def make_attributes(options: TrainOptions) -> Path:
    """Trains, calibrates and exports; gives the folder with the model. Raises UsageError for missing data."""
    return finish(train(options, make_detector), options)


def finish(weights: Path, options: TrainOptions) -> Path:
    """Calibrates trained weights and exports them into `options.output / "export"`."""
    model = network.load(weights)
    choosing = load_choosing(options, make_detector)
    target = options.output / "export"
    temperatures = calibrate(model, choosing)
    calibration = CALIBRATION
    if set(AGED) & set(options.sources):
        margins = age_margins(model, choosing, load_aged(options, make_detector), temperatures.age)
        calibration = replace(CALIBRATION, age_margins=margins)
    export(model, target, temperatures, calibration, {"trained_on": list(options.sources)})
    return target
