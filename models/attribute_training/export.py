"""From trained weights to what ships: calibrated outputs as a SavedModel and as `.tflite`.

Needs the TensorFlow backend of Keras, which training does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import keras
import numpy as np

from headcount.models.attribute_training.train import predict, softmax
from headcount.models.attributes import Calibration, about_file, model_hash
from headcount.models.datasets.crops import Faces, age_classes, majority_mood
from headcount.models.framing import CROP_SIZE
from headcount.models.intervals import conformal_margins
from headcount.schemas.labels import AGES

TOLERANCE: Final = 0.02
"""Largest difference of a probability between the SavedModel and the `.tflite` with float16 weights."""

TOLERANCE_INT8: Final = 0.05
"""Largest mean difference of a probability of gender or mood between the SavedModel and the `.tflite` with
8-bit weights."""

GRID: Final = np.round(np.arange(0.5, 2.51, 0.05), 2)
"""Temperatures tried."""


@dataclass(frozen=True, slots=True)
class Temperatures:
    """What each head's logits are divided by (Guo et al. 2017, arXiv:1706.04599)."""

    age: float = 1.0
    gender: float = 1.0
    mood: float | None = 1.0
    """None where no face has a mood: then what ships has none either."""


def calibrate(model: keras.Model, faces: Faces) -> Temperatures:
    """The temperatures of least cross entropy on faces that the network did not train on: for age on exact
    ages, or on bins where there are no others.
    """
    logits = predict(model, faces.crops)
    low, high = age_classes(faces.age).T
    aged = faces.exact if faces.exact.any() else faces.aged
    known = np.isfinite(faces.female)
    margin = np.where(faces.female == 1, 1, -1)[known] * logits["gender"][known, 0]
    clear = (mood := majority_mood(faces.votes)) >= 0
    return Temperatures(
        age=_best(lambda t: _cross_entropy(logits["age"][aged] / t, low[aged], high[aged])),
        gender=_best(lambda t: float(np.logaddexp(0, -margin / t).mean())),
        mood=_best(lambda t: _cross_entropy(logits["mood"][clear] / t, mood[clear], mood[clear] + 1))
        if clear.any()
        else None,
    )


def _cross_entropy(logits: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Of the classes [low, high) of each row."""
    classes = np.arange(logits.shape[1])
    inside = (classes >= low[:, None]) & (classes < high[:, None])
    return float(-np.log((softmax(logits) * inside).sum(1) + 1e-9).mean())


def age_margins(model: keras.Model, faces: Faces, learned: Faces, temperature: float) -> tuple[float, ...]:
    """The margins that make the 90 % intervals hold on `faces`, which the network did not train on, with the
    differences between bands that they have on `learned`, which it did.
    """
    return conformal_margins(
        *_exact_ages(model, faces, temperature), *_exact_ages(model, learned, temperature)
    )


def _exact_ages(model: keras.Model, faces: Faces, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """The age distributions of the faces whose age is exact, and those ages."""
    p_age = softmax(predict(model, faces.crops[faces.exact])["age"] / temperature)
    return p_age, np.minimum(faces.age[faces.exact, 0], AGES - 1)


def _best(loss: Callable[[float], float]) -> float:
    return float(min(GRID, key=loss))


def export(
    model: keras.Model,
    output: Path,
    temperatures: Temperatures,
    calibration: Calibration,
    about: dict[str, Any],
) -> None:
    """Writes `attributes.tflite` (8-bit weights), `attributes_float16.tflite` and `saved_model/` into
    `output`, each with a JSON file of its calibration beside it, and `attributes.keras`.

    The signature is that of `models.attributes`.
    """
    import tensorflow as tf

    def serve(crops: Any) -> dict[str, Any]:
        logits = model(tf.cast(crops, tf.float32), training=False)
        told = {
            "age": tf.nn.softmax(logits["age"] / temperatures.age),
            "gender": tf.sigmoid(logits["gender"][:, 0] / temperatures.gender),
        }
        if temperatures.mood is not None:
            told["mood"] = tf.nn.softmax(logits["mood"] / temperatures.mood)
        return told

    output.mkdir(parents=True, exist_ok=True)
    model.save(output / "attributes.keras")
    archive = keras.export.ExportArchive()
    archive.track(model)
    crops = tf.TensorSpec((None, CROP_SIZE, CROP_SIZE, 3), tf.uint8, name="crops")
    archive.add_endpoint("serving_default", serve, input_signature=[crops])
    saved, small, half = (
        output / name for name in ("saved_model", "attributes.tflite", "attributes_float16.tflite")
    )
    archive.write_out(str(saved), verbose=False)
    # Not from_concrete_functions, which leaves the weights of a Keras 3 model out as constants.
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    small.write_bytes(converter.convert())
    converter.target_spec.supported_types = [tf.float16]
    half.write_bytes(converter.convert())
    facts = {
        "parameters": model.count_params(),
        "temperatures": asdict(temperatures),
        "calibration": asdict(calibration),
        **about,
    }
    for place in map(str, (small, half, saved)):
        content = {"sha256": model_hash(place), **facts}
        about_file(place).write_text(json.dumps(content, indent=2) + "\n")
