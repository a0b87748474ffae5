"""`headcount show`: the totals of a finished run."""

from __future__ import annotations

import argparse
from typing import Final

from headcount.beam_pipeline.commands.streams import say

WHAT: Final = "the totals of a finished run"
EXAMPLES: Final = """\
  headcount show out
  headcount show out --failures
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See Command."""
    parser.add_argument("output", metavar="OUT", help="the output folder of the run")
    parser.add_argument("--failures", action="store_true", help="what failed, by reason, with examples")


def main(args: argparse.Namespace) -> int:
    """See Command."""
    from headcount.beam_pipeline.show import failures, totals

    say(failures(args.output) if hasattr(args, "failures") else totals(args.output))
    return 0
