"""Runs a command and prints what it and all its children used.

    python -m benchmarks.resources headcount run --input many --output out

Five samples a second. Memory is the largest sum of the resident memory of all processes: pages that several
share count several times, so it is an upper bound. Processor time is what each process had used when it was
last seen, which misses up to a fifth of a second of each.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import psutil

SECONDS: Final = 0.2
"""Time between two samples."""

HEADCOUNT: Final = str(Path(sys.executable).with_name("headcount"))
"""The command as it is installed with the running Python."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a command and its children used."""

    wall: float
    """Seconds."""
    processor: float
    """Seconds, of all cores together."""
    peak: int
    """Bytes."""
    status: int
    """Exit status of the command."""

    @property
    def cores(self) -> float:
        """Cores that were busy on average."""
        return self.processor / self.wall


def sample(process: psutil.Process) -> Iterator[tuple[int, float, int]]:
    """Number, seconds of processor and bytes of resident memory of a process and each of its descendants."""
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess), one.oneshot():
            used = one.cpu_times()
            yield one.pid, used.user + used.system, one.memory_info().rss


def run_measured(command: Sequence[str], quiet: bool = False) -> Usage:
    """Runs `command` to its end; `quiet` drops what it prints."""
    sink = subprocess.DEVNULL if quiet else None
    start = time.monotonic()
    running = subprocess.Popen(command, stdout=sink, stderr=sink)
    process, peak = psutil.Process(running.pid), 0
    used: dict[int, float] = {}
    while True:
        with suppress(psutil.NoSuchProcess):
            seen = list(sample(process))
            used |= {pid: seconds for pid, seconds, _ in seen}
            peak = max(peak, sum(resident for _, _, resident in seen))
        try:
            status = running.wait(SECONDS)
            break
        except subprocess.TimeoutExpired:
            continue
    return Usage(time.monotonic() - start, sum(used.values()), peak, status)


def run_headcount(inputs: Path, output: Path, options: Sequence[str] = ()) -> Usage:
    """`headcount run`, which must succeed; raises RuntimeError where it does not."""
    command = [HEADCOUNT, "run", "--input", str(inputs), "--output", str(output), *options]
    usage = run_measured(command, quiet=True)
    if usage.status:
        raise RuntimeError(f"exit status {usage.status} of {' '.join(command)}; run it to see why")
    return usage


def count_rows(output: Path, table: str) -> int:
    """Rows of a table that a run wrote."""
    return len(pd.read_parquet(output / table, columns=["uri"]))


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command, prints one line on stderr, and gives the command's exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", nargs=argparse.REMAINDER, help="the command with its arguments")
    command = parser.parse_args(argv).command
    if not command:
        parser.error("give the command that is to be measured")
    usage = run_measured(command)
    print(
        f"{usage.wall:.1f} s, {usage.processor:.1f} s of processor ({usage.cores:.2f} cores), "
        f"peak memory {usage.peak / 1e6:.0f} MB",
        file=sys.stderr,
    )
    return usage.status


if __name__ == "__main__":
    sys.exit(main())
