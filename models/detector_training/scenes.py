"""Pictures for training the detector, composed of photos and faces: scattered faces, crowds, close portraits.

Nothing here knows where the faces end up to be seen: the teacher says that of the finished picture.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import pandas as pd

from headcount.models.datasets.crops import decode
from headcount.models.framing import Box
from headcount.schemas.errors import UsageError

HELD_OUT: Final = 10
"""One photo and portrait in so many is kept for choosing, by hash."""

TIGHT: Final = {"fairface-train": 5000, "utkface-train": 3000}
"""Faces of each source of labelled faces, many in profile or badly lit, pasted next to the portraits."""

TIGHT_BOX: Final = (0.12, 0.06, 0.88, 0.94)
"""About where the face is in them, as fractions of the picture."""

FACE_PIXELS: Final = (16.0, 800.0)
"""Heights of scattered faces in a picture of 640 pixels."""

_LOG_PIXELS: Final = (math.log(FACE_PIXELS[0]), math.log(FACE_PIXELS[1]))

CROWD_PIXELS: Final = (36.0, 220.0)
"""Heights of the faces in a crowd in a picture of 640 pixels."""

TURN: Final = 30.0
"""Degrees either way."""


@dataclass(frozen=True, slots=True)
class Face:
    """A picture RGB uint8 with a face in `box`, in its pixels."""

    pixels: np.ndarray
    box: Box


@dataclass(frozen=True, slots=True)
class Sources:
    """What pictures are composed of, RGB uint8."""

    empty: list[np.ndarray]
    """Photos in which the teacher found no face."""
    peopled: list[np.ndarray]
    """Photos in which it found some."""
    faces: list[Face]
    """Portraits with surroundings."""
    tight: list[Face]
    """Faces that fill their picture."""


def held_out(image: bytes) -> bool:
    """Whether the encoded scene is kept for choosing; the same on every machine."""
    return int(hashlib.sha256(image).hexdigest(), 16) % HELD_OUT == 0


def load_sources(data: Path, for_choosing: bool = False) -> Sources:
    """The scenes in `data` that are for choosing or those for training, and tight faces for training.

    Raises UsageError for missing files.
    """
    photos, portraits = (
        table[table.image.map(held_out) == for_choosing]
        for table in (read(data / "scenes" / f"{name}.parquet") for name in ("photos", "portraits"))
    )
    large = photos[photos[["width", "height"]].min(axis=1) >= 160]
    pictures = [(decode(row.image), len(row.boxes)) for row in large.itertuples()]
    return Sources(
        empty=[pixels for pixels, faces in pictures if faces == 0],
        peopled=[pixels for pixels, faces in pictures if faces > 0],
        faces=[Face(decode(row.image), _largest(row.boxes)) for row in portraits.itertuples()],
        tight=[] if for_choosing else _tight(data / "faces"),
    )


def read(file: Path) -> pd.DataFrame:
    """A Parquet file of the shared data. Raises UsageError where there is none."""
    if not file.is_file():
        raise UsageError(f"no pictures at {file}: give the folder that holds scenes/ and faces/")
    return pd.read_parquet(file)


def _largest(boxes: np.ndarray) -> Box:
    return max((Box(*map(float, box)) for box in boxes), key=lambda box: box.height)


def _tight(folder: Path) -> list[Face]:
    faces = []
    for name, count in TIGHT.items():
        table = read(folder / f"{name}.parquet")
        for image in table.image.iloc[:: max(1, len(table) // count)]:
            pixels = decode(image)
            (height, width), (left, top, right, bottom) = pixels.shape[:2], TIGHT_BOX
            faces.append(Face(pixels, Box(left * width, top * height, right * width, bottom * height)))
    return faces


@dataclass(frozen=True, slots=True)
class Scene:
    """A composed picture."""

    pixels: np.ndarray
    """RGB uint8 [side, side, 3]."""
    maybe: np.ndarray
    """uint8 [side, side]: 0 where there is surely no face, as nothing was pasted on a photo without one."""
    faces: list[tuple[float, float, float]]
    """The pasted faces: x and y of the centre and height, in pixels."""


def compose(sources: Sources, side: int, rng: np.random.Generator) -> Scene:
    """One picture of a random kind; now and then blurred or dark."""
    kinds = (_photo, _four, _scattered, crowd, _close)
    scene = kinds[rng.choice(len(kinds), p=(0.16, 0.12, 0.34, 0.30, 0.08))](sources, side, rng)
    pixels = _blurred(scene.pixels, rng) if rng.random() < 0.12 else scene.pixels
    if rng.random() < 0.12:
        pixels = cv2.LUT(pixels, np.rint(np.arange(256) * rng.uniform(0.15, 0.6)).astype(np.uint8))
    return replace(scene, pixels=pixels)


def crowd(sources: Sources, side: int, rng: np.random.Generator) -> Scene:
    """Rows of faces close together, each row in front of the one above and a little larger."""
    scene = _empty(sources, side, rng)
    height = float(np.exp(rng.uniform(*np.log(CROWD_PIXELS)))) * side / 640
    growth = rng.uniform(1.0, 1.35)
    y = rng.uniform(0.05, 0.4) * side
    while y < side and len(scene.faces) < 90:
        x = rng.uniform(-0.5, 0.5) * height
        while x < side:
            if rng.random() < 0.85:
                size = height * np.exp(rng.normal(0, 0.12))
                _paste(scene, _pick(sources, rng), (x, y + rng.normal(0, 0.2) * height, size), rng)
            x += height * rng.uniform(0.75, 1.6)
        y += height * rng.uniform(0.8, 1.7)
        height = min(height * growth, 0.5 * side)
    return scene


def _photo(sources: Sources, side: int, rng: np.random.Generator) -> Scene:
    if rng.random() < 0.5:
        return _empty(sources, side, rng)
    photo = sources.peopled[rng.integers(len(sources.peopled))]
    return Scene(_crop(photo, side, rng), np.full((side, side), 255, np.uint8), [])


def _four(sources: Sources, side: int, rng: np.random.Generator) -> Scene:
    """Four photos side by side."""
    parts = [_photo(sources, side // 2, rng) for _ in range(4)]
    pixels, maybe = (
        np.concatenate([np.concatenate(row, 1) for row in (images[:2], images[2:])])
        for images in ([part.pixels for part in parts], [part.maybe for part in parts])
    )
    return Scene(pixels, maybe, [])


def _scattered(sources: Sources, side: int, rng: np.random.Generator) -> Scene:
    scene = _empty(sources, side, rng)
    for height in sorted(np.exp(rng.uniform(*_LOG_PIXELS, int(rng.integers(3, 14)))), reverse=True):
        x, y = rng.uniform(0, side, 2)
        _paste(scene, _pick(sources, rng), (x, y, min(height * side / 640, side * 0.9)), rng)
    return scene


def _close(sources: Sources, side: int, rng: np.random.Generator) -> Scene:
    """A face that fills the picture."""
    scene = _empty(sources, side, rng)
    x, y = rng.uniform(0.35, 0.65, 2) * side
    _paste(scene, _pick(sources, rng), (x, y, rng.uniform(0.45, 1.0) * side), rng)
    return scene


def _empty(sources: Sources, side: int, rng: np.random.Generator) -> Scene:
    photo = sources.empty[rng.integers(len(sources.empty))]
    return Scene(_crop(photo, side, rng), np.zeros((side, side), np.uint8), [])


def _pick(sources: Sources, rng: np.random.Generator) -> Face:
    chosen = sources.tight if sources.tight and rng.random() < 0.35 else sources.faces
    return chosen[rng.integers(len(chosen))]


def _crop(photo: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A random square of `photo`, at least two fifths of its shorter side, enlarged to `side`."""
    part = int(min(photo.shape[:2]) * rng.uniform(0.4, 1.0))
    top, left = (int(rng.integers(0, length - part + 1)) for length in photo.shape[:2])
    return cv2.resize(photo[top : top + part, left : left + part], (side, side))


def _paste(scene: Scene, face: Face, place: tuple[float, float, float], rng: np.random.Generator) -> None:
    """Pastes `face` with its centre and height at `place`, turned, toned and now and then covered in part."""
    pixels, scale = face.pixels, place[2] / face.box.height
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    box = face.box.scaled(pixels.shape[0] / face.pixels.shape[0])
    layer = np.dstack([_toned(pixels, rng), _mask(pixels.shape[0], pixels.shape[1], rng)])
    if rng.random() < 0.25:
        _cover(layer, box, rng)
    middle = np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
    if rng.random() < 0.5:
        layer = np.ascontiguousarray(layer[:, ::-1])
        middle[0] = layer.shape[1] - middle[0]
    turn = float(np.clip(rng.normal(0, TURN / 2.5), -TURN, TURN))
    matrix = cv2.getRotationMatrix2D(middle.tolist(), turn, place[2] / box.height)
    matrix[:, 2] += place[:2] - middle
    _blend(scene, layer, matrix)
    scene.faces.append(place)


def _blend(scene: Scene, layer: np.ndarray, matrix: np.ndarray) -> None:
    """Draws `layer` (RGB and opacity) into the scene, moved by `matrix`."""
    height, width = layer.shape[:2]
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ matrix.T
    low = np.maximum(np.floor(corners.min(0)), 0).astype(int)
    high = np.minimum(np.ceil(corners.max(0)).astype(int), scene.maybe.shape[::-1])
    if (high <= low).any():
        return
    moved = matrix.copy()
    moved[:, 2] -= low
    drawn = cv2.warpAffine(layer, moved, (high - low).tolist(), flags=cv2.INTER_LINEAR)
    opacity = drawn[..., 3:].astype(np.uint16)
    inside = slice(low[1], high[1]), slice(low[0], high[0])
    under = scene.pixels[inside]
    under[:] = (drawn[..., :3] * opacity + under * (255 - opacity)) // 255
    np.maximum(scene.maybe[inside], drawn[..., 3], out=scene.maybe[inside])


def _mask(height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """Opacity 0 to 255: an oval or a rectangle with a soft edge."""
    y, x = (np.linspace(-1, 1, length, dtype=np.float32) for length in (height, width))
    power = 2 if rng.random() < 0.5 else 6
    reach = rng.uniform(0.85, 1.1)
    distance = (np.abs(y / reach) ** power)[:, None] + (np.abs(x / reach) ** power)[None]
    return (np.clip((1 - distance) * rng.uniform(3, 12), 0, 1) * 255).astype(np.uint8)


def _toned(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gamma, contrast and brightness of a face, a little different per channel; at times grey or blurred."""
    x = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.3))
    curve = (x[:, None] - 0.5) * np.exp(rng.normal(-0.1, 0.25)) + 0.5 + rng.normal(0, 0.08)
    table = np.clip((curve + rng.normal(0, 0.02, 3)) * 255, 0, 255).astype(np.uint8)
    toned = cv2.LUT(pixels, table[:, None, :])
    if rng.random() < 0.08:
        toned = cv2.cvtColor(cv2.cvtColor(toned, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return _blurred(toned, rng) if rng.random() < 0.15 and min(toned.shape[:2]) > 12 else toned


def _blurred(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus, or moved while it was taken."""
    if rng.random() < 0.5:
        return cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.6, 2.0))
    length = int(rng.integers(3, 8))
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    turn = cv2.getRotationMatrix2D((length // 2, length // 2), rng.uniform(0, 180), 1)
    turned = cv2.warpAffine(kernel, turn, (length, length))
    return cv2.filter2D(pixels, -1, turned / max(turned.sum(), 1e-3))


def _cover(layer: np.ndarray, box: Box, rng: np.random.Generator) -> None:
    """One plain or noisy rectangle over a part of the face: a mask, a hand, a phone, a cap."""
    wide, high = rng.uniform(0.3, 1.0) * box.width, rng.uniform(0.15, 0.45) * box.height
    x, y = rng.uniform(box.left, box.right), rng.uniform(box.top, box.bottom)
    left, top = int(max(x - wide / 2, 0)), int(max(y - high / 2, 0))
    part = layer[top : int(y + high / 2) + 1, left : int(x + wide / 2) + 1, :3]
    colour = rng.integers(0, 256, 3)
    part[:] = np.clip(colour + rng.normal(0, rng.uniform(0, 25), part.shape), 0, 255)
