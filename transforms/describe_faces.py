"""Face crops -> rows with apparent age, gender and mood, in batches through RunInference."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import apache_beam as beam
import numpy as np
from apache_beam.ml.inference.base import ModelHandler, RunInference

from headcount.models.attributes import AttributeModel, Calibration, Outputs, load_attribute_model
from headcount.models.cores import usable_cores
from headcount.models.intervals import age_interval, expected_age
from headcount.schemas.faces import Face, round_p_age
from headcount.schemas.failures import Failure, failure
from headcount.schemas.labels import GENDERS, MOODS, age_group
from headcount.transforms.photo.reader import FaceCrop
from headcount.transforms.tally import TALLY

BATCH_SIZE: Final = 8
"""Faces described at once. Of 1, 8, 32 and 128 it takes the least time for each (`cards/attributes.md`),
and the network's memory grows with it."""


def describe(face: Face, outputs: Outputs, calibration: Calibration, attributes: Sequence[str]) -> Face:
    """`face` with what one face's part of the model's `outputs` says, as far as `attributes` asks for it.

    Raises ValueError for an output that is not finite.
    """
    for name, values in outputs.items():
        if not np.isfinite(values).all():
            raise ValueError(f"the model's output {name} is not finite: {values}")
    columns: dict[str, Any] = {}
    if "age" in attributes and "age" in outputs:
        columns |= _age(outputs["age"], calibration)
    if "gender" in attributes and "gender" in outputs:
        columns |= _gender(float(outputs["gender"]), columns.get("age"), calibration)
    if "mood" in attributes and "mood" in outputs:
        columns |= _mood(outputs["mood"], face.sharpness, calibration)
    return dataclasses.replace(face, **columns)


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
    told = calibration.tell_gender(np.asarray(p_female), None if age is None else np.asarray(age))
    label = GENDERS[0] if p_female >= 0.5 else GENDERS[1]
    return {"gender": label if told else None, "p_female": p_female}


def _mood(p_mood: np.ndarray, sharpness: float, calibration: Calibration) -> dict[str, Any]:
    told = calibration.tell_mood(p_mood, np.asarray(sharpness))
    columns: dict[str, Any] = {f"p_{mood}": float(p) for mood, p in zip(MOODS, p_mood, strict=True)}
    return columns | {"mood": MOODS[int(p_mood.argmax())] if told else None}


@dataclass(frozen=True, slots=True)
class DescribeSettings:
    """Which model describes the faces, and what of it is wanted."""

    model: str
    """One of `models.attributes.SHIPPED`, which each worker has itself, or the place of another."""
    calibration: Calibration
    attributes: tuple[str, ...]
    threads: int
    """0 is one for each core that the machine which describes may use."""


class FaceModelHandler(ModelHandler[FaceCrop, Face | Failure, AttributeModel]):
    """Describes a batch; one that fails is tried again face by face, so that a bad one is lost alone."""

    def __init__(self, settings: DescribeSettings) -> None:
        super().__init__(min_batch_size=1, max_batch_size=BATCH_SIZE)
        self._settings = settings

    def load_model(self) -> AttributeModel:
        """Called once per process."""
        threads = self._settings.threads or usable_cores()
        return load_attribute_model(self._settings.model, threads)

    def run_inference(
        self,
        batch: Sequence[FaceCrop],
        model: AttributeModel,
        inference_args: Mapping[str, Any] | None = None,
    ) -> Iterable[Face | Failure]:
        """One row or failure for each face of the batch."""
        try:
            return list(self._describe(batch, model))
        except Exception as error:  # A model of the user's own may raise anything.
            if len(batch) > 1:
                return [row for one in batch for row in self.run_inference([one], model)]
            TALLY.add(failures=1)
            return [failure(batch[0].face.uri, "describe", "bad_face", f"{batch[0].face.face_id}: {error!r}")]

    def _describe(self, batch: Sequence[FaceCrop], model: AttributeModel) -> Iterator[Face]:
        outputs = model.describe(np.stack([one.crop for one in batch]))
        for index, one in enumerate(batch):
            own = {name: values[index] for name, values in outputs.items()}
            yield describe(one.face, own, self._settings.calibration, self._settings.attributes)

    def get_num_bytes(self, batch: Sequence[FaceCrop]) -> int:
        """Bytes of the crops; the base class would pickle the batch to count them."""
        return sum(one.crop.nbytes for one in batch)

    def get_metrics_namespace(self) -> str:
        """Name of the counters of RunInference."""
        return "DescribeFaces"


class DescribeFaces(beam.PTransform):
    """FaceCrop -> `faces` (Face), `failures` (Failure)."""

    def __init__(self, settings: DescribeSettings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, crops: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return (
            crops
            | RunInference(FaceModelHandler(self._settings))
            | beam.ParDo(_split).with_outputs("faces", "failures")
        )


def _split(row: Face | Failure) -> Iterator[beam.pvalue.TaggedOutput]:
    yield beam.pvalue.TaggedOutput("faces" if isinstance(row, Face) else "failures", row)
