"""The page that `headcount evaluate` writes of detectors: figures side by side, curve, misses, false ones."""

from __future__ import annotations

import html
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from headcount.models.evaluation.detectors import FOUND, NEAR, Answers, Comparison, ReadPicture, curve
from headcount.models.evaluation.metrics import Metrics
from headcount.models.framing import Box, crop_face
from headcount.reports import plots
from headcount.reports.page import figure, section, side_by_side, write_page
from headcount.reports.sheets import MISTAKES, name, sheet

_FIGURES: Final = {
    "min_score": ("score from", ".2f"),
    "recall": ("faces found", "%"),
    "precision": ("precision", "%"),
    "f1": ("F1", "%"),
    "average_precision": ("average precision", "%"),
    "false_per_picture": ("false detections per picture", ".3f"),
    "false_per_empty_picture": ("detections per picture without faces", ".3f"),
    "doubles_per_picture": ("second or badly placed boxes per picture", ".3f"),
    "detect_ms": ("to detect, ms per picture", ".1f"),
}
"""Words and format of each figure of a detector, in the order of the table."""

_CROP: Final = 112
_CONTEXT: Final = 2.0
"""Side of a picture on a contact sheet, in pixels, and what it shows, over the longer side of the box."""

_ABOUT: Final = (
    f"A face is found when a detection overlaps its box by more than {FOUND} (intersection over union), "
    f"and a detection is false when it overlaps no labelled box by {NEAR} or more: precision is the share of "
    "those that do. Scores of one detector do not compare to those of another. The page holds faces: keep it "
    "as you keep the labelled pictures."
)


def write_detector_report(
    metrics: Metrics, comparison: Comparison, read: ReadPicture, target: Path, title: str
) -> None:
    """Writes one self-contained HTML page to `target`.

    `metrics` are `figures(comparison)` with `side` and `left_out`; `read` reads the pictures again for the
    contact sheets.
    """
    rows = metrics["by_detector"]
    sections = [
        _overall(metrics),
        section(
            "By size in the picture",
            "Shares of faces found at the threshold in use, by the height of the labelled box over the "
            "picture's longer side, with the number of faces.",
            _by_height(rows, "by_share"),
        ),
        section(
            "By size as searched",
            "The same by height in pixels of the picture that the detector sees.",
            _by_height(rows, "by_pixels"),
        ),
        _curves(metrics, comparison),
    ]
    look = lru_cache(maxsize=16)(read)
    for detector, answers in comparison.answers.items():
        sections += _mistakes(html.escape(detector), answers, look)
    sections.append(_left_out(metrics, comparison))
    write_page(target, title, _ABOUT, sections)


def _number(value: float | None, format_spec: str) -> str:
    if value is None:
        return "-"
    return f"{100 * value:.1f}&nbsp;%" if format_spec == "%" else format(value, format_spec)


def _table(heads: list[str], rows: list[list[str]]) -> str:
    """`heads` and the first cell of each row are heads; all are HTML."""
    head = "".join(f'<th scope="col">{cell}</th>' for cell in heads)
    body = "\n".join(
        f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in rest)}</tr>'
        for first, *rest in rows
    )
    return (
        f'<div class="wide"><table class="overall"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _overall(metrics: Metrics) -> str:
    detectors = metrics["by_detector"]
    heads = ["", *map(name, detectors), "in metrics.json"]
    rows = [
        [words, *(_number(row[key], spec) for row in detectors.values()), f"<code>{key}</code>"]
        for key, (words, spec) in _FIGURES.items()
        if any(row[key] is not None for row in detectors.values())
    ]
    meaning = (
        f"{metrics['pictures']:,} pictures, {metrics['pictures_without_faces']:,} of them without a face, "
        f"with {metrics['faces']:,} faces, searched at a longer side of {metrics['side']:,} pixels. Times "
        f"are medians of one thread; decoding takes {metrics['decode_ms']:.1f} ms more."
    )
    return section("Overall", meaning, _table(heads, rows))


def _by_height(detectors: Mapping[str, Metrics], key: str) -> str:
    """Bands down, detectors across; empty where there is no face."""
    bands = {band: row["faces"] for row in detectors.values() for band, row in row[key].items()}
    rows = [
        [band, f"{faces:,}", *(_number(row[key][band]["recall"], "%") for row in detectors.values())]
        for band, faces in bands.items()
    ]
    return _table(["", "faces", *map(name, detectors)], rows) if rows else ""


def _curves(metrics: Metrics, comparison: Comparison) -> str:
    chosen = {
        detector: (row["recall"], row["precision"])
        for detector, row in metrics["by_detector"].items()
        if row["recall"] is not None and row["precision"] is not None
    }
    curves = {detector: curve(comparison.answers[detector]) for detector in chosen}
    image = plots.recall_and_precision(curves, chosen) if chosen else ""
    return section(
        "Recall and precision",
        "As the score threshold falls, more faces are found and more detections are false. The points are "
        "the thresholds in use; <code>curve</code> in metrics.json has both in steps of 0.05. A line ends at "
        "the lowest score that the detector gives, and the average precision with it.",
        side_by_side([figure(image, "Precision by recall")]) if image else "",
    )


def _mistakes(heading: str, answers: Answers, read: ReadPicture) -> list[str]:
    missed = sheet(
        (
            _crop(read, face.picture.path, face.box),
            f"{100 * face.share:.1f}&nbsp;% high, {face.pixels:.0f} pixels"
            + (f"<br>found with {face.score:.2f}" if face.score >= 0 else ""),
            face.picture.name,
        )
        for face in answers.missed()[:MISTAKES]
    )
    false = sheet(
        (_crop(read, one.picture.path, one.box), f"score {one.score:.2f}", one.picture.name)
        for one in answers.false()[:MISTAKES]
    )
    return [
        section(
            f"Missed: {heading}",
            "The largest faces not found, with the score of a detection that finds them below the threshold.",
            missed,
        ),
        section(f"False: {heading}", "The false detections with the highest scores.", false),
    ]


def _crop(read: ReadPicture, path: Path, box: Box) -> np.ndarray:
    picture = read(path)
    x, y = picture.scale
    return crop_face(picture.pixels, box.scaled(1 / x, 1 / y), _CROP, _CONTEXT)


def _left_out(metrics: Metrics, comparison: Comparison) -> str:
    """What is not in the figures, and why; the first pictures only."""
    lines = [f"{name(detector)}: {name(why)}" for detector, why in metrics["left_out"].items()]
    if metrics["boxes_left_out"]:
        lines.append(f"{metrics['boxes_left_out']:,} boxes without area in their picture")
    unreadable = comparison.unreadable
    lines += [f"{name(picture)}: {name(why)}" for picture, why in unreadable[:MISTAKES]]
    if len(unreadable) > MISTAKES:
        lines.append(f"{len(unreadable) - MISTAKES:,} more pictures")
    items = "".join(f"<li>{line}</li>" for line in lines)
    return section(
        "Left out",
        "Detectors, boxes and pictures that no figure is of.",
        f"<ul>{items}</ul>" if items else "",
    )
