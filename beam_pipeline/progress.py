"""One line that says how far a local run is."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self, TextIO

from headcount.transforms.tally import TALLY

TERMINAL_SECONDS: Final = 0.5
PLAIN_SECONDS: Final = 10.0
"""Time between two lines: on a terminal, where each replaces the last, and in a log."""


def progress_line(counts: Mapping[str, int], seconds: float) -> str:
    """`312 of 2,000 files, 8.4 photos/s, 512 faces, 3 failures, 3 min left`, from a tally and its time."""
    done, found = counts["files"], counts["found"]
    rate = counts["photos"] / seconds if seconds > 0 else 0.0
    line = f"{done:,} of {found:,} files, {rate:.1f} photos/s, {counts['faces']:,} faces"
    line += f", {counts['failures']:,} failures"
    if 0 < done < found:
        line += f", {_duration((found - done) * seconds / done)} left"
    return line


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


class Progress:
    """Shows `progress_line` on a stream while the `with` block runs; on None shows nothing."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._show, daemon=True)

    def __enter__(self) -> Self:
        TALLY.clear()
        if self._stream:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._stream:
            self._thread.join()

    def _show(self) -> None:
        assert self._stream is not None
        terminal = self._stream.isatty()
        # The clock starts with the first photo: models and child processes take a moment before.
        start = shown = None
        while not self._stop.wait(TERMINAL_SECONDS):
            counts, now = TALLY.read(), time.monotonic()
            if not counts["files"]:
                continue
            start, shown = start or now, shown or now
            if not terminal and now - shown < PLAIN_SECONDS:
                continue
            shown = now
            line = progress_line(counts, now - start)
            self._stream.write(f"\r\x1b[K{line}" if terminal else f"{line}\n")
            self._stream.flush()
        if terminal:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
