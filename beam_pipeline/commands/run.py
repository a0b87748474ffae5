"""`headcount run`: a photo collection into Parquet tables."""

from __future__ import annotations

import argparse
import gc
import io
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext, redirect_stderr
from typing import Final, NoReturn

from headcount.beam_pipeline.commands.streams import UnheardError, complain, say
from headcount.beam_pipeline.options import add_flags, unknown
from headcount.beam_pipeline.settings import Settings, make_settings
from headcount.beam_pipeline.text import printable
from headcount.schemas.errors import RefusedError, UsageError

WHAT: Final = "read a photo collection into Parquet tables"
EXAMPLES: Final = """\
  headcount run --input ~/Pictures --output out
  headcount run --input '/cam/2024-*/*.jpg' --output cafe --attributes age,gender
  headcount run --input list.txt --input ~/Scans --output out --detector yunet --detector_model yunet.onnx

Flags that are not listed go to Apache Beam, for example --runner=PrismRunner or --render_output=graph.svg.
The tables are Parquet: python -c "import pandas; print(pandas.read_parquet('out/faces'))"
"""

MOST_PLACES: Final = 3
"""Words without a flag that are written into the right command; of more a shell has made a glob."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See Command."""
    add_flags(parser, Settings)
    parser.add_argument(
        "--no_wait",
        action="store_true",
        help="give the job to the engine and return, on engines that work elsewhere",
    )
    parser.add_argument("--verbose", action="store_true", help="show the engine's log, with tracebacks")


def main(args: argparse.Namespace) -> int:
    """See Command."""
    given = {name: value for name, value in vars(args).items() if name in Settings.__dataclass_fields__}
    settings = make_settings(**given)
    from headcount.transforms.photo.child_processes import prepare

    if not args.others:
        prepare()  # It imports while the rest does.
    gc.disable()  # What Beam's import makes stays; looking for garbage in it takes half a second.
    from headcount.beam_pipeline.ending import ending, left_alone
    from headcount.beam_pipeline.run import run
    from headcount.beam_pipeline.show import totals
    from headcount.runners.engines import root_cause

    gc.freeze()
    gc.enable()
    wait = not getattr(args, "no_wait", False)
    progress = sys.stderr
    try:
        # A worker of Beam's in this process prints each traceback.
        with nullcontext() if getattr(args, "verbose", False) else redirect_stderr(io.StringIO()):
            manifest = run(settings, args.others, progress=progress, wait=wait)
    except UsageError:
        raise
    except RefusedError as error:
        complain(f"headcount run: {printable(str(error))}")
        return 1
    except Exception as error:
        complain(f"headcount run: failed: {root_cause(error)}; --verbose shows more")
        complain(left_alone(settings.output))
        return 1
    if manifest is None:
        say(f"the engine has the job; {settings.output} changes when it is complete")
        return 0
    try:
        say(totals(settings.output))
    except (UnheardError, UsageError) as error:
        # The tables are published, and that is what the exit status speaks of.
        if not getattr(error, "reader_left", False):
            complain(f"headcount run: {settings.output} is complete, but {error}")
    status, line = ending(manifest, settings.max_failures)
    if line:
        complain(f"headcount run: {line}")
    return status


def check_others(args: argparse.Namespace, others: Sequence[str], own_flags: set[str]) -> None:
    """Raises UsageError for a flag that neither Headcount nor Beam has, for a value that Beam's flag does not
    take, and for a word without a flag.
    """
    if not others:
        return
    from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser
    from apache_beam.runners import render  # noqa: F401  It adds --render_output.

    class Parser(_BeamArgumentParser):
        def error(self, message: str) -> NoReturn:
            """In one line; argparse would print all of Beam's flags first, and end the process."""
            raise UsageError(message.removeprefix("argument "))

    beam_parser = Parser(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(beam_parser)
    known = set(beam_parser._option_string_actions)
    for other in others:
        flag = other.partition("=")[0]
        if flag.startswith("-") and flag not in known and f"--{flag[5:]}" not in known:
            raise UsageError(unknown(flag, own_flags | known, see="headcount run --help"))
    _, stray = beam_parser.parse_known_args(list(others))
    if stray:
        raise UsageError(_right_command(args, stray))


def _right_command(args: argparse.Namespace, stray: Sequence[str]) -> str:
    """What to say of words without a flag: the command that was meant, if that can be seen."""
    inputs, output = list(getattr(args, "input", [])), getattr(args, "output", None)
    words = list(stray)
    if len(words) > MOST_PLACES:
        return f"{words[0]} and {len(words) - 1} more belong to no flag; put quotes around a glob"
    if output is None and (len(words) > 1 or inputs):
        output = words.pop()
    inputs += words
    flags = [part for place in inputs for part in ("--input", place)] + ["--output", output or "out"]
    return f"{stray[0]} belongs to no flag; did you mean headcount run {shlex.join(flags)}?"
