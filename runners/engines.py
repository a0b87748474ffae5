"""The engines that a run can be given to: for each the Beam options that Headcount needs there.

Whatever the caller gives comes later on the command line of Beam's options, and so wins.
"""

from __future__ import annotations

import os
import re
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import grpc
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions

from headcount.schemas.errors import UsageError
from headcount.transforms.collection.storage import is_remote

IN_PROCESS: Final = "FnApiRunner"
"""Beam's in-process runner, by its name. `DirectRunner` is a switch that runs Prism where it can download it
and this runner where it cannot; a run should not change its engine with the weather. One bundle in one thread
is enough, because the child processes of the reading step use all cores."""


SECONDS: Final = 4.0
"""For an engine to answer that it is there."""


@dataclass(frozen=True, slots=True)
class Engine:
    """What one engine needs."""

    flags: tuple[str, ...] = ()
    must: tuple[str, ...] = ()
    """Beam options that have no default which works."""
    buckets_only: bool = False
    """Its workers see no folder of the machine that launches the run."""


ENGINES: Final = {
    "fnapi": Engine(),
    "dataflow": Engine(
        flags=(
            # One process a worker: it starts child processes for all cores itself.
            "--experiments=no_use_multiple_sdk_containers",
            # 16 GB. The system and Beam take 2, each child 0.4, and one with a picture of 250 megapixels 6.1:
            # two of those pass at once. With half the cores and memory one would not.
            "--machine_type=n2-standard-4",
            # The packages of the image take 1.1 GB. Photos stay in memory; only paths and names are shuffled.
            "--disk_size_gb=30",
        ),
        must=("project", "region", "temp_location", "sdk_container_image"),
        buckets_only=True,
    ),
    "portable": Engine(must=("job_endpoint",)),
    "prism": Engine(flags=("--prism_log_level=error",)),
}
"""By the name of Beam's runner in lower case, without its ending. The others need nothing."""


def engine_options(beam_args: Sequence[str]) -> PipelineOptions:
    """Beam's options for a run; without a `--runner` it is in this process.

    Raises UsageError for an engine that lacks an option.
    """
    given = PipelineOptions(list(beam_args)).view_as(StandardOptions).runner or IN_PROCESS
    engine = _engine(given)
    options = PipelineOptions([f"--runner={given}", *engine.flags, *beam_args])
    values = options.get_all_options()
    missing = [f"--{name}" for name in engine.must if not values.get(name)]
    if missing:
        raise UsageError(f"--runner={given} also needs {', '.join(missing)}; see docs/engines.md")
    return options


def check_places(options: PipelineOptions, places: Sequence[str]) -> None:
    """Raises UsageError for a place that the engine's workers could not open."""
    runner = options.view_as(StandardOptions).runner
    local = [place for place in places if not is_remote(place)]
    if local and _engine(runner).buckets_only:
        raise UsageError(
            f"{local[0]} is on this machine, where the workers of {runner} cannot see it; use gs://"
        )


def check_answers(options: PipelineOptions) -> None:
    """Raises UsageError for an engine that is not where it is said to be, or does not answer in SECONDS."""
    values = options.get_all_options()
    prism = values.get("prism_location")
    if prism and not is_remote(prism) and not os.path.exists(prism):
        raise UsageError(f"--prism_location {prism}: nothing is there; docs/engines.md says how it is built")
    for name, answers in (("job_endpoint", _answers_beam), ("flink_master", _answers_flink)):
        address = values.get(name)
        if address and ":" in address:  # Not [auto] or [local].
            try:
                answers(address)
            except Exception as error:
                why = str(error) or f"nothing within {SECONDS:g} s"
                raise UsageError(
                    f"--{name} {address}: no engine answers there ({why}); start it, or give another address"
                ) from None


def _answers_beam(address: str) -> None:
    with grpc.insecure_channel(address) as channel:
        grpc.channel_ready_future(channel).result(timeout=SECONDS)


def _answers_flink(address: str) -> None:
    address = address if "://" in address else f"http://{address}"
    urllib.request.urlopen(f"{address}/v1/config", timeout=SECONDS).close()


def root_cause(error: BaseException) -> str:
    """What went wrong first, in one line; an engine gives it as an exception, or as text with a traceback."""
    while error.__cause__ is not None:
        error = error.__cause__
    kind, words = f"{type(error).__module__}.{type(error).__name__}", str(error)
    _, _, trace = words.partition("Traceback (most recent call last):\n")
    if raised := re.search(r"^([\w.]+)(?:: (.*))?$", trace, re.MULTILINE):
        kind, words = raised[1], raised[2] or ""
    words = re.sub(r" \[while running .*", "", (words.splitlines() or [""])[0])
    return words if kind.startswith("headcount.") else f"{kind.rpartition('.')[2]}: {words}"


def own_places(options: PipelineOptions) -> list[str]:
    """Where the engine itself puts things. For one that cannot be used, Beam would make a new bucket."""
    if not _engine(options.view_as(StandardOptions).runner).buckets_only:
        return []
    return [options.view_as(GoogleCloudOptions).temp_location]


def is_template(options: PipelineOptions) -> bool:
    """Whether the pipeline is only written down for a later launch, so that there is nothing to wait for."""
    return bool(options.view_as(GoogleCloudOptions).template_location)


def _engine(runner: str) -> Engine:
    return ENGINES.get(runner.rpartition(".")[2].lower().removesuffix("runner"), Engine())
