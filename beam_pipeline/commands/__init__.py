"""The subcommands of `headcount`: a module each, with what it takes and what it does."""

from __future__ import annotations

import argparse
import importlib
from typing import Final, Protocol

COMMANDS: Final = ("run", "look", "show", "evaluate", "train")
"""Their names, which are those of their modules."""


class Command(Protocol):
    """A module of this folder. It imports what is heavier than argparse in `main`: --help is instant.

    One that has a use for what none of its own arguments takes also has `check_others`, which raises
    UsageError for what cannot be passed on; `main` finds the rest as `args.others`. For other commands that
    is an error.
    """

    WHAT: str
    """What it does, in a few words after "headcount NAME"."""
    EXAMPLES: str
    """Commands, one a line."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds its arguments; those that are not given are not in `args`."""

    def main(self, args: argparse.Namespace) -> int:
        """Does it and gives the exit status; raises UsageError for arguments that cannot be used."""


def load_command(name: str) -> Command:
    """The module of the command `name`."""
    command: Command = importlib.import_module(f"{__name__}.{name}")
    return command
