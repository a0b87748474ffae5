"""Standard output and error as they may be: closed, on a full disk, or a pipe whose reader has left."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

STREAMS: Final = ("stdin", "stdout", "stderr")


class UnheardError(Exception):
    """Standard output takes no more text."""

    def __init__(self, error: OSError) -> None:
        super().__init__(f"this text could not be printed: {error.strerror or error}")
        self.reader_left = isinstance(error, BrokenPipeError)
        """Whoever read our text has seen enough, as in `headcount show out | head -1`."""


def open_closed_streams() -> None:
    """Opens those that the caller closed on nothing, lest the next file that is opened gets their number."""
    for number, name in enumerate(STREAMS):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


def say(text: str) -> None:
    """Prints to standard output; raises UnheardError where it cannot."""
    try:
        print(text, flush=True)
    except OSError as error:
        # Python would try once more to write what is left when it ends.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UnheardError(error) from error


def complain(text: str) -> None:
    """Prints to standard error, or not at all where that takes no text."""
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
