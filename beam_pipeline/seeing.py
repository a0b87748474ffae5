"""From the options that decide what is seen to what the reader and the describer need; without Beam."""

from __future__ import annotations

import os
from datetime import datetime

from headcount.beam_pipeline.settings import Seeing
from headcount.models.attributes import load_calibration
from headcount.models.detectors.search import detection_side
from headcount.models.shipped import SHIPPED
from headcount.transforms.collection.storage import is_remote
from headcount.transforms.photo.describe import DescribeSettings
from headcount.transforms.photo.reader import ReadSettings


def read_settings(settings: Seeing, crop_size: int, started_at: datetime) -> ReadSettings:
    """What is read from a photo by these options; without its position, and of no earlier run."""
    return ReadSettings(
        detector=settings.detector,
        detector_model=settings.detector_model and for_workers(settings.detector_model),
        detection_side=detection_side(settings.min_face),
        min_score=settings.min_score,
        crop_size=crop_size,
        keep_location=False,
        use_mtime=settings.use_mtime,
        max_pixels=settings.max_pixels,
        started_at=started_at,
    )


def describe_settings(settings: Seeing, threads: int) -> DescribeSettings:
    """What is predicted for a face by these options, on so many threads; 0 is one per core."""
    model = settings.attribute_model
    return DescribeSettings(
        model=model if model in SHIPPED else for_workers(model),
        calibration=load_calibration(model),
        attributes=settings.attributes,
        threads=threads,
    )


def for_workers(path: str) -> str:
    """`path` as a process in another working folder finds it."""
    return path if is_remote(path) else os.path.abspath(path)
