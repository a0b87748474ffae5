"""The way through folders: which are entered, each once, and what is passed over."""

from __future__ import annotations

import os
from collections.abc import Container, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from headcount.schemas.failures import Failure, failure
from headcount.schemas.files import FAILED, FOLDER, SKIPPED, File
from headcount.transforms.collection.found_file import FoundFile, uri_of
from headcount.transforms.collection.listing.folders import Bucket, Disk, Listing, Tree, below
from headcount.transforms.collection.storage import is_remote

SYSTEM_FOLDERS: Final = frozenset(
    {
        "@eadir",
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "system volume information",
        "__macosx",
        "lost+found",
    }
)
"""Folders that network disks and operating systems keep among photos, in lower case."""

LIBRARY_ENDINGS: Final = (".photoslibrary", ".photolibrary", ".migratedphotolibrary", ".aplibrary")
"""Of folders that are libraries of Apple's Photos, iPhoto and Aperture, in lower case."""
LIBRARY_ORIGINALS: Final = frozenset({"originals", "masters"})
"""The folders of such a library that hold the photos as they came, in lower case."""

HIDDEN_FOLDER: Final = "hidden folder"
HIDDEN_FILE: Final = "hidden file"
"""Names that begin with a dot: thumbnails, trash, the halves of files that macOS leaves (`._IMG_1.jpg`)."""
SPECIAL_FILE: Final = "special file"
"""A pipe, socket or device: to open it could wait for ever."""
LIBRARY_PART: Final = "part of a Photos library"
"""Smaller copies and faces that Photos made of what is in the library's originals."""
FILE_LINK: Final = "link to a file that was met"
FOLDER_LINK: Final = "link to a folder that was met"


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A file or folder of which nothing is known, and why."""

    uri: str
    file_type: str
    """`FOLDER`, or "unknown" where not even that is known."""
    why: str

    @property
    def failure(self) -> Failure:
        """Its row of the failures table."""
        return failure(self.uri, "read", "unreadable", self.why)

    @property
    def row(self) -> File:
        """Its row of the files table; no later run takes it for known."""
        return File(uri=self.uri, version="", outcome=FAILED, file_type=self.file_type)


Match = FoundFile | File | Unlisted
"""A file to read, something that is skipped or a folder that was listed, or what cannot be listed."""


class Entered(NamedTuple):
    """A folder that was entered and listed to its end."""

    path: str
    root: str
    """The folder below which the names of folders may be dates."""
    listing: Listing


class Walk:
    """Goes through folders on disks and in buckets."""

    def __init__(self, exclude: str | None = None, ahead: bool = True) -> None:
        """`exclude` is a folder that is never entered. With `ahead`, a bucket is asked for all that is below
        a folder at once; without, for one folder after the other, as long as someone wants more.
        """
        self._disk, self._bucket = Disk(), Bucket()
        self._ahead = ahead
        self._excluded = self.tree(exclude).real(exclude).rstrip("/") if exclude else None

    def tree(self, path: str) -> Tree:
        """Where `path` is."""
        return self._bucket if is_remote(path) else self._disk

    def is_excluded(self, folder: str) -> bool:
        """Whether a folder is the excluded one or in it."""
        if self._excluded is None or is_remote(folder) != is_remote(self._excluded):
            return False
        return is_inside(self.tree(folder).real(folder), self._excluded)

    def folders(
        self, tops: Mapping[str, str], entered: dict[Hashable, str]
    ) -> Iterator[Entered | File | Unlisted]:
        """Every folder of `tops`, paths with their roots, and below them, each once, with a row for each that
        is passed over or cannot be listed. Those that links lead to come after all others.

        `entered` gets the path of each by its identity.
        """
        links: dict[str, str] = {}
        waiting = dict(tops)
        while waiting:
            # The real path of a folder sorts before that of any folder in it.
            order = sorted((self.tree(path).real(path), path) for path in waiting)
            for _, path in sorted(order, key=lambda each: (each[0], each[0] != each[1], each[1])):
                yield from self._descend(path, waiting[path], tops, entered, links)
            waiting, links = links, {}

    def _descend(
        self, top: str, root: str, named: Container[str], entered: dict[Hashable, str], links: dict[str, str]
    ) -> Iterator[Entered | File | Unlisted]:
        tree = self.tree(top)
        pending = [top]
        try:
            if self._ahead:
                tree.expect_all(top)
        except OSError as error:
            yield Unlisted(uri_of(top), FOLDER, str(error))
            return
        while pending:
            path = pending.pop()
            if self.is_excluded(path):
                continue
            try:
                before = entered.setdefault(tree.identity(path), path)
                if before is not path:
                    if before != path:
                        yield skipped(path, FOLDER_LINK)
                    continue
                listing = tree.listing(path)
            except OSError as error:
                yield Unlisted(uri_of(path), FOLDER, str(error))
                continue
            yield Entered(path, root, listing)
            inside = []
            for name in listing.folders:
                subfolder = below(path, name)
                if row := passed_over(path, name, FOLDER):
                    if subfolder not in named:
                        yield row
                elif name not in listing.links:
                    inside.append(subfolder)
                elif subfolder not in named:
                    links[subfolder] = root
            pending.extend(reversed(inside))


def is_hidden_folder(name: str) -> bool:
    """Whether a folder of this name holds no photos of the user's own."""
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def is_inside(path: str, folder: str) -> bool:
    """Whether `path` is the folder or in it."""
    return path == folder or path.startswith(below(folder.rstrip("/"), ""))


def passed_over(folder: str, name: str, kind: str) -> File | None:
    """The row of a folder or file in `folder` that is passed over by its name."""
    if kind == FOLDER and is_hidden_folder(name):
        return skipped(below(folder, name), HIDDEN_FOLDER)
    if kind != FOLDER and name.startswith("."):
        return skipped(below(folder, name), HIDDEN_FILE)
    if is_library(folder) and (kind != FOLDER or name.lower() not in LIBRARY_ORIGINALS):
        return skipped(below(folder, name), LIBRARY_PART)
    return None


def passed_over_below(root: str, path: str, kind: str) -> File | None:
    """The row of the first folder or file that `path` goes through below `root` and that is passed over."""
    if path == root:
        return None
    folder = root
    names = path[len(below(root, "")) :].replace(os.sep, "/").split("/")
    for number, name in enumerate(names, 1):
        if row := passed_over(folder, name, FOLDER if number < len(names) else kind):
            return row
        folder = below(folder, name)
    return None


def is_library(folder: str) -> bool:
    """Whether a folder is a library of Photos, iPhoto or Aperture."""
    return folder.lower().endswith(LIBRARY_ENDINGS)


def skipped(path: str, why: str) -> File:
    """The row of what is passed over."""
    return File(uri=uri_of(path), version="", outcome=SKIPPED, file_type=why)
