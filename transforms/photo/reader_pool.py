"""Child processes that read photos and own all native code that could hang or crash.

Threads cannot be killed, and a crash in one ends the whole run. A child that exceeds its time or its
memory, or dies, costs one failure row; it or its successor takes the next photo. Only paths go to the
children and only rows and small crops come back.

Photos in buckets are read ahead by threads of this process, since a child that waits for a network computes
nothing; their bytes go to the children.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final

import cv2
from pebble import ProcessExpired, ProcessFuture, ProcessPool

from headcount.schemas.failures import failure
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.storage import create_file, is_remote, join, open_file
from headcount.transforms.photo.child_processes import child_context
from headcount.transforms.photo.reader import Fetched, PhotoReader, ReadResult, ReadSettings, fetch

DECODE_BYTES: Final = 20
"""Memory for each pixel of a picture. The most that was measured is 17, for WebP."""
DETECT_BYTES: Final = 1024
"""Memory for each pixel of a square of `detection_side`. The most that was measured is 920, for dlib-mmod."""
SPARE_BYTES: Final = 512 * 2**20
"""Memory for the bytes of the file, and for what libraries load when they are first used."""


AHEAD: Final = 8
"""Photos given to each child before the oldest result is awaited: one slow photo stops no other child."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many children read at once, and how long each may take for a photo."""

    processes: int
    """0 is one per core of the machine that reads, which need not be the one that plans."""
    photo_timeout: float
    """Seconds."""


class ReaderPool:
    """Child processes that read photos, shared by all users of one process with the same settings."""

    _open: ClassVar[dict[tuple[ReadSettings, PoolSettings], ReaderPool]] = {}
    _lock = threading.Lock()

    def __init__(self, reading: ReadSettings, settings: PoolSettings) -> None:
        self.settings = settings
        processes = settings.processes or os.cpu_count() or 1
        self.ahead = AHEAD * processes
        self._key = (reading, settings)
        self._users = 0
        self._earlier = tempfile.TemporaryDirectory(prefix="headcount-")
        self._fetchers = ThreadPoolExecutor(self.ahead)
        self._start = partial(
            ProcessPool,
            max_workers=processes,
            initializer=_start_child,
            initargs=(_with_local_tables(reading, self._earlier.name),),
            context=child_context(),
        )
        self._pool = self._start()

    @classmethod
    def acquire(cls, reading: ReadSettings, settings: PoolSettings) -> ReaderPool:
        """The pool with these settings, started if nobody uses it yet. Each call owes one `release`."""
        with cls._lock:
            key = (reading, settings)
            pool = cls._open.get(key) or cls._open.setdefault(key, cls(reading, settings))
            pool._users += 1
            return pool

    def release(self) -> None:
        """Gives the pool back; the last one to do so ends the children."""
        with self._lock:
            self._users -= 1
            if self._users:
                return
            del self._open[self._key]
        self._pool.stop()
        self._pool.join()
        self._fetchers.shutdown()
        self._earlier.cleanup()

    @classmethod
    def rest(cls) -> None:
        """Ends the children of every pool when they have read what they were given, for the tables to have
        their memory: 130 MB each. A pool that is given more photos starts others.
        """
        with cls._lock:
            pools = list(cls._open.values())
            done = [pool._pool for pool in pools]
            for pool in pools:
                pool._pool = pool._start()
        for children in done:
            children.close()
            children.join()

    def submit(self, file: FoundFile) -> Future[ReadResult]:
        """Starts to read `file`; the time limit runs from the moment a child takes it."""
        if is_remote(file.path):
            return self._fetchers.submit(self._fetch_and_read, file)
        return self._schedule(file)

    def _fetch_and_read(self, file: FoundFile) -> ReadResult:
        try:
            fetched = fetch(file)
        except OSError as error:
            return ReadResult(failures=[failure(file.uri, "read", "unreadable", str(error))])
        return self._schedule(file, fetched).result()

    def _schedule(self, file: FoundFile, fetched: Fetched | None = None) -> ProcessFuture:
        with self._lock:
            return self._pool.schedule(_read_in_child, (file, fetched), timeout=self.settings.photo_timeout)

    def result(self, file: FoundFile, future: Future[ReadResult]) -> ReadResult:
        """Waits for the outcome; a child that was killed, died or broke is a failure row."""
        try:
            return future.result()
        except FutureTimeoutError:
            lost = failure(file.uri, "read", "timeout", f"{self.settings.photo_timeout:g} s")
        except ProcessExpired as death:
            lost = failure(file.uri, "read", "decoder_died", f"exit code {death.exitcode}")
        except MemoryError:
            lost = failure(file.uri, "read", "out_of_memory")
        except Exception as error:  # Whatever one photo does to a child, the run goes on.
            lost = failure(file.uri, "read", "internal_error", repr(error))
        return ReadResult(failures=[lost])


_reader: PhotoReader | None = None
"""In a child process: what `_start_child` left for the photos to come."""


def _start_child(reading: ReadSettings) -> None:
    global _reader
    # There is a child for each core.
    cv2.setNumThreads(1)
    _reader = PhotoReader(reading)
    _limit_memory(reading)


def _limit_memory(reading: ReadSettings) -> None:
    """Lets this process take what any photo within `max_pixels` needs beside what it has now, and no more.

    Linux only: others have no limit that holds.
    """
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as pages:
        now = int(pages.read().split()[5]) * resource.getpagesize()
    pixels, searched = reading.max_pixels, reading.detection_side**2
    limit = now + DECODE_BYTES * pixels + DETECT_BYTES * searched + SPARE_BYTES
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (least, hard))


def _read_in_child(file: FoundFile, fetched: Fetched | None) -> ReadResult:
    assert _reader is not None
    return _reader.read(file, fetched)


def _with_local_tables(reading: ReadSettings, folder: str) -> ReadSettings:
    """`reading` with the tables of the earlier run in this machine's `folder` if they are in a bucket."""
    earlier = reading.earlier
    if earlier is None or not is_remote(earlier.photos):
        return reading
    paths = {}
    for name in ("photos", "failures"):
        paths[name] = join(folder, f"{name}.parquet")
        with open_file(getattr(earlier, name)) as source, create_file(paths[name]) as target:
            shutil.copyfileobj(source, target)
    return replace(reading, earlier=replace(earlier, **paths))
