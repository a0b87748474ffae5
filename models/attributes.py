"""The attribute model at work: face crops in, age, gender and mood out.

A model is a `.tflite` file, a SavedModel folder or a TensorFlow Hub handle whose serving signature takes
`crops`, uint8 [n, side, side, 3] RGB framed as in `models.framing`, and gives at least one of

- `age`, float32 [n, 101]: probability of each completed year, the last for 100 and over;
- `gender`, float32 [n]: probability of female;
- `mood`, float32 [n, 7]: probability of each of `schemas.labels.MOODS`.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from headcount.models.framing import CROP_SIZE
from headcount.models.litert import load_runner
from headcount.models.shipped import DEFAULT_MODEL, SHIPPED
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGES, MOODS

OUTPUT_SHAPES: Final[Mapping[str, tuple[int, ...]]] = {"age": (AGES,), "gender": (), "mood": (len(MOODS),)}
"""Shape of one face's part of each output; the names are those of `schemas.labels.ATTRIBUTES`."""

Outputs = Mapping[str, np.ndarray]


class AttributeModel(Protocol):
    """A loaded model. `describe` gives the outputs it has, those that it `tells`, by name, for uint8
    [n, side, side, 3]."""

    side: int
    tells: Sequence[str]

    def describe(self, crops: np.ndarray) -> Outputs: ...


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns outputs into answers: chosen on validation data, kept in a JSON file beside the weights."""

    gender: float = 0.5
    """Smallest probability of the likelier gender; below it, gender is null."""
    gender_from_age: float = 0.0
    """Youngest apparent age, in years, at which gender can be told."""
    mood: float = 0.0
    """Smallest probability of the likeliest mood; below it, mood is null."""
    mood_sharpness: float = 0.0
    """Smallest sharpness (as in `schemas.faces`) at which mood can be told."""
    age_margins: tuple[float, ...] = ()
    """Years that widen the age interval, by band (`models.intervals.conformal_margins`)."""

    def tell_gender(self, p_female: np.ndarray, age: np.ndarray | None) -> np.ndarray:
        """Whether gender can be told, bool [n], from `p_female` [n] and the ages [n] if they are known."""
        told = np.maximum(p_female, 1 - p_female) >= self.gender
        return told if age is None else told & (age >= self.gender_from_age)

    def tell_mood(self, p_mood: np.ndarray, sharpness: np.ndarray) -> np.ndarray:
        """Whether mood can be told, bool [n], from `p_mood` [n, 7] and `sharpness` [n]."""
        return (p_mood.max(-1) >= self.mood) & (sharpness >= self.mood_sharpness)


def load_attribute_model(model: str = DEFAULT_MODEL, threads: int = 1) -> AttributeModel:
    """Loads `model`, one of SHIPPED or the place of another, and tries it on two empty crops; raises
    UsageError saying what does not fit.
    """
    model = _place(model)
    _check_hash(model)
    loaded: AttributeModel = LiteRtModel(model, threads) if model.endswith(".tflite") else HubModel(model)
    outputs = loaded.describe(np.zeros((2, loaded.side, loaded.side, 3), np.uint8))
    found = {name: tuple(np.shape(values)[1:]) for name, values in outputs.items()}
    wrong = {name: shape for name, shape in found.items() if shape != OUTPUT_SHAPES[name]}
    if wrong or not found:
        wanted = ", ".join(f"{name} {['n', *shape]}" for name, shape in OUTPUT_SHAPES.items())
        raise UsageError(
            f"attribute model {model}: its outputs are {wrong or 'unknown'}; it needs one of {wanted}"
        )
    return loaded


def load_calibration(model: str = DEFAULT_MODEL) -> Calibration:
    """The calibration in the JSON file beside `model`, or none where there is no such file."""
    values = _about(model).get("calibration", {})
    return Calibration(**{**values, "age_margins": tuple(values.get("age_margins", ()))})


def about_file(model: str) -> Path:
    """The JSON file beside a model's file or folder, which holds its hash and its calibration."""
    return Path(os.path.abspath(model)).with_suffix(".json")


def _place(model: str) -> str:
    """The file of a network that ships; the place of any other as it is."""
    return SHIPPED.get(model, model)


def _about(model: str) -> dict[str, Any]:
    """What `about_file` says, or nothing where there is none."""
    model = _place(model)
    path = about_file(model)
    if not os.path.exists(model) or not path.is_file():
        return {}
    try:
        return dict(json.loads(path.read_text()))
    except ValueError as error:
        raise UsageError(f"{path} beside the attribute model is not JSON ({error}); remove it") from error


def _check_hash(model: str) -> None:
    expected = _about(model).get("sha256")
    if expected not in (None, model_hash(model)):
        raise UsageError(f"attribute model {model} is not the one its .json file speaks of; install it anew")


def model_hash(model: str = DEFAULT_MODEL) -> str:
    """The sha256 of a model file, or of the names and bytes of a folder; of a handle, of its text."""
    model = _place(model)
    digest = hashlib.sha256()
    if os.path.isfile(model):
        digest.update(Path(model).read_bytes())
    elif os.path.isdir(model):
        for path in sorted(path for path in Path(model).rglob("*") if path.is_file()):
            digest.update(str(path.relative_to(model)).encode() + path.read_bytes())
    else:
        digest.update(model.encode())
    return digest.hexdigest()


class LiteRtModel:
    """A `.tflite` file under LiteRT."""

    def __init__(self, path: str, threads: int = 1) -> None:
        if not os.path.isfile(path):
            raise UsageError(f"attribute model not found: {path}")
        try:
            self._run = load_runner(path, threads)
        except (ValueError, RuntimeError) as error:
            raise UsageError(f"attribute model {path}: not a usable .tflite file ({error})") from error
        details = self._run.get_input_details()
        if set(details) != {"crops"} or details["crops"]["dtype"] != np.uint8:
            raise UsageError(
                f"attribute model {path}: its inputs are {sorted(details)}; it needs uint8 `crops`"
            )
        self.side = int(details["crops"]["shape"][1])
        self.tells: Sequence[str] = [name for name in OUTPUT_SHAPES if name in self._run.get_output_details()]
        # Engines share one model among threads, and an interpreter has one set of tensors.
        self._lock = threading.Lock()

    def describe(self, crops: np.ndarray) -> Outputs:
        """See AttributeModel."""
        with self._lock:
            outputs = self._run(crops=crops)
        return {name: outputs[name] for name in self.tells}


class HubModel:
    """A SavedModel folder or a TensorFlow Hub handle, loaded by `tensorflow_hub`."""

    def __init__(self, handle: str) -> None:
        try:
            import tensorflow_hub as hub
        except ImportError as error:
            raise UsageError(
                f"attribute model {handle}: needs TensorFlow; install headcount[tensorflow] or give a .tflite"
            ) from error
        try:
            self._module: Any = hub.load(handle)
            self._run = self._module.signatures["serving_default"]
        except (OSError, ValueError, KeyError, RuntimeError, AttributeError) as error:
            raise UsageError(f"attribute model {handle}: cannot be loaded ({error})") from error
        inputs = self._run.structured_input_signature[1]
        if set(inputs) != {"crops"} or inputs["crops"].dtype != np.uint8:
            raise UsageError(
                f"attribute model {handle}: its inputs are {sorted(inputs)}; it needs uint8 `crops`"
            )
        self.side = int(inputs["crops"].shape[1] or CROP_SIZE)
        self.tells: Sequence[str] = [name for name in OUTPUT_SHAPES if name in self._run.structured_outputs]

    def describe(self, crops: np.ndarray) -> Outputs:
        """See AttributeModel."""
        import tensorflow as tf

        outputs = self._run(crops=tf.constant(crops))
        return {name: outputs[name].numpy() for name in self.tells}
