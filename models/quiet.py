"""Native libraries and Pillow kept quiet while they work for us, and left as they were afterwards.

What is switched belongs to the whole process, and several threads may want it at once.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from types import TracebackType
from typing import Final


class WhileAny:
    """A context that the first of several threads enters and the last of them leaves."""

    def __init__(self, make: Callable[[], AbstractContextManager[object]]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._context = self._make()
                self._context.__enter__()
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._context.__exit__(None, None, None)


@contextmanager
def silent_log(name: str) -> Iterator[None]:
    """Keeps the log `name` and those below it quiet."""
    log = logging.getLogger(name)
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


@contextmanager
def _stderr_to_nowhere() -> Iterator[None]:
    kept = None
    with suppress(OSError), open(os.devnull, "wb") as nowhere:  # A process may have no standard error.
        kept = os.dup(2)
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        if kept is not None:
            os.dup2(kept, 2)
            os.close(kept)


@contextmanager
def _one_cv2_thread() -> Iterator[None]:
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


ONE_CV2_THREAD: Final = WhileAny(_one_cv2_thread)
"""OpenCV works in the thread that calls it: for several that call it at once, and to time it."""

SILENT_STDERR: Final = WhileAny(_stderr_to_nowhere)
"""LiteRT announces its delegate on file descriptor 2 and libtiff its errors, and neither has a switch for it.
What other threads write there meanwhile is lost."""
