"""The functions of `import headcount`."""

from __future__ import annotations

import inspect
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from headcount.beam_pipeline.options import REQUIRED, options_of, read_options
from headcount.beam_pipeline.settings import Seeing, Settings, make_settings
from headcount.results import Look, Result
from headcount.schemas.errors import HeadcountError, RunError, UsageError
from headcount.transforms.collection.output import read_manifest
from headcount.transforms.collection.storage import is_remote

Place = str | os.PathLike[str]
"""A folder, a file or a glob, `gs://...` or `s3://...`."""

Function = TypeVar("Function", bound=Callable[..., Any])


def _with_options(owner: type) -> Callable[[Function], Function]:
    """Shows the options of `owner`, with their defaults, in the signature that help() and a notebook show."""

    def add(function: Function) -> Function:
        signature = inspect.signature(function)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        options = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default)
            for one in options_of(owner)
            if one.default is not REQUIRED
        ]
        function.__signature__ = signature.replace(parameters=[*own, *options])  # type: ignore[attr-defined]
        return function

    return add


@contextmanager
def _without_beams_warning() -> Iterator[None]:
    """Keeps back what Beam's RunInference says of a package that only models under PyTorch need."""

    def keep(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Resource module is not available")

    logging.getLogger().addFilter(keep)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(keep)


@_with_options(Settings)
def run(
    input: Place | Iterable[Place],
    output: Place,
    *,
    beam_args: Sequence[str] = (),
    progress: bool = True,
    **options: Any,
) -> Result:
    """Reads the photos of one place or several into the tables of `output`, and gives them.

    The options are those of `headcount run`, under the names of its flags (docs/options.md). `beam_args` go
    to Apache Beam, as in `["--runner=PrismRunner"]`. `progress` shows how far the run is. A second run reads
    only what is new or has changed.

    Raises UsageError for what cannot be used, before any work, RefusedError for a run that is not published
    because of what it would lose, and RunError for one that fails or has more failures than `max_failures`.
    Warns of a run that is incomplete.
    """
    settings = make_settings(input=input, output=output, **options)
    from headcount.beam_pipeline.ending import TOO_MANY_FAILURES, ending
    from headcount.beam_pipeline.progress import in_notebook
    from headcount.beam_pipeline.run import run_and_measure
    from headcount.runners.engines import root_cause

    stream = (sys.stdout if in_notebook() else sys.stderr) if progress else None
    try:
        with _without_beams_warning():
            manifest, metrics = run_and_measure(settings, beam_args, stream)
    except HeadcountError:
        raise
    except Exception as error:
        why = root_cause(error)
        if "KeyboardInterrupt" in why:  # An engine makes of it what it makes of any error in a step.
            raise KeyboardInterrupt from error
        left = f"{settings.output} is still as the last complete run left it"
        raise RunError(f"the run failed: {why}; {left}") from error
    if manifest is None:
        raise UsageError("--template_location only writes the job down; use the command headcount run")
    status, line = ending(manifest, settings.max_failures)
    if status == TOO_MANY_FAILURES:
        raise RunError(f"{line}; headcount.read({settings.output!r}) has the tables")
    if line:
        warnings.warn(line, stacklevel=2)
    return Result(settings.output, manifest, metrics)


def read(output: Place) -> Result:
    """What the last complete run wrote to a folder, or to `gs://` or `s3://`.

    Raises UsageError where there is none, or where the bucket cannot be reached.
    """
    place = os.path.expanduser(os.fspath(output))
    if is_remote(place):
        from apache_beam.options.pipeline_options import PipelineOptions

        from headcount.beam_pipeline.access import check_access

        check_access(place, PipelineOptions([]))
    return Result(place, read_manifest(place))


@_with_options(Seeing)
def look(photo: Place, **options: Any) -> Look:
    """What is seen in one picture, given by its path or its http(s) address.

    The options are those of `headcount look`. Raises UsageError where the picture cannot be read.
    """
    settings = Seeing(**read_options(Seeing, options))
    from headcount.beam_pipeline.look import see

    return Look(*see(os.fspath(photo), settings))
