"""Which files there are: a directory, a glob, one photo, or a text file of paths. Opens no photo."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from headcount.schemas.failures import Failure, failure
from headcount.schemas.files import FAILED, FOLDER, LISTED, SKIPPED, File
from headcount.transforms.collection.found_file import FoundFile, uri_of
from headcount.transforms.collection.sidecars import find_sidecars
from headcount.transforms.collection.storage import is_remote, join, list_bucket

if TYPE_CHECKING:
    from apache_beam.io.filesystem import FileMetadata

LIST_SUFFIXES: Final = (".txt", ".lst")
"""An input file with one of these endings is a list of paths."""

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
"""Folders that network disks and operating systems keep beside photos, in lower case."""

HIDDEN_FOLDER: Final = "hidden folder"
HIDDEN_FILE: Final = "hidden file"
"""Names that begin with a dot: thumbnails, trash, the halves of files that macOS leaves (`._IMG_1.jpg`)."""
SPECIAL_FILE: Final = "special file"
"""A pipe, socket or device: to open it could wait for ever."""


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


def is_hidden_folder(name: str) -> bool:
    """Whether a folder of this name holds no photos of the user's own."""
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def match_input(source: str, exclude: str | None = None) -> Iterator[Match]:
    """Every file of one input, and a row for every folder: listed to its end, passed over, or unreadable.

    `exclude` is a folder that is never entered: the run's own output.
    """
    if is_remote(source):
        yield from _match_bucket(source, exclude)
    elif os.path.isdir(source):
        yield from _match_folder(source, exclude)
    elif os.path.isfile(source) and source.lower().endswith(LIST_SUFFIXES):
        yield from _match_list(source, exclude)
    elif os.path.lexists(source):
        yield from _match_file(source)
    else:
        paths = sorted(glob.glob(source, recursive=True))
        if not paths:
            raise FileNotFoundError(f"{source} matches nothing on the machine of this worker")
        for path in paths:
            if not os.path.isdir(path):
                yield from _match_file(path, root=_fixed_part(source))


def _match_folder(root: str, exclude: str | None) -> Iterator[Match]:
    root = os.path.abspath(root)
    excluded = exclude and os.path.realpath(exclude)
    entered: set[tuple[int, int]] = set()
    unreadable: list[OSError] = []
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=unreadable.append):
        try:
            info = os.stat(folder)
        except OSError as gone:  # It went while its parent was listed.
            unreadable.append(gone)
            subfolders.clear()
            continue
        if (info.st_dev, info.st_ino) in entered or os.path.realpath(folder) == excluded:
            subfolders.clear()
            continue
        entered.add((info.st_dev, info.st_ino))
        yield _listed(folder, len(subfolders) + len(names))
        hidden = [name for name in subfolders if is_hidden_folder(name)]
        subfolders[:] = sorted(set(subfolders) - set(hidden))
        yield from (_skipped(os.path.join(folder, name), HIDDEN_FOLDER) for name in sorted(hidden))
        siblings = frozenset(names)
        for name in sorted(names):
            path = os.path.join(folder, name)
            yield _skipped(path, HIDDEN_FILE) if name.startswith(".") else _found(path, root, siblings)
    for error in unreadable:
        yield Unlisted(uri_of(str(error.filename)), FOLDER, str(error))


def _match_file(path: str, root: str | None = None) -> Iterator[Match]:
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    try:
        siblings = frozenset(os.listdir(folder))
    except OSError:
        siblings = frozenset()
    # What follows a wildcard may climb (..) out of the folder above it.
    above = root if root and os.path.commonpath([root, path]) == root else folder
    yield _found(path, above, siblings)


def _match_list(source: str, exclude: str | None) -> Iterator[Match]:
    with open(source, encoding="utf-8-sig", errors="surrogateescape") as lines:
        for line in lines:
            path = line.rstrip("\r\n")
            if is_remote(path):
                yield from _match_bucket(path, exclude)
            elif path.strip():
                path = os.path.join(os.path.dirname(os.path.abspath(source)), path)
                yield from _match_folder(path, exclude) if os.path.isdir(path) else _match_file(path)


def _match_bucket(source: str, exclude: str | None) -> Iterator[Match]:
    folder_given = not re.search(r"[*?\[]", source)
    pattern = join(source, "**") if folder_given else source
    root = _fixed_part(pattern)
    objects = {found.path: found for found in list_bucket(pattern)}
    siblings: dict[str, set[str]] = {}
    for path in objects:
        folder, _, name = path.rpartition("/")
        siblings.setdefault(folder, set()).add(name)
    hidden: set[str] = set()
    entries: dict[str, set[str]] = {root.rstrip("/"): set()} if folder_given else {}
    for path, found in objects.items():
        *folders, name = path[len(root) :].split("/")
        if not name or (exclude and path.startswith(join(exclude, ""))):
            continue
        for depth in range(len(folders) + 1 if folder_given else 0):
            if depth and is_hidden_folder(folders[depth - 1]):
                break
            above = (root + "/".join(folders[:depth])).rstrip("/")
            entries.setdefault(above, set()).add([*folders, name][depth])
        closed = next((n for n, folder in enumerate(folders) if is_hidden_folder(folder)), None)
        if closed is not None:
            hidden.add(root + "/".join(folders[: closed + 1]))
        elif name.startswith("."):
            yield _skipped(path, HIDDEN_FILE)
        else:
            sidecars = find_sidecars(path, siblings[path.rpartition("/")[0]])
            changes = [_version(objects[beside]) for beside in sidecars]
            modified = found.last_updated_in_seconds or None
            yield FoundFile(path, root, found.size_in_bytes, modified, sidecars, "".join(changes))
    yield from (_skipped(folder, HIDDEN_FOLDER) for folder in sorted(hidden))
    yield from (_listed(folder, len(names)) for folder, names in sorted(entries.items()))


def _version(sidecar: FileMetadata) -> str:
    return f"+{sidecar.size_in_bytes}:{sidecar.last_updated_in_seconds}"


def _found(path: str, root: str, siblings: frozenset[str]) -> Match:
    try:
        info = os.stat(path)
        if not stat.S_ISREG(info.st_mode):
            return _skipped(path, SPECIAL_FILE)
        sidecars = find_sidecars(path, siblings)
        changes = [f"{beside.st_size}:{beside.st_mtime}" for beside in map(os.stat, sidecars)]
    except OSError as error:
        return Unlisted(uri_of(path), "unknown", str(error))
    return FoundFile(path, root, info.st_size, info.st_mtime, sidecars, "".join(f"+{c}" for c in changes))


def _listed(folder: str, entries: int) -> File:
    return File(uri=uri_of(folder), version=str(entries), outcome=LISTED, file_type=FOLDER)


def _skipped(path: str, why: str) -> File:
    return File(uri=uri_of(path), version="", outcome=SKIPPED, file_type=why)


def _fixed_part(pattern: str) -> str:
    """The folder above the first wildcard."""
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return fixed[: fixed.rfind("/") + 1] if is_remote(pattern) else os.path.abspath(os.path.dirname(fixed))
