"""From face crops to rows with apparent age, gender and mood."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from headcount.models.attributes import AttributeModel, Calibration, Outputs, check_probabilities
from headcount.models.intervals import age_interval, expected_age
from headcount.schemas.faces import Face, round_p_age
from headcount.schemas.failures import Failure, failure
from headcount.schemas.labels import GENDERS, MOODS, age_group
from headcount.transforms.photo.reader import FaceCrop


def describe(face: Face, outputs: Outputs, calibration: Calibration, attributes: Sequence[str]) -> Face:
    """`face` with what one face's part of the model's `outputs` says, as far as `attributes` asks for it.

    What one attribute says of another does not depend on which are asked for: an infant's gender is null also
    where no age is wanted. Raises ValueError for outputs that are not probabilities.
    """
    check_probabilities(outputs)
    said: dict[str, dict[str, Any]] = {}
    if "age" in outputs:
        said["age"] = _age(outputs["age"], calibration)
    if "gender" in outputs:
        said["gender"] = _gender(float(outputs["gender"]), said.get("age", {}).get("age"), calibration)
    if "mood" in outputs:
        said["mood"] = _mood(outputs["mood"], face.sharpness, calibration)
    columns = {name: value for attribute in attributes for name, value in said.get(attribute, {}).items()}
    return dataclasses.replace(face, **columns)


def describe_batch(
    crops: Sequence[FaceCrop], model: AttributeModel, settings: DescribeSettings
) -> list[Face | Failure]:
    """One row or failure for each of the crops. A batch that fails is tried again face by face, so that a bad
    one is lost alone.
    """
    try:
        return list(_described(crops, model, settings))
    except Exception as error:  # A model of the user's own may raise anything.
        if len(crops) > 1:
            return [row for one in crops for row in describe_batch([one], model, settings)]
        face = crops[0].face
        return [failure(face.uri, "describe", "bad_face", f"{face.face_id}: {error!r}")]


def _described(
    crops: Sequence[FaceCrop], model: AttributeModel, settings: DescribeSettings
) -> Iterator[Face]:
    outputs = model.describe(np.stack([one.crop for one in crops]))
    for index, one in enumerate(crops):
        own = {name: values[index] for name, values in outputs.items()}
        yield describe(one.face, own, settings.calibration, settings.attributes)


def _age(p_age: np.ndarray, calibration: Calibration) -> dict[str, Any]:
    (age,) = expected_age(p_age[None]).tolist()
    (low,), (high,) = age_interval(p_age[None], calibration.age_margins)
    return {
        "age": age,
        "age_low": float(low),
        "age_high": float(high),
        "age_group": age_group(age),
        "p_age": round_p_age(p_age),
    }


def _gender(p_female: float, age: float | None, calibration: Calibration) -> dict[str, Any]:
    known = calibration.gender_known(np.asarray(p_female), None if age is None else np.asarray(age))
    label = GENDERS[0] if p_female >= 0.5 else GENDERS[1]
    return {"gender": label if known else None, "p_female": p_female}


def _mood(p_mood: np.ndarray, sharpness: float, calibration: Calibration) -> dict[str, Any]:
    known = calibration.mood_known(p_mood, np.asarray(sharpness))
    columns: dict[str, Any] = {f"p_{mood}": float(p) for mood, p in zip(MOODS, p_mood, strict=True)}
    return columns | {"mood": MOODS[int(p_mood.argmax())] if known else None}


@dataclass(frozen=True, slots=True)
class DescribeSettings:
    """Which model describes the faces, and what of it is wanted."""

    model: str
    """One of `models.attributes.SHIPPED`, which each worker has itself, or the place of another."""
    calibration: Calibration
    attributes: tuple[str, ...]
    threads: int
    """0 is one for each core that the machine which describes may use."""
