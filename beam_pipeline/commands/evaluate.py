"""`headcount evaluate`: how well the models do on labelled faces or boxes."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, Final

from headcount.beam_pipeline.commands.streams import say
from headcount.beam_pipeline.options import add_flags, read_options
from headcount.beam_pipeline.settings import Seeing
from headcount.schemas.errors import UsageError

WHAT: Final = "measure the attribute model on labelled faces, or detectors on labelled boxes"
EXAMPLES: Final = """\
  headcount evaluate --data faces/utkface-test.parquet --output report
  headcount evaluate --data labelled/ --output report    (labelled/female/30-39/a.jpg, ...)
  headcount evaluate --data fer2013.csv --attribute_model mine.tflite --output report
  headcount evaluate --data boxes.csv --output report    (path,left,top,right,bottom: a row for each face)
  headcount evaluate --data party/ --detector haar,yunet=yunet.onnx --output report   (party/boxes.csv)
"""

OF_A_RUN: Final = ("detector_model", "min_face", "min_score", "attribute_model", "max_pixels")
"""Options that are those of a run."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See Command."""
    parser.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="FILES",
        help="faces: Parquet files, UTKFace or Adience files, FER2013's CSV, or a folder of folders named by"
        " their labels; boxes: a CSV with path,left,top,right,bottom, or a folder with boxes.csv; repeatable",
    )
    parser.add_argument(
        "--output", required=True, metavar="DIR", help="a folder for index.html and metrics.json"
    )
    parser.add_argument(
        "--detector",
        action="append",
        metavar="NAME[=MODEL]",
        help="on boxes the detectors to compare, with commas or repeated (all that load here; dlib-mmod takes"
        " seconds a picture); on faces the one that frames them (as in a run)",
    )
    add_flags(parser, Seeing, OF_A_RUN)


def main(args: argparse.Namespace) -> int:
    """See Command."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError("the report needs matplotlib; install headcount[evaluate]") from error
    from headcount.models.datasets.boxes import holds_boxes

    options = {name: value for name, value in vars(args).items() if name in OF_A_RUN}
    given = read_options(Seeing, options, partly=True)
    data, output = tuple(map(_place, args.data)), _place(args.output)
    parts = [one.strip() for part in getattr(args, "detector", []) for one in part.split(",")]
    detectors = [one for one in parts if one]
    with_boxes = [place for place in data if holds_boxes(place)]
    if with_boxes and len(with_boxes) < len(data):
        raise UsageError(f"{with_boxes[0]} has boxes and the other --data has not; evaluate one at a time")
    measure = _evaluate_detectors if with_boxes else _evaluate_attributes
    say(measure(data, output, given, detectors))
    say(f"more in {output / 'index.html'} and metrics.json")
    return 0


def _place(text: str) -> Path:
    return Path(os.path.expanduser(text))


def _evaluate_attributes(
    data: tuple[Path, ...], output: Path, given: dict[str, Any], detectors: list[str]
) -> str:
    from headcount.beam_pipeline.evaluate.attributes import EvaluateOptions, evaluate_files
    from headcount.models.evaluation.metrics import markdown

    if len(detectors) > 1:
        raise UsageError(
            f"--detector {','.join(detectors)}: one detector frames labelled faces; name one, or give --data"
            " with boxes"
        )
    for one in detectors:
        given["detector"], _, model = one.partition("=")
        if model:
            given["detector_model"] = model
    return markdown(evaluate_files(EvaluateOptions(data, output, Seeing(**given))))


def _evaluate_detectors(
    data: tuple[Path, ...], output: Path, given: dict[str, Any], detectors: list[str]
) -> str:
    from headcount.beam_pipeline.evaluate.detectors import DetectorOptions, evaluate_detectors

    if "attribute_model" in given:
        raise UsageError("--attribute_model is for labelled faces; leave it out, or give --data with faces")
    return evaluate_detectors(DetectorOptions(data, output, tuple(detectors), Seeing(**given)))
