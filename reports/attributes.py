"""The page that `headcount evaluate` writes: figures, plots, mistakes and average faces in one HTML file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from headcount.models.attributes import Calibration, Outputs
from headcount.models.datasets.crops import Faces, majority_mood
from headcount.models.evaluation.metrics import Metrics, is_known
from headcount.models.intervals import expected_age
from headcount.reports import plots, sheets
from headcount.reports.page import figure, section, side_by_side, write_page
from headcount.reports.sheets import name

_FIGURES: Final = {
    "faces": ("faces", "count"),
    "found": ("found by the detector", "share"),
    "unreadable": ("pictures that cannot be read", "count"),
    "age.mae": ("mean error", "years"),
    "age.bias": ("bias", "signed years"),
    "age.within_5": ("within 5 years", "share"),
    "age.coverage_90": ("in 90 % interval", "share"),
    "age_group.exact": ("right", "share"),
    "age_group.within_one": ("right or next", "share"),
    "age_bin.accuracy": ("right", "share"),
    "gender.accuracy": ("right", "share"),
    "gender.accuracy_16": ("right at 16 and over", "share"),
    "gender.auc": ("AUC", "area"),
    "gender.calibration_error": ("calibration error", "share"),
    "gender.share": ("answered", "share"),
    "mood.accuracy": ("right", "share"),
    "mood.calibration_error": ("calibration error", "share"),
    "mood.share": ("answered", "share"),
}
"""Words and kind of each figure, in the order of the tables."""

_FORMATS: Final = {"count": ",", "years": ".2f", "signed years": "+.2f", "area": ".3f"}

_PARTS: Final = {
    "age": "Age",
    "age_group": "Age, ten groups",
    "age_bin": "Age, nine bins",
    "gender": "Gender",
    "mood": "Mood",
}

_MISTAKES: Final = {
    "age": "Faces whose true age lies outside of the 90 % interval, which stands in brackets: those that are "
    "furthest off, measured in its width.",
    "gender": "Faces whose predicted gender is wrong, the most confident first.",
    "mood": "Faces whose predicted mood is wrong, the most confident first.",
}

_ABOUT: Final = (
    "Age, gender and mood here are what a face looks like in one picture, not who a person is. “True” is the "
    "label that came with the face, “predicted” the model's answer. The page holds faces: keep it as you "
    "keep the labelled set."
)


def write_report(
    metrics: Metrics,
    faces: Faces,
    outputs: Outputs,
    calibration: Calibration,
    target: Path,
    title: str,
) -> None:
    """Writes one self-contained HTML page to `target`.

    `metrics` is what `evaluation.metrics` gives, `faces` hold the crops as the network saw them, `outputs`
    are its answers, and `calibration` is what a run does with those. What has no data is left out.
    """
    sections = (
        _overall(metrics),
        _by_band(metrics, faces, outputs),
        _by_gender(metrics),
        _by_group(metrics),
        _by_split(metrics),
        _certainty(faces, outputs),
        _moods(metrics),
        *_mistakes(faces, outputs, calibration),
        _averages(faces),
    )
    write_page(target, title, _ABOUT, sections)


def _number(key: str, value: Any) -> str:
    if value is None or math.isnan(value):
        return "-"
    kind = _FIGURES[key][1]
    return f"{100 * value:.1f}&nbsp;%" if kind == "share" else format(value, _FORMATS[kind])


def _part(key: str) -> str:
    return key.split(".")[0]


def _words(key: str) -> str:
    """Words for a figure, with its unit where the number has none."""
    words, kind = _FIGURES[key]
    return f"{words}, years" if kind.endswith("years") else words


def _overall(metrics: Metrics) -> str:
    answered = metrics.get("answered") or {}
    columns = {"all faces": metrics} | ({"answered": answered} if answered else {})
    rows = [
        f'<tr><th scope="row">{": ".join(filter(None, (_PARTS.get(_part(key)), _words(key))))}</th>'
        + "".join(f"<td>{_number(key, column.get(key))}</td>" for column in columns.values())
        + f"<td><code>{key}</code></td></tr>"
        for key in _FIGURES
        if any(key in column for column in columns.values())
    ]
    if not rows:
        return ""
    heads = "".join(f'<th scope="col">{column}</th>' for column in (*columns, "in metrics.json"))
    table = f"<thead><tr><th></th>{heads}</tr></thead>\n<tbody>{''.join(rows)}</tbody>"
    return section(
        "Overall",
        "Each figure is taken over all faces that have the label"
        + (", and once more without those where a run would leave the answer out." if answered else "."),
        f'<div class="wide"><table class="overall">{table}</table></div>',
    )


def _table(rows: Mapping[str, Metrics]) -> str:
    keys = [key for key in _FIGURES if any(key in row for row in rows.values())]
    if not keys:
        return ""
    parts = [_part(key) for key in keys]
    spans = {part: parts.count(part) for part in parts}
    columns = "".join(f'<colgroup span="{span}">' for span in (1, *spans.values()))
    above = "".join(
        f'<th scope="colgroup" colspan="{span}">{_PARTS.get(part, "")}</th>' for part, span in spans.items()
    )
    heads = "".join(f'<th scope="col">{_words(key)}</th>' for key in keys)
    head = f"<thead><tr><th></th>{above}</tr><tr><th></th>{heads}</tr></thead>"
    body = "\n".join(
        f'<tr><th scope="row">{name(label)}</th>'
        + "".join(f"<td>{_number(key, row.get(key))}</td>" for key in keys)
        + "</tr>"
        for label, row in rows.items()
    )
    return f'<div class="wide"><table>{columns}\n{head}\n<tbody>{body}</tbody></table></div>'


def _by_band(metrics: Metrics, faces: Faces, outputs: Outputs) -> str:
    bands = metrics.get("by_band") or {}
    figures = []
    if any("age.mae" in row for row in bands.values()):
        caption = "Mean error and bias of the predicted age by true age."
        figures.append(figure(plots.error_by_band(bands), caption))
    if "age" in outputs and faces.exact.any():
        mean = expected_age(outputs["age"][faces.exact])
        caption = "Predicted against true age: the bluer, the more faces; right on the line."
        figures.append(figure(plots.age_density(faces.age[faces.exact, 0], mean), caption))
    return section(
        "By age",
        "The same figures for each band of true age, in years. A bias above zero: predicted too old.",
        _table(bands),
        side_by_side(figures),
    )


def _by_gender(metrics: Metrics) -> str:
    meaning = "The same figures for each labelled gender."
    return section("By gender", meaning, _table(metrics.get("by_gender") or {}))


def _by_group(metrics: Metrics) -> str:
    gaps = "".join(
        f"<li>{_gap(key, gap, metrics['by_group'])}</li>" for key, gap in metrics.get("gaps", {}).items()
    )
    return section(
        "By group",
        "The same figures for each group that the labelled set names. Group labels serve to measure gaps and "
        "nothing else: no answer of the model says anything of them.",
        f"<ul>{gaps}</ul>" if gaps else "",
        _table(metrics.get("by_group") or {}),
    )


def _gap(key: str, gap: Mapping[str, Any], by_group: Mapping[str, Metrics]) -> str:
    """One gap in words; errors in years and shares of right answers are what is compared."""
    what, share = _PARTS[_part(key)], _FIGURES[key][1] == "share"
    unit = "" if share else " years"
    best, worst = (
        f"{name(gap[end])} ({_number(key, by_group[gap[end]].get(key))}{unit})" for end in ("best", "worst")
    )
    if share:
        apart = f"{100 * gap['gap']:.1f} points"
        return f"{what}: right least often for {worst}, most often for {best}, a gap of {apart}."
    return f"{what}: furthest off for {worst}, closest for {best}, a gap of {gap['gap']:.2f} years."


def _by_split(metrics: Metrics) -> str:
    meaning = "The same figures for each part that the labelled set is split into."
    return section("By split", meaning, _table(metrics.get("by_split") or {}))


def _certainty(faces: Faces, outputs: Outputs) -> str:
    figures = []
    known = np.isfinite(faces.female)
    if "gender" in outputs and known.any():
        p = outputs["gender"][known]
        right = (p >= 0.5) == (faces.female[known] == 1)
        plot = plots.reliability(np.maximum(p, 1 - p), right, 0.5, "gender")
        figures.append(figure(plot, "Gender"))
    true = majority_mood(faces.votes)
    if "mood" in outputs and (true >= 0).any():
        p = outputs["mood"][true >= 0]
        plot = plots.reliability(p.max(1), p.argmax(1) == true[true >= 0], 0.0, "mood")
        figures.append(figure(plot, "Mood"))
    return section(
        "How far a probability can be trusted",
        "Of the answers given with 80 %, eight in ten should be right: the points should lie on the dashed "
        "line. Below it the model is surer than it should be. The bars show the share of faces with that "
        "probability.",
        side_by_side(figures),
    )


def _moods(metrics: Metrics) -> str:
    counts = metrics.get("mood.confusion") or {}
    some = any(sum(row.values()) for row in counts.values())
    return section(
        "Which moods are taken for which",
        "Each row is one true mood; a cell is how many in a hundred of its faces were predicted as the "
        "mood below. Only faces count whose label more than half of the people who looked agreed on.",
        side_by_side([figure(plots.confusion(counts), "Predicted against true mood, %")]) if some else "",
    )


def _mistakes(faces: Faces, outputs: Outputs, calibration: Calibration) -> list[str]:
    answered, found = is_known(outputs, faces, calibration), {}
    if "age" in outputs:
        found["age"] = sheets.age_mistakes(faces, outputs["age"], calibration.age_margins)
    if "gender" in outputs:
        found["gender"] = sheets.gender_mistakes(faces, outputs["gender"], answered["gender"])
    if "mood" in outputs:
        found["mood"] = sheets.mood_mistakes(faces, outputs["mood"], answered["mood"])
    return [section(f"Surest mistakes: {what}", _MISTAKES[what], sheet) for what, sheet in found.items()]


def _averages(faces: Faces) -> str:
    return section(
        "Average faces",
        "The mean of all faces of a band of true age, in years, where there are at least "
        f"{sheets.LEAST_FOR_AVERAGE}; below each their number. A blurred mean says that its faces are "
        "framed differently.",
        sheets.average_faces(faces),
    )
