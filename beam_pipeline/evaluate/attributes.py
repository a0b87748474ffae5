"""An attribute model on labelled faces, which are found and cut out as in a run: `headcount evaluate`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

import numpy as np

from headcount.beam_pipeline.seeing import read_settings
from headcount.beam_pipeline.settings import Seeing
from headcount.models.attributes import load_attribute_model, load_calibration
from headcount.models.cores import usable_cores
from headcount.models.datasets.crops import Faces, labels_of, nearest_centre
from headcount.models.datasets.labelled import LabelledFace, read_labelled
from headcount.models.detectors import load_detector
from headcount.models.detectors.search import Detector, detect_faces
from headcount.models.evaluation.attributes import has_labels, predict
from headcount.models.evaluation.metrics import Metrics, evaluate
from headcount.models.framing import Box, crop_face
from headcount.models.quiet import ONE_CV2_THREAD
from headcount.reports.page import make_folder
from headcount.schemas.errors import PhotoError, UsageError
from headcount.transforms.photo.file_types import HEAD_BYTES, sniff
from headcount.transforms.photo.metadata.exif import read_metadata
from headcount.transforms.photo.reader import ReadSettings, find_faces


@dataclass(frozen=True)
class EvaluateOptions:
    """What `evaluate_files` needs to know."""

    data: tuple[Path, ...]
    """Files or folders of labelled faces, in any form of `headcount.models.datasets.labelled`."""
    output: Path
    """Folder for `metrics.json` and `index.html`."""
    seeing: Seeing = Seeing()
    """As in a run. Only `attributes` is not looked at: what has a label is measured."""


def evaluate_files(options: EvaluateOptions) -> Metrics:
    """Evaluates the model on all faces of `options.data` and writes what was measured.

    Raises UsageError for places without labelled faces, and models that cannot be used.
    """
    from headcount.reports.attributes import write_report

    make_folder(options.output)
    seeing = options.seeing
    load_detector(seeing.detector, seeing.detector_model)
    model = load_attribute_model(seeing.attribute_model, usable_cores())
    calibration = load_calibration(seeing.attribute_model)
    labelled = chain.from_iterable(read_labelled(place) for place in options.data)
    reading = read_settings(seeing, model.side, datetime.now(UTC).replace(tzinfo=None))
    faces, unreadable = frame_faces(labelled, reading)
    if not has_labels(faces):
        raise UsageError(
            f"none of the {len(faces)} faces has an age, gender or mood; nothing can be measured"
        )
    outputs = predict(model, faces.crops)
    metrics = evaluate(outputs, faces, calibration)
    metrics["unreadable"] = unreadable
    (options.output / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n")
    title = ", ".join(place.name for place in options.data)
    write_report(metrics, faces, outputs, calibration, options.output / "index.html", title)
    return metrics


def frame_faces(labelled: Iterable[LabelledFace], reading: ReadSettings) -> tuple[Faces, int]:
    """The faces as a run cuts them out, and how many pictures could not be read.

    Of several faces in a picture the one nearest its centre counts; where there is none, the whole picture.
    """
    own = threading.local()

    def frame(face: LabelledFace) -> tuple[LabelledFace, np.ndarray, bool] | None:
        if not hasattr(own, "detector"):
            own.detector = load_detector(reading.detector, reading.detector_model)
        try:
            crop, found = cut_out(face.picture, own.detector, reading)
        except PhotoError:
            return None
        return replace(face, picture=b""), crop, found

    framed, unreadable = [], 0
    with ONE_CV2_THREAD, ThreadPoolExecutor(usable_cores()) as pool:
        for batch in _batches(labelled):
            results = list(pool.map(frame, batch))
            framed += [result for result in results if result is not None]
            unreadable += results.count(None)
    if not framed:
        raise UsageError(f"none of the {unreadable} labelled pictures can be read; give others")
    kept, crops, found = zip(*framed, strict=True)
    size = reading.crop_size
    edges = np.tile(np.array([0, 0, size, size], np.uint8), (len(kept), 1))
    return Faces(crops=np.stack(crops), real=edges, found=np.array(found), **labels_of(kept)), unreadable


def cut_out(
    picture: bytes | np.ndarray, detector: Detector, reading: ReadSettings
) -> tuple[np.ndarray, bool]:
    """The crop of the face nearest the centre, or of the whole picture, and whether a face was found.

    A picture is the bytes of a photo, or RGB uint8 [height, width, 3]. Raises PhotoError.
    """
    if isinstance(picture, np.ndarray):
        pixels = picture
        found = detect_faces(pixels, detector, reading.detection_side, reading.min_score)
    else:
        kind = sniff(picture[:HEAD_BYTES], "")
        metadata = read_metadata(picture, kind.format)
        decoded, found = find_faces(picture, kind, metadata, detector, reading)
        pixels = decoded.pixels
    height, width = pixels.shape[:2]
    boxes = [one.box for one in found]
    box = nearest_centre(boxes, width, height) if boxes else Box(0, 0, width, height)
    return crop_face(pixels, box, reading.crop_size), bool(boxes)


def _batches(labelled: Iterable[LabelledFace]) -> Iterator[list[LabelledFace]]:
    """In parts, so that only the crops of a large set are in memory at once."""
    faces = iter(labelled)
    while batch := list(islice(faces, 512)):
        yield batch
