"""The program of the Flex Template: `headcount run` with the template's parameters, without waiting.

The template's launcher adds Beam's options. One of them, `--template_location`, makes the runner write the
job down; the launcher then starts it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Final

SWITCHES: Final = frozenset(
    {"--keep_deleted", "--keep_location", "--rehash", "--retry_failed", "--use_mtime", "--verbose"}
)
"""Flags of `headcount run` that take no value. A template's parameter always has one: `true` or `false`."""


def arguments(parameters: Sequence[str]) -> list[str]:
    """The arguments of `headcount` for the launcher's `--name=value`."""
    return ["run", *_flags(parameters), "--no_wait"]


def _flags(parameters: Sequence[str]) -> Iterator[str]:
    for parameter in parameters:
        flag, _, value = parameter.partition("=")
        if flag not in SWITCHES:
            yield parameter
        elif value.lower() == "true":
            yield flag


if __name__ == "__main__":
    os.execvp("headcount", ["headcount", *arguments(sys.argv[1:])])
