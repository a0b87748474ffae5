"""Detectors side by side on pictures with labelled boxes: `headcount evaluate --data boxes.csv`.

A face is found when a detection overlaps its box by more than `FOUND` (IoU), and a detection is false when it
overlaps no labelled box by `NEAR`. What lies between, and the second detection of a face, is neither: a box
drawn by another's rule must not count twice, as missed and as false.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from headcount.models.datasets.boxes import BoxedPicture
from headcount.models.detectors import DETECTORS, NEED_MODEL, load_detector
from headcount.models.detectors.search import Detection, Detector, detect_faces, search_factor
from headcount.models.evaluation.metrics import Metrics
from headcount.models.framing import Box
from headcount.schemas.errors import PhotoError, UsageError

FOUND: Final = 0.4
NEAR: Final = 0.1
"""Overlap (IoU) above which a face is found, and under which a detection has nothing to do with it."""

SHARES: Final = (0, 1.5, 2.5, 3.5, 5, 7, 10, 20, 40)
"""Lowest face height of each band, in % of the picture's longer side."""

PIXELS: Final = (0, 16, 24, 32, 64, 128, 256)
"""Lowest face height of each band, in pixels of the searched picture."""

CURVE: Final = tuple(float(score) for score in np.arange(0.05, 1, 0.05).round(2))
"""Score thresholds of the curve in `metrics.json`."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A decoded picture: upright RGB uint8 [h, w, 3], which may be smaller than the whole one."""

    pixels: np.ndarray
    width: int
    height: int
    """Of the whole picture."""
    decode_ms: float

    @property
    def scale(self) -> tuple[float, float]:
        """Of x and of y, from `pixels` to the whole picture."""
        return self.width / self.pixels.shape[1], self.height / self.pixels.shape[0]


ReadPicture = Callable[[Path], Picture]
"""Decodes as a run does. Raises PhotoError, OSError, or ValueError for a path that cannot be one."""


@dataclass(frozen=True, slots=True)
class Face:
    """A labelled face: its box in the whole picture, its height over the longer side and as searched."""

    picture: BoxedPicture
    box: Box
    share: float
    pixels: float
    score: float
    """Of the detection that found it; -1 where none did."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A detection of any score: its box in the whole picture, and whether it found a face or is false."""

    picture: BoxedPicture
    box: Box
    score: float
    found: bool
    false: bool


@dataclass(frozen=True, slots=True)
class Answers:
    """What one detector sees in all pictures."""

    min_score: float
    """The threshold in use."""
    faces: list[Face] = field(default_factory=list)
    detections: list[Answer] = field(default_factory=list)
    ms: list[float] = field(default_factory=list)
    """Milliseconds of each picture, one thread."""

    def missed(self) -> list[Face]:
        """The faces not found at the threshold in use, the largest first."""
        return sorted((face for face in self.faces if face.score < self.min_score), key=lambda f: -f.share)

    def false(self) -> list[Answer]:
        """The false detections at the threshold in use, the highest score first."""
        kept = (one for one in self.detections if one.false and one.score >= self.min_score)
        return sorted(kept, key=lambda one: -one.score)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What all detectors see in the same pictures."""

    pictures: list[BoxedPicture]
    """Those that were read."""
    unreadable: list[tuple[str, str]]
    """The names of others, and why they were not."""
    decode_ms: list[float]
    answers: dict[str, Answers]


def load_detectors(
    wanted: Sequence[str], model_path: str | None
) -> tuple[dict[str, Detector], dict[str, str]]:
    """The detectors `wanted`, each `NAME` or `NAME=FILE` (its model), and why others are left out.

    None wanted is all that load on this machine. `model_path` is for a detector wanted alone, and else for
    those that need one. Raises UsageError where a wanted one cannot be loaded, or none takes `model_path`.
    """
    loaded, left_out, taken = {}, {}, model_path is None
    for one in dict.fromkeys(wanted or DETECTORS):
        name, _, own = one.partition("=")
        takes = not own and (len(wanted) == 1 or name in NEED_MODEL)
        taken |= takes
        try:
            loaded[one] = load_detector(name, own or (model_path if takes else None))
        except UsageError as error:
            if wanted or (takes and model_path):
                raise
            left_out[one] = str(error)
    if not taken:
        raise UsageError(
            f"none of {', '.join(wanted)} needs {model_path}; say whose it is: --detector NAME={model_path}"
        )
    if not loaded:
        raise UsageError(f"no detector can be loaded here ({'; '.join(left_out.values())})")
    return loaded, left_out


def compare(
    pictures: Iterable[BoxedPicture],
    detectors: Mapping[str, Detector],
    read: ReadPicture,
    side: int,
    min_score: float | None = None,
) -> Comparison:
    """Searches each picture with each detector as a run does; `min_score` None is each one's own threshold.

    Raises UsageError where no picture can be read.
    """
    result = Comparison([], [], [], {})
    for name, detector in detectors.items():
        result.answers[name] = Answers(detector.min_score if min_score is None else min_score)
    for labelled in pictures:
        try:
            picture = read(labelled.path)
        except (PhotoError, OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            result.unreadable.append((labelled.name, why))
            continue
        result.pictures.append(labelled)
        result.decode_ms.append(picture.decode_ms)
        for name, detector in detectors.items():
            start = time.perf_counter()
            found = detect_faces(picture.pixels, detector, side, min_score=0.0)
            result.answers[name].ms.append(1000 * (time.perf_counter() - start))
            _compare_picture(labelled, picture, found, side, result.answers[name])
    if not result.pictures:
        name, why = result.unreadable[0]
        raise UsageError(f"none of the {len(result.unreadable)} pictures can be read ({name}: {why})")
    return result


def _compare_picture(
    labelled: BoxedPicture, picture: Picture, found: Sequence[Detection], side: int, answers: Answers
) -> None:
    """Adds the faces and detections of one picture to `answers`."""
    height, width = picture.height, picture.width
    searched = search_factor(picture.pixels, side) * max(picture.pixels.shape[:2]) / max(height, width)
    visible = [one.clipped(width, height) for one in labelled.boxes]
    faces = [box for box in visible if box.width > 0 and box.height > 0]
    placed = [one.box.scaled(*picture.scale) for one in found]
    taken = match(placed, faces)
    scores = {face: one.score for face, one in zip(taken, found, strict=True) if face is not None}
    for i, box in enumerate(faces):
        share = box.height / max(width, height)
        answers.faces.append(Face(labelled, box, share, box.height * searched, scores.get(i, -1.0)))
    for one, box, face in zip(found, placed, taken, strict=True):
        answers.detections.append(Answer(labelled, box, one.score, face is not None, is_false(box, faces)))


def best_score(found: Iterable[Detection], face: Box) -> float:
    """The highest score of a detection that finds `face`; -1 where none does."""
    return max((one.score for one in found if one.box.overlap(face) > FOUND), default=-1.0)


def is_false(box: Box, faces: Iterable[Box]) -> bool:
    """Whether a detection's box has nothing to do with any of the faces."""
    return all(box.overlap(face) < NEAR for face in faces)


def match(found: Sequence[Box], faces: Sequence[Box]) -> list[int | None]:
    """For each box found, the best first, the face that is its own: the one that it overlaps most, by more
    than `FOUND`, of those that no better one found.

    So what is matched at a threshold is what is matched of the detections over it.
    """
    free = list(range(len(faces)))
    taken: list[int | None] = []
    for box in found:
        overlaps = {face: box.overlap(faces[face]) for face in free}
        best = max(free, key=overlaps.__getitem__, default=None)
        if best is not None and overlaps[best] > FOUND:
            free.remove(best)
            taken.append(best)
        else:
            taken.append(None)
    return taken


def figures(comparison: Comparison) -> Metrics:
    """Everything measured, for `metrics.json`: of the pictures, and of each detector in `by_detector`.

    A figure is None where nothing that it is a share of was there.
    """
    pictures, answers = comparison.pictures, comparison.answers
    faces = len(next(iter(answers.values())).faces)
    return {
        "pictures": len(pictures),
        "pictures_without_faces": sum(not one.boxes for one in pictures),
        "unreadable": len(comparison.unreadable),
        "faces": faces,
        "boxes_left_out": sum(len(one.boxes) for one in pictures) - faces,
        "decode_ms": float(np.median(comparison.decode_ms)),
        "by_detector": {name: _figures(one, pictures) for name, one in answers.items()},
    }


def _figures(answers: Answers, pictures: Sequence[BoxedPicture]) -> Metrics:
    at_threshold = _at(answers, answers.min_score)
    kept = [one for one in answers.detections if one.score >= answers.min_score]
    empty = sum(not one.boxes for one in pictures)
    return {
        "min_score": answers.min_score,
        **at_threshold,
        "f1": _f1(at_threshold["recall"], at_threshold["precision"] or 0.0),
        "average_precision": average_precision(*curve(answers)) if answers.faces else None,
        "false_per_picture": sum(one.false for one in kept) / len(pictures),
        "false_per_empty_picture": sum(not one.picture.boxes for one in kept) / empty if empty else None,
        "doubles_per_picture": sum(not one.false and not one.found for one in kept) / len(pictures),
        "detect_ms": float(np.median(answers.ms)),
        "by_share": _by_height(answers, [100 * face.share for face in answers.faces], SHARES, " %"),
        "by_pixels": _by_height(answers, [face.pixels for face in answers.faces], PIXELS, ""),
        "curve": [{"score": score, **_at(answers, score)} for score in CURVE],
    }


def _at(answers: Answers, threshold: float) -> Metrics:
    found = [face.score >= threshold for face in answers.faces]
    right = [not one.false for one in answers.detections if one.score >= threshold]
    return {
        "recall": float(np.mean(found)) if found else None,
        "precision": float(np.mean(right)) if right else None,
    }


def _f1(recall: float | None, precision: float) -> float | None:
    """Harmonic mean of both; 0 where nothing was found."""
    return recall and 2 * recall * precision / (recall + precision)


def _by_height(
    answers: Answers, heights: Sequence[float], starts: Sequence[float], unit: str
) -> dict[str, Metrics]:
    """Faces, and those found, in each band of heights that has any."""
    names = [*(f"{a:g}-{b:g}{unit}" for a, b in pairwise(starts)), f"{starts[-1]:g}+{unit}"]
    bands = np.searchsorted(starts, heights, side="right") - 1
    found = np.array([face.score >= answers.min_score for face in answers.faces])
    return {
        names[band]: {
            "faces": int((bands == band).sum()),
            "found": int(found[bands == band].sum()),
            "recall": float(found[bands == band].mean()),
        }
        for band in np.unique(bands)
    }


def curve(answers: Answers) -> tuple[np.ndarray, np.ndarray]:
    """Recall and precision as the threshold falls through all scores, each [n]."""
    detections = sorted(answers.detections, key=lambda one: -one.score)
    scores = np.array([one.score for one in detections])
    last = np.flatnonzero(np.diff(scores, append=-1.0))
    found = np.cumsum([one.found for one in detections])[last]
    false = np.cumsum([one.false for one in detections])[last]
    return found / max(len(answers.faces), 1), 1 - false / (last + 1)


def average_precision(recall: np.ndarray, precision: np.ndarray) -> float:
    """Area under the curve, each precision being the best at that recall or more (as VOC since 2010).

    It ends at the lowest score that the detector gives.
    """
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best))


def table(metrics: Metrics) -> str:
    """The figures of all detectors as a Markdown table: shares found, also by height, and what it costs."""
    bands = next(iter(metrics["by_detector"].values()))["by_share"]
    heads = [f"{band} ({row['faces']})" for band, row in bands.items()]
    heads = ["detector", "score from", "found", *heads, "precision", "F1", "AP", "false a picture", "ms"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for name, row in metrics["by_detector"].items():
        shares = [row["recall"], *(band["recall"] for band in row["by_share"].values())]
        shares += [row[key] for key in ("precision", "f1", "average_precision", "false_per_picture")]
        cells = ["-" if share is None else f"{share:.3f}" for share in shares]
        lines.append(
            "| " + " | ".join([name, f"{row['min_score']:g}", *cells, f"{row['detect_ms']:.1f}"]) + " |"
        )
    return "\n".join(lines)
