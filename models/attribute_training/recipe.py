"""The whole way from labelled faces to an attribute model that ships: `headcount train`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import keras

from headcount.models.attribute_training import network
from headcount.models.attribute_training.export import age_margins, calibrate, export
from headcount.models.attribute_training.train import AGED, TrainOptions, load_aged, load_choosing, train
from headcount.models.attributes import Calibration
from headcount.models.detectors import DEFAULT_DETECTOR, load_detector
from headcount.models.detectors.search import Detector

CALIBRATION: Final = Calibration(gender=0.6, gender_from_age=3.0, mood=0.4, mood_sharpness=3.0)
"""Where a label is null. Calibrated, a gender of 0.6 is wrong four times in ten, and under three years no
network predicts it well. On FER+ val, blurred more and more, moods predicted below a sharpness of three were
wrong four times in ten, below two more than half the time; above, one in four. `cards/attributes.md` has the
share that is left null."""


KEPT: Final = 0.3
"""Share of earlier weights that a training may keep (Wortsman et al. 2022, arXiv:2109.01903): what they knew
of familiar pictures comes back, at a small price on the others."""


def make_detector() -> Detector:
    """The detector that frames the faces: the one that a run uses."""
    return load_detector(DEFAULT_DETECTOR)


def make_attributes(options: TrainOptions) -> Path:
    """Trains, calibrates and exports; gives the folder with the model. Raises UsageError for missing data."""
    return finish(train(options, make_detector), options)


def mix(model: keras.Model, kept: keras.Model) -> None:
    """Puts `KEPT` of another network's weights into those of `model`, which was trained from them."""
    pairs = zip(kept.get_weights(), model.get_weights(), strict=True)
    model.set_weights([KEPT * old + (1 - KEPT) * new for old, new in pairs])


def finish(weights: Path, options: TrainOptions) -> Path:
    """Calibrates trained weights and exports them into `options.output / "export"`."""
    model = network.load(weights)
    if options.keep:
        mix(model, network.load(options.keep))
    choosing = load_choosing(options, make_detector)
    target = options.output / "export"
    temperatures = calibrate(model, choosing)
    calibration = CALIBRATION
    if set(AGED) & set(options.sources):
        margins = age_margins(model, choosing, load_aged(options, make_detector), temperatures.age)
        calibration = replace(CALIBRATION, age_margins=margins)
    export(model, target, temperatures, calibration, {"trained_on": list(options.sources)})
    return target
