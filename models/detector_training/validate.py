"""How much of what the teacher sees a detector finds, on scenes that nothing was trained on.

python -m headcount.models.detector_training.validate --data DATA --detector headcount
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from headcount.models.datasets.crops import decode
from headcount.models.detector_training.scenes import crowd, held_out, load_sources, read
from headcount.models.detector_training.teacher import TEACHER, teacher_faces
from headcount.models.detectors import DEFAULT_DETECTOR, load_detector
from headcount.models.detectors.search import Detection, Detector
from headcount.models.evaluation.detectors import best_score, is_false

SIDES: Final = {"photos": 640, "portraits": 192}
"""Longer side at which scenes are searched."""

CROWDS: Final = 40
"""Composed pictures of 640 pixels."""

FACE: Final = 0.6
MAYBE: Final = 0.3
"""Scores of the teacher from which a face must be found, and below which a detection is false."""

BANDS: Final = (24, 32, 64, 128)
"""Lowest face height of each band, in pixels of the searched picture. Smaller faces do not count."""

FALSE_SHARE: Final = 0.02
"""A threshold is chosen so that no more of the detections are false."""

THRESHOLDS: Final = tuple(float(score) for score in np.arange(0.3, 0.91, 0.05).round(2))


@dataclass(frozen=True, slots=True)
class Answered:
    """A picture to search and the teacher's faces from a score of `MAYBE`."""

    kind: str
    pixels: np.ndarray
    faces: list[Detection]


def load_answered(data: Path) -> list[Answered]:
    """The held-out photos and portraits, and crowds composed of them, with the teacher's faces."""
    yunet = load_detector("yunet", str(data / TEACHER))
    return [
        Answered(kind, pixels, [face for face in teacher_faces(pixels, yunet) if face.score >= MAYBE])
        for kind, pixels in _pictures(data)
    ]


def _pictures(data: Path) -> Iterator[tuple[str, np.ndarray]]:
    for kind, side in SIDES.items():
        for image in read(data / "scenes" / f"{kind}.parquet").image:
            if held_out(image):
                pixels = decode(image)
                factor = side / max(pixels.shape)
                yield kind, cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_LINEAR)
    sources, rng = load_sources(data, for_choosing=True), np.random.default_rng(1)
    for _ in range(CROWDS):
        yield "crowds", crowd(sources, 640, rng).pixels


def validate(
    detector: Detector, pictures: list[Answered], thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, float]:
    """Figures of a detector at the lowest of `thresholds` with at most `FALSE_SHARE` of false detections on
    photos and portraits; at the highest if none has so few.

    `found` and `false` are of photos and portraits, `empty` is detections per photo without a face,
    `crowd_24` ... the shares found in crowds by height.
    """
    scores: dict[str, list[float]] = {name: [] for name in ("found", *(f"crowd_{b}" for b in BANDS))}
    detections: dict[str, list[tuple[float, bool]]] = {"scenes": [], "crowds": [], "empty": []}
    empty = 0
    for picture in pictures:
        detected, crowded = detector.detect(picture.pixels), picture.kind == "crowds"
        for face in picture.faces:
            if face.score >= FACE and face.box.height >= BANDS[0]:
                band = max(band for band in BANDS if band <= face.box.height)
                scores[f"crowd_{band}" if crowded else "found"].append(best_score(detected, face.box))
        maybe = [face.box for face in picture.faces]
        marked = [(one.score, is_false(one.box, maybe)) for one in detected]
        detections["crowds" if crowded else "scenes"] += marked
        if picture.kind == "photos" and not picture.faces:
            empty += 1
            detections["empty"] += marked
    threshold = next(
        (t for t in thresholds if _false(detections["scenes"], t) <= FALSE_SHARE), thresholds[-1]
    )
    shares = {
        name: float(np.mean(np.array(values) >= threshold)) for name, values in scores.items() if values
    }
    return {
        "threshold": float(threshold),
        "found": shares.pop("found", 0.0),
        "false": _false(detections["scenes"], threshold),
        "empty": sum(score >= threshold for score, _ in detections["empty"]) / max(empty, 1),
        **shares,
        "crowd_false": _false(detections["crowds"], threshold),
    }


def _false(detections: list[tuple[float, bool]], threshold: float) -> float:
    kept = [false for score, false in detections if score >= threshold]
    return float(np.mean(kept)) if kept else 0.0


def main(argv: list[str] | None = None) -> None:
    """Prints the figures of a detector at each threshold, as a run loads it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, required=True, help="folder with scenes/ and models/")
    parser.add_argument("--detector", default=DEFAULT_DETECTOR)
    parser.add_argument("--detector_model")
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    detector, pictures = load_detector(args.detector, args.detector_model), load_answered(args.data)
    for threshold in THRESHOLDS:
        figures = validate(detector, pictures, [threshold])
        print(" ".join(f"{name} {value:.3f}" for name, value in figures.items()), flush=True)


if __name__ == "__main__":
    main()
