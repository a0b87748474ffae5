"""Training the face detector from a teacher's answers, with one command that also resumes a stopped run:

python -m headcount.models.detector_training.train --data DATA --output detector
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import keras

from headcount.models.detector_training.data import Batches, Rounds
from headcount.models.detector_training.export import export_detector
from headcount.models.detector_training.network import build, dense, detector_loss
from headcount.models.detector_training.teacher import TEACHER
from headcount.models.detector_training.validate import BANDS, Answered, load_answered, validate
from headcount.models.detectors import load_detector
from headcount.models.detectors.headcount import own_detector
from headcount.models.training import read_log, warm_up_cosine, write_log

SETTLING: Final = 30
"""Batches that renew the means and variances for the averaged weights; they are those of the last weights."""


@dataclass(frozen=True)
class DetectorOptions:
    """What `train_detector` needs to know."""

    data: Path
    """Folder with scenes/, faces/ and the teacher in models/."""
    output: Path
    """Folder for pictures (2 GB), checkpoints, log and result; a run that was stopped resumes from it."""
    epochs: int = 27
    steps: int = 300
    """Batches an epoch; each epoch is a checkpoint."""
    batch: int = 16
    round_size: int = 1200
    """New pictures an epoch."""
    learning_rate: float = 4e-3
    weight_decay: float = 1e-4
    seed: int = 1


class Choose(keras.callbacks.Callback):
    """After each epoch: exports the averaged weights, logs their figures and keeps the best file."""

    def __init__(
        self, detector: keras.Model, pictures: list[Answered], batches: Batches, output: Path
    ) -> None:
        super().__init__()
        self.detector, self.pictures, self.batches, self.output = detector, pictures, batches, output
        self.best = max((line["score"] for line in read_log(output)), default=-math.inf)

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        self.batches.draw(epoch)
        self.started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        seconds = round(time.monotonic() - self.started)
        for index in range(min(SETTLING, len(self.batches))):
            self.model(self.batches[index][0], training=True)
        last = self.output / "last.tflite"
        export_detector(self.detector, last)
        figures = validate(own_detector(str(last)), self.pictures)
        line = {"epoch": epoch + 1, "seconds": seconds, "score": score(figures), **figures, **(logs or {})}
        write_log(self.output, line)
        if line["score"] > self.best:
            self.best = line["score"]
            shutil.copyfile(last, self.output / "best.tflite")


def score(figures: Mapping[str, float]) -> float:
    """What the best epoch is chosen by: the share found in scenes and that in crowds, all bands alike."""
    crowds = [figures[name] for band in BANDS if (name := f"crowd_{band}") in figures]
    return figures["found"] + sum(crowds) / max(len(crowds), 1)


def compile_model(model: keras.Model, options: DetectorOptions) -> None:
    """AdamW with warm-up, cosine and averaged weights."""
    steps = options.steps * options.epochs
    warm_up = min(200, steps // 10)
    rate = warm_up_cosine(options.learning_rate, steps, warm_up, end=0.005)
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=options.weight_decay, clipnorm=10.0, use_ema=True, ema_momentum=0.995
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    model.compile(optimizer, loss=detector_loss, jit_compile=False)


def train_detector(options: DetectorOptions) -> Path:
    """Trains, or goes on where a run was stopped, and returns the best epoch's file."""
    cv2.setNumThreads(1)
    keras.utils.set_random_seed(options.seed)
    options.output.mkdir(parents=True, exist_ok=True)
    folder = options.output / "rounds"
    rounds = Rounds(options.data, folder, options.epochs, options.round_size, options.seed)
    done = _epochs_done(options.output / "resume")
    rounds.request(done)
    pictures = load_answered(options.data)
    if not done:
        reference = validate(load_detector("yunet", str(options.data / TEACHER)), pictures)
        (options.output / "teacher.json").write_text(json.dumps(reference, indent=2) + "\n")
    detector = build()
    model = dense(detector)
    compile_model(model, options)
    batches = Batches(rounds, options.steps, options.batch, done)
    callbacks = [
        keras.callbacks.BackupAndRestore(
            options.output / "resume", double_checkpoint=True, delete_checkpoint=False
        ),
        keras.callbacks.SwapEMAWeights(swap_on_epoch=True),
        Choose(detector, pictures, batches, options.output),
    ]
    try:
        model.fit(batches, epochs=options.epochs, callbacks=callbacks, verbose=2)
    finally:
        rounds.close()
    return options.output / "best.tflite"


def _epochs_done(resume: Path) -> int:
    state = resume / "training_metadata.json"
    return int(json.loads(state.read_text())["epoch"]) if state.exists() else 0


def main(argv: list[str] | None = None) -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with scenes/, faces/ and models/")
    parser.add_argument("--output", type=Path, required=True, help="folder for checkpoints and the result")
    parser.add_argument("--epochs", type=int, default=DetectorOptions.epochs)
    parser.add_argument("--steps", type=int, default=DetectorOptions.steps, help="batches an epoch")
    parser.add_argument("--seed", type=int, default=DetectorOptions.seed)
    print(train_detector(DetectorOptions(**vars(parser.parse_args(argv)))))


if __name__ == "__main__":
    main()
