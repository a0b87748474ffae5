"""The attribute model at work: face crops in, age, gender and mood out.

A model is a `.tflite` file, a SavedModel folder or a TensorFlow Hub handle whose serving signature takes
`crops`, uint8 [n, side, side, 3] RGB framed as in `models.framing`, and gives at least one of

- `age`, float32 [n, 101]: probability of each completed year, the last for 100 and over;
- `gender`, float32 [n]: probability of female;
- `mood`, float32 [n, 7]: probability of each of `schemas.labels.MOODS`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from headcount.models.framing import CROP_SIZE
from headcount.models.intervals import AGE_BANDS
from headcount.models.litert import load_runner
from headcount.models.shipped import DEFAULT_MODEL, SHIPPED
from headcount.schemas.errors import UsageError
from headcount.schemas.labels import AGES, MOODS

ROUNDING: Final = 0.001
NEAR_ONE: Final = 0.01
"""How far a probability may be from 0 to 1, and a sum of them from 1: weights of 8 bits are not exact."""

OUTPUT_SHAPES: Final[Mapping[str, tuple[int, ...]]] = {"age": (AGES,), "gender": (), "mood": (len(MOODS),)}
"""Shape of one face's part of each output; the names are those of `schemas.labels.ATTRIBUTES`."""

READ: Final = ("sha256", "calibration")
"""What is read in `about_file`; what else it says is for people."""

BATCH_SIZE: Final = 8
"""Faces described at once. Of 1, 8, 32 and 128 it takes the least time for each (`cards/attributes.md`),
and the network's memory grows with it."""

Outputs = Mapping[str, np.ndarray]


class AttributeModel(Protocol):
    """A loaded model. `describe` gives the outputs it has, those that it `predicts`, by name, for uint8
    [n, side, side, 3]."""

    side: int
    predicts: Sequence[str]

    def describe(self, crops: np.ndarray) -> Outputs: ...


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns outputs into answers: chosen on validation data, kept in a JSON file next to the weights."""

    gender: float = 0.5
    """Smallest probability of the likelier gender; below it, gender is null."""
    gender_from_age: float = 0.0
    """Youngest apparent age, in years, at which gender is known."""
    mood: float = 0.0
    """Smallest probability of the likeliest mood; below it, mood is null."""
    mood_sharpness: float = 0.0
    """Smallest sharpness (as in `schemas.faces`) at which mood is known."""
    age_margins: tuple[float, ...] = ()
    """Years that widen the age interval, by band (`models.intervals.conformal_margins`)."""

    def check(self) -> None:
        """Raises ValueError for a number that cannot be what it is called."""
        for name in ("gender", "mood"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; give a probability, 0 to 1")
        for name in ("gender_from_age", "mood_sharpness"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; give a number, at least 0")
        if len(self.age_margins) not in (0, len(AGE_BANDS)) or not np.isfinite(self.age_margins).all():
            raise ValueError(f"age_margins are {self.age_margins}; give {len(AGE_BANDS)} numbers, or none")

    def gender_known(self, p_female: np.ndarray, age: np.ndarray | None) -> np.ndarray:
        """Whether gender is known, bool [n], from `p_female` [n] and the ages [n] if they are known."""
        known = np.maximum(p_female, 1 - p_female) >= self.gender
        return known if age is None else known & (age >= self.gender_from_age)

    def mood_known(self, p_mood: np.ndarray, sharpness: np.ndarray) -> np.ndarray:
        """Whether mood is known, bool [n], from `p_mood` [n, 7] and `sharpness` [n]."""
        return (p_mood.max(-1) >= self.mood) & (sharpness >= self.mood_sharpness)


def check_probabilities(outputs: Outputs) -> None:
    """Raises ValueError unless each output, of one face or [n, ...], holds probabilities: of the ages and of
    the moods they sum to one.
    """
    for name, values in outputs.items():
        found = np.asarray(values)
        if not np.issubdtype(found.dtype, np.number) or not np.isfinite(found).all():
            raise ValueError(f"its {name} is not finite: {found.ravel()[:3].tolist()} ...")
        if found.min() < -ROUNDING or found.max() > 1 + ROUNDING:
            raise ValueError(
                f"its {name} is no probability, 0 to 1: it goes from {found.min():.4g} to {found.max():.4g}"
            )
        sums = found.sum(-1) if OUTPUT_SHAPES[name] else np.ones(())
        if (np.abs(sums - 1) > NEAR_ONE).any():
            worst = sums.flat[int(np.abs(sums - 1).argmax())]
            raise ValueError(f"its probabilities of {name} sum to {worst:.4g} and not to 1")


def load_attribute_model(model: str = DEFAULT_MODEL, threads: int = 1) -> AttributeModel:
    """Loads `model`, one of SHIPPED or the place of another, and tries it on two crops; raises UsageError
    saying what does not fit.
    """
    model = _place(model)
    _check_hash(model)
    loaded: AttributeModel = LiteRtModel(model, threads) if model.endswith(".tflite") else HubModel(model)
    crops = np.random.default_rng(1).integers(0, 256, (2, loaded.side, loaded.side, 3), np.uint8)
    try:
        outputs = loaded.describe(crops)
    except Exception as error:  # A stranger's program may raise anything.
        raise UsageError(
            f"attribute model {model}: it does not describe two faces ({_line(error)})"
        ) from error
    found = {name: tuple(np.shape(values)[1:]) for name, values in outputs.items()}
    wrong = {name: shape for name, shape in found.items() if shape != OUTPUT_SHAPES[name]}
    if wrong or not found:
        wanted = ", ".join(f"{name} {['n', *shape]}" for name, shape in OUTPUT_SHAPES.items())
        raise UsageError(
            f"attribute model {model}: its outputs are {wrong or 'unknown'}; it needs one of {wanted}"
        )
    try:
        check_probabilities(outputs)
    except ValueError as error:
        raise UsageError(f"attribute model {model}: {error}; does it give logits?") from error
    return loaded


def load_calibration(model: str = DEFAULT_MODEL) -> Calibration:
    """The calibration in the JSON file next to `model`, or none where there is no such file."""
    path, values = about_file(_place(model)), _about(model).get("calibration", {})
    names = [field.name for field in fields(Calibration)]
    if not isinstance(values, dict):
        raise UsageError(f"{path}: calibration is {values}; give an object with any of {', '.join(names)}")
    if strange := [name for name in values if name not in names]:
        raise UsageError(f"{path}: calibration has no {strange[0]}; it may have {', '.join(names)}")
    try:
        calibration = Calibration(**{**values, "age_margins": tuple(values.get("age_margins", ()))})
        calibration.check()
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path}: calibration cannot be used: {_line(error)}") from error
    return calibration


def about_file(model: str) -> Path:
    """The JSON file next to a model's file or folder, which holds its hash and its calibration."""
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
        about = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} next to the attribute model cannot be read as JSON ({_line(error)}); remove it"
        ) from error
    if not isinstance(about, dict):
        raise UsageError(f"{path} next to the attribute model is no JSON object; remove it")
    for name in about.keys() - READ:
        # Others' files may lie there too; a misspelt name of ours must not go unnoticed.
        if near := difflib.get_close_matches(name, READ, n=1, cutoff=0.8):
            raise UsageError(f"{path} next to the attribute model has {name}; did you mean {near[0]}?")
    return about


def _line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check_hash(model: str) -> None:
    expected = _about(model).get("sha256")
    if expected is not None and expected != model_hash(model):
        raise UsageError(f"attribute model {model} is not the one its .json file describes; install it again")


def model_hash(model: str = DEFAULT_MODEL) -> str:
    """The sha256 of a model file, or of the names and bytes of a folder, also of that of a hub's handle.

    Raises UsageError for a handle that cannot be downloaded.
    """
    model = _place(model)
    if not os.path.exists(model):
        model = _downloaded(model)
    digest = hashlib.sha256()
    if os.path.isfile(model):
        digest.update(Path(model).read_bytes())
    else:
        for path in sorted(path for path in Path(model).rglob("*") if path.is_file()):
            digest.update(str(path.relative_to(model)).encode() + path.read_bytes())
    return digest.hexdigest()


def _downloaded(handle: str) -> str:
    """The folder on this machine that holds the model of a TensorFlow Hub handle."""
    hub = _import_hub(handle)
    try:
        return str(hub.resolve(handle))
    except Exception as error:  # It goes to the network, and each of its ways has errors of its own.
        raise UsageError(f"attribute model {handle}: cannot be loaded ({_line(error)})") from error


def _import_hub(model: str) -> Any:
    try:
        import tensorflow_hub as hub
    except ImportError as error:
        raise UsageError(
            f"attribute model {model}: needs TensorFlow; install headcount[tensorflow] or give a .tflite"
        ) from error
    return hub


def _side(model: str, shape: Sequence[int]) -> int:
    """The side of the crops [n, side, side, 3] that a model takes; CROP_SIZE where it takes any."""
    lengths = [int(length) for length in shape]
    if len(lengths) != 4 or lengths[1] != lengths[2] or lengths[3] not in (3, -1):
        raise UsageError(f"attribute model {model}: its crops are {lengths}; it needs [n, side, side, 3]")
    return lengths[1] if lengths[1] > 0 else CROP_SIZE


class LiteRtModel:
    """A `.tflite` file under LiteRT."""

    def __init__(self, path: str, threads: int = 1) -> None:
        if not os.path.isfile(path):
            raise UsageError(f"attribute model not found: {path}")
        try:
            self._run = load_runner(path, threads)
        except (ValueError, RuntimeError) as error:
            raise UsageError(f"attribute model {path}: not a usable .tflite file ({_line(error)})") from error
        details = self._run.get_input_details()
        if set(details) != {"crops"} or details["crops"]["dtype"] != np.uint8:
            raise UsageError(
                f"attribute model {path}: its inputs are {sorted(details)}; it needs uint8 `crops`"
            )
        self.side = _side(path, details["crops"]["shape"])
        self.predicts: Sequence[str] = [
            name for name in OUTPUT_SHAPES if name in self._run.get_output_details()
        ]
        # Engines share one model among threads, and an interpreter has one set of tensors.
        self._lock = threading.Lock()

    def describe(self, crops: np.ndarray) -> Outputs:
        """See AttributeModel."""
        with self._lock:
            outputs = self._run(crops=crops)
        return {name: outputs[name] for name in self.predicts}


class HubModel:
    """A SavedModel folder or a TensorFlow Hub handle, loaded by `tensorflow_hub`."""

    def __init__(self, handle: str) -> None:
        hub = _import_hub(handle)
        try:
            self._module: Any = hub.load(handle)
            self._run = self._module.signatures["serving_default"]
        except Exception as error:  # A stranger's program may raise anything.
            raise UsageError(f"attribute model {handle}: cannot be loaded ({_line(error)})") from error
        inputs = self._run.structured_input_signature[1]
        if set(inputs) != {"crops"} or inputs["crops"].dtype != np.uint8:
            raise UsageError(
                f"attribute model {handle}: its inputs are {sorted(inputs)}; it needs uint8 `crops`"
            )
        shape = inputs["crops"].shape
        self.side = _side(handle, [length or -1 for length in shape] if shape.rank else [])
        self.predicts: Sequence[str] = [
            name for name in OUTPUT_SHAPES if name in self._run.structured_outputs
        ]

    def describe(self, crops: np.ndarray) -> Outputs:
        """See AttributeModel."""
        import tensorflow as tf

        outputs = self._run(crops=tf.constant(crops))
        return {name: outputs[name].numpy() for name in self.predicts}
