"""What an earlier run already wrote, with the same models and settings, is not read again.

Known is a file of the same uri and version (size and modification time, its sidecars' too).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from headcount.schemas.files import FAILED, File
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.tally import TALLY


class Again(StrEnum):
    """Which known files are read all the same."""

    CHANGED = "changed"
    """None."""
    ALL = "all"
    """All, so that a change of the bytes that left size and time as they were is found."""
    FAILED = "failed"
    """Those that failed; and nothing else, not even new files."""


def decide(file: FoundFile, row: File | None, again: Again) -> str | None:
    """`changed`, `kept`, or None for a file left to a later run; `row` is what is known of it."""
    if again is Again.FAILED:
        if row is None:
            return None
        return "changed" if row.outcome == FAILED else "kept"
    if row is None or again is Again.ALL or row.version != file.version:
        return "changed"
    return "kept"


class SkipKnown(beam.PTransform):
    """FoundFile -> `changed` (FoundFile to be read), `kept` (File whose rows stay as they are)."""

    def __init__(self, earlier: Earlier | None, again: Again) -> None:
        super().__init__()
        self._earlier = earlier
        self._again = again

    def expand(self, found: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        comparing = beam.ParDo(_SkipKnownDoFn(self._earlier, self._again))
        return found | "Compare" >> comparing.with_outputs("changed", "kept")


class _SkipKnownDoFn(beam.DoFn):
    def __init__(self, earlier: Earlier | None, again: Again) -> None:
        self._earlier = earlier
        self._again = again

    def setup(self) -> None:
        self._known = {row.uri: row for row in self._earlier.known_files()} if self._earlier else {}

    def process(self, file: FoundFile) -> Iterable[TaggedOutput]:
        row = self._known.get(file.uri)
        decision = decide(file, row, self._again)
        if decision == "changed":
            TALLY.add(found=1)
            yield TaggedOutput("changed", file)
        elif decision == "kept":
            TALLY.add(kept=1)
            yield TaggedOutput("kept", row)
