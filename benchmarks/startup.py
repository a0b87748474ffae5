"""Seconds until the command is done when there is little to do; medians of several.

    python -m benchmarks.startup composed/IMG_00000.jpg

The first run of a photo finds no earlier output, the second one its own. All programs and files are in the
cache of the system. `python -c pass` is a yardstick for the machine.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.resources import HEADCOUNT
from benchmarks.tables import print_table


def seconds(command: Sequence[str]) -> float:
    """Wall time of a command, which must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(photo: Path, runs: int) -> dict[str, list[float]]:
    """Seconds of each of `runs` rounds, after one that does not count."""
    times: dict[str, list[float]] = {}
    for number in range(runs + 1):
        with tempfile.TemporaryDirectory() as work:
            run = [HEADCOUNT, "run", "--input", str(photo), "--output", work]
            commands = {
                "`python -c pass`": [sys.executable, "-c", "pass"],
                "`headcount --help`": [HEADCOUNT, "--help"],
                "`headcount run`, one photo": run,
                "the same again, nothing changed": run,
            }
            for name, command in commands.items():
                taken = seconds(command)
                if number:
                    times.setdefault(name, []).append(taken)
    return times


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="the photo of the runs")
    parser.add_argument("--runs", type=int, default=5, help="whose median is given (%(default)s)")
    args = parser.parse_args(argv)
    rows = [
        [name, f"{statistics.median(times):.2f}", f"{min(times):.2f} to {max(times):.2f}"]
        for name, times in measure(args.photo, args.runs).items()
    ]
    print_table(["", f"median of {args.runs}, s", "range, s"], rows)


if __name__ == "__main__":
    main()
