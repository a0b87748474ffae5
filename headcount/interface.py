"""The functions of `import headcount`."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

from headcount.beam_pipeline.commands.run import check_others
from headcount.beam_pipeline.options import read_options, with_options
from headcount.beam_pipeline.settings import Seeing, Settings, make_settings
from headcount.results import Look, Result
from headcount.schemas.errors import HeadcountError, RunError, UsageError
from headcount.transforms.collection.output import read_manifest
from headcount.transforms.collection.storage import is_remote

Place = str | os.PathLike[str]
"""A folder, a file or a glob, `gs://...` or `s3://...`."""


@with_options(Settings)
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
    if isinstance(beam_args, str):
        raise UsageError(f"beam_args {beam_args}: give a list of flags")
    check_others(argparse.Namespace(), beam_args, set())
    from headcount.beam_pipeline.ending import TOO_MANY_FAILURES, ending, left_alone
    from headcount.beam_pipeline.run import run_and_measure
    from headcount.runners.engines import root_cause
    from headcount.runners.notebook import in_notebook, quiet_beam

    stream = (sys.stdout if in_notebook() else sys.stderr) if progress else None
    try:
        with quiet_beam():
            manifest, metrics = run_and_measure(settings, beam_args, stream)
    except HeadcountError:
        raise
    except Exception as error:
        why = root_cause(error)
        if "KeyboardInterrupt" in why:  # An engine makes of it what it makes of any error in a step.
            raise KeyboardInterrupt from error
        raise RunError(f"the run failed: {why}; {left_alone(settings.output)}") from error
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

        from headcount.runners.access import check_access

        check_access(place, PipelineOptions([]))
    return Result(place, read_manifest(place))


@with_options(Seeing)
def look(photo: Place, **options: Any) -> Look:
    """What is seen in one picture, given by its path or its http(s) address.

    The options are those of `headcount look`. Raises UsageError where the picture cannot be read.
    """
    settings = Seeing(**read_options(Seeing, options))
    from headcount.beam_pipeline.look import see

    return Look(*see(os.fspath(photo), settings))
