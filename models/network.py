"""The attribute network: one small residual trunk, three heads, and the losses they learn by.

Written in `keras.ops` only, so it trains under TensorFlow, JAX or PyTorch.
"""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import layers, ops

from models.framing import CROP_SIZE
from schemas.labels import AGES, MOODS

STEM: Final = 24
STAGES: Final = ((48, 1), (96, 2), (192, 1))
"""Channels and residual blocks after each halving. Dense 3x3 layers with few channels early train faster
on a processor than separable ones."""

FEATURES: Final = 384
_IMPOSSIBLE: Final = -1e9


def build(dropout: float = 0.2) -> keras.Model:
    """The network from crops, float [n, CROP_SIZE, CROP_SIZE, 3] RGB in 0..255, to a dict of logits:
    `age` [n, AGES], `gender` [n, 1] (of female), `mood` [n, len(MOODS)]."""
    crops = keras.Input((CROP_SIZE, CROP_SIZE, 3), name="crops")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(crops)
    x = _conv(x, STEM, 2)
    for channels, blocks in STAGES:
        x = _conv(x, channels, 2)
        for _ in range(blocks):
            x = _residual(x, channels)
    x = _conv(x, FEATURES, 1, kernel=1)
    x = _pool(x)
    x = layers.Dropout(dropout)(x)
    heads = {
        "age": layers.Dense(AGES, name="age")(x),
        "gender": layers.Dense(1, name="gender")(x),
        "mood": layers.Dense(len(MOODS), name="mood")(x),
    }
    return keras.Model(crops, heads, name="attributes")


def _conv(x: Any, channels: int, strides: int, kernel: int = 3) -> Any:
    x = layers.Conv2D(
        channels, kernel, strides, padding="same", use_bias=False, kernel_initializer="he_normal"
    )(x)
    return layers.ReLU()(layers.BatchNormalization(momentum=0.98, epsilon=1e-4)(x))


def _residual(x: Any, channels: int) -> Any:
    """Two 3x3 layers beside the identity; starts as the identity (the last scale is zero)."""
    y = _conv(x, channels, 1)
    y = layers.Conv2D(channels, 3, padding="same", use_bias=False, kernel_initializer="he_normal")(y)
    y = layers.BatchNormalization(momentum=0.98, epsilon=1e-4, gamma_initializer="zeros")(y)
    return layers.ReLU()(layers.Add()([x, y]))


def _pool(x: Any) -> Any:
    """A weight per place and channel: starts as the average, learns where on the face to look."""
    places = x.shape[1] * x.shape[2]
    start = keras.initializers.Constant(1 / places)
    x = layers.DepthwiseConv2D((x.shape[1], x.shape[2]), use_bias=False, depthwise_initializer=start)(x)
    return layers.Flatten()(x)


def expected_age(probabilities: Any) -> Any:
    """The mean in completed years of age distributions [n, AGES]."""
    return ops.sum(probabilities * ops.arange(AGES, dtype="float32"), axis=-1)


def age_loss(classes: Any, logits: Any) -> Any:
    """Per row: -log of the probability inside [low, high), plus a tenth of the error of the mean where the
    age is exact. `classes` is [n, 2], low == high where there is no age (the loss is 0). One likelihood for
    exact ages and for age bins."""
    low, high = classes[:, :1], classes[:, 1:]
    years = ops.arange(AGES, dtype="float32")
    inside = ops.logical_and(years >= low, years < high)
    known = ops.cast(high > low, "float32")[:, 0]
    exact = ops.cast(ops.equal(high - low, 1), "float32")[:, 0]
    within = ops.logsumexp(ops.where(inside, logits, _IMPOSSIBLE), axis=-1)
    surprise = ops.logsumexp(logits, axis=-1) - within
    error = ops.abs(expected_age(ops.softmax(logits)) - low[:, 0])
    return ops.where(known > 0, surprise, 0.0) + 0.1 * exact * error


def gender_loss(female: Any, logits: Any) -> Any:
    """Per row: binary cross entropy; `female` is [n, 1] of 0 or 1, negative where unknown (the loss is 0)."""
    known = ops.cast(female >= 0, "float32")
    loss = ops.softplus(logits) - ops.maximum(female, 0.0) * logits
    return ops.sum(known * loss, axis=-1)


def mood_loss(shares: Any, logits: Any) -> Any:
    """Per row: cross entropy with the shares of votes [n, len(MOODS)], zeros where unknown (loss 0)."""
    return -ops.sum(shares * ops.log_softmax(logits), axis=-1)


LOSSES: Final = {"age": age_loss, "gender": gender_loss, "mood": mood_loss}
"""Each is averaged over all rows of the batch, labelled or not."""

LOSS_WEIGHTS: Final = {"age": 1.0, "gender": 2.0, "mood": 3.0}
"""They bring the heads' gradients to one size: age runs near 3 nats, gender at 0.3, and mood is known in
about a quarter of the rows."""
