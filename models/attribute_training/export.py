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
from headcount.models.intervals import AgedFaces, conformal_margins
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
    """The temperatures of least cross entropy on faces that the network did not train on, each source as much
    as another: for age on exact ages, or on bins where there are no others.
    """
    logits = predict(model, faces.crops)
    low, high = age_classes(faces.age).T
    aged = faces.exact if faces.exact.any() else faces.aged
    known = np.isfinite(faces.female)
    margin = np.where(faces.female == 1, 1, -1) * logits["gender"][:, 0]
    clear = (mood := majority_mood(faces.votes)) >= 0

    def best(rows: np.ndarray, surprise: Callable[[float], np.ndarray]) -> float:
        weights = equal_parts(faces.source[rows])
        return float(min(GRID, key=lambda t: np.average(surprise(t), weights=weights)))

    return Temperatures(
        age=best(aged, lambda t: _cross_entropy(logits["age"][aged] / t, low[aged], high[aged])),
        gender=best(known, lambda t: np.logaddexp(0, -margin[known] / t)),
        mood=best(clear, lambda t: _cross_entropy(logits["mood"][clear] / t, mood[clear], mood[clear] + 1))
        if clear.any()
        else None,
    )


def equal_parts(sources: np.ndarray) -> np.ndarray:
    """How much each face counts, [n], so that every source counts the same; 1 on average."""
    _, which, numbers = np.unique(sources, return_inverse=True, return_counts=True)
    return len(sources) / len(numbers) / numbers[which]


def _cross_entropy(logits: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Of the classes [low, high) of each row."""
    classes = np.arange(logits.shape[1])
    inside = (classes >= low[:, None]) & (classes < high[:, None])
    return -np.log((softmax(logits) * inside).sum(1) + 1e-9)


def age_margins(model: keras.Model, faces: Faces, learned: Faces, temperature: float) -> tuple[float, ...]:
    """The margins that make the 90 % intervals hold on `faces`, which the network did not train on, with the
    differences between bands that they have on `learned`, which it did; each source as much as another.
    """
    return conformal_margins(_exact_ages(model, faces, temperature), _exact_ages(model, learned, temperature))


def _exact_ages(model: keras.Model, faces: Faces, temperature: float) -> AgedFaces:
    exact = faces.take(faces.exact)
    p_age = softmax(predict(model, exact.crops)["age"] / temperature)
    return AgedFaces(p_age, np.minimum(exact.age[:, 0], AGES - 1), equal_parts(exact.source))


def export(
    model: keras.Model,
    output: Path,
    temperatures: Temperatures,
    calibration: Calibration,
    about: dict[str, Any],
) -> None:
    """Writes `attributes.tflite` (8-bit weights), `attributes_float16.tflite` and `saved_model/` into
    `output`, each with a JSON file of its calibration next to it, and `attributes.keras`.

    The signature is that of `models.attributes`.
    """
    import tensorflow as tf

    def serve(crops: Any) -> dict[str, Any]:
        logits = model(tf.cast(crops, tf.float32), training=False)
        outputs = {
            "age": tf.nn.softmax(logits["age"] / temperatures.age),
            "gender": tf.sigmoid(logits["gender"][:, 0] / temperatures.gender),
        }
        if temperatures.mood is not None:
            outputs["mood"] = tf.nn.softmax(logits["mood"] / temperatures.mood)
        return outputs

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
