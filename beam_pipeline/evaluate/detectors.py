"""Detectors on pictures with labelled boxes, which are decoded and searched as in a run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

from headcount.beam_pipeline.settings import Seeing
from headcount.beam_pipeline.text import printable
from headcount.models.datasets.boxes import read_boxes
from headcount.models.detectors.search import detection_side
from headcount.models.evaluation.detectors import Picture, compare, figures, load_detectors, table
from headcount.models.evaluation.metrics import Metrics
from headcount.models.quiet import ONE_CV2_THREAD
from headcount.reports.page import make_folder
from headcount.transforms.photo.decode import decode
from headcount.transforms.photo.file_types import HEAD_BYTES, sniff
from headcount.transforms.photo.metadata.exif import read_metadata


@dataclass(frozen=True)
class DetectorOptions:
    """What `evaluate_detectors` needs to know."""

    data: tuple[Path, ...]
    """Files of labelled boxes, or folders with one, as `models.datasets.boxes` has them."""
    output: Path
    """Folder for `metrics.json` and `index.html`."""
    detectors: tuple[str, ...] = ()
    """Each NAME or NAME=FILE; none is all that load on this machine."""
    seeing: Seeing = Seeing()
    """As in a run, but for `detector`."""


def evaluate_detectors(options: DetectorOptions) -> str:
    """Measures the detectors, writes what was measured to `options.output`, and gives the table to print.

    Raises UsageError for files without boxes, and for options that cannot be used.
    """
    from headcount.reports.detectors import write_detector_report

    seeing = options.seeing
    side = detection_side(seeing.min_face)
    detectors, left_out = load_detectors(options.detectors, seeing.detector_model)
    pictures = [picture for place in options.data for picture in read_boxes(place)]
    make_folder(options.output)

    def read(path: Path) -> Picture:
        return read_picture(path, side, seeing.max_pixels)

    with ONE_CV2_THREAD:
        comparison = compare(pictures, detectors, read, side, seeing.min_score)
    metrics = figures(comparison) | {"side": side, "min_face": seeing.min_face, "left_out": left_out}
    (options.output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    title = ", ".join(place.name or str(place) for place in options.data)
    write_detector_report(metrics, comparison, read, options.output / "index.html", title)
    lines = [
        f"{metrics['pictures']} pictures with {metrics['faces']} faces, searched at {side} pixels,"
        f" decoded in {metrics['decode_ms']:.1f} ms",
        table(metrics),
        *_left_out(left_out, comparison.unreadable, metrics["boxes_left_out"]),
        *_misfits(metrics),
    ]
    return "\n".join(lines)


def _left_out(detectors: dict[str, str], unreadable: list[tuple[str, str]], boxes: int) -> list[str]:
    """One line for each detector, and for pictures and boxes."""
    lines = [f"without {name}: {printable(why)}" for name, why in detectors.items()]
    if unreadable:
        first, why = unreadable[0]
        lines.append(printable(f"{len(unreadable)} pictures cannot be read, the first {first}: {why}"))
    if boxes:
        lines.append(f"{boxes} boxes have no area in their picture and do not count")
    return lines


def _misfits(metrics: Metrics) -> list[str]:
    """A line where most detections lie on a face that they do not find: then the boxes are at fault."""
    doubles = max(row["doubles_per_picture"] for row in metrics["by_detector"].values())
    found = max(row["recall"] or 0.0 for row in metrics["by_detector"].values())
    if doubles * metrics["pictures"] <= found * metrics["faces"]:
        return []
    return ["most boxes found do not fit the labelled ones; draw those from forehead to chin, cheek to cheek"]


def read_picture(path: Path, side: int, max_pixels: int) -> Picture:
    """A picture as a run decodes it for a detector that searches at `side`.

    Raises PhotoError, OSError or ValueError where it cannot be read.
    """
    content = path.read_bytes()
    kind = sniff(content[:HEAD_BYTES], path.name)
    orientation = read_metadata(content, kind.format).orientation
    start = time.perf_counter()
    decoded = decode(content, kind.format, orientation, side, max_pixels)
    return Picture(decoded.pixels, decoded.width, decoded.height, 1000 * (time.perf_counter() - start))
