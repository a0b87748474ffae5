"""MatchPhotos: the files of all inputs, listed but not opened."""

from __future__ import annotations

import os
from collections.abc import Iterable

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from headcount.schemas.files import File
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.listing.places import match_inputs
from headcount.transforms.tally import TALLY


class MatchPhotos(beam.PTransform):
    """The inputs, a tuple of bytes -> `found` (FoundFile), `files` (File that needs no reading), `failures`.

    Among `files` are the folders that were listed to their end (LISTED) and those that could not be (FAILED).

    Each file comes once, whatever the inputs share.
    """

    def __init__(self, exclude: str | None) -> None:
        super().__init__()
        self._exclude = exclude

    def expand(self, inputs: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        matching = beam.ParDo(_MatchPhotosDoFn(self._exclude))
        return inputs | "List" >> matching.with_outputs("found", "files", "failures")


class _MatchPhotosDoFn(beam.DoFn):
    def __init__(self, exclude: str | None) -> None:
        self._exclude = exclude

    def process(self, inputs: tuple[bytes, ...]) -> Iterable[TaggedOutput]:
        for match in match_inputs(map(os.fsdecode, inputs), self._exclude):
            if isinstance(match, FoundFile):
                yield TaggedOutput("found", match)
            elif isinstance(match, File):
                yield TaggedOutput("files", match)
            else:
                TALLY.add(failures=1)
                yield TaggedOutput("failures", match.failure)
                yield TaggedOutput("files", match.row)
