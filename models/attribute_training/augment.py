"""Training crops made to look like bad photos: turned, shifted, dark, tinted, blurred, noisy, covered."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from headcount.models.framing import CROP_SIZE

TURN: Final = 30.0
"""Degrees either way; most crops are turned by less than half of it."""
ZOOM: Final = (-0.22, 0.3)
"""Logarithm of the scale; a face that fills its picture is framed closer (see `CLOSER`)."""
SHIFT: Final = 0.08
"""Of the side, either way."""

CLOSER: Final = 1.18
"""How much larger a face is in its crop when the picture shows little but the face: there the detector's box
has 2.35 times the distance of eyes and mouth, elsewhere 2.78 times (medians on UTKFace)."""


def augment(packed: np.ndarray, real: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One training crop, uint8 [CROP_SIZE, CROP_SIZE, 3], from a packed crop (`datasets.crops.Faces`)."""
    face = _move(_surround(packed, real, rng), rng)
    kind = rng.random()
    if kind < 0.15:
        face = np.repeat(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[:, :, None], 3, 2)
    elif kind < 0.4:
        face = _colour(face, rng)
    if rng.random() < 0.5:
        face = cv2.LUT(face, _tone(rng))
    face = _degrade(face, rng)
    if rng.random() < 0.2:
        _cover(face, rng)
    return face


def centre(packed: np.ndarray) -> np.ndarray:
    """The network's input from packed crops [..., side, side, 3], as a run cuts it."""
    return _middle(packed, CROP_SIZE)


def closer(packed: np.ndarray) -> np.ndarray:
    """The network's input from packed crops [n, side, side, 3], as a run cuts it from tight pictures."""
    part = _middle(packed, round(CROP_SIZE / CLOSER))
    return np.stack(
        [cv2.resize(face, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR) for face in part]
    )


def _middle(packed: np.ndarray, side: int) -> np.ndarray:
    margin = (packed.shape[-2] - side) // 2
    return packed[..., margin : margin + side, margin : margin + side, :]


def _surround(packed: np.ndarray, real: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What lies outside of the source's picture is sometimes mirrored or plain instead of a smeared edge,
    so that the network does not learn the sources by their borders."""
    left, top, right, bottom = (int(edge) for edge in real)
    side = packed.shape[0]
    if (left == 0 and top == 0 and right == side and bottom == side) or rng.random() < 0.5:
        return packed
    inside = packed[top:bottom, left:right]
    margins = (top, side - bottom, left, side - right)
    if rng.random() < 0.6 and max(margins) < min(inside.shape[:2]):
        return cv2.copyMakeBorder(inside, *margins, cv2.BORDER_REFLECT_101)
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    return cv2.copyMakeBorder(inside, *margins, cv2.BORDER_CONSTANT, value=colour)


def _move(packed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    turn = np.clip(rng.normal(0, TURN / 2), -TURN, TURN)
    zoom = np.exp(rng.uniform(*ZOOM))
    middle = packed.shape[0] / 2 - 0.5
    map_ = cv2.getRotationMatrix2D((middle, middle), turn, zoom)
    map_[:, 2] += CROP_SIZE / 2 - 0.5 - middle + rng.uniform(-SHIFT, SHIFT, 2) * CROP_SIZE
    if rng.random() < 0.5:
        map_[0] = -map_[0]
        map_[0, 2] += CROP_SIZE - 1
    return cv2.warpAffine(
        packed, map_, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )


def _colour(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Paler or stronger colours, then a tint: light of a lamp or a screen, or the brown of an old print."""
    grey = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[:, :, None].astype(np.float32)
    strength = rng.uniform(0.0, 1.6)
    light = np.exp(rng.normal(0, 0.15, 3)).astype(np.float32)
    return np.clip((grey + strength * (face - grey)) * light, 0, 255).astype(np.uint8)


def _tone(rng: np.random.Generator) -> np.ndarray:
    """A lookup table of gamma, contrast and brightness, per channel a little different."""
    x = np.linspace(0, 1, 256) ** np.exp(rng.normal(0, 0.35))
    tint = rng.normal(0, 0.04, 3)
    curve = (x[:, None] - 0.5) * np.exp(rng.normal(0, 0.2) + tint) + 0.5 + rng.normal(0, 0.07)
    return np.clip(curve * 255, 0, 255).astype(np.uint8)[:, None, :]


def _degrade(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """At most one of: low resolution, blur, noise, JPEG."""
    kind = rng.random()
    if kind < 0.15:
        small = int(rng.integers(CROP_SIZE // 5, CROP_SIZE))
        face = cv2.resize(face, (small, small), interpolation=cv2.INTER_AREA)
        return cv2.resize(face, (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_LINEAR)
    if kind < 0.22:
        return cv2.GaussianBlur(face, (0, 0), rng.uniform(0.5, CROP_SIZE / 40))
    if kind < 0.27:
        return noisy(face, (3, 16), rng)
    if kind < 0.34:
        return compressed(face, (15, 70), rng)
    return face


def noisy(picture: np.ndarray, spread: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """uint8 with normal noise, its standard deviation drawn between two grey levels."""
    noise = rng.standard_normal(picture.shape, np.float32) * rng.uniform(*spread)
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def compressed(picture: np.ndarray, quality: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """uint8 through JPEG of a quality drawn between two, the second exclusive."""
    options = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(*quality))]
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, options)[1], cv2.IMREAD_COLOR))


def _cover(face: np.ndarray, rng: np.random.Generator) -> None:
    height, width = rng.integers(CROP_SIZE // 8, CROP_SIZE * 2 // 5, 2)
    top, left = rng.integers(0, CROP_SIZE - height), rng.integers(0, CROP_SIZE - width)
    face[top : top + height, left : left + width] = rng.integers(0, 256, 3)
