"""Live counts of this process, for a progress line. The engine's own counters are Beam metrics."""

from __future__ import annotations

import threading
from collections import Counter


class Tally:
    """Counts that many threads add to and one reads."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, **counts: int) -> None:
        """Adds to the counts of these names."""
        with self._lock:
            self._counts.update(counts)

    def read(self) -> Counter[str]:
        """A copy of the counts; a name that was never added to is 0."""
        with self._lock:
            return self._counts.copy()

    def clear(self) -> None:
        """Back to nothing, at the start of a run."""
        with self._lock:
            self._counts.clear()


TALLY = Tally()
