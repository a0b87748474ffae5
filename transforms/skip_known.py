"""What an earlier run already wrote, with the same models and settings, is not read again.

Known is a file of the same uri and version (size and modification time, its sidecars' too). What the machine
failed on is not: every run tries it again.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.forgotten import Forgotten
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.tally import TALLY


class Again(StrEnum):
    """Which known files are read all the same."""

    CHANGED = "changed"
    """None."""
    ALL = "all"
    """All, so that a change of the bytes that left size and time as they were is found."""
    FAILED = "failed"
    """Those that failed, be it in part or for what their bytes are."""


class SkipKnown(beam.PTransform):
    """FoundFile -> `changed` (FoundFile to be read), `kept` (File whose rows stay as they are).

    Files that were forgotten are neither.
    """

    def __init__(self, earlier: Earlier | None, again: Again, forgotten: Forgotten) -> None:
        super().__init__()
        self._skip = _SkipKnownDoFn(earlier, again, forgotten)

    def expand(self, found: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return found | "Compare" >> beam.ParDo(self._skip).with_outputs("changed", "kept")


class _SkipKnownDoFn(beam.DoFn):
    def __init__(self, earlier: Earlier | None, again: Again, forgotten: Forgotten) -> None:
        self._earlier = None if again is Again.ALL else earlier
        self._retry_failed = again is Again.FAILED
        self._forgotten = forgotten

    def setup(self) -> None:
        known = self._earlier.known_files(self._retry_failed) if self._earlier else ()
        self._known = {row.uri: row for row in known}

    def process(self, file: FoundFile) -> Iterable[TaggedOutput]:
        if self._forgotten.covers_file(file.uri, file.version):
            return
        row = self._known.get(file.uri)
        if row and row.version == file.version:
            TALLY.add(kept=1)
            yield TaggedOutput("kept", row)
        else:
            TALLY.add(found=1)
            yield TaggedOutput("changed", file)
