"""The whole way from labelled faces to a shipped attribute model and its figures: `headcount train`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import keras

from models import dataset
from models.attributes import Thresholds, load_attribute_model
from models.detectors import DEFAULT_DETECTOR, Detector, load_detector
from models.evaluate import evaluate, markdown, predict
from models.export import calibrate, export
from models.train import CHOOSE, TRAIN, TrainOptions, load_faces, train

TEST: Final = ("utkface-test", "fairface-val", "ferplus-test")
"""Reported on once, never chosen by."""

THRESHOLDS: Final = Thresholds(gender=0.6, gender_from_age=3.0, mood=0.4)
"""Below these a label is null. Calibrated, a gender of 0.6 is wrong four times in ten, and of children
under three nobody's network tells it well; `cards/attributes.md` has the share that is left untold."""

_PARTS: Final = (None, "by_band", "by_gender", "by_group")


def make_detector() -> Detector:
    """The detector that frames the faces: the one that a run uses."""
    return load_detector(DEFAULT_DETECTOR)


def make_attributes(options: TrainOptions) -> str:
    """Trains, calibrates, exports and evaluates; gives the Markdown tables of the test figures.

    The model that ships is under `options.output / "export"`. Raises UsageError for missing data.
    """
    return finish(train(options, make_detector), options)


def finish(weights: Path, options: TrainOptions) -> str:
    """Calibrates and exports trained weights, then evaluates what was exported on the test faces."""
    model = keras.models.load_model(weights, compile=False)
    _, choosing = load_faces(options, make_detector)
    target = options.output / "export"
    about = {"trained_on": TRAIN, "chosen_on": (*CHOOSE, "fairface-train, one in twenty by hash")}
    export(model, target, calibrate(model, choosing), THRESHOLDS, about)
    shipped = load_attribute_model(str(target / "attributes.tflite"))
    metrics, sections = {}, []
    for name in TEST:
        faces = dataset.load(dataset.repack(options.data / f"{name}.parquet", options.cache, make_detector))
        metrics[name] = evaluate(predict(shipped, faces), faces)
        tables = [markdown(metrics[name], part) for part in _PARTS if part is None or metrics[name][part]]
        sections.append("\n\n".join([f"### {name}", *tables]))
    (target / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    return "\n\n".join(sections)
