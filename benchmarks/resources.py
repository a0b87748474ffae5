"""Runs a command and prints what it and all its children used.

    python -m benchmarks.resources headcount run --input many --output out

Memory is the largest sum, over samples, of the resident memory of all processes: pages that several share
count several times, so it is an upper bound.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Final

import psutil

SECONDS: Final = 0.2
"""Time between two samples."""


def resident(process: psutil.Process) -> int:
    """Bytes of resident memory of a process and its descendants."""
    total = 0
    for one in (process, *process.children(recursive=True)):
        try:
            total += one.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def main(argv: list[str]) -> int:
    """Runs `argv`, prints one line on stderr, and gives the command's exit status."""
    start = time.monotonic()
    command = subprocess.Popen(argv)
    process, peak = psutil.Process(command.pid), 0
    while command.poll() is None:
        try:
            peak = max(peak, resident(process))
        except psutil.NoSuchProcess:
            break
        time.sleep(SECONDS)
    wall = time.monotonic() - start
    used = os.times()
    cpu = used.children_user + used.children_system
    print(
        f"{wall:.1f} s, {cpu:.1f} s of processor ({cpu / wall:.2f} cores), peak memory {peak / 1e6:.0f} MB",
        file=sys.stderr,
    )
    return command.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
