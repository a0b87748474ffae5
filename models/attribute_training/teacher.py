"""What the descriptor knows of ages and genders, as a second answer that training learns from.

Small networks on the frozen features of the whole descriptor err on other faces than the network that is
fine-tuned from it: on the faces for choosing, the mean of both is better than either. So that network learns
their answers too (Hinton et al. 2015, arXiv:1503.02531). Each face is answered by a network that was not
trained on it. A training that starts from weights learns the answers of those (`train.own_answers`).
"""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, Final

import cv2
import keras
import numpy as np
from keras import layers

from headcount.models.attribute_training import network
from headcount.models.attribute_training.descriptor import package_file, start_from_descriptor
from headcount.models.datasets.crops import PACKED_CONTEXT, Faces

CHIP_SIZE: Final = 150
"""Side of the descriptor's input."""

FOLDS: Final = 5
"""A face is answered by a network that learned from the other four fifths."""

EPOCHS: Final = 14
BATCH: Final = 256
SEED: Final = 1

_LANDMARKS: Final = "models/shape_predictor_5_face_landmarks.dat"


def answers(faces: Faces, targets: dict[str, np.ndarray], file: Path) -> dict[str, np.ndarray]:
    """Logits of `age` [n, AGES] and `gender` [n, 1] for packed faces; kept in `file` for the next call.

    `targets` are the labels in the form of `network.LOSSES`. nan for faces without age and gender,
    which can teach neither. Takes 12 ms a face on two cores.
    """
    taught = faces.aged | np.isfinite(faces.female)
    if not file.exists():
        labelled = {name: values[taught] for name, values in targets.items()}
        logits = cross_fit(features(faces.crops[taught]), labelled)
        np.savez(file, face_id=faces.face_id[taught], age=logits["age"], gender=logits["gender"])
    with np.load(file) as kept:
        if not np.array_equal(kept["face_id"], faces.face_id[taught]):
            raise ValueError(f"{file} answers for other faces; remove it")
        return {head: spread(kept[head], taught) for head in ("age", "gender")}


def spread(logits: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """`logits` at `rows`, bool [n], and nan elsewhere."""
    everywhere = np.full((len(rows), logits.shape[1]), np.nan, np.float32)
    everywhere[rows] = logits
    return everywhere


def features(crops: np.ndarray) -> np.ndarray:
    """The descriptor's features [n, 256] of packed crops [n, side, side, 3]."""
    chips = keras.Input((CHIP_SIZE, CHIP_SIZE, 3))
    model = keras.Model(chips, network.trunk(chips, padding="valid"))
    start_from_descriptor(model)
    return np.concatenate([model.predict_on_batch(part) for part in _upright(crops)])


def _upright(crops: np.ndarray) -> Iterator[np.ndarray]:
    """Batches of the crops as the descriptor was trained on: turned and scaled by eyes and nose."""
    import dlib

    landmarks = dlib.shape_predictor(str(package_file(_LANDMARKS)))
    side = 2 * crops.shape[1]
    # dlib's box of a face, which its landmarks start from, within the canonical one.
    half, down = 0.41 * side / PACKED_CONTEXT, 0.06 * side / PACKED_CONTEXT
    ends = [round(end) for end in (side / 2 - half, side / 2 + down - half)]
    box = dlib.rectangle(*ends, *[round(end + 2 * half) for end in ends])

    def chip(crop: np.ndarray) -> np.ndarray:
        large = cv2.resize(crop, (side, side), interpolation=cv2.INTER_CUBIC)
        return dlib.get_face_chip(large, landmarks(large, box), CHIP_SIZE, 0.25)

    with ThreadPool() as pool:
        for start in range(0, len(crops), BATCH):
            yield np.stack(pool.map(chip, list(crops[start : start + BATCH]))).astype(np.float32)


def cross_fit(features: np.ndarray, targets: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Logits of every head for each row of `features` [n, width], of a network trained on the other folds."""
    keras.utils.set_random_seed(SEED)
    features = (features - features.mean(0)) / (features.std(0) + 1e-6)
    fold = np.random.default_rng(SEED).permutation(len(features)) % FOLDS
    logits: dict[str, np.ndarray] = {}
    for held in range(FOLDS):
        seen, unseen = np.flatnonzero(fold != held), np.flatnonzero(fold == held)
        model = _small_network(features.shape[1], steps=len(seen) // BATCH * EPOCHS)
        labels = {name: values[seen] for name, values in targets.items()}
        model.fit(features[seen], labels, batch_size=BATCH, epochs=EPOCHS, verbose=0)
        for name, values in model.predict(features[unseen], batch_size=4096, verbose=0).items():
            logits.setdefault(name, np.zeros((len(features), values.shape[1]), np.float32))[unseen] = values
    return logits


def _small_network(width: int, steps: int) -> keras.Model:
    inputs = keras.Input((width,))
    x: Any = layers.Dropout(0.1)(inputs)
    for units in (512, 256):
        x = layers.Dropout(0.3)(layers.Dense(units, activation="relu")(x))
    model = keras.Model(inputs, network.heads(x))
    rate = keras.optimizers.schedules.CosineDecay(1e-3, steps)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=0.02),
        loss=network.LOSSES,
        loss_weights=network.LOSS_WEIGHTS,
    )
    return model
