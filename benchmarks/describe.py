"""Milliseconds a face that the attribute model takes on one core, by file and size of the batch.

    python -m benchmarks.describe models/weights/attributes.tflite training/export/attributes_float16.tflite

Processor time of one thread, the least and the median of several batches; meaningful on a quiet machine only.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from typing import Final

import numpy as np

from headcount.models.attributes import AttributeModel, load_attribute_model

BATCHES: Final = (1, 8, 32, 128)
SECONDS: Final = 3.0
"""Time spent on each size."""


def milliseconds(model: AttributeModel, batch: int) -> list[float]:
    """Processor time a face of each batch of `batch` crops, in milliseconds."""
    rng = np.random.default_rng(1)
    crops = rng.integers(0, 256, (batch, model.side, model.side, 3), np.uint8)
    model.describe(crops)
    times: list[float] = []
    while sum(times) * batch < SECONDS * 1000:
        started = time.process_time()
        model.describe(crops)
        times.append((time.process_time() - started) * 1000 / batch)
    return times


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a Markdown table of the least / the median."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("models", nargs="+", metavar="MODEL", help=".tflite files or SavedModel folders")
    models = parser.parse_args(argv).models
    print("| model | " + " | ".join(f"batch {batch}" for batch in BATCHES) + " |")
    print("|---" * (len(BATCHES) + 1) + "|")
    for name in models:
        model = load_attribute_model(name)
        cells = []
        for batch in BATCHES:
            times = milliseconds(model, batch)
            cells.append(f"{min(times):.2f} / {statistics.median(times):.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
