"""The attribute network: the trunk of dlib's face descriptor, three heads, and the losses they learn by.

Written in `keras.ops` only, so it trains under TensorFlow, JAX or PyTorch.
"""

from __future__ import annotations

from typing import Any, Final

import keras
from keras import layers, ops

from models.framing import CROP_SIZE
from schemas.labels import AGES, MOODS

DESCRIPTOR_STAGES: Final = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))
"""Channels and residual blocks of the descriptor; every stage but the first begins by halving."""

BLOCKS: Final = (2, 3, 2, 2, 1)
"""How many blocks of each stage are kept, the first ones: seven tenths of the multiplications of all."""

_MEANS: Final = (122.782, 117.001, 104.298)
"""Red, green and blue that the descriptor was trained with (dlib's input_rgb_image_sized)."""

_IMPOSSIBLE: Final = -1e9


def build(dropout: float = 0.2) -> keras.Model:
    """The network from crops, float [n, CROP_SIZE, CROP_SIZE, 3] RGB in 0..255, to a dict of logits:
    `age` [n, AGES], `gender` [n, 1] (of female), `mood` [n, len(MOODS)].

    Its convolutions are named by their place in the whole descriptor (`models.descriptor`).
    """
    crops = keras.Input((CROP_SIZE, CROP_SIZE, 3), name="crops")
    x = layers.Normalization(mean=list(_MEANS), variance=[256.0**2] * 3)(crops)
    x = layers.ReLU()(_conv(x, DESCRIPTOR_STAGES[0][0], 0, strides=2, kernel=7))
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    place = 1
    for stage, ((channels, blocks), kept) in enumerate(zip(DESCRIPTOR_STAGES, BLOCKS, strict=True)):
        for block in range(kept):
            x = _residual(x, channels, place + 2 * block, halve=stage > 0 and block == 0)
        place += 2 * blocks
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dropout(dropout)(x)
    heads = {
        "age": layers.Dense(AGES, name="age")(x),
        "gender": layers.Dense(1, name="gender")(x),
        "mood": layers.Dense(len(MOODS), name="mood")(x),
    }
    return keras.Model(crops, heads, name="attributes")


def _conv(x: Any, channels: int, place: int, strides: int = 1, kernel: int = 3) -> Any:
    name = f"conv{place}"
    init = "he_normal"
    return layers.Conv2D(channels, kernel, strides, padding="same", kernel_initializer=init, name=name)(x)


def _residual(x: Any, channels: int, place: int, halve: bool) -> Any:
    """Two 3x3 layers beside the identity, which is averaged and given empty channels where it must be."""
    y = layers.ReLU()(_conv(x, channels, place, strides=2 if halve else 1))
    y = _conv(y, channels, place + 1)
    if halve:
        x = layers.AveragePooling2D(2, 2, padding="same")(x)
        x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))
    return layers.ReLU()(layers.Add()([x, y]))


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
