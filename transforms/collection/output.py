"""The output of a run: where it writes, and the one step that makes all its tables visible at once.

In a folder (`FolderOutput`):

    OUT/photos -> current/photos        and so on for each table and manifest.json; never change
    OUT/current -> runs/20240304T...    replaced by one atomic rename when a run is complete
    OUT/runs/20240304T.../              the tables of the last complete run, or of the run at work
    OUT/.run                            names the run at work

Whoever reads OUT/photos sees the last complete run, whole. Where the file system has no links the
tables are moved into OUT one after the other instead, and a reader in that moment may see both runs.

In a bucket (`BucketOutput`), which has no links and no renames:

    OUT/manifest.json                   one object, replaced when a run is complete; names the run
    OUT/runs/20240304T.../              the tables of that run, and of the run at work
    OUT/photos/photos.parquet           and so on: copies of the tables, made next
    OUT/.lock/20240304T...              the run at work

Whoever reads the run that OUT/manifest.json names sees it whole; in the moment of the copying a reader
of OUT/photos and OUT/faces may see two runs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from typing import Final

from filelock import FileLock, Timeout

from headcount.schemas.errors import UsageError
from headcount.schemas.manifest import Manifest
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.storage import (
    copy_in_bucket,
    delete_from_bucket,
    exists,
    is_remote,
    join,
    list_bucket,
    read_bytes,
    write_bytes,
)

MANIFEST: Final = "manifest.json"
LOCK: Final = ".lock"
RUN: Final = ".run"
LOCK_HOURS: Final = 6.0
"""A run in a bucket that has written nothing for so long is dead, and another may take its place."""

_NEW: Final = ".new"
_NAMES: Final = (*TABLES, MANIFEST)


@dataclass(frozen=True, slots=True)
class Output(ABC):
    """The output of one run; `root` is an absolute local path, or an address in a bucket."""

    root: str
    run_id: str

    @property
    def run_folder(self) -> str:
        """Everything this run writes is in here."""
        return join(self.root, "runs", self.run_id)

    @property
    def parts_folder(self) -> str:
        """Rows as they come, before they are tables; gone when the run is complete."""
        return join(self.run_folder, "parts")

    def table_file(self, table: str) -> str:
        """The Parquet file of a table of this run."""
        return join(self.run_folder, table, f"{table}.parquet")

    def has_run(self) -> bool:
        """Whether a run is complete here."""
        return exists(join(self.root, MANIFEST))

    def is_published(self) -> bool:
        """Whether this very run is complete and the one that readers see."""
        return self.has_run() and read_manifest(self.root).run_id == self.run_id

    @abstractmethod
    def check(self) -> None:
        """Raises UsageError unless `root` can become, or already is, the output of Headcount."""

    @abstractmethod
    def held(self, until_published: bool = False) -> AbstractContextManager[None]:
        """A context that holds the output for this run; raises UsageError at once where another run has it.

        With `until_published`, which only buckets can, it goes on being held after the context, until
        `publish` gives it back.
        """

    @abstractmethod
    def is_held(self) -> bool:
        """Whether this run still holds the output."""

    @abstractmethod
    def give_back(self) -> None:
        """Ends the holding, so that this run cannot publish any more, wherever it goes on."""

    @abstractmethod
    def earlier(self) -> Earlier:
        """The tables of the last complete run, by paths that stay until this run is published."""

    def publish(self, manifest: Manifest) -> None:
        """Makes this run the one that readers see, and removes what earlier runs left. Can be done again
        after it was stopped in the middle. Raises RuntimeError where the run does not hold the output.
        """
        if not self.is_published():
            if not self.is_held():
                raise RuntimeError(
                    f"this run does not hold {self.root} any more: it was stopped, or another has taken it"
                )
            self._switch(manifest)
        self._tidy()

    @abstractmethod
    def _switch(self, manifest: Manifest) -> None:
        """Makes this run the one that readers see."""

    @abstractmethod
    def _tidy(self) -> None:
        """Does what remains after the switch, and removes what earlier runs left."""


class FolderOutput(Output):
    """Output in a local folder."""

    __slots__ = ()

    def check(self) -> None:
        root = self.root
        if os.path.lexists(root) and not os.path.isdir(root):
            raise UsageError(f"--output {root} is a file; give a folder")
        if os.path.isdir(root) and not _are_ours(os.listdir(root)):
            raise UsageError(f"--output {root} holds something else; give an empty or a new folder")
        try:
            os.makedirs(root, exist_ok=True)
            with tempfile.TemporaryFile(dir=root):
                pass
        except OSError as error:
            raise UsageError(
                f"--output {root} cannot be written to ({error.strerror}); give another folder"
            ) from error

    @contextmanager
    def held(self, until_published: bool = False) -> Iterator[None]:
        """The operating system gives the lock back when its holder ends, however it ends."""
        if until_published:
            raise UsageError(
                f"--no_wait needs an output in a bucket: {self.root} is held by the process that waits"
            )
        lock = FileLock(join(self.root, LOCK), blocking=False)
        try:
            with lock:
                write_bytes(self._holder, self.run_id.encode())
                try:
                    yield
                finally:
                    self.give_back()
        except Timeout as error:
            raise UsageError(
                f"another run is writing to {self.root}; wait for it, or give another --output"
            ) from error

    @property
    def _holder(self) -> str:
        return join(self.root, RUN)

    def is_held(self) -> bool:
        return exists(self._holder) and read_bytes(self._holder).decode() == self.run_id

    def give_back(self) -> None:
        if self.is_held():
            os.unlink(self._holder)

    def earlier(self) -> Earlier:
        names = [field.name for field in fields(Earlier)]
        paths = {name: os.path.join(self.root, name, f"{name}.parquet") for name in names}
        return Earlier(**{name: os.path.realpath(path) for name, path in paths.items()})

    def _switch(self, manifest: Manifest) -> None:
        write_bytes(join(self.run_folder, MANIFEST), manifest.to_json().encode())
        shutil.rmtree(self.parts_folder, ignore_errors=True)
        try:
            for name in _NAMES:
                _link(os.path.join(self.root, name), os.path.join("current", name))
            _link(os.path.join(self.root, "current"), os.path.join("runs", self.run_id))
        except (OSError, NotImplementedError):
            self._publish_without_links()

    def _tidy(self) -> None:
        runs = os.path.join(self.root, "runs")
        for old in os.listdir(runs):
            if old != self.run_id:
                shutil.rmtree(os.path.join(runs, old), ignore_errors=True)

    def _publish_without_links(self) -> None:
        for name in _NAMES:
            path = os.path.join(self.root, name)
            if os.path.islink(path):
                os.unlink(path)
            elif os.path.isdir(path):
                shutil.rmtree(path)
            os.replace(os.path.join(self.run_folder, name), path)


class BucketOutput(Output):
    """Output in a bucket."""

    __slots__ = ()

    @property
    def _lock(self) -> str:
        return join(self.root, LOCK, self.run_id)

    def check(self) -> None:
        below = len(self.root.rstrip("/")) + 1
        objects = list_bucket(join(self.root, "**"))
        if not _are_ours([found.path[below:].split("/")[0] for found in objects if found.path[below:]]):
            raise UsageError(f"--output {self.root} holds something else; give an empty or a new place")

    @contextmanager
    def held(self, until_published: bool = False) -> Iterator[None]:
        """Two that start in the same moment may both stop; two never both go on.

        That holds because a listing shows every object that was written before it, in both kinds of bucket.
        """
        try:
            write_bytes(self._lock, self.run_id.encode())
        except OSError as error:
            raise UsageError(
                f"--output {self.root} cannot be written to ({error}); give another place"
            ) from error
        try:
            self._stop_beside_others()
            yield
        except BaseException:
            self.give_back()
            raise
        if not until_published:
            self.give_back()

    def is_held(self) -> bool:
        return exists(self._lock)

    def give_back(self) -> None:
        if self.is_held():
            delete_from_bucket([self._lock])

    def _stop_beside_others(self) -> None:
        oldest = time.time() - LOCK_HOURS * 3600
        for lock in list_bucket(join(self.root, LOCK, "*")):
            run_id = lock.path.rpartition("/")[2]
            if run_id == self.run_id:
                continue
            signs = [lock, *list_bucket(join(self.root, "runs", run_id, "**"))]
            if max(sign.last_updated_in_seconds for sign in signs) >= oldest:
                raise UsageError(
                    f"another run ({run_id}) is writing to {self.root}; wait for it, or remove {lock.path}"
                    " if it has died"
                )
            delete_from_bucket([lock.path])

    def earlier(self) -> Earlier:
        last = BucketOutput(self.root, read_manifest(self.root).run_id)
        return Earlier(**{field.name: last.table_file(field.name) for field in fields(Earlier)})

    def _switch(self, manifest: Manifest) -> None:
        write_bytes(join(self.root, MANIFEST), manifest.to_json().encode())

    def _tidy(self) -> None:
        tables = list(TABLES)
        copies = [join(self.root, table, f"{table}.parquet") for table in tables]
        copy_in_bucket([self.table_file(table) for table in tables], copies)
        mine = {self.table_file(table) for table in tables}
        delete_from_bucket(
            [found.path for found in list_bucket(join(self.root, "runs", "**")) if found.path not in mine]
        )
        self.give_back()


def output_at(root: str, run_id: str) -> Output:
    """The output of the run `run_id` in the folder or the bucket `root`."""
    if is_remote(root):
        return BucketOutput(root.rstrip("/"), run_id)
    return FolderOutput(os.path.abspath(root), run_id)


def read_manifest(root: str) -> Manifest:
    """The manifest of the last complete run under `root`; raises UsageError where there is none."""
    path = join(root, MANIFEST)
    try:
        return Manifest.from_json(read_bytes(path).decode())
    except OSError as error:
        raise UsageError(
            f"{root} holds no finished run ({path} is missing); run `headcount run` first"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is not a manifest of Headcount ({error})") from error


def _are_ours(names: list[str]) -> bool:
    """Whether a run made all of `names`, also one that was stopped before it was complete."""
    return {name.removesuffix(_NEW) for name in names} <= {*_NAMES, "current", "runs", LOCK, RUN}


def _link(path: str, target: str) -> None:
    """Points `path` at `target` in one step."""
    if os.path.islink(path) and os.readlink(path) == target:
        return
    new = f"{path}{_NEW}"
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(target, new)
    os.replace(new, path)
