"""The output of a run: where it writes, and the one step that makes all its tables visible at once.

In a folder (`folder_output.FolderOutput`):

    OUT/photos -> current/photos        and so on for each table and manifest.json; never change
    OUT/current -> runs/20240304T...    replaced by one atomic rename when a run is complete
    OUT/runs/20240304T.../              the tables of the last complete run, or of the run at work
    OUT/.run                            names the run at work

Whoever reads OUT/photos sees the last complete run, whole. Where the file system has no links the
tables are moved into OUT one after the other instead, while OUT/.moving names their run, and a reader
in that moment may see both runs.

In a bucket (`bucket_output.BucketOutput`), which has no links and no renames:

    OUT/manifest.json                   one object, replaced when a run is complete; names the run
    OUT/runs/20240304T.../              the tables of that run, and of the run at work
    OUT/photos/photos.parquet           and so on: copies of the tables, made next
    OUT/.lock/20240304T...              the run at work

Whoever reads the run that OUT/manifest.json names sees it whole; in the moment of the copying a reader
of OUT/photos and OUT/faces may see two runs.

To publish is to switch and then to tidy. Both can be stopped anywhere and done again: nothing that the switch
needs goes before it, and what a run has not finished, the next one does or clears away when it begins.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final, NoReturn

from headcount.schemas.errors import RefusedError, UsageError
from headcount.schemas.manifest import Manifest
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.storage import exists, is_remote, join, read_bytes, write_bytes

MANIFEST: Final = "manifest.json"
LOCK: Final = ".lock"
RUN: Final = ".run"
RUNS: Final = "runs"
MOVING: Final = ".moving"
NEW: Final = ".new"
"""Ends the name of what is about to take another's place."""
REFUSED: Final = "refused.txt"
PUBLISHED: Final = (*TABLES, MANIFEST)
"""What a switch makes visible; the manifest comes last."""

_OWN: Final = frozenset({*PUBLISHED, "current", RUNS, LOCK, RUN, MOVING})
_USERS: Final = frozenset({"people.csv", "labels.csv", "clocks.csv", "report"})
"""What a user may keep next to the tables; it is never touched."""
_JUNK: Final = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", "@eaDir", ".ipynb_checkpoints"})
"""What other programs leave in every folder that is opened with them."""


@dataclass(frozen=True, slots=True)
class Output(ABC):
    """The output of one run; `root` is an absolute local path, or an address in a bucket."""

    root: str
    run_id: str
    """Runs that begin later have greater ones."""

    @property
    def run_folder(self) -> str:
        """Everything this run writes is in here."""
        return join(self.root, RUNS, self.run_id)

    @property
    def parts_folder(self) -> str:
        """Rows as they come, before they are tables; gone when the run is published."""
        return join(self.run_folder, "parts")

    def table_file(self, table: str) -> str:
        """The Parquet file of a table of this run."""
        return join(self.run_folder, table, f"{table}.parquet")

    def has_run(self) -> bool:
        """Whether a run is complete here."""
        return exists(join(self.root, MANIFEST))

    def published(self) -> str | None:
        """The id of the run that readers see."""
        return read_manifest(self.root).run_id if self.has_run() else None

    def manifest(self) -> Manifest | None:
        """That of this very run, once its tables are complete and the switch has begun."""
        return read_manifest(self.root) if self.published() == self.run_id else None

    @abstractmethod
    def check(self) -> None:
        """Raises UsageError unless `root` can become, or already is, the output of Headcount."""

    @abstractmethod
    def held(self, until_published: bool = False) -> AbstractContextManager[None]:
        """A context that holds the output for this run; raises UsageError at once where another run has it.

        What runs left that ended before they were published is cleared away. With `until_published`, which
        only buckets can, the output goes on being held after the context, until `publish` gives it back.
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

    def check_held(self) -> None:
        """Raises RuntimeError where this run does not hold the output."""
        if not self.is_held():
            raise RuntimeError(
                f"this run does not hold {self.root} any more: it was stopped, or another has taken it"
            )

    def publish(self, manifest: Manifest, after: str | None) -> None:
        """Makes this run the one that readers see, and removes what earlier runs left. Can be done again
        after it was stopped anywhere.

        `after` is the run, None for none, that its tables were made from. Raises RuntimeError where the run
        does not hold the output, or readers see another than `after`.
        """
        if self.published() != self.run_id:
            self.check_held()
            self._switch(manifest, after)
        if self.is_held():
            self._tidy()

    def refuse(self, why: str) -> NoReturn:
        """Ends a run that is not to be published: raises RefusedError, and `refused` says so elsewhere."""
        write_bytes(join(self.run_folder, REFUSED), why.encode())
        raise RefusedError(why)

    def refused(self) -> str | None:
        """Why this run was not published, if it was refused."""
        path = join(self.run_folder, REFUSED)
        return read_bytes(path).decode() if exists(path) else None

    def _check_after(self, published: str | None, after: str | None) -> None:
        if published != after:
            raise RuntimeError(f"another run, {published}, was published to {self.root} in the meantime")

    @abstractmethod
    def _switch(self, manifest: Manifest, after: str | None) -> None:
        """Makes this run the one that readers see."""

    @abstractmethod
    def _tidy(self) -> None:
        """Does what remains after the switch, and removes what earlier runs left."""

    def _is_older(self, run_id: str) -> bool:
        """Whether a run began before this one. One that began later may be at work: an engine may publish
        this run again when all have forgotten it."""
        return run_id < self.run_id


def output_at(root: str, run_id: str) -> Output:
    """The output of the run `run_id` in the folder or the bucket `root`."""
    # Both are kinds of Output, and so import this module.
    from headcount.transforms.collection.bucket_output import BucketOutput
    from headcount.transforms.collection.folder_output import FolderOutput

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
    except UsageError as error:
        raise UsageError(f"{path} cannot be used: {error}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"{path} is not a manifest of Headcount ({error})") from error


def not_ours(names: Iterable[str]) -> list[str]:
    """Those of `names` in an output that no run made, finished or not, and that may not be there, sorted."""
    allowed = _OWN | _USERS | _JUNK
    return sorted(
        name for name in names if not name.startswith("._") and name.removesuffix(NEW) not in allowed
    )
