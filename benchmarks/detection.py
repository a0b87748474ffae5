"""Milliseconds a picture of the detectors, side by side on one thread, and what a second thread adds.

    python -m benchmarks.detection --photos composed --detectors headcount yunet=YUNET

Every detector sees each picture before the next picture comes. Two threads, each with its own detector,
share the pictures; how many more they search a second says whether a detector holds Python's lock.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from benchmarks.tables import print_table
from headcount.models.detectors.search import Detector, detect_faces
from headcount.models.evaluation.detectors import load_detectors
from headcount.transforms.photo.decode import decode

MAX_PIXELS = 10**9


def rows(photos: Sequence[bytes], names: Sequence[str], side: int) -> list[list[str]]:
    """For each detector: median milliseconds, its share of the last one's, and the gain of two threads."""
    pictures = [decode(photo, "jpeg", 1, side, MAX_PIXELS).pixels for photo in photos]
    detectors, _ = load_detectors(names, None)
    times: dict[str, list[float]] = {name: [] for name in names}
    for picture in pictures:
        for name, detector in detectors.items():
            start = time.perf_counter()
            detect_faces(picture, detector, side)
            times[name].append(time.perf_counter() - start)
    medians = {name: 1000 * statistics.median(each[1:]) for name, each in times.items()}
    last = medians[names[-1]]
    return [
        [
            name.partition("=")[0],
            str(side),
            f"{ms:.1f}",
            f"{ms / last:.2f}",
            f"{gain(name, pictures, side):.2f}",
        ]
        for name, ms in medians.items()
    ]


def gain(name: str, pictures: Sequence[np.ndarray], side: int) -> float:
    """Pictures a second of two threads over those of one."""

    def search(part: Sequence[np.ndarray], detector: Detector) -> None:
        for picture in part:
            detect_faces(picture, detector, side)

    first, second = (load_detectors([name], None)[0][name] for _ in range(2))
    half = len(pictures) // 2
    start = time.perf_counter()
    search(pictures, first)
    alone = time.perf_counter() - start
    with ThreadPoolExecutor(2) as pool:
        start = time.perf_counter()
        list(pool.map(search, (pictures[:half], pictures[half:]), (first, second)))
        return alone / (time.perf_counter() - start)


def main(argv: Sequence[str] | None = None) -> None:
    """Prints a Markdown table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of .jpg files")
    parser.add_argument("--detectors", nargs="+", required=True, help="NAME or NAME=FILE")
    parser.add_argument("--sides", type=int, nargs="+", default=[640, 704, 1024])
    args = parser.parse_args(argv)
    cv2.setNumThreads(1)
    photos = [photo.read_bytes() for photo in sorted(args.photos.glob("*.jpg"))]
    head = ["detector", "side", "ms a picture", "of the last one's", "two threads to one"]
    print_table(head, [row for side in args.sides for row in rows(photos, args.detectors, side)])


if __name__ == "__main__":
    main()
