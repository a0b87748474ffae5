"""The face detector's network, of YuNet's size, and the loss by which it learns a teacher's dense answers.

Fully convolutional and anchor-free, with YuNet's outputs (`detectors.cells`). It differs below a stride
of 8, where YuNet spends two thirds of its time: two dense layers of few channels that halve the picture, and
the wide 1x1 layer only after the third halving.
"""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import layers, ops

from headcount.models.detectors.cells import PARTS, STRIDES

WIDTH: Final = 64
DEPTHS: Final = (2, 4, 2)
"""Separable blocks at each stride."""

SURE: Final = 0.25
"""Score over which an answer's box and landmarks are learned."""

SCORE_WEIGHT: Final = 2.0
SIZE_WEIGHT: Final = 0.5
POINT_WEIGHT: Final = 4.0
"""Weights of the parts of the loss other than the boxes."""

_RARE: Final = -4.0
"""First bias of the scores: few cells have a face (Lin et al. 2017, arXiv:1708.02002)."""


def build() -> keras.Model:
    """The network from pictures, float [n, height, width, 3] RGB in 0..255, sides multiples of 32, to a dict
    of `score_8` (logits), `bbox_8`, `kps_8`, `score_16` ...: [n, height / stride, width / stride, numbers]
    as in `models.detectors.cells.PARTS`.

    Beyond its edges a picture is black.
    """
    pictures = keras.Input((None, None, 3), name="pictures")
    x = _separable(_halved(_halved(pictures, 8, "stem2"), 32, "stem4"), 32, "stem4_block")
    x = _narrowed(x, WIDTH, "stem8")
    levels = []
    for stride, depth in zip(STRIDES, DEPTHS, strict=True):
        if stride > STRIDES[0]:
            x = layers.MaxPooling2D(2, name=f"pool{stride}")(x)
        for block in range(depth):
            x = _residual(x, f"block{stride}_{block}")
        levels.append(x)
    outputs: dict[str, Any] = {}
    above = None
    for stride, x in reversed(list(zip(STRIDES, levels, strict=True))):
        if above is not None:
            x = layers.Add(name=f"join{stride}")([x, layers.UpSampling2D(2, name=f"up{stride}")(above)])
        above = _separable(x, WIDTH, f"neck{stride}")
        outputs |= _head(above, stride)
    return keras.Model(pictures, dict(sorted(outputs.items())), name="detector")


def _head(x: Any, stride: int) -> dict[str, Any]:
    x = _residual(x, f"head{stride}")
    biases = {part: keras.initializers.Constant(_RARE if part == "score" else 0.0) for part in PARTS}
    return {
        f"{part}_{stride}": layers.Conv2D(numbers, 1, bias_initializer=biases[part], name=f"{part}{stride}")(
            x
        )
        for part, numbers in PARTS.items()
    }


def _halved(x: Any, channels: int, name: str) -> Any:
    # "same" would pad one side only, which shifts the cells.
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.Conv2D(channels, 3, 2, use_bias=False, kernel_initializer="he_normal", name=name)(x)
    return _activated(x, name)


def _narrowed(x: Any, channels: int, name: str) -> Any:
    x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    x = layers.DepthwiseConv2D(3, 2, use_bias=False, name=f"{name}_halve")(x)
    x = layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="he_normal", name=name)(x)
    return _activated(x, name)


def _separable(x: Any, channels: int, name: str) -> Any:
    x = layers.Conv2D(channels, 1, use_bias=False, kernel_initializer="he_normal", name=f"{name}_mix")(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False, name=name)(x)
    return _activated(x, name)


def _residual(x: Any, name: str) -> Any:
    return layers.Add(name=f"{name}_add")([x, _separable(x, x.shape[-1], name)])


def _activated(x: Any, name: str) -> Any:
    x = layers.BatchNormalization(momentum=0.97, epsilon=1e-3, name=f"{name}_norm")(x)
    return layers.ReLU(name=f"{name}_relu")(x)


def dense(model: keras.Model) -> keras.Model:
    """The same network with one output for the loss: [n, cells, 15], all levels in the order of
    `models.detector_training.teacher`.
    """
    width = sum(PARTS.values())
    levels = []
    for stride in STRIDES:
        parts = [model.output[f"{part}_{stride}"] for part in PARTS]
        level = layers.Concatenate(name=f"parts{stride}")(parts)
        levels.append(layers.Reshape((-1, width), name=f"cells{stride}")(level))
    return keras.Model(model.input, layers.Concatenate(axis=1, name="cells")(levels), name="dense")


def detector_loss(answers: Any, outputs: Any) -> Any:
    """How far outputs are from a teacher's answers, both [n, cells, 15], per sure face cell of the batch.

    Cross entropy of the scores (unless the answer's is negative: unknown); where the answer scores over
    `SURE`, weighted by it, the loss of the boxes by distance and overlap (Zheng et al. 2020,
    arXiv:1911.08287), of their sizes' logarithms, and of the landmarks in sizes of the box.
    """
    score, logit = answers[..., 0], outputs[..., 0]
    known = ops.cast(score >= 0, "float32")
    surprise = known * (ops.softplus(logit) - ops.maximum(score, 0.0) * logit)
    weight = ops.where(score > SURE, score, 0.0)
    box, true = outputs[..., 1:5], answers[..., 1:5]
    size = ops.exp((true[..., 2:3] + true[..., 3:4]) / 2)
    sizes = ops.sum(_huber(box[..., 2:] - true[..., 2:]), axis=-1)
    points = ops.mean(_huber((outputs[..., 5:] - answers[..., 5:]) / size), axis=-1)
    apart = distance_iou(true, box) + SIZE_WEIGHT * sizes + POINT_WEIGHT * points
    return ops.sum(SCORE_WEIGHT * surprise + weight * apart) / ops.maximum(ops.sum(weight), 1.0)


def distance_iou(one: Any, other: Any) -> Any:
    """1 - IoU + squared distance of the centres over the squared diagonal of the box around both, per cell.

    Boxes [..., 4] of the same cell: centre, and logarithm of the size.
    """
    half, half_other = ops.exp(one[..., 2:]) / 2, ops.exp(ops.clip(other[..., 2:], -5.0, 5.0)) / 2
    centre, centre_other = one[..., :2], other[..., :2]
    low, high = centre - half, centre + half
    low_other, high_other = centre_other - half_other, centre_other + half_other
    inside = ops.maximum(ops.minimum(high, high_other) - ops.maximum(low, low_other), 0.0)
    around = ops.maximum(high, high_other) - ops.minimum(low, low_other)
    both = ops.prod(inside, axis=-1)
    union = 4 * ops.prod(half, axis=-1) + 4 * ops.prod(half_other, axis=-1) - both
    distance = ops.sum((centre - centre_other) ** 2, axis=-1)
    return 1 - both / union + distance / (ops.sum(around**2, axis=-1) + 1e-6)


def _huber(difference: Any) -> Any:
    """Absolute difference, rounded off under 0.05."""
    size = ops.abs(difference)
    return ops.where(size < 0.05, size**2 / 0.1, size - 0.025)
