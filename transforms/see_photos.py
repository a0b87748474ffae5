"""Files -> rows: what is seen in each photo. The middle of a run, and of ReadFaces."""

from __future__ import annotations

from typing import NamedTuple

import apache_beam as beam
from apache_beam.pvalue import PCollection

from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.describe_faces import DescribeFaces, DescribeSettings
from headcount.transforms.photo.reader import ReadSettings
from headcount.transforms.photo.reader_pool import PoolSettings
from headcount.transforms.read_photos import ReadPhotos


class Seen(NamedTuple):
    """PCollections of Photo, Face, Failure and File."""

    photos: PCollection
    faces: PCollection
    unread: PCollection
    """Failure: files, or parts of them, that could not be read."""
    undescribed: PCollection
    """Failure: faces that could not be described. Apart: a Flatten would end the fusion of what follows."""
    files: PCollection


class SeePhotos(beam.PTransform):
    """FoundFile -> Seen.

    Paths cross a shuffle, so that all workers have photos to read. Pixels cross none: every engine fuses
    reading and describing.
    """

    def __init__(self, reading: ReadSettings, pool: PoolSettings, describing: DescribeSettings) -> None:
        super().__init__()
        self._reading = reading
        self._pool = pool
        self._describing = describing

    def expand(self, files: PCollection) -> Seen:
        read = (
            files
            | "Pack" >> beam.Map(FoundFile.packed)
            | beam.Reshuffle()
            | "Unpack" >> beam.Map(FoundFile.unpacked)
            | ReadPhotos(self._reading, self._pool)
        )
        described = read.faces | DescribeFaces(self._describing)
        return Seen(read.photos, described.faces, read.failures, described.failures, read.files)
