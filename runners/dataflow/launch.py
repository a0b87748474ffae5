"""The program of the Flex Template: `headcount run` with the template's parameters, without waiting.

The template's launcher adds Beam's options. One of them, `--template_location`, makes the runner write the
job down; the launcher then starts it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path


def arguments(parameters: Sequence[str]) -> list[str]:
    """The arguments of `headcount` for the launcher's `--name=value`."""
    return ["run", *_flags(parameters, switches()), "--no_wait"]


def switches() -> set[str]:
    """Flags of `headcount run` that take no value. A parameter always has one: `true` or `false`."""
    parameters = json.loads(Path(__file__).with_name("metadata.json").read_text())["parameters"]
    return {f"--{each['name']}" for each in parameters if each["paramType"] == "BOOLEAN"}


def _flags(parameters: Sequence[str], switches: set[str]) -> Iterator[str]:
    for parameter in parameters:
        flag, _, value = parameter.partition("=")
        if flag not in switches:
            yield parameter
        elif value.lower() == "true":
            yield flag


if __name__ == "__main__":
    os.execvp("headcount", ["headcount", *arguments(sys.argv[1:])])
