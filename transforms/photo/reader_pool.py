"""Child processes that read photos and own all native code that could hang or crash.

Threads cannot be killed, and a crash in one ends the whole run. A child that exceeds its time or its
memory, or dies, costs one failure row; it or its successor takes the next photo. Only paths go to the
children and only rows and small crops come back.

Photos in buckets are read ahead by threads of this process, since a child that waits for a network computes
nothing; their bytes go to the children.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Final

import cv2

from headcount.models.cores import usable_cores
from headcount.schemas.errors import PhotoError, PoolError
from headcount.schemas.failures import failure
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.storage import create_file, is_remote, join, open_file
from headcount.transforms.photo.child_processes import ChildDiedError, ChildPool
from headcount.transforms.photo.reader import Fetched, PhotoReader, ReadResult, ReadSettings, fetch

DECODE_BYTES: Final = 20
"""Memory for each pixel of a picture. The most that was measured is 17, for WebP."""
DETECT_BYTES: Final = 1024
"""Memory for each pixel of a square of `detection_side`. The most that was measured is 920, for dlib-mmod."""
SPARE_BYTES: Final = 512 * 2**20
"""Memory for the bytes of the file, and for what libraries load when they are first used."""

AHEAD: Final = 8
"""Photos given to each child before the oldest result is awaited: one slow photo stops no other child."""

FETCHED_BYTES: Final = 256 * 2**20
"""Photos of buckets in this process's memory at once, by their listed sizes; a larger one is there alone."""


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
        processes = settings.processes or usable_cores()
        self.ahead = AHEAD * processes
        self._key = (reading, settings)
        self._users = 0
        self._earlier = tempfile.TemporaryDirectory(prefix="headcount-")
        self._fetchers = ThreadPoolExecutor(self.ahead)
        self._fetched = Share(FETCHED_BYTES)
        begin = partial(start_reader, _with_local_tables(reading, self._earlier.name))
        self._start = partial(ChildPool, processes, begin, settings.photo_timeout)
        self._children = self._start()

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
        self._children.stop()
        self._fetchers.shutdown()
        self._earlier.cleanup()

    @classmethod
    def rest(cls) -> None:
        """Ends the children of every pool when they have read what they were given, for the tables to have
        their memory: 130 MB each. A pool that is given more photos starts others.
        """
        with cls._lock:
            pools = list(cls._open.values())
            done = [pool._children for pool in pools]
            for pool in pools:
                pool._children = pool._start()
        for children in done:
            children.close()

    def submit(self, file: FoundFile) -> Future[ReadResult]:
        """Starts to read `file`; the time limit runs from the moment a child takes it."""
        if is_remote(file.path):
            return self._fetchers.submit(self._fetch_and_read, file)
        return self._ask(file, None)

    def _fetch_and_read(self, file: FoundFile) -> ReadResult:
        with self._fetched.taking(file.size):
            try:
                fetched = fetch(file)
            except PhotoError as error:
                return _lost(file, error.code, error.detail)
            except OSError as error:
                return _lost(file, "unreadable", str(error))
            return self.result(file, self._ask(file, fetched))

    def _ask(self, file: FoundFile, fetched: Fetched | None) -> Future[ReadResult]:
        with self._lock:
            return self._children.submit(file, fetched)

    def result(self, file: FoundFile, future: Future[ReadResult]) -> ReadResult:
        """Waits for the outcome; a child that was killed, died or broke is a failure row. Raises PoolError
        where no child can start: then nothing can be said about any photo.
        """
        try:
            return future.result()
        except PoolError:
            raise
        except TimeoutError:
            return _lost(file, "timeout", f"{self.settings.photo_timeout:g} s")
        except ChildDiedError as death:
            return _lost(file, "decoder_died", str(death))
        except MemoryError:
            return _lost(file, "out_of_memory")
        except Exception as error:  # Whatever one photo does to a child, the run goes on.
            return _lost(file, "internal_error", str(error))


class Share:
    """So much of something, of which threads take parts and give them back."""

    def __init__(self, whole: int) -> None:
        self._whole = self._left = whole
        self._changed = threading.Condition()

    @contextmanager
    def taking(self, part: int) -> Iterator[None]:
        """Waits until `part` is there, or, if it is more than the whole, until all is."""
        part = min(part, self._whole)
        with self._changed:
            self._changed.wait_for(lambda: part <= self._left)
            self._left -= part
        try:
            yield
        finally:
            with self._changed:
                self._left += part
                self._changed.notify_all()


def _lost(file: FoundFile, code: str, detail: str = "") -> ReadResult:
    return ReadResult(failures=[failure(file.uri, "read", code, detail)])


def start_reader(reading: ReadSettings) -> Callable[[FoundFile, Fetched | None], ReadResult]:
    """In a child process: what reads its photos. There is a child for each core, so each uses one."""
    cv2.setNumThreads(1)
    read = PhotoReader(reading).read
    _limit_memory(reading)
    return read


def memory_limit(reading: ReadSettings) -> int:
    """Bytes that any photo within `max_pixels` may need on top of what a child has at first."""
    pixels, searched = reading.max_pixels, reading.detection_side**2
    return DECODE_BYTES * pixels + DETECT_BYTES * searched + SPARE_BYTES


def _limit_memory(reading: ReadSettings) -> None:
    """Lets this process take `memory_limit` and no more. Linux only: others have no limit that holds."""
    if sys.platform != "linux":
        return
    import resource

    with open("/proc/self/statm", encoding="ascii") as pages:
        now = int(pages.read().split()[5]) * resource.getpagesize()
    limit = now + memory_limit(reading)
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (least, hard))


def _with_local_tables(reading: ReadSettings, folder: str) -> ReadSettings:
    """`reading` with the tables of the earlier run in this machine's `folder` if they are in a bucket."""
    earlier = reading.earlier
    if earlier is None or not is_remote(earlier.photos):
        return reading
    paths = {}
    for name in ("photos", "failures", "files"):
        paths[name] = join(folder, f"{name}.parquet")
        with open_file(getattr(earlier, name)) as source, create_file(paths[name]) as target:
            shutil.copyfileobj(source, target)
    return replace(reading, earlier=replace(earlier, **paths))
