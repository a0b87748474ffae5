"""What the trainings of both networks share: the schedule of the rate, and the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import keras


def warm_up_cosine(
    learning_rate: float, steps: int, warm_up: int, end: float
) -> keras.optimizers.schedules.LearningRateSchedule:
    """Up to `learning_rate` in `warm_up` of the `steps`, then along a cosine to the part `end` of it."""
    return keras.optimizers.schedules.CosineDecay(
        learning_rate / 50,
        decay_steps=max(steps - warm_up, 1),
        alpha=end,
        warmup_target=learning_rate,
        warmup_steps=warm_up,
    )


def write_log(output: Path, line: Mapping[str, float]) -> None:
    """Adds the figures of an epoch to the log in `output`."""
    with (output / "log.jsonl").open("a") as log:
        log.write(json.dumps({name: round(float(value), 4) for name, value in line.items()}) + "\n")


def read_log(output: Path) -> list[dict[str, float]]:
    """The figures of the epochs that are done, also by an earlier, stopped run."""
    log = output / "log.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
