"""What inputs name: folders and files, by their paths, by globs, or by lists of paths."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from headcount.schemas.errors import UsageError
from headcount.schemas.files import FOLDER, File
from headcount.transforms.collection.found_file import uri_of
from headcount.transforms.collection.listing.folders import FILE, Listing, Tree, below, split
from headcount.transforms.collection.listing.path_list import paths_in
from headcount.transforms.collection.listing.walk import (
    HIDDEN_FOLDER,
    SYSTEM_FOLDERS,
    Entered,
    Unlisted,
    Walk,
    is_inside,
    passed_over,
    passed_over_below,
    skipped,
)
from headcount.transforms.collection.storage import is_glob, is_remote, open_file, read_bytes

LIST_SUFFIXES: Final = (".txt", ".lst")
"""An input file with one of these endings is a list of paths."""


class Named(NamedTuple):
    """What an input names."""

    path: str
    kind: str
    """`FOLDER` or `FILE`."""
    root: str
    """The folder below which the names of folders may be dates."""


def check_input(source: str) -> None:
    """Raises UsageError unless an input names a file or a folder, if an empty one: a disk may be missing.

    Of a list, one line must. What this lists is as little as that takes.
    """
    walk = Walk(ahead=False)
    path = _absolute(source)
    tree = walk.tree(path)
    try:
        kind = tree.kind(path)
        if kind == FILE and not is_remote(path):
            open_file(path).close()
        inputs = Inputs(walk)
        if any(True for _ in inputs.named(source)):
            return
        for row in inputs.passed_over.values():
            if kind is None and isinstance(row, Unlisted):
                raise OSError(row.why)
        near = next((above for above in _folders_above(path) if tree.kind(above) == FOLDER), None)
    except OSError as error:
        why = error.strerror or str(error)
        raise UsageError(f"--input {source} cannot be read ({why}); check it and your permissions") from error
    except ValueError as error:
        raise UsageError(f"--input {source} is no list of paths ({error}); write one path a line") from error
    if kind == FILE:
        raise UsageError(
            f"--input {source}: no line of this list is the path of a file or folder; write one path a line"
        )
    hint = f"; {near} is the nearest folder that exists" if near else ""
    raise UsageError(f"--input {source} matches nothing{hint}")


class Inputs:
    """Finds out what inputs name."""

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._levels: dict[str, dict[str, str]] = {}
        self.passed_over: dict[str, File | Unlisted] = {}
        """By uri, what globs meet and do not enter, and what lists name and is not there."""

    def named(self, source: str) -> Iterator[Named]:
        """What an input names."""
        path = _absolute(source)
        tree = self._walk.tree(path)
        kind = tree.kind(path)
        if kind == FILE and path.lower().endswith(LIST_SUFFIXES):
            yield from self._of_list(path)
        elif kind == FILE:
            yield Named(path, FILE, split(path)[0])
        elif kind == FOLDER:
            yield Named(path, FOLDER, path)
        elif is_glob(path):
            top, parts = _parts(path)
            for alternative in _alternatives(parts):
                yield from self._expand(tree, top, alternative, None)

    def _of_list(self, source: str) -> Iterator[Named]:
        top, _ = split(source)
        for meanings in paths_in(read_bytes(source)):
            paths = [_resolved(top, meaning) for meaning in meanings]
            try:
                kinds = [(path, kind) for path in paths if (kind := self._kind_in_folder(path))]
            except OSError as error:
                self._pass_over(Unlisted(uri_of(paths[-1]), "unknown", str(error)))
                continue
            if not kinds:
                self._pass_over(Unlisted(uri_of(paths[-1]), "unknown", "there is no such file or folder"))
                continue
            path, kind = kinds[0]
            root = top if is_inside(path, top) else path if kind == FOLDER else split(path)[0]
            if row := passed_over_below(root, path, kind) or _system_part(path):
                self._pass_over(row)
            else:
                yield Named(path, kind, root)

    def _kind_in_folder(self, path: str) -> str | None:
        """The kind of one of many paths: in a bucket, that of a name in its folder, which is listed once."""
        if not is_remote(path) or "/" not in path.partition("://")[2]:
            return self._walk.tree(path).kind(path)
        folder, name = split(path)
        if folder not in self._levels:
            try:
                listing = self._walk.tree(folder).listing(folder)
            except FileNotFoundError:
                listing = Listing([], [])
            kinds = dict.fromkeys(listing.files, FILE) | dict.fromkeys(listing.folders, FOLDER)
            self._levels[folder] = kinds
        return self._levels[folder].get(name)

    def _expand(self, tree: Tree, folder: str, parts: Sequence[str], root: str | None) -> Iterator[Named]:
        """What `parts` of a glob name in `folder`; `root` is the folder of the first that is a pattern."""
        part, *rest = parts
        if part == "**":
            root = root or folder
            if tree.kind(folder) != FOLDER:
                return
            if not rest:
                yield Named(folder, FOLDER, root)
                return
            for found in self._walk.folders({folder: root}, {}):
                if isinstance(found, Entered):
                    yield from self._expand(tree, found.path, rest, root)
                else:
                    self._pass_over(found)
            return
        path = below(folder, part)
        if not is_glob(part):
            if rest:
                yield from self._expand(tree, path, rest, root)
            elif kind := tree.kind(path):
                yield Named(path, kind, root or folder)
            return
        try:
            listing = tree.listing(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._pass_over(Unlisted(uri_of(folder), FOLDER, str(error)))
            return
        if part in listing.folders or part in listing.files:
            fits = re.compile(re.escape(part)).fullmatch
        else:
            fits, root = re.compile(fnmatch.translate(part)).match, root or folder
        for kind, names in ((FOLDER, listing.folders), (FILE, [] if rest else listing.files)):
            for name in filter(fits, names):
                path = below(folder, name)
                row = None if part.startswith(".") else passed_over(folder, name, kind)
                if row:
                    self._pass_over(row)
                elif rest:
                    yield from self._expand(tree, path, rest, root)
                else:
                    yield Named(path, kind, root or folder)

    def _pass_over(self, match: File | Unlisted) -> None:
        self.passed_over.setdefault(match.uri, match)


def _absolute(path: str) -> str:
    return path.rstrip("/") if is_remote(path) else os.path.abspath(path)


def _folders_above(path: str) -> Iterator[str]:
    above, name = split(path)
    while name and not above.endswith("://") and not above.endswith(":/"):
        yield above
        above, name = split(above)


def _resolved(top: str, path: str) -> str:
    """A path of a list in the folder `top`, absolute."""
    if is_remote(path):
        return path.rstrip("/")
    if not is_remote(top) or os.path.isabs(path):
        return os.path.abspath(path if is_remote(top) else os.path.join(top, path))
    return below(top, os.path.normpath(path).replace(os.sep, "/"))


def _parts(pattern: str) -> tuple[str, list[str]]:
    """The bucket, or the top of the file system, and the names below it."""
    if is_remote(pattern):
        scheme, _, path = pattern.partition("://")
        bucket, *names = path.split("/")
        return f"{scheme}://{bucket}", names
    drive, path = os.path.splitdrive(pattern)
    return drive + os.sep, path.strip(os.sep).split(os.sep)


def _alternatives(parts: Sequence[str]) -> Iterator[list[str]]:
    """Globs without `**` inside of a name, where it crosses folders too, as in the tools of buckets: `**.jpg`
    is `*.jpg` and `*/**/*.jpg`.
    """
    for number, part in enumerate(parts):
        if "**" in part and part.strip("*"):
            before, _, after = part.partition("**")
            head, tail = list(parts[:number]), list(parts[number + 1 :])
            for middle in ([f"{before}*{after}"], [f"{before}*", "**", f"*{after}"]):
                yield from _alternatives([*head, *middle, *tail])
            return
    yield list(parts)


def _system_part(path: str) -> File | None:
    """The row of a system folder that `path` goes through: lists made by `find` name what is in them."""
    folder, name = split(path)
    while name and folder != path:
        if name.lower() in SYSTEM_FOLDERS:
            return skipped(path, HIDDEN_FOLDER)
        path, (folder, name) = folder, split(folder)
    return None
