"""Faces on the evaluation pages: the surest mistakes and the average faces, as HTML."""

from __future__ import annotations

import base64
import html
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import cv2
import numpy as np

from headcount.models.datasets.crops import Faces, majority_mood
from headcount.models.evaluation.metrics import age_bands
from headcount.models.intervals import age_interval, expected_age
from headcount.schemas.labels import AGES, GENDERS, MOODS

MISTAKES: Final = 24
"""Most faces on a contact sheet."""

LEAST_FOR_AVERAGE: Final = 20
"""Fewest faces whose mean is shown: the mean of a few looks like one of them."""


def name(text: object) -> str:
    """A stranger's word, which neither ends an element nor turns the direction of its neighbours."""
    return f"<bdi>{html.escape(str(text))}</bdi>"


def gender_mistakes(faces: Faces, p_female: np.ndarray, answered: np.ndarray) -> str:
    """The faces whose predicted gender is wrong, the most confident first; empty where there is none."""
    wrong = np.isfinite(faces.female) & ((p_female >= 0.5) != (faces.female == 1))
    confidence = np.maximum(p_female, 1 - p_female)

    def caption(row: int) -> str:
        true, other = GENDERS if faces.female[row] == 1 else GENDERS[::-1]
        return _caption(true, other, confidence[row], answered[row])

    return _sheet(faces, _surest(wrong, confidence), caption)


def mood_mistakes(faces: Faces, p_mood: np.ndarray, answered: np.ndarray) -> str:
    """The faces whose predicted mood is wrong, the most confident first; empty where there is none."""
    true, best, confidence = majority_mood(faces.votes), p_mood.argmax(1), p_mood.max(1)

    def caption(row: int) -> str:
        return _caption(MOODS[true[row]], MOODS[best[row]], confidence[row], answered[row])

    return _sheet(faces, _surest((true >= 0) & (best != true), confidence), caption)


def age_mistakes(faces: Faces, p_age: np.ndarray, margins: Sequence[float]) -> str:
    """The faces whose true age lies outside of the predicted interval, the most intervals away first."""
    low, high = faces.age[:, 0].astype(int), faces.age[:, 1].astype(int)
    mean, (start, end) = expected_age(p_age), age_interval(p_age, margins)
    outside = (high > low) & ((high <= start) | (low >= end))
    error = np.maximum(low - mean, mean - (high - 1))

    def caption(row: int) -> str:
        last = f"-{high[row] - 1}" if high[row] < AGES else "+"
        years = f"{low[row]}{last if high[row] - low[row] > 1 else ''}"
        return f"true {years}<br>predicted {mean[row]:.0f} ({start[row]:.0f}-{end[row]:.0f})"

    return _sheet(faces, _surest(outside, error / (end - start)), caption)


def average_faces(faces: Faces) -> str:
    """A table of mean crops: groups down, bands of true age across; empty where all are of too few."""
    in_band = age_bands(faces)
    bands = [str(band) for band in dict.fromkeys(in_band[np.argsort(faces.age[:, 0])]) if band]
    groups = [("all", np.ones(len(faces), bool))]
    groups += [(str(group), faces.group == group) for group in np.unique(faces.group) if group]
    rows = [
        (group, [_average(faces.crops[rows & (in_band == band)], f"{group}, {band}") for band in bands])
        for group, rows in groups
    ]
    body = "\n".join(
        f'<tr><th scope="row">{name(group)}</th><td>{"</td><td>".join(cells)}</td></tr>'
        for group, cells in rows
        if any(cells)
    )
    heads = "".join(f'<th scope="col">{band}</th>' for band in bands)
    table = f"<thead><tr><th></th>{heads}</tr></thead>\n<tbody>{body}</tbody>"
    return f'<div class="wide"><table class="average">{table}</table></div>' if body else ""


def _average(crops: np.ndarray, what: str) -> str:
    if len(crops) < LEAST_FOR_AVERAGE:
        return ""
    mean = crops.mean(0).round().astype(np.uint8)
    return f"{_image(mean, f'Average face: {what}')}<small>{len(crops):,}</small>"


def _surest(mistakes: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Rows of the mistakes with the highest confidence, the highest first."""
    rows = np.flatnonzero(mistakes)
    return rows[np.argsort(-confidence[rows], kind="stable")[:MISTAKES]]


def _sheet(faces: Faces, rows: np.ndarray, caption: Callable[[int], str]) -> str:
    return sheet((faces.crops[row], caption(row), faces.face_id[row]) for row in rows)


def sheet(pictures: Iterable[tuple[np.ndarray, str, object]]) -> str:
    """Pictures (RGB uint8), each with a caption (HTML) and where it is from; empty where there is none."""
    figures = "\n".join(
        f"<figure>{_image(rgb, f'Face {source}')}"
        f"<figcaption>{caption}<small>{name(source)}</small></figcaption></figure>"
        for rgb, caption, source in pictures
    )
    return f'<div class="sheet">{figures}</div>' if figures else ""


def _caption(true: str, predicted: str, probability: float, answered: bool) -> str:
    null = "" if answered else "<br><em>null in a run</em>"
    return f"true {true}<br>predicted {predicted} {100 * probability:.1f}&nbsp;%{null}"


def _image(rgb: np.ndarray, alt: str) -> str:
    quality = (cv2.IMWRITE_JPEG_QUALITY, 90)
    data = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)[1]
    source = base64.b64encode(data.tobytes()).decode()
    return f'<img src="data:image/jpeg;base64,{source}" alt="{html.escape(alt)}">'
