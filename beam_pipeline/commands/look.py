"""`headcount look`: what is seen in one picture."""

from __future__ import annotations

import argparse
from typing import Final

from headcount.beam_pipeline.commands.streams import say
from headcount.beam_pipeline.options import add_flags
from headcount.beam_pipeline.settings import Seeing

WHAT: Final = "show what is seen in one picture"
EXAMPLES: Final = """\
  headcount look party.jpg
  headcount look https://example.org/party.jpg --output seen.jpg
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """See Command."""
    parser.add_argument("photo", metavar="PHOTO", help="a picture, or the http(s) address of one")
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="the copy with numbered boxes (PHOTO's name with -faces.jpg, in this folder)",
    )
    add_flags(parser, Seeing)


def main(args: argparse.Namespace) -> int:
    """See Command."""
    from headcount.beam_pipeline.look import look

    given = {name: value for name, value in vars(args).items() if name in Seeing.__dataclass_fields__}
    say(look(args.photo, getattr(args, "output", None), Seeing(**given)))
    return 0
