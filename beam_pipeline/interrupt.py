"""What an interruption undoes before the process ends.

The process ends at once and not by an exception, which Beam may catch in a step or wait on with its threads.
So nothing unwinds, and what must not stay as it is stands on a list: a hold on the output, a job elsewhere.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

STATUS: Final = 128 + signal.SIGINT
"""Exit status of an interrupted process."""

STANDARD_ERROR: Final = 2

_undo: list[Callable[[], object]] = []


@contextmanager
def undone(action: Callable[[], object]) -> Iterator[None]:
    """While the context is open, an interruption calls `action`; the last one given is called first."""
    _undo.append(action)
    try:
        yield
    finally:
        _undo.remove(action)


@contextmanager
def ending_at_once(message: str) -> Iterator[None]:
    """While the context is open, SIGINT and SIGTERM end the process with `message` and `STATUS`."""

    def end(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(STATUS))
        with suppress(OSError):  # Nobody may listen. Not by print, which may be what was interrupted.
            os.write(STANDARD_ERROR, f"\n{message}\n".encode())
        for action in reversed(_undo):
            with suppress(Exception):
                action()
        import psutil  # 30 ms that no command should wait for

        # An engine that was being started would outlive us.
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                child.terminate()
        os._exit(STATUS)

    def terminate(number: int, frame: object) -> None:
        # Through whatever handler Beam has put before ours: it ends Prism.
        signal.raise_signal(signal.SIGINT)

    handlers = {signal.SIGINT: end, signal.SIGTERM: terminate}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
