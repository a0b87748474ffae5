"""Runs the pipeline: the one function behind `headcount run` and the Python interface."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, TextIO

import apache_beam as beam
import grpc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from apache_beam.runners.runner import PipelineResult, PipelineState

from headcount import __version__
from headcount.beam_pipeline.graph import Plan, build
from headcount.beam_pipeline.interrupt import undone
from headcount.beam_pipeline.progress import Progress
from headcount.beam_pipeline.seeing import describe_settings, for_workers, read_settings
from headcount.beam_pipeline.settings import DECIDE_ROWS, Settings
from headcount.beam_pipeline.text import printable
from headcount.models.attributes import load_attribute_model, model_hash
from headcount.models.detectors import load_detector, weights_file
from headcount.runners.access import check_access
from headcount.runners.engines import check_answers, check_places, engine_options, is_template, own_places
from headcount.runners.metrics import metrics_of
from headcount.runners.render import check_render, render
from headcount.schemas.columns import arrow_schema
from headcount.schemas.errors import RefusedError, UsageError
from headcount.schemas.files import File
from headcount.schemas.manifest import READING_VERSION, Manifest
from headcount.schemas.photos import Photo
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.forgotten import Forgotten, forget
from headcount.transforms.collection.found_file import uri_of
from headcount.transforms.collection.listing.inputs import check_input
from headcount.transforms.collection.output import Output, output_at, read_manifest
from headcount.transforms.collection.storage import is_glob, is_remote, local_copy
from headcount.transforms.finish_run import RunInfo
from headcount.transforms.photo.reader_pool import PoolSettings
from headcount.transforms.skip_known import Again


def make_plan(settings: Settings, output: Output, started_at: datetime) -> tuple[Plan, list[str]]:
    """Checks the models and what an earlier run left, and says what is unusual about the run.

    Raises UsageError.
    """
    load_detector(settings.detector, settings.detector_model)
    model = settings.attribute_model
    loaded = load_attribute_model(model)
    models = {"attributes": model_hash(model)}
    if weights := weights_file(settings.detector, settings.detector_model):
        models["detector"] = model_hash(weights)
    before, notes = _before(output, settings), []
    earlier = output.earlier() if before else None
    if earlier and (damage := earlier.damage()):
        notes.append(
            f"everything is read again and no row kept: a table of the last run is damaged ({damage})"
        )
        earlier = None
    changed = differences(before, settings, models) if before else []
    if changed:
        notes.append(f"everything is read again: {', '.join(changed)}")
    forgotten, count = _forgotten(settings.forget, before, earlier)
    if count:
        notes.append(f"--forget: {count:,} photo{'s'[: count != 1]} will have no row, copies counted")
    if missing := set(settings.attributes).difference(loaded.predicts):
        notes.append(
            f"attribute model {model} does not predict {', '.join(sorted(missing))}: null in every row"
        )
    again = Again.ALL if settings.rehash else Again.FAILED if settings.retry_failed else Again.CHANGED
    plan = Plan(
        input=tuple(for_workers(source) for source in settings.input),
        reading=replace(
            read_settings(settings, loaded.side, started_at),
            keep_location=settings.keep_location,
            earlier=None if changed else earlier,
        ),
        pool=PoolSettings(processes=settings.processes, photo_timeout=settings.photo_timeout),
        describing=describe_settings(settings, threads=settings.processes),
        again=again,
        info=RunInfo(
            output=output,
            version=__version__,
            started_at=started_at,
            settings={name: value for name, value in asdict(settings).items() if name != "forget"},
            models=models,
            before=before,
            earlier=earlier,
            same=not changed,
            keep_deleted=settings.keep_deleted,
            allow_gone=settings.allow_gone,
            forgotten=forgotten,
            globs=tuple(uri_of(for_workers(source)) for source in settings.input if is_glob(source)),
        ),
    )
    return plan, notes


def _before(output: Output, settings: Settings) -> Manifest | None:
    """The last complete run."""
    if output.has_run():
        return read_manifest(output.root)
    if settings.retry_failed:
        raise UsageError(f"--retry_failed: {output.root} holds no finished run; leave the flag out")
    return None


def differences(before: Manifest, settings: Settings, models: Mapping[str, str]) -> list[str]:
    """What a run has otherwise than the one `before`, of all that decides its rows."""
    now = {name: getattr(settings, name) for name in DECIDE_ROWS}
    now |= {
        "reading version": READING_VERSION,
        **{f"{name} model": digest for name, digest in models.items()},
    }
    then = {name: before.settings.get(name) for name in DECIDE_ROWS}
    then |= {"reading version": before.reading}
    then |= {f"{name} model": digest for name, digest in before.models.items()}
    return [
        f"{name} was {_plain(then.get(name))} and is {_plain(now.get(name))}"
        for name in {**now, **then}
        if _plain(now.get(name)) != _plain(then.get(name))
    ]


def _forgotten(
    names: Sequence[str], before: Manifest | None, earlier: Earlier | None
) -> tuple[Forgotten, int]:
    """What this and earlier runs were asked to forget, and how many photos that adds."""
    known = Forgotten.from_json(before.forgotten) if before else Forgotten()
    if not names:
        return known, 0
    tables = []
    for row, path in ((Photo, earlier and earlier.photos), (File, earlier and earlier.files)):
        table = arrow_schema(row).empty_table()
        if path:
            with local_copy(path) as file:
                table = pq.read_table(file)
        tables.append(table)
    return forget(names, known, *tables)


def _plain(value: Any) -> Any:
    """As JSON gives it back; the order of several is none."""
    return sorted(value) if isinstance(value, list | tuple) else value


def _wait(result: PipelineResult, progress: TextIO | None) -> None:
    if progress and not PipelineState.is_terminal(result.state):
        progress.write("the engine has the job; this waits for its end\n")
    # Handlers of signals, Beam's own among them, run in the main thread. So that thread must hold none of
    # gRPC's locks, and must wake by itself: the signal may have come to another thread.
    with undone(result.cancel), ThreadPoolExecutor(1) as waiting:
        end = waiting.submit(result.wait_until_finish)
        while wait_for([end], timeout=0.5).not_done:
            pass
        end.result()


def run(
    settings: Settings, beam_args: Sequence[str] = (), progress: TextIO | None = None, wait: bool = True
) -> Manifest | None:
    """`run_and_measure` without the metrics."""
    return run_and_measure(settings, beam_args, progress, wait)[0]


def run_and_measure(
    settings: Settings, beam_args: Sequence[str] = (), progress: TextIO | None = None, wait: bool = True
) -> tuple[Manifest | None, dict[str, Any]]:
    """Reads the photos of `settings.input` into the tables of `settings.output`; gives the manifest and what
    the engine counted.

    What the last run there wrote with the same models and settings is kept. `beam_args` go to Beam's
    PipelineOptions; without a `--runner` the run is local. `progress` gets a line of progress where the
    engine works in this process. Without `wait` the engine is given the job and None comes back unless
    it is done already, and so it does for a template. Raises UsageError before any work for what cannot be
    done, and RefusedError after it for a run that is not published.
    """
    settings.check()
    started_at = datetime.now(UTC).replace(tzinfo=None)
    output = output_at(settings.output, f"{started_at:%Y%m%dT%H%M%S%f}-{secrets.token_hex(2)}")
    try:
        options = engine_options(beam_args)
        places = (*settings.input, output.root, *own_places(options))
        check_places(options, places)
        check_answers(options)
        check_render(options)
        for place in filter(is_remote, places):
            check_access(place, options)
        FileSystems.set_options(options)
        for source in filter(is_remote, settings.input):
            check_input(source)
        pipeline = beam.Pipeline(options=options)
    except ValueError as error:
        raise UsageError(f"the engine's options cannot be used: {error}") from error
    output.check()
    wait = wait and not is_template(options)
    with output.held(until_published=not wait), undone(output.give_back):
        plan, notes = make_plan(settings, output, started_at)
        if progress:
            progress.writelines(f"{printable(note)}\n" for note in notes)
        with Progress(progress):
            build(pipeline, plan)
            render(pipeline, options)
            try:
                result = pipeline.run()
                if wait:
                    _wait(result, progress)
            except Exception as error:
                if why := output.refused():
                    raise RefusedError(why) from error
                if isinstance(error, grpc.RpcError):
                    raise RuntimeError(f"the engine does not answer any more ({error.details()})") from None
                raise
        if output.published() == output.run_id:
            return read_manifest(output.root), metrics_of(result)
        if why := output.refused():
            raise RefusedError(why)
        if wait:
            raise RuntimeError(f"the engine ended the run before it was complete: {result.state}")
        return None, {}
