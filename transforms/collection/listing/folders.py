"""What a folder holds, on this machine (`Disk`) or in a bucket (`Bucket`), listed to its end."""

from __future__ import annotations

import errno
import os
from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Final

from headcount.schemas.files import FOLDER
from headcount.transforms.collection.storage import StoredObject, is_remote, list_level, list_objects

FILE: Final = "file"
"""What a path is that is no `FOLDER`: a file, a pipe, a link that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The names in a folder, in order."""

    folders: list[str]
    files: list[str]
    """Everything that is no folder."""
    links: frozenset[str] = frozenset()
    """Those of both that are symbolic links."""
    objects: Mapping[str, StoredObject] = field(default_factory=dict)
    """What a bucket says of each file."""

    @property
    def entries(self) -> int:
        """How many names there are."""
        return len(self.folders) + len(self.files)


def below(folder: str, name: str) -> str:
    """The path of `name` in `folder`; in a bucket, where names may be empty, nothing is tidied."""
    return f"{folder}/{name}" if is_remote(folder) else os.path.join(folder, name)


def split(path: str) -> tuple[str, str]:
    """The folder of a path and the name in it."""
    if not is_remote(path):
        return os.path.split(path)
    folder, _, name = path.rpartition("/")
    return folder, name


class Tree(ABC):
    """Folders and files by their paths. Everything raises OSError."""

    def __init__(self) -> None:
        self._last: tuple[str, Listing] | None = None

    def listing(self, folder: str) -> Listing:
        """What is in a folder. To ask for the same one again at once costs nothing."""
        if self._last is None or self._last[0] != folder:
            self._last = (folder, self._list(folder))
        return self._last[1]

    @abstractmethod
    def _list(self, folder: str) -> Listing: ...

    @abstractmethod
    def kind(self, path: str) -> str | None:
        """`FOLDER`, `FILE`, or None where there is nothing."""

    @abstractmethod
    def identity(self, folder: str) -> Hashable:
        """The same for every path that leads to the same folder."""

    def real(self, path: str) -> str:
        """The path without links."""
        return path

    def expect_all(self, folder: str) -> None:  # noqa: B027
        """Says that everything below `folder` will be asked for."""


class Disk(Tree):
    """The file systems of this machine."""

    def _list(self, folder: str) -> Listing:
        folders: list[str] = []
        files: list[str] = []
        links: set[str] = set()
        with os.scandir(folder) as entries:
            for entry in entries:
                (folders if _is_folder(entry) else files).append(entry.name)
                if entry.is_symlink():
                    links.add(entry.name)
        return Listing(sorted(folders), sorted(files), frozenset(links))

    def kind(self, path: str) -> str | None:
        return FOLDER if os.path.isdir(path) else FILE if os.path.lexists(path) else None

    def identity(self, folder: str) -> Hashable:
        info = os.stat(folder)
        # Some file systems number nothing.
        return (info.st_dev, info.st_ino) if info.st_ino else self.real(folder)

    def real(self, path: str) -> str:
        return os.path.realpath(path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False  # A link that leads to itself, or through what may not be entered.


class Bucket(Tree):
    """Objects, with a folder for everything between two slashes of their names."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, Listing] = {}

    def _list(self, folder: str) -> Listing:
        if folder in self._known:
            return self._known[folder]
        start = len(folder) + 1
        found, longer = list_level(f"{folder}/")
        if not found and not longer and not _is_bucket(folder):
            raise FileNotFoundError(errno.ENOENT, "there is no such object and no such folder", folder)
        # Without a name: the object that stands for an empty folder.
        objects = {each.path[start:]: each for each in found if each.path[start:]}
        return Listing(sorted(each[start:-1] for each in longer), sorted(objects), objects=objects)

    def kind(self, path: str) -> str | None:
        if _is_bucket(path) or next(list_objects(f"{path}/", most=1), None):
            return FOLDER
        first = next(list_objects(path, most=1), None)
        return FILE if first and first.path == path else None

    def identity(self, folder: str) -> Hashable:
        return folder

    def expect_all(self, folder: str) -> None:
        """One listing gives a thousand objects a request, whatever their folders."""
        if folder in self._known:
            return
        folders: dict[str, set[str]] = {folder: set()}
        objects: dict[str, dict[str, StoredObject]] = {}
        for found in list_objects(f"{folder}/"):
            parent, name = split(found.path)
            in_folder = objects.setdefault(parent, {})
            if name:  # Without one: the object that stands for an empty folder.
                in_folder[name] = found
            unmet = []
            while parent not in folders:
                unmet.append(parent)
                parent, _ = split(parent)
            for new in reversed(unmet):
                folders[new] = set()
                above, name = split(new)
                folders[above].add(name)
        if objects:
            self._known |= {
                each: Listing(sorted(names), sorted(objects.get(each, ())), objects=objects.get(each, {}))
                for each, names in folders.items()
            }


def _is_bucket(path: str) -> bool:
    return "/" not in path.partition("://")[2]
