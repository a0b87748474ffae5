"""The subcommands of `headcount`: a module each, with what it takes and what it does."""

from __future__ import annotations

import argparse
import importlib
from typing import Final, Protocol

COMMANDS: Final = ("run", "look", "show", "evaluate", "train")
"""Their names, which are those of their modules."""


class Command(Protocol):
    """A module of this folder. It imports what is heavier than argparse in `main`: --help is instant."""

    WHAT: str
    """What it does, in a few words after "headcount NAME"."""
    EXAMPLES: str
    """Commands, one a line."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Adds its arguments; those that are not given are not in `args`."""

    def main(self, args: argparse.Namespace) -> int:
        """Does it and gives the exit status; raises UsageError for arguments that cannot be used."""


class PassesOn(Command, Protocol):
    """A command that has a use for what none of its own arguments takes; for others that is an error."""

    def check_others(self, args: argparse.Namespace, others: list[str], own_flags: set[str]) -> None:
        """Raises UsageError for `others` that cannot be passed on. `main` finds them as `args.others`."""


def load_command(name: str) -> Command:
    """The module of the command `name`."""
    command: Command = importlib.import_module(f"{__name__}.{name}")
    return command
