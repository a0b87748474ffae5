"""FaceCrop -> rows with apparent age, gender and mood, in batches through RunInference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.ml.inference.base import ModelHandler, RunInference

from headcount.models.attributes import BATCH_SIZE, AttributeModel, load_attribute_model
from headcount.models.cores import usable_cores
from headcount.schemas.faces import Face
from headcount.schemas.failures import Failure
from headcount.transforms.photo.describe import DescribeSettings, describe_batch
from headcount.transforms.photo.reader import FaceCrop
from headcount.transforms.tally import TALLY


class FaceModelHandler(ModelHandler[FaceCrop, Face | Failure, AttributeModel]):
    """Describes a batch, as `describe_batch` does."""

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
    ) -> list[Face | Failure]:
        """One row or failure for each face of the batch."""
        rows = describe_batch(batch, model, self._settings)
        if lost := sum(isinstance(row, Failure) for row in rows):
            TALLY.add(failures=lost)
        return rows

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
            | "Split" >> beam.ParDo(_split).with_outputs("faces", "failures")
        )


def _split(row: Face | Failure) -> Iterator[beam.pvalue.TaggedOutput]:
    yield beam.pvalue.TaggedOutput("faces" if isinstance(row, Face) else "failures", row)
