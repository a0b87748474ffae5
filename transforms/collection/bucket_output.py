"""Output in a bucket: see `output`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import Final

from headcount.schemas.errors import UsageError
from headcount.schemas.manifest import Manifest
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.output import (
    LOCK,
    MANIFEST,
    RUNS,
    Output,
    not_ours,
    read_manifest,
)
from headcount.transforms.collection.storage import (
    copy_in_bucket,
    delete_from_bucket,
    exists,
    join,
    list_objects,
    read_versioned,
    replace_version,
    write_bytes,
)

LOCK_HOURS: Final = 6.0
"""A run in a bucket that has written nothing for so long is dead, and another may take its place."""


class BucketOutput(Output):
    """Output in a bucket."""

    __slots__ = ()

    @property
    def _lock(self) -> str:
        return join(self.root, LOCK, self.run_id)

    def check(self) -> None:
        below = len(self.root.rstrip("/")) + 1
        objects = list_objects(join(self.root, ""))
        names = {found.path[below:].split("/")[0] for found in objects if found.path[below:]}
        if others := not_ours(names):
            raise UsageError(
                f"--output {self.root} holds something else ({others[0]}); give an empty or a new place"
            )

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
            self._clear()
            yield
        except BaseException:
            with suppress(OSError):
                self._end()
            raise
        if not until_published:
            self._end()

    def is_held(self) -> bool:
        return exists(self._lock)

    def give_back(self) -> None:
        if self.is_held():
            delete_from_bucket([self._lock])

    def _end(self) -> None:
        self.give_back()
        if not self.manifest():
            self._delete_runs(lambda run_id, path: run_id == self.run_id)

    def _stop_beside_others(self) -> None:
        oldest = time.time() - LOCK_HOURS * 3600
        for lock in list_objects(join(self.root, LOCK, "")):
            run_id = lock.path.rpartition("/")[2]
            if run_id == self.run_id:
                continue
            signs = [lock, *list_objects(join(self.root, RUNS, run_id, ""))]
            if max(sign.modified for sign in signs) >= oldest:
                raise UsageError(
                    f"another run ({run_id}) is writing to {self.root}; wait for it, or remove {lock.path}"
                    " if it has died"
                )
            delete_from_bucket([lock.path])

    def earlier(self) -> Earlier:
        last = BucketOutput(self.root, read_manifest(self.root).run_id)
        return Earlier(**{field.name: last.table_file(field.name) for field in fields(Earlier)})

    def _switch(self, manifest: Manifest, after: str | None) -> None:
        """Whoever comes between the reading and the writing of the manifest makes the writing fail."""
        path = join(self.root, MANIFEST)
        content, version = read_versioned(path) or (None, None)
        self._check_after(Manifest.from_json(content.decode()).run_id if content else None, after)
        replace_version(path, manifest.to_json().encode(), version)

    def _tidy(self) -> None:
        tables = list(TABLES)
        copies = [join(self.root, table, f"{table}.parquet") for table in tables]
        copy_in_bucket([self.table_file(table) for table in tables], copies)
        mine = {self.table_file(table) for table in tables}
        self._delete_runs(
            lambda run_id, path: self._is_older(run_id) or (run_id == self.run_id and path not in mine)
        )
        self.give_back()

    def _clear(self) -> None:
        """Removes what no reader sees."""
        shown = (self.published(), self.run_id)
        self._delete_runs(lambda run_id, path: run_id not in shown)

    def _delete_runs(self, which: Callable[[str, str], bool]) -> None:
        """Removes the objects of runs for which `which` says so of the run's id and the object's path."""
        below = len(join(self.root, RUNS, ""))
        paths = [found.path for found in list_objects(join(self.root, RUNS, ""))]
        delete_from_bucket([path for path in paths if which(path[below:].split("/")[0], path)])
