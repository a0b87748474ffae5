"""Runs the pipeline: the one function behind `headcount run` and the Python interface."""

from __future__ import annotations

import dataclasses
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_pipeline import __version__
from beam_pipeline.graph import Plan, build
from beam_pipeline.progress import Progress
from beam_pipeline.settings import Settings
from models.attributes import load_attribute_model, load_thresholds, model_hash
from models.detectors import detection_side, load_detector
from runners.local import local_options
from schemas.manifest import Manifest
from transforms.describe_faces import DescribeSettings
from transforms.finish_run import RunInfo
from transforms.output import Output, check_output, read_manifest
from transforms.photo_reader import ReadSettings
from transforms.reader_pool import PoolSettings


def make_plan(settings: Settings) -> Plan:
    """Checks everything that can be checked before any work; raises UsageError."""
    settings.check()
    check_output(settings.output)
    load_detector(settings.detector, settings.detector_model)
    side = load_attribute_model(settings.attribute_model).side
    started_at = datetime.now(UTC).replace(tzinfo=None)
    processes = settings.processes or os.cpu_count() or 1
    models = {"attributes": model_hash(settings.attribute_model)}
    if settings.detector_model:
        models["detector"] = model_hash(settings.detector_model)
    return Plan(
        input=settings.input,
        reading=read_settings(settings, side, started_at),
        pool=PoolSettings(processes=processes, photo_timeout=settings.photo_timeout),
        describing=DescribeSettings(
            model=settings.attribute_model,
            thresholds=load_thresholds(settings.attribute_model),
            attributes=settings.attributes,
            threads=processes,
        ),
        info=RunInfo(
            output=Output(
                os.path.abspath(settings.output), f"{started_at:%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
            ),
            version=__version__,
            started_at=started_at,
            settings=dataclasses.asdict(settings),
            models=models,
        ),
    )


def read_settings(settings: Settings, crop_size: int, started_at: datetime) -> ReadSettings:
    """The part of the settings that decides what is read from a photo."""
    return ReadSettings(
        detector=settings.detector,
        detector_model=settings.detector_model,
        detection_side=detection_side(settings.min_face),
        min_score=settings.min_score,
        crop_size=crop_size,
        keep_location=settings.keep_location,
        use_mtime=settings.use_mtime,
        max_pixels=settings.max_pixels,
        started_at=started_at,
    )


def run(settings: Settings, beam_args: Sequence[str] = (), progress: TextIO | None = None) -> Manifest:
    """Reads the photos of `settings.input` into the tables of `settings.output`.

    `beam_args` go to Beam's PipelineOptions; without a `--runner` the run is local. `progress` gets a
    line of progress where the engine works in this process. Raises UsageError before any work for what
    cannot be done. Reading starts child processes that import the caller's main module, so a script
    calls this under `if __name__ == "__main__":`.
    """
    plan = make_plan(settings)
    options = PipelineOptions(list(beam_args), **local_options(beam_args))
    with Progress(progress):
        pipeline = beam.Pipeline(options=options)
        build(pipeline, plan)
        pipeline.run().wait_until_finish()
    return read_manifest(plan.info.output.root)
