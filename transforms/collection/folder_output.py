"""Output in a local folder: see `output`."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import Final

from filelock import FileLock, Timeout

from headcount.schemas.errors import UsageError
from headcount.schemas.manifest import Manifest
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.output import (
    LOCK,
    MANIFEST,
    MOVING,
    NEW,
    PUBLISHED,
    RUN,
    RUNS,
    Output,
    not_ours,
    read_manifest,
)
from headcount.transforms.collection.storage import exists, join, read_bytes, write_bytes

_DISK_FAULTS: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS})
"""Errors that say nothing of whether a file system has links."""


class FolderOutput(Output):
    """Output in a local folder, readable by its owner alone."""

    __slots__ = ()

    def check(self) -> None:
        root = self.root
        if os.path.lexists(root) and not os.path.isdir(root):
            raise UsageError(f"--output {root} is a file; give a folder")
        if os.path.isdir(root) and (others := not_ours(os.listdir(root))):
            raise UsageError(
                f"--output {root} holds something else ({others[0]}); give an empty or a new folder"
            )
        made: list[str] = []
        try:
            _make_folder(root, made)
            with tempfile.TemporaryFile(dir=root):
                pass
        except OSError as error:
            raise UsageError(
                f"--output {root} cannot be written to ({error.strerror}); give another folder"
            ) from error
        finally:
            _remove_empty(made)

    @contextmanager
    def held(self, until_published: bool = False) -> Iterator[None]:
        """The operating system gives the lock back when its holder ends, however it ends."""
        if until_published:
            raise UsageError(
                f"--no_wait needs an output in a bucket: {self.root} is held by the process that waits"
            )
        made: list[str] = []
        _make_folder(self._runs, made)
        lock = FileLock(join(self.root, LOCK), blocking=False)
        try:
            with lock:
                write_bytes(self._holder, self.run_id.encode())
                try:
                    self._clear()
                    yield
                finally:
                    self.give_back()
                    if not self.manifest():
                        shutil.rmtree(self.run_folder, ignore_errors=True)
                    if made and not os.listdir(self._runs):
                        with suppress(OSError):
                            os.unlink(join(self.root, LOCK))
        except Timeout as error:
            raise UsageError(
                f"another run is writing to {self.root}; wait for it, or give another --output"
            ) from error
        finally:
            _remove_empty(made)

    @property
    def _holder(self) -> str:
        return join(self.root, RUN)

    @property
    def _runs(self) -> str:
        return join(self.root, RUNS)

    def is_held(self) -> bool:
        return exists(self._holder) and read_bytes(self._holder).decode() == self.run_id

    def give_back(self) -> None:
        if self.is_held():
            os.unlink(self._holder)

    def earlier(self) -> Earlier:
        names = [field.name for field in fields(Earlier)]
        paths = {name: os.path.join(self.root, name, f"{name}.parquet") for name in names}
        return Earlier(**{name: os.path.realpath(path) for name, path in paths.items()})

    def manifest(self) -> Manifest | None:
        own = exists(join(self.run_folder, MANIFEST))
        return read_manifest(self.run_folder) if own else super().manifest()

    def _switch(self, manifest: Manifest, after: str | None) -> None:
        self._check_after(self.published(), after)
        own = join(self.run_folder, MANIFEST)
        write_bytes(f"{own}{NEW}", manifest.to_json().encode())
        os.replace(f"{own}{NEW}", own)
        try:
            for name in PUBLISHED:
                _link(os.path.join(self.root, name), os.path.join("current", name))
            _link(os.path.join(self.root, "current"), os.path.join(RUNS, self.run_id))
        except NotImplementedError:
            self._move_tables()
        except OSError as error:
            if error.errno in _DISK_FAULTS:
                raise
            self._move_tables()

    def _move_tables(self) -> None:
        """Where there are no links. What was moved before an interruption is not there to be moved again."""
        moving = join(self.root, MOVING)
        write_bytes(moving, self.run_id.encode())
        for name in PUBLISHED:
            source, path = os.path.join(self.run_folder, name), os.path.join(self.root, name)
            if not os.path.lexists(source):
                continue
            if os.path.islink(path):
                os.unlink(path)
            elif os.path.isdir(path):
                shutil.rmtree(path)
            os.replace(source, path)
        os.unlink(moving)

    def _tidy(self) -> None:
        shutil.rmtree(self.parts_folder, ignore_errors=True)
        for old in filter(self._is_older, os.listdir(self._runs)):
            shutil.rmtree(os.path.join(self._runs, old), ignore_errors=True)

    def _clear(self) -> None:
        """Ends a switch without links that was stopped in the middle, and removes what no reader sees."""
        moving = join(self.root, MOVING)
        if exists(moving) and (run_id := read_bytes(moving).decode()):
            FolderOutput(self.root, run_id)._move_tables()
        published = self.published()
        for run_id in os.listdir(self._runs):
            if run_id not in (published, self.run_id):
                shutil.rmtree(os.path.join(self._runs, run_id), ignore_errors=True)


def _make_folder(path: str, made: list[str]) -> None:
    """Makes a folder that its owner alone can read, and those above it; adds what was not there to `made`."""
    above = os.path.dirname(path)
    if not os.path.isdir(above):
        _make_folder(above, made)
    if not os.path.isdir(path):
        os.mkdir(path, 0o700)
        made.append(path)


def _remove_empty(made: list[str]) -> None:
    for path in reversed(made):
        with suppress(OSError):
            os.rmdir(path)


def _link(path: str, target: str) -> None:
    """Points `path` at `target` in one step."""
    if os.path.islink(path) and os.readlink(path) == target:
        return
    new = f"{path}{NEW}"
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(target, new)
    os.replace(new, path)
