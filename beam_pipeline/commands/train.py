"""`headcount train`: the attribute network, from labelled faces."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from headcount.beam_pipeline.commands.streams import say
from headcount.schemas.errors import UsageError

WHAT: Final = "train the attribute network on labelled faces"
EXAMPLES: Final = """\
  headcount train --data faces --cache crops --output training
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See Command."""
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="a folder with SOURCE-SPLIT.parquet files of labelled faces",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="a folder for checkpoints, log, and the model in export/",
    )
    parser.add_argument(
        "--cache",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="a folder for the re-cropped faces, 4 GB, made once",
    )
    parser.add_argument(
        "--sources",
        nargs="+",
        metavar="NAME",
        help="sets to learn from, NAME-train.parquet each (utkface aaf fairface ferplus appa rafdb wiki)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="most passes over the faces (10)")
    parser.add_argument("--learning_rate", type=float, metavar="RATE", help="the highest (6e-4)")
    parser.add_argument("--seed", type=int, metavar="N", help="of what is drawn by chance (1)")
    parser.add_argument(
        "--start_from",
        type=Path,
        metavar="FILE",
        help="weights (.keras) to start from instead of dlib's face descriptor",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FILE",
        help="weights (.keras) of an earlier training, mixed into the result (0.3 of it)",
    )
    parser.add_argument(
        "--frozen_stages",
        type=int,
        metavar="N",
        help="stages of the trunk, of five, that stay as they start (0)",
    )
    parser.add_argument(
        "--bfloat16",
        action="store_true",
        help="compute in bfloat16; faster on processors with AVX512-BF16",
    )


def main(args: argparse.Namespace) -> int:
    """See Command."""
    # Twice as fast; by default only on processors with AVX512.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        import tensorflow  # noqa: F401
    except ImportError as error:
        raise UsageError("training needs TensorFlow; install headcount[train]") from error
    from headcount.models.attribute_training.recipe import make_attributes
    from headcount.models.attribute_training.train import TrainOptions

    given = {name: value for name, value in vars(args).items() if name not in ("command", "others")}
    target = make_attributes(TrainOptions(**given))
    model = target / "attributes.tflite"
    say(f"the model is {model}; next: headcount evaluate --data FILES --attribute_model {model} --output DIR")
    return 0
