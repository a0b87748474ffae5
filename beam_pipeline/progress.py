"""How far a local run is: a bar on a terminal and in a notebook, plain lines in a log. All by tqdm."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TextIO

from headcount.runners.notebook import in_notebook
from headcount.transforms.tally import TALLY

if TYPE_CHECKING:
    from tqdm.std import tqdm

BAR_SECONDS: Final = 0.5
LINE_SECONDS: Final = 10.0
"""Time between two states of the bar, and between two lines in a log."""

_LINE: Final = "{n:,} of {total:,} files{postfix}, {remaining} left"
_BAR: Final = f"{{percentage:3.0f}}%|{{bar}}| {_LINE}"


def progress_line(counts: Mapping[str, int], seconds: float) -> str:
    """`312 of 2,000 files, 8.4 photos/s, 512 faces, 3 failures, 03:20 left`, from a tally and its time."""
    from tqdm.std import tqdm

    return tqdm.format_meter(
        counts["files"], counts["found"], seconds, bar_format=_LINE, postfix=_details(counts, seconds)
    )


def _details(counts: Mapping[str, int], seconds: float) -> str:
    rate = counts["photos"] / seconds if seconds > 0 else 0.0
    return f"{rate:.1f} photos/s, {counts['faces']:,} faces, {counts['failures']:,} failures"


class Progress:
    """Shows how far the run is on a stream while the `with` block runs; on None shows nothing."""

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
        # The clock starts with the first file: models and child processes take a moment before.
        while not (counts := TALLY.read())["files"]:
            if self._stop.wait(BAR_SECONDS):
                return
        show = self._bar if in_notebook() or _has_width(self._stream) else self._lines
        show(self._stream, counts["found"], time.monotonic())

    def _bar(self, stream: TextIO, total: int, start: float) -> None:
        with _bar_class()(total=total, bar_format=_BAR, file=stream, leave=False, dynamic_ncols=True) as bar:
            while not self._stop.wait(BAR_SECONDS):
                counts = TALLY.read()
                bar.total = counts["found"]
                bar.set_postfix_str(_details(counts, time.monotonic() - start), refresh=False)
                bar.update(counts["files"] - bar.n)
                bar.refresh()

    def _lines(self, stream: TextIO, total: int, start: float) -> None:
        while not self._stop.wait(LINE_SECONDS):
            stream.write(f"{progress_line(TALLY.read(), time.monotonic() - start)}\n")
            stream.flush()


def _has_width(stream: TextIO) -> bool:
    """Whether it is a terminal of a known width. Some in containers have none: tqdm shows nothing there."""
    try:
        return stream.isatty() and os.get_terminal_size(stream.fileno()).columns > 0
    except OSError:
        return True


def _bar_class() -> type[tqdm[Any]]:
    """A widget in a notebook that has ipywidgets, else a bar of text."""
    with warnings.catch_warnings():
        # tqdm calls its own choice experimental, and asks for ipywidgets where they are missing.
        warnings.simplefilter("ignore")
        from tqdm.autonotebook import tqdm

        return tqdm
