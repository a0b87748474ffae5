"""Face boxes and the one framing that every crop uses.

Detectors draw their boxes differently. Each maps its own to the canonical box (YuNet's: forehead to
chin, cheek to cheek), so that the attribute network meets the same framing whoever found the face.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

CROP_SIZE: Final = 96
"""Side of a face crop in pixels, which is the attribute network's input."""

CROP_CONTEXT: Final = 1.0
"""Side of the cropped square over the longer side of the canonical box, which reaches over the forehead."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, `right` and `bottom` exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def area(self) -> float:
        return self.width * self.height

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0 to 1."""
        both = self._intersection(other)
        return both / (self.area + other.area - both)

    def shared(self, other: Box) -> float:
        """Intersection over the smaller of both, 0 to 1."""
        return self._intersection(other) / min(self.area, other.area)

    def _intersection(self, other: Box) -> float:
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)

    def scaled(self, x: float, y: float | None = None) -> Box:
        """The same box in a picture `x` times as wide, and `y` times as high or just as much."""
        y = x if y is None else y
        return Box(self.left * x, self.top * y, self.right * x, self.bottom * y)

    def clipped(self, width: float, height: float) -> Box:
        """The part of it inside a picture of that size; without area where there is none."""
        return Box(max(self.left, 0.0), max(self.top, 0.0), min(self.right, width), min(self.bottom, height))


@dataclass(frozen=True, slots=True)
class Framing:
    """A fixed map from a detector's box to the canonical box, as fractions of the detector's box."""

    shift_x: float = 0.0
    shift_y: float = 0.0
    scale_x: float = 1.0
    scale_y: float = 1.0

    def canonical(self, box: Box) -> Box:
        """The canonical box for the detector's `box`."""
        x = (box.left + box.right) / 2 + self.shift_x * box.width
        y = (box.top + box.bottom) / 2 + self.shift_y * box.height
        w, h = box.width * self.scale_x / 2, box.height * self.scale_y / 2
        return Box(x - w, y - h, x + w, y + h)


def crop_face(
    pixels: np.ndarray, box: Box, size: int = CROP_SIZE, context: float = CROP_CONTEXT
) -> np.ndarray:
    """The square around a canonical box, as uint8 [size, size, 3].

    `pixels` is uint8 [height, width, 3]. What lies outside of the picture repeats its edge.
    Raises ValueError for a box without area or that lies wholly outside.
    """
    height, width = pixels.shape[:2]
    if box.width <= 0 or box.height <= 0:
        raise ValueError(f"box has no area: {box}")
    side = max(2, round(max(box.width, box.height) * context))
    left = math.floor((box.left + box.right - side) / 2 + 0.5)
    top = math.floor((box.top + box.bottom - side) / 2 + 0.5)
    inside = pixels[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if inside.size == 0:
        raise ValueError(f"box lies outside of the picture: {box} of {width}x{height}")
    above, before = max(-top, 0), max(-left, 0)
    below, after = side - above - inside.shape[0], side - before - inside.shape[1]
    if above or before or below or after:
        inside = cv2.copyMakeBorder(inside, above, below, before, after, cv2.BORDER_REPLICATE)
    interpolation = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    return cv2.resize(inside, (size, size), interpolation=interpolation)


def sharpness(crop: np.ndarray) -> float:
    """Variance of the Laplacian of the grey crop, in squared grey levels; low is blurred."""
    return float(cv2.Laplacian(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), cv2.CV_32F).var())
