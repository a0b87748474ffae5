"""The attribute network: the trunk of dlib's face descriptor, three heads, and the losses they learn by.

Written in `keras.ops` only, so it trains under TensorFlow, JAX or PyTorch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import keras
from keras import layers, ops

from headcount.models.framing import CROP_SIZE
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGES, MOODS

DESCRIPTOR_STAGES: Final = ((32, 3), (64, 4), (128, 3), (256, 3), (256, 1))
"""Channels and residual blocks of the descriptor; every stage but the first begins by halving."""

_MEANS: Final = (122.782, 117.001, 104.298)
"""Red, green and blue that the descriptor was trained with (dlib's input_rgb_image_sized)."""

_IMPOSSIBLE: Final = -1e9

DROPOUT: Final = 0.2


def build(policy: str = "float32") -> keras.Model:
    """The network from crops, float [n, CROP_SIZE, CROP_SIZE, 3] RGB in 0..255, to a dict of logits:
    `age` [n, AGES], `gender` [n, 1] (of female), `mood` [n, len(MOODS)].

    `policy` is the Keras dtype policy that the trunk computes by.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        crops = keras.Input((CROP_SIZE, CROP_SIZE, 3), name="crops")
        return keras.Model(crops, heads(layers.Dropout(DROPOUT)(trunk(crops))), name="attributes")
    finally:
        keras.config.set_dtype_policy(before)


def freeze(model: keras.Model, stages: int) -> None:
    """Keeps the first layer and the blocks of so many stages as they are; before compiling. The first two
    stages have half of the multiplications and one in sixteen of the weights."""
    last = 2 * sum(blocks for _, blocks in DESCRIPTOR_STAGES[:stages]) if stages else -1
    for layer in model.layers:
        if layer.name.startswith("conv"):
            layer.trainable = int(layer.name.removeprefix("conv")) > last


def load(weights: Path) -> keras.Model:
    """The network with the weights of a `.keras` file, computing in float32; raises UsageError for the file
    of another network.
    """
    if not weights.is_file():
        raise UsageError(f"no weights at {weights}: give a .keras file or leave it out")
    model = build()
    try:
        model.set_weights(keras.models.load_model(weights, compile=False).get_weights())
    except ValueError as error:
        raise UsageError(
            f"{weights} holds no weights of this network; give those of another training"
        ) from error
    return model


def heads(x: Any) -> dict[str, Any]:
    """The logits of each head from features [n, channels]."""
    return {
        "age": layers.Dense(AGES, name="age", dtype="float32")(x),
        "gender": layers.Dense(1, name="gender", dtype="float32")(x),
        "mood": layers.Dense(len(MOODS), name="mood", dtype="float32")(x),
    }


def trunk(crops: Any, padding: str = "same") -> Any:
    """Features [n, 256] of crops.

    The convolutions are named by their place in the descriptor (`descriptor.py`). The descriptor itself has
    no padding ("valid") where it halves; at CROP_SIZE too little would be left of that.
    """
    x = layers.Normalization(mean=list(_MEANS), variance=[256.0**2] * 3)(crops)
    x = layers.ReLU()(_conv(x, DESCRIPTOR_STAGES[0][0], 0, padding, strides=2, kernel=7))
    x = layers.MaxPooling2D(3, 2, padding=padding)(x)
    place = 1
    for stage, (channels, blocks) in enumerate(DESCRIPTOR_STAGES):
        for block in range(blocks):
            if stage > 0 and block == 0:
                x = _halving(x, channels, place, padding)
            else:
                y = layers.ReLU()(_conv(x, channels, place))
                x = layers.ReLU()(layers.Add()([x, _conv(y, channels, place + 1)]))
            place += 2
    return layers.GlobalAveragePooling2D()(x)


def _conv(x: Any, channels: int, place: int, padding: str = "same", strides: int = 1, kernel: int = 3) -> Any:
    name = f"conv{place}"
    init = "he_normal"
    return layers.Conv2D(channels, kernel, strides, padding, kernel_initializer=init, name=name)(x)


def _halving(x: Any, channels: int, place: int, padding: str) -> Any:
    """Two 3x3 layers parallel to the averaged identity; what one lacks in size or channels is zero."""
    y = layers.ReLU()(_conv(x, channels, place, padding, strides=2))
    y = _conv(y, channels, place + 1)
    x = layers.AveragePooling2D(2, 2, padding=padding)(x)
    x = ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))
    if short := x.shape[1] - y.shape[1]:
        y = ops.pad(y, ((0, 0), (0, short), (0, short), (0, 0)))
    return layers.ReLU()(layers.Add()([x, y]))


def expected_age(probabilities: Any) -> Any:
    """The mean in completed years of age distributions [n, AGES]."""
    return ops.sum(probabilities * ops.arange(AGES, dtype="float32"), axis=-1)


def age_loss(labels: Any, logits: Any) -> Any:
    """Per row, by its label: -log of the probability inside of an age bin; or the cross entropy with the
    distribution around an exact age, plus a tenth of the error of the mean. Plus the cross entropy with the
    second answer (see `ANSWER_WEIGHT`).

    `labels` is [n, 3, AGES], as of `train.labels`: 1 for the classes inside of a bin, the distribution
    around an exact age, that of the second answer. Zeros are no label, and cost nothing.
    """
    inside, around, answer = labels[:, 0], labels[:, 1], labels[:, 2]
    within = ops.logsumexp(ops.where(inside > 0, logits, _IMPOSSIBLE), axis=-1)
    surprise = ops.where(ops.any(inside > 0, axis=-1), ops.logsumexp(logits, axis=-1) - within, 0.0)
    error = ops.sum(around, axis=-1) * ops.abs(expected_age(ops.softmax(logits)) - expected_age(around))
    apart = -ops.sum((around + ANSWER_WEIGHT * answer) * ops.log_softmax(logits), axis=-1)
    return surprise + 0.1 * error + apart


def gender_loss(female: Any, logits: Any) -> Any:
    """Per row: binary cross entropy with the label, plus that with the second answer (`ANSWER_WEIGHT`).

    `female` is [n, 2]: the label, 0 or 1, and the answer's probability; negative where unknown (loss 0).
    """
    known = ops.cast(female >= 0, "float32")
    loss = ops.softplus(logits) - ops.maximum(female, 0.0) * logits
    return ops.sum(known * loss * ops.convert_to_tensor([1.0, ANSWER_WEIGHT]), axis=-1)


def mood_loss(shares: Any, logits: Any) -> Any:
    """Per row: cross entropy with the shares of votes [n, len(MOODS)], zeros where unknown (loss 0)."""
    return -ops.sum(shares * ops.log_softmax(logits), axis=-1)


ANSWER_WEIGHT: Final = 1.0
"""Weight of a second answer (`models.attribute_training.teacher`) next to the label's."""

LOSSES: Final = {"age": age_loss, "gender": gender_loss, "mood": mood_loss}
"""Each is averaged over all rows of the batch, labelled or not."""

LOSS_WEIGHTS: Final = {"age": 1.0, "gender": 3.0, "mood": 3.0}
"""They bring the heads' gradients to one size: age runs near 3 nats, gender at 0.3, and mood is known in
one row of three."""
