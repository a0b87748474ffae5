"""A whole run against the sum of its kernels: wall time, photos and faces a second, processor, memory.

    python -m benchmarks.whole many ../shared/data/cafe

For each folder: the kernels alone on a sample of its photos (`benchmarks.stages`), runs of one photo, which
are the start-up, the whole run, and the kernels once more, since a machine is not equally fast all the time.
The floor is the mean sum of the kernels, times the photos, divided by the cores.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.resources import Usage, count_rows, run_headcount
from benchmarks.stages import CORES, default_plan, find_photos, setting, time_stages
from benchmarks.tables import print_table


@dataclass(frozen=True, slots=True)
class Whole:
    """A run over a folder, and the kernels before and after it in milliseconds a photo."""

    setting: str
    """Detector and detection size."""
    photos: int
    faces: int
    before: float
    after: float
    start_up: float
    """Seconds of a run of one photo."""
    usage: Usage

    @property
    def floor(self) -> float:
        """Seconds that the kernels take on all cores."""
        return (self.before + self.after) / 2 * self.photos / CORES / 1000

    @property
    def ratio(self) -> float:
        """Wall time of the run over the floor."""
        return self.usage.wall / self.floor

    @property
    def ratio_started(self) -> float:
        """The same without the start-up."""
        return (self.usage.wall - self.start_up) / self.floor


def measure(folder: Path, sample: int, starts: int, work: Path) -> Whole:
    """Measures a run over `folder`; `work` is an empty folder for its outputs."""
    plan = default_plan(folder, work / "kernels")
    files = find_photos(folder, sample)
    before = time_stages(files, plan, passes=1).total
    one_photo = Path(files[0].path)
    start_ups = [run_headcount(one_photo, work / f"start{number}").wall for number in range(starts)]
    usage = run_headcount(folder, work / "whole")
    after = time_stages(files, plan, passes=1).total
    return Whole(
        setting=setting(plan),
        photos=count_rows(work / "whole", "photos"),
        faces=count_rows(work / "whole", "faces"),
        before=before,
        after=after,
        start_up=statistics.median(start_ups),
        usage=usage,
    )


def table_rows(runs: Sequence[Whole]) -> list[list[str]]:
    """A row for each figure, a column for each of `runs`."""
    return [
        ["detector and detection size", *(one.setting for one in runs)],
        ["photos", *(f"{one.photos:,}" for one in runs)],
        ["faces", *(f"{one.faces:,}" for one in runs)],
        ["kernels before / after, ms a photo", *(f"{one.before:.1f} / {one.after:.1f}" for one in runs)],
        [f"floor: kernels on {CORES} cores, s", *(f"{one.floor:.1f}" for one in runs)],
        ["start-up: a run of one photo, s", *(f"{one.start_up:.1f}" for one in runs)],
        ["whole run, s", *(f"{one.usage.wall:.1f}" for one in runs)],
        ["photos/s", *(f"{one.photos / one.usage.wall:.1f}" for one in runs)],
        ["faces/s", *(f"{one.faces / one.usage.wall:.1f}" for one in runs)],
        [f"busy cores of {CORES}", *(f"{one.usage.cores:.2f}" for one in runs)],
        ["peak memory, MB", *(f"{one.usage.peak / 1e6:.0f}" for one in runs)],
        ["**whole run / floor**", *(f"**{one.ratio:.2f}**" for one in runs)],
        ["the same without start-up", *(f"{one.ratio_started:.2f}" for one in runs)],
    ]


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="photos, a column for each")
    parser.add_argument(
        "--sample", type=int, default=100, help="photos on which the kernels are timed (%(default)s)"
    )
    parser.add_argument("--starts", type=int, default=3, help="runs of one photo (%(default)s)")
    args = parser.parse_args(argv)
    columns = {}
    for folder in args.folders:
        with tempfile.TemporaryDirectory() as work:
            columns[folder.name] = measure(folder, args.sample, args.starts, Path(work))
    print_table(["", *columns], table_rows(list(columns.values())))


if __name__ == "__main__":
    main()
