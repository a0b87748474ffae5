"""How well predicted ages, genders and moods fit labels: overall, by age band, gender and group."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np

from headcount.models.attributes import Calibration, Outputs
from headcount.models.datasets.crops import Faces, majority_mood
from headcount.models.framing import sharpness
from headcount.models.intervals import AGE_BANDS, age_interval, band_of, expected_age, holds
from headcount.schemas.labels import AGE_GROUPS, AGES, MOODS

_GROUP_STARTS: Final = tuple(start for _, start in AGE_GROUPS)
_RELIABILITY_BINS: Final = 10

GAPS: Final = {"age.mae": -1, "age_bin.accuracy": 1, "gender.accuracy": 1, "mood.accuracy": 1}
"""Figures compared between groups, and whether more is better."""

Metrics = dict[str, Any]


@dataclass(frozen=True)
class _Case:
    outputs: Outputs
    faces: Faces
    age_margins: tuple[float, ...]
    known: Mapping[str, np.ndarray]
    """By output, the faces that count, bool [n]; all where an output is missing."""


def evaluate(outputs: Outputs, faces: Faces, calibration: Calibration) -> Metrics:
    """All figures, by name, and the same `by_band`, `by_gender`, `by_group` and `by_split`, with the `gaps`
    between groups. What no face has is left out.

    Each is over all faces with the label. `answered` has the figures once more over those that a run would
    answer, with their share (`gender.share`). `faces.crops` are as a run cuts them.
    """
    everyone = _Case(outputs, faces, calibration.age_margins, {})
    metrics = _parts(everyone)
    metrics["answered"] = _parts(replace(everyone, known=is_known(outputs, faces, calibration)))
    metrics["gaps"] = _gaps(metrics["by_group"])
    return metrics


def is_known(outputs: Outputs, faces: Faces, calibration: Calibration) -> dict[str, np.ndarray]:
    """For each output that may be null: whether a run would answer, bool [n]."""
    answers = {}
    if "gender" in outputs:
        ages = expected_age(outputs["age"]) if "age" in outputs else None
        answers["gender"] = calibration.gender_known(outputs["gender"], ages)
    if "mood" in outputs:
        blur = np.array([sharpness(crop) for crop in faces.crops])
        answers["mood"] = calibration.mood_known(outputs["mood"], blur)
    return answers


def age_bands(faces: Faces) -> np.ndarray:
    """The name of each face's age band, text [n]; empty where there is no age."""
    names = [*(f"{a}-{b - 1}" for a, b in pairwise(AGE_BANDS)), f"{AGE_BANDS[-1]}+"]
    return np.where(faces.aged, np.array(names)[band_of(faces.age[:, 0])], "")


def _parts(case: _Case) -> Metrics:
    faces = case.faces
    genders = np.select([faces.female == 1, faces.female == 0], ["female", "male"], "")

    def by(labels: np.ndarray) -> dict[str, Metrics]:
        names = sorted({str(name) for name in labels if name}, key=_natural)
        return {name: _figures(case, labels == name) for name in names}

    return {
        **_figures(case, np.ones(len(faces), bool)),
        "by_band": by(age_bands(faces)),
        "by_gender": by(genders),
        "by_group": by(faces.group),
        "by_split": by(faces.split) if len(set(faces.split)) > 1 else {},
    }


def _gaps(by_group: Mapping[str, Metrics]) -> dict[str, Metrics]:
    """For each figure in GAPS: the best and the worst group, and how far apart they are."""
    gaps = {}
    for name, sign in GAPS.items():
        groups = {group: figures[name] for group, figures in by_group.items() if name in figures}
        if len(groups) > 1:
            best, worst = (pick(groups, key=lambda group: sign * groups[group]) for pick in (max, min))
            gaps[name] = {"best": best, "worst": worst, "gap": abs(groups[best] - groups[worst])}
    return gaps


def _natural(name: str) -> tuple[int, str]:
    first = name.split("-")[0].rstrip("+")
    return (int(first) if first.isdigit() else 0, name)


def _figures(case: _Case, rows: np.ndarray) -> Metrics:
    faces = case.faces
    metrics: Metrics = {"faces": int(rows.sum()), "found": float(faces.found[rows].mean())}
    parts: Iterable[tuple[str, np.ndarray, Callable[[_Case, np.ndarray], Metrics]]] = (
        ("age", faces.aged, _age),
        ("gender", np.isfinite(faces.female), _gender),
        ("mood", majority_mood(faces.votes) >= 0, _mood),
    )
    for name, known, figures in parts:
        labelled = rows & known
        if name not in case.outputs or not labelled.any():
            continue
        answered = labelled & case.known.get(name, True)
        if name in case.known:
            metrics[f"{name}.share"] = float(answered.sum() / labelled.sum())
        if answered.any():
            metrics |= figures(case, answered)
    return metrics


def _age(case: _Case, rows: np.ndarray) -> Metrics:
    p_age, first, end = case.outputs["age"], *case.faces.age.astype(int).T
    exact, binned = rows & case.faces.exact, rows & (end - first > 1)
    metrics: Metrics = {}
    if exact.any():
        true, mean = first[exact], expected_age(p_age[exact])
        error = np.abs(mean - true)
        steps = np.abs(_bin(mean, _GROUP_STARTS) - _bin(true, _GROUP_STARTS))
        held = holds(*age_interval(p_age[exact], case.age_margins), np.minimum(true, AGES - 1))
        metrics |= {
            "age.mae": float(error.mean()),
            "age.bias": float((mean - true).mean()),
            "age.within_5": float((error <= 5).mean()),
            "age.coverage_90": float(held.mean()),
            "age_group.exact": float((steps == 0).mean()),
            "age_group.within_one": float((steps <= 1).mean()),
        }
    if binned.any():
        # The most probable bin, not the bin of the mean: a bin is what is asked for.
        sums = np.add.reduceat(p_age[binned], AGE_BANDS, axis=1)
        metrics["age_bin.accuracy"] = float((sums.argmax(1) == band_of(first[binned])).mean())
    return metrics


def _bin(values: np.ndarray, starts: tuple[int, ...]) -> np.ndarray:
    return np.searchsorted(starts, values, side="right") - 1


def _gender(case: _Case, rows: np.ndarray) -> Metrics:
    female, p = case.faces.female[rows] == 1, case.outputs["gender"][rows]
    right = (p >= 0.5) == female
    metrics = {
        "gender.accuracy": float(right.mean()),
        "gender.calibration_error": calibration_error(np.maximum(p, 1 - p), right),
    }
    if female.any() and not female.all():
        metrics["gender.auc"] = _auc(p, female)
    adult = case.faces.age[rows, 0] >= 16
    if adult.any() and not adult.all():
        metrics["gender.accuracy_16"] = float(right[adult].mean())
    return metrics


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Mean distance between confidence and share of right answers over ten bins of confidence, weighted by
    their faces (expected calibration error, Guo et al. 2017)."""
    bins = np.minimum((confidence * _RELIABILITY_BINS).astype(int), _RELIABILITY_BINS - 1)
    apart = np.bincount(bins, weights=confidence - right)
    return float(np.abs(apart).sum() / len(right))


def _auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive scores over a negative, ties counting half."""
    order = np.unique(scores, return_inverse=True)[1]
    counts = np.bincount(order)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[order]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def _mood(case: _Case, rows: np.ndarray) -> Metrics:
    true, p = majority_mood(case.faces.votes)[rows], case.outputs["mood"][rows]
    likeliest = p.argmax(1)
    pairs = np.zeros((len(MOODS), len(MOODS)), int)
    np.add.at(pairs, (true, likeliest), 1)
    confusion = {
        mood: dict(zip(MOODS, row.tolist(), strict=True)) for mood, row in zip(MOODS, pairs, strict=True)
    }
    return {
        "mood.accuracy": float((likeliest == true).mean()),
        "mood.calibration_error": calibration_error(p.max(1), likeliest == true),
        "mood.confusion": confusion,
    }


def markdown(metrics: Metrics, parts: str | None = None) -> str:
    """A Markdown table of `metrics`: one row of all faces, or one for each of `parts` (`by_band`, ...)."""
    rows = metrics[parts] if parts else {"all": metrics}
    names = [name for name, value in metrics.items() if not isinstance(value, dict)]
    names = [name for name in names if any(name in row for row in rows.values())]
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for label, row in rows.items():
        lines.append(f"| {label} | " + " | ".join(_cell(name, row.get(name)) for name in names) + " |")
    return "\n".join(lines)


def _cell(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name == "faces":
        return f"{value:,}"
    return f"{value:.2f}" if name in ("age.mae", "age.bias") else f"{value:.3f}"
