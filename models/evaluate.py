"""How well an attribute model does on labelled faces: overall, by age band, gender and group."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import numpy as np

from models.attributes import AttributeModel, Outputs
from models.augment import centre
from models.dataset import Faces, majority_mood
from models.intervals import age_interval
from schemas.labels import AGE_GROUPS, AGES

BANDS: Final = ((0, 3), (3, 10), (10, 20), (20, 30), (30, 40), (40, 50), (50, 60), (60, 70), (70, 200))
"""Age bands of the reports, half-open, in years."""

FAIRFACE_BINS: Final = (0, 3, 10, 20, 30, 40, 50, 60, 70)
"""First years of FairFace's nine age bins."""

_GROUP_STARTS: Final = tuple(start for _, start in AGE_GROUPS)
_BATCH: Final = 128

Metrics = dict[str, Any]


def predict(model: AttributeModel, faces: Faces) -> Outputs:
    """The model's outputs for the packed crops, cut as a run cuts them."""
    crops = centre(faces.crops)
    parts = [model.describe(crops[i : i + _BATCH]) for i in range(0, len(crops), _BATCH)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def evaluate(outputs: Outputs, faces: Faces) -> Metrics:
    """All figures, and the same `by_band`, `by_gender` and `by_group`. What no face has is left out."""
    low, high = faces.age[:, 0].astype(int), faces.age[:, 1].astype(int)
    bands = np.full(len(faces), "", object)
    for start, end in BANDS:
        bands[(high > low) & (low >= start) & (low < end)] = (
            f"{start}-{end - 1}" if end < AGES else f"{start}+"
        )
    genders = np.select([faces.female == 1, faces.female == 0], ["female", "male"], "")
    return {
        **_figures(outputs, faces, np.ones(len(faces), bool)),
        "by_band": _by(bands, outputs, faces),
        "by_gender": _by(genders, outputs, faces),
        "by_group": _by(faces.group, outputs, faces),
    }


def _by(labels: np.ndarray, outputs: Outputs, faces: Faces) -> dict[str, Metrics]:
    names = sorted({str(name) for name in labels if name}, key=_natural)
    return {name: _figures(outputs, faces, labels == name) for name in names}


def _natural(name: str) -> tuple[int, str]:
    first = name.split("-")[0].rstrip("+")
    return (int(first) if first.isdigit() else 0, name)


def _figures(outputs: Outputs, faces: Faces, rows: np.ndarray) -> Metrics:
    metrics: Metrics = {"faces": int(rows.sum())}
    parts: Iterable[tuple[str, Callable[[np.ndarray, Faces, np.ndarray], Metrics]]] = (
        ("age", _age),
        ("gender", _gender),
        ("mood", _mood),
    )
    for name, figures in parts:
        if name in outputs:
            metrics |= figures(outputs[name], faces, rows)
    return metrics


def _age(p_age: np.ndarray, faces: Faces, rows: np.ndarray) -> Metrics:
    low, high = faces.age[:, 0].astype(int), faces.age[:, 1].astype(int)
    exact, binned = rows & (high - low == 1), rows & (high - low > 1)
    metrics: Metrics = {}
    if exact.any():
        true, mean = low[exact], p_age[exact] @ np.arange(AGES)
        error = np.abs(mean - true)
        steps = np.abs(_bin(mean, _GROUP_STARTS) - _bin(true, _GROUP_STARTS))
        start, end = age_interval(p_age[exact])
        metrics |= {
            "age.mae": float(error.mean()),
            "age.bias": float((mean - true).mean()),
            "age.within_5": float((error <= 5).mean()),
            "age.coverage_90": float(((true + 1 > start) & (true < end)).mean()),
            "age_group.exact": float((steps == 0).mean()),
            "age_group.within_one": float((steps <= 1).mean()),
        }
    if binned.any():
        # The most probable bin, not the bin of the mean: a bin is what is asked for.
        sums = np.add.reduceat(p_age[binned], FAIRFACE_BINS, axis=1)
        metrics["age_bin.accuracy"] = float((sums.argmax(1) == _bin(low[binned], FAIRFACE_BINS)).mean())
    return metrics


def _bin(values: np.ndarray, starts: tuple[int, ...]) -> np.ndarray:
    return np.searchsorted(starts, values, side="right") - 1


def _gender(p_female: np.ndarray, faces: Faces, rows: np.ndarray) -> Metrics:
    known = rows & np.isfinite(faces.female)
    if not known.any():
        return {}
    female, p = faces.female[known] == 1, p_female[known]
    right = (p >= 0.5) == female
    metrics = {"gender.accuracy": float(right.mean())}
    if female.any() and not female.all():
        metrics["gender.auc"] = _auc(p, female)
    adult = faces.age[known, 0] >= 16
    if adult.any() and not adult.all():
        metrics["gender.accuracy_16"] = float(right[adult].mean())
    return metrics


def _auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive scores over a negative, ties counting half."""
    order = np.unique(scores, return_inverse=True)[1]
    counts = np.bincount(order)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[order]
    n, m = int(positive.sum()), int((~positive).sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def _mood(p_mood: np.ndarray, faces: Faces, rows: np.ndarray) -> Metrics:
    true = majority_mood(faces.votes)
    clear = rows & (true >= 0)
    if not clear.any():
        return {}
    return {"mood.accuracy": float((p_mood[clear].argmax(1) == true[clear]).mean())}


def markdown(metrics: Metrics, parts: str | None = None) -> str:
    """A Markdown table of `metrics`: one row of all faces, or one for each of `parts` (`by_band`, ...)."""
    rows = metrics[parts] if parts else {"all": metrics}
    names = [
        name for name in metrics if not name.startswith("by_") and any(name in row for row in rows.values())
    ]
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
