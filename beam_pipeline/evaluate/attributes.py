"""An attribute model on labelled faces, framed as in a run: `headcount evaluate`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from headcount.models.attributes import load_attribute_model, load_calibration
from headcount.models.cores import usable_cores
from headcount.models.datasets.labelled import read_labelled
from headcount.models.detectors import DEFAULT_DETECTOR, DEFAULT_MIN_FACE, load_detector
from headcount.models.detectors.search import detection_side
from headcount.models.evaluation.attributes import frame_faces, has_labels, predict
from headcount.models.evaluation.metrics import Metrics, evaluate
from headcount.models.shipped import DEFAULT_MODEL
from headcount.reports.page import make_folder
from headcount.schemas.errors import UsageError


@dataclass(frozen=True)
class EvaluateOptions:
    """What `evaluate_files` needs to know; the defaults are those of a run."""

    data: tuple[Path, ...]
    """Files or folders of labelled faces, in any form of `headcount.models.datasets.labelled`."""
    output: Path
    """Folder for `metrics.json` and `index.html`."""
    attribute_model: str = DEFAULT_MODEL
    detector: str = DEFAULT_DETECTOR
    detector_model: str | None = None
    min_face: float = DEFAULT_MIN_FACE


def evaluate_files(options: EvaluateOptions) -> Metrics:
    """Evaluates the model on all faces of `options.data` and writes what was measured.

    Raises UsageError for places without labelled faces, and models that cannot be used.
    """
    from headcount.reports.attributes import write_report

    make_folder(options.output)
    model = load_attribute_model(options.attribute_model, usable_cores())
    calibration = load_calibration(options.attribute_model)
    labelled = chain.from_iterable(read_labelled(place) for place in options.data)
    faces, unreadable = frame_faces(
        labelled,
        lambda: load_detector(options.detector, options.detector_model),
        detection_side(options.min_face),
        model.side,
    )
    if not has_labels(faces):
        raise UsageError(
            f"none of the {len(faces)} faces has an age, gender or mood; nothing can be measured"
        )
    outputs = predict(model, faces.crops)
    metrics = evaluate(outputs, faces, calibration)
    metrics["unreadable"] = unreadable
    (options.output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    title = ", ".join(place.name for place in options.data)
    write_report(metrics, faces, outputs, calibration, options.output / "index.html", title)
    return metrics
