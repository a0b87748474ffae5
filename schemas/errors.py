"""Everything that Headcount raises on purpose.

HeadcountError
├── UsageError    the caller's mistake: one line with the value and the next step, before any work
├── RunError      a run ended before it was complete; the tables are still those of the last complete run
├── PoolError     the processes that read photos cannot start: ends the run, since no photo can be judged
├── RefusedError  a whole run that is not published, for what it would lose: one line with the ways on
└── PhotoError    one photo's trouble: becomes a row of the failures table
"""

from __future__ import annotations


class HeadcountError(Exception):
    """Base of all errors below."""


class UsageError(HeadcountError):
    """An argument, an input or an output cannot be used; the message is for the person who typed it."""


class RunError(HeadcountError):
    """A run ended before it was complete, or had more failures than it may; the message says why."""


class PoolError(HeadcountError):
    """The processes that read photos cannot start; the message says why, in one line."""


class RefusedError(HeadcountError):
    """A run came to its end and is not published: the message says what it would lose, and the ways on."""


class PhotoError(HeadcountError):
    """A photo, or a part of it, cannot be read.

    `code` is a stable word of `schemas.failures.CODES`, `detail` is what a developer needs
    (the library's own message); the sentence for people comes from the code.
    """

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code
