"""The `headcount` command: arguments in, exit status out.

Exit status: 0 when everything readable was read; 1 when the run failed, was not published for what it would
lose, or had more failures than --max_failures; 2 for arguments, inputs or outputs that cannot be used; 3 when
something could not be listed or read and the rest was published; 130 when interrupted.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import threading
from collections.abc import Sequence
from typing import Final, NoReturn

from headcount import __version__
from headcount.beam_pipeline.commands import COMMANDS, load_command
from headcount.beam_pipeline.commands.streams import UnheardError, complain, open_closed_streams
from headcount.beam_pipeline.interrupt import ending_at_once
from headcount.beam_pipeline.options import nearest, unknown
from headcount.beam_pipeline.text import printable
from headcount.schemas.errors import UsageError

USAGE_ERROR: Final = 2
INTERRUPTED: Final = "headcount: interrupted; the output is still that of the last complete run"


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command `argv`, by default the program's own arguments, and gives the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    name = argv[0] if argv and argv[0] in COMMANDS else None
    # Arrow's own keeps tens of megabytes of what it has freed.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    open_closed_streams()
    if not _has_working_folder():
        complain(
            "headcount: the working folder was deleted, so relative paths lead nowhere; cd to another one"
        )
    try:
        args = parse(argv)
        # Beam logs what it lacks and every traceback; what a person needs of it is in our one line.
        verbose = getattr(args, "verbose", False)
        log = logging.StreamHandler()
        log.setLevel(logging.INFO if verbose else logging.CRITICAL)  # Some engines' loggers have their own.
        logging.basicConfig(level=log.level, handlers=[log])
        threading.excepthook = _log_thread_error
        with ending_at_once(INTERRUPTED if name == "run" else "headcount: interrupted"):
            return load_command(args.command).main(args)
    except UnheardError as error:
        if not error.reader_left:
            complain(f"headcount {name}: {error}")
        return 1
    except UsageError as error:
        complain(f"headcount{f' {name}' if name else ''}: {printable(str(error))}")
        return USAGE_ERROR


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The arguments of a command, with its name as `command` and what it passes on as `others`.

    Raises UsageError for what is unknown, then for what is missing, so that a misspelt flag is named for
    what it is. Ends the process for --help and --version.
    """
    parser, parsers = make_parsers()
    if not argv:
        raise UsageError(f"give a command: {', '.join(COMMANDS)}; see headcount --help")
    if argv[0] not in parsers:
        if not argv[0].startswith("-"):
            near = nearest(argv[0], COMMANDS)
            hint = f"did you mean {near}?" if near else "see headcount --help"
            raise UsageError(f"unknown command {argv[0]}; {hint}")
        parser.parse_args(argv[:1])
    own = parsers[argv[0]]
    required = [action for action in own._actions if action.required]
    for action in required:
        action.required = False
    args, others = own.parse_known_args(argv[1:], argparse.Namespace(command=argv[0]))
    command, flags = load_command(argv[0]), set(own._option_string_actions)
    check_others = getattr(command, "check_others", _refuse)
    check_others(args, others, flags)
    args.others = others
    for action in required:
        if not hasattr(args, action.dest) or getattr(args, action.dest) is None:
            what = action.option_strings[0] if action.option_strings else action.metavar
            raise UsageError(f"{what} is missing; give {action.help}")
    return args


def make_parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """That of the command as a whole and those of the subcommands, without defaults."""
    parser = _Parser(
        prog="headcount",
        description="Who is in your photos: how many, how old, which gender, in what mood, and when.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"headcount {__version__}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    parsers: dict[str, argparse.ArgumentParser] = {}
    for name in COMMANDS:
        command = load_command(name)
        parsers[name] = subparsers.add_parser(
            name,
            help=command.WHAT,
            description=f"{command.WHAT[0].upper()}{command.WHAT[1:]}.",
            epilog=f"examples:\n{command.EXAMPLES}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            argument_default=argparse.SUPPRESS,
            allow_abbrev=False,
        )
        command.add_arguments(parsers[name])
    return parser, parsers


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """In one line; argparse would print the usage first, and end the process."""
        raise UsageError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


def _refuse(args: argparse.Namespace, others: Sequence[str], own_flags: set[str]) -> None:
    for other in others:
        flag = other.partition("=")[0]
        see = f"headcount {args.command} --help"
        if flag.startswith("-"):
            raise UsageError(unknown(flag, own_flags, see=see))
        raise UsageError(f"{other} belongs to no flag; see {see}")


def _has_working_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _log_thread_error(end: threading.ExceptHookArgs) -> None:
    if end.exc_value:
        logging.error("a thread ended", exc_info=end.exc_value)
