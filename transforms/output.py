"""The output folder: where a run writes, and the one step that makes all its tables visible at once.

    OUT/photos -> current/photos        and so on for each table and manifest.json; never change
    OUT/current -> runs/20240304T...    replaced by one atomic rename when a run is complete
    OUT/runs/20240304T.../              the tables of the last complete run, or of the run at work

Whoever reads OUT/photos sees the last complete run, whole. Where the file system has no links the
tables are moved into OUT one after the other instead, and a reader in that moment may see both runs.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Final

from filelock import FileLock, Timeout

from schemas.errors import UsageError
from schemas.manifest import Manifest
from schemas.tables import TABLES
from transforms.earlier import Earlier
from transforms.found_file import is_remote

MANIFEST: Final = "manifest.json"
LOCK: Final = ".lock"
_NEW: Final = ".new"
_NAMES: Final = (*TABLES, MANIFEST)


@dataclass(frozen=True, slots=True)
class Output:
    """The output folder of one run; `root` is an absolute local path."""

    root: str
    run_id: str

    @property
    def run_folder(self) -> str:
        """Everything this run writes is in here."""
        return os.path.join(self.root, "runs", self.run_id)

    @property
    def parts_folder(self) -> str:
        """Rows as they come, before they are tables; gone when the run is complete."""
        return os.path.join(self.run_folder, "parts")

    def table_file(self, table: str) -> str:
        """The Parquet file of a table of this run; its folder is made."""
        folder = os.path.join(self.run_folder, table)
        os.makedirs(folder, exist_ok=True)
        return os.path.join(folder, f"{table}.parquet")

    def has_run(self) -> bool:
        """Whether a run is complete here."""
        return os.path.isfile(os.path.join(self.root, MANIFEST))

    def earlier(self) -> Earlier:
        """The tables of the last complete run, by paths that stay until this run is published."""
        names = [field.name for field in fields(Earlier)]
        paths = {name: os.path.join(self.root, name, f"{name}.parquet") for name in names}
        return Earlier(**{name: os.path.realpath(path) for name, path in paths.items()})

    def publish(self, manifest: Manifest) -> None:
        """Makes this run the one that readers see, and removes what earlier runs left."""
        with open(os.path.join(self.run_folder, MANIFEST), "w", encoding="utf-8") as file:
            file.write(manifest.to_json())
        shutil.rmtree(self.parts_folder, ignore_errors=True)
        try:
            for name in _NAMES:
                _link(os.path.join(self.root, name), os.path.join("current", name))
            _link(os.path.join(self.root, "current"), os.path.join("runs", self.run_id))
        except (OSError, NotImplementedError):
            self._publish_without_links()
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


def check_output(root: str) -> None:
    """Raises UsageError unless `root` can become, or already is, the output of Headcount."""
    if is_remote(root):
        raise UsageError(f"--output {root}: buckets cannot be written to yet; give a local folder")
    if os.path.lexists(root) and not os.path.isdir(root):
        raise UsageError(f"--output {root} is a file; give a folder")
    if os.path.isdir(root) and os.listdir(root) and not _is_ours(root):
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
def locked(root: str) -> Iterator[None]:
    """Holds the output for one run; raises UsageError at once where another run has it.

    The operating system gives the lock back when its holder ends, however it ends.
    """
    lock = FileLock(os.path.join(root, LOCK), blocking=False)
    try:
        with lock:
            yield
    except Timeout as error:
        raise UsageError(
            f"another run is writing to {root}; wait for it, or give another --output"
        ) from error


def read_manifest(root: str) -> Manifest:
    """The manifest of the last complete run under `root`; raises UsageError where there is none."""
    path = os.path.join(root, MANIFEST)
    try:
        with open(path, encoding="utf-8") as file:
            return Manifest.from_json(file.read())
    except OSError as error:
        raise UsageError(
            f"{root} holds no finished run ({path} is missing); run `headcount run` first"
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise UsageError(f"{path} is not a manifest of Headcount ({error})") from error


def _is_ours(root: str) -> bool:
    """Whether a run has worked here, also one that was stopped before it was complete."""
    ours = {*_NAMES, "current", "runs", LOCK}
    return {name.removesuffix(_NEW) for name in os.listdir(root)} <= ours


def _link(path: str, target: str) -> None:
    """Points `path` at `target` in one step."""
    if os.path.islink(path) and os.readlink(path) == target:
        return
    new = f"{path}{_NEW}"
    if os.path.lexists(new):
        os.unlink(new)
    os.symlink(target, new)
    os.replace(new, path)
