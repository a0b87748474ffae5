"""MatchPhotos: the files of all inputs, listed but not opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from headcount.schemas.files import File
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.places import match_inputs
from headcount.transforms.tally import TALLY


class MatchPhotos(beam.PTransform):
    """The inputs, a tuple of bytes -> `found` (FoundFile), `files` (File that needs no reading), `failures`.

    Among `files` are the folders that were listed to their end (LISTED) and those that could not be (FAILED).

    Each file comes once, whatever the inputs share; those whose uri is in `forget` do not come.
    """

    def __init__(self, exclude: str | None, forget: Sequence[str] = ()) -> None:
        super().__init__()
        self._exclude = exclude
        self._forget = frozenset(forget)

    def expand(self, inputs: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        matching = beam.ParDo(_MatchPhotosDoFn(self._exclude, self._forget))
        return inputs | "List" >> matching.with_outputs("found", "files", "failures")


class _MatchPhotosDoFn(beam.DoFn):
    def __init__(self, exclude: str | None, forget: frozenset[str]) -> None:
        self._exclude = exclude
        self._forget = forget

    def process(self, inputs: tuple[bytes, ...]) -> Iterable[TaggedOutput]:
        for match in match_inputs(map(os.fsdecode, inputs), self._exclude):
            if match.uri in self._forget:
                continue
            if isinstance(match, FoundFile):
                yield TaggedOutput("found", match)
            elif isinstance(match, File):
                yield TaggedOutput("files", match)
            else:
                TALLY.add(failures=1)
                yield TaggedOutput("failures", match.failure)
                yield TaggedOutput("files", match.row)
