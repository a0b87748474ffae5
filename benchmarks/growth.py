"""Time a photo and peak memory against the number of photos, and what a second run costs.

    python -m benchmarks.growth --data ../shared/data --sizes 100 1000 10000 100000

Photos are small, so that what is not decoding and seeing weighs most: portraits of 32 pixels with one face
and a date, each file with a different comment. The second run finds nothing changed. The start-up that is
taken off is a first run of one photo.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image

from benchmarks.compose import find_portraits
from benchmarks.multiply import multiply
from benchmarks.resources import Usage, count_rows, run_headcount
from benchmarks.tables import print_table

SIDE: Final = 32
"""Of a photo in pixels; the default detector finds the face of nearly every portrait at it."""
PORTRAITS: Final = 20
EXIF_DATE: Final = 0x0132

HEAD: Final = (
    *("photos", "faces", "first run, s", "ms a photo", "the same less start-up", "its peak memory, MB"),
    *("second run, s", "its peak memory, MB"),
)


@dataclass(frozen=True, slots=True)
class Growth:
    """Two runs over `photos` photos, the second with nothing changed."""

    photos: int
    faces: int
    first: Usage
    second: Usage

    def milliseconds(self, start_up: float = 0.0) -> float:
        """Of the first run, for a photo; without `start_up` seconds."""
        return (self.first.wall - start_up) * 1000 / self.photos


def small_photos(data: Path, folder: Path) -> list[Path]:
    """Writes `PORTRAITS` different photos of one face, dated an hour apart, into `folder`."""
    paths = []
    for number, portrait in enumerate(find_portraits(data, PORTRAITS, np.random.default_rng(1))):
        exif = Image.Exif()
        exif[EXIF_DATE] = f"2020:01:01 {number:02d}:00:00"
        small = cv2.resize(portrait.pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        paths.append(folder / f"{number}.jpg")
        Image.fromarray(small).save(paths[-1], exif=exif)
    return paths


def measure(sources: Sequence[Path], photos: int, work: Path) -> Growth:
    """Two runs over `photos` copies of `sources`, made in `work`."""
    multiply(sources, work / "photos", photos)
    first = run_headcount(work / "photos", work / "out")
    second = run_headcount(work / "photos", work / "out")
    rows = {table: count_rows(work / "out", table) for table in ("photos", "faces")}
    if rows["photos"] != photos:
        raise RuntimeError(
            f"{rows['photos']} of {photos} photos were read; look at the failures of such a run"
        )
    return Growth(photos, rows["faces"], first, second)


def rows(data: Path, sizes: Sequence[int], place: Path | None) -> Iterator[list[str]]:
    """The rows of the table, each when it is measured; photos and outputs are in `place` for a while."""
    start_up = 0.0
    with tempfile.TemporaryDirectory(dir=place) as kept:
        sources = small_photos(data, Path(kept))
        for size in (1, *sizes):
            with tempfile.TemporaryDirectory(dir=place) as work:
                one = measure(sources, size, Path(work))
            start_up = start_up or one.first.wall
            yield [
                f"{one.photos:,}",
                f"{one.faces:,}",
                f"{one.first.wall:.1f}",
                f"{one.milliseconds():.2f}",
                f"{one.milliseconds(start_up):.2f}",
                f"{one.first.peak / 1e6:.0f}",
                f"{one.second.wall:.1f}",
                f"{one.second.peak / 1e6:.0f}",
            ]


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of shared data")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[100, 1000, 10_000, 100_000], help="numbers of photos"
    )
    parser.add_argument("--work", type=Path, help="place for photos and outputs (the system's own)")
    args = parser.parse_args(argv)
    print_table(HEAD, rows(args.data, args.sizes, args.work))


if __name__ == "__main__":
    main()
