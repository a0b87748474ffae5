"""Compose photos with faces of known place and size: shared faces on real backgrounds.

    python -m benchmarks.compose --data ../shared/data --output composed --photos 40 --seed 1
    python -m benchmarks.compose --data ../shared/data --output composed48 --photos 10 --width 8000

Backgrounds are the pictures of `scenes/photos.parquet` in which YuNet found no face, enlarged;
faces come from `faces/utkface-test` and `faces/aaf-train`, each one that YuNet finds when it is
large, pasted with a soft edge, 2, 3, 4 and 6 % of the longer side high. Grain over everything keeps
the enlarged pictures from being smooth, and the files as large as a camera's.
`boxes.csv` has the canonical box of every pasted face. Equal seeds and widths give equal files.
"""

from __future__ import annotations

import argparse
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from headcount.models.detectors import load_detector
from headcount.models.detectors.search import Detector
from headcount.models.framing import Box

WIDTH: Final = 4000
"""Of a photo of 12 megapixels: photos are four by three."""
FACE_SIZES: Final = (0.02, 0.03, 0.04, 0.06)
"""Heights of the pasted faces, as fractions of the longer side."""

YUNET: Final = "models/face_detection_yunet_2026may.onnx"
GRAIN: Final = 8.0
"""Standard deviation of the grain; with it 12 megapixels are 3 to 6 MB at quality 90."""

ROOM: Final = 0.15
"""Side of the square that holds the largest portrait, as a fraction of the longer side."""

COLUMNS: Final = ("path", "left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class Portrait:
    """A face with its surroundings, uint8 RGB, and its canonical box in them."""

    pixels: np.ndarray
    box: Box


def decoded(image: bytes) -> np.ndarray:
    """RGB uint8 [height, width, 3] of an encoded picture."""
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def find_portraits(data: Path, count: int, rng: np.random.Generator) -> list[Portrait]:
    """`count` portraits, half from each source, that hold one face and YuNet finds it when large."""
    yunet = load_detector("yunet", str(data / YUNET))
    portraits: list[Portrait] = []
    for name, share in (("utkface-test", count - count // 2), ("aaf-train", count // 2)):
        images = pd.read_parquet(data / "faces" / f"{name}.parquet", columns=["image"])["image"]
        order = iter(rng.permutation(len(images)))
        usable = (one for i in order if (one := _portrait(decoded(images.iloc[i]), yunet)) is not None)
        portraits.extend(one for one, _ in zip(usable, range(share), strict=False))
    return portraits


def _portrait(pixels: np.ndarray, yunet: Detector) -> Portrait | None:
    factor = 320 / max(pixels.shape)
    large = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    faces = [one for one in yunet.detect(large) if one.score >= 0.5]
    if len(faces) != 1 or faces[0].score < 0.8 or faces[0].box.height < 0.45 * large.shape[0]:
        return None
    return Portrait(pixels, faces[0].box.scaled(1 / factor))


def paste(photo: np.ndarray, portrait: Portrait, height: float, x: int, y: int) -> Box:
    """Paste a portrait into `photo`, its face `height` pixels high, its corner at (x, y); the face's box."""
    factor = height / portrait.box.height
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    face = cv2.resize(portrait.pixels, None, fx=factor, fy=factor, interpolation=interpolation)
    h, w = face.shape[:2]
    alpha = np.outer(_ramp(h), _ramp(w))[..., None]
    place = photo[y : y + h, x : x + w]
    place[:] = np.rint(alpha * face + (1 - alpha) * place)
    box = portrait.box.scaled(factor)
    return Box(box.left + x, box.top + y, box.right + x, box.bottom + y)


def _ramp(length: int) -> np.ndarray:
    """Opacity along one side: a soft edge of 6 % at both ends."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1])
    return np.clip((distance + 1) / (0.06 * length), 0, 1).astype(np.float32)


def _background(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    factor = max(width / pixels.shape[1], height / pixels.shape[0])
    size = max(width, round(pixels.shape[1] * factor)), max(height, round(pixels.shape[0] * factor))
    large = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return large[top : top + height, left : left + width].copy()


def _places(rng: np.random.Generator, count: int, width: int, height: int) -> Iterator[tuple[int, int]]:
    """Corners in cells of a grid, far enough apart for the largest portrait."""
    columns, rows = 5, 4
    wide, high, room = width // columns, height // rows, round(ROOM * width)
    for cell in rng.permutation(columns * rows)[:count]:
        jitter_x, jitter_y = rng.integers(0, wide - room), rng.integers(0, high - room)
        yield int(cell % columns * wide + jitter_x), int(cell // columns * high + jitter_y)


def _grain(photo: np.ndarray, pool: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    start = int(rng.integers(0, pool.size - photo.shape[0] * photo.shape[1]))
    noise = pool[start : start + photo.shape[0] * photo.shape[1]].reshape(photo.shape[:2])
    return cv2.add(photo, cv2.merge([noise] * 3), dtype=cv2.CV_8U)


def compose(
    data: Path,
    output: Path,
    photos: int,
    seed: int,
    faces: int = 8,
    quality: int = 90,
    width: int = WIDTH,
) -> None:
    """Write `photos` pictures with up to `faces` faces each, and `boxes.csv`, to `output`.

    They are `width` pixels wide and three quarters of that high.
    """
    height = width * 3 // 4
    rng = np.random.default_rng(seed)
    scenes = pd.read_parquet(data / "scenes" / "photos.parquet", columns=["image", "boxes"])
    empty = scenes["image"][scenes["boxes"].map(len) == 0].reset_index(drop=True)
    portraits = find_portraits(data, min(photos * faces, 2000), rng)
    pool = np.rint(rng.normal(0, GRAIN, 2 * width * height)).astype(np.int16)
    output.mkdir(parents=True, exist_ok=True)
    with (output / "boxes.csv").open("w", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(COLUMNS)
        for number in range(photos):
            name = f"IMG_{number:05d}.jpg"
            photo = _background(decoded(empty[int(rng.integers(len(empty)))]), width, height)
            for i, (x, y) in enumerate(_places(rng, faces, width, height)):
                portrait = portraits[(number * faces + i) % len(portraits)]
                box = paste(photo, portrait, FACE_SIZES[i % len(FACE_SIZES)] * width, x, y)
                edges = (box.left, box.top, box.right, box.bottom)
                table.writerow([name, *(round(edge, 1) for edge in edges)])
            exif = Image.Exif()
            exif[0x0132] = (datetime(2020, 1, 1) + timedelta(minutes=number)).strftime("%Y:%m:%d %H:%M:%S")
            Image.fromarray(_grain(photo, pool, rng)).save(output / name, quality=quality, exif=exif)


def main(argv: list[str] | None = None) -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of shared data")
    parser.add_argument("--output", type=Path, required=True, help="folder for the photos and boxes.csv")
    parser.add_argument("--photos", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quality", type=int, default=90, help="of the JPEG; 90 gives 4 MB, 93 gives 5 MB")
    parser.add_argument(
        "--width", type=int, default=WIDTH, help="in pixels: 1600 for 2 megapixels, 4000 for 12, 8000 for 48"
    )
    args = parser.parse_args(argv)
    compose(args.data, args.output, args.photos, args.seed, quality=args.quality, width=args.width)


if __name__ == "__main__":
    main()
