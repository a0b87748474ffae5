"""Which files there are: a directory, a glob, one photo, or a text file of paths. Opens no photo."""

from __future__ import annotations

import glob
import os
import re
import stat
from collections.abc import Iterable, Iterator
from typing import Final

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems

from schemas.failures import Failure, failure
from transforms.found_file import FoundFile, Skipped, is_remote, uri_of
from transforms.sidecars import find_sidecars
from transforms.tally import TALLY

LIST_SUFFIXES: Final = (".txt", ".lst")
"""An input file with one of these endings is a list of paths."""

SYSTEM_FOLDERS: Final = frozenset(
    {"@eadir", "#recycle", "#snapshot", "$recycle.bin", "system volume information", "__macosx", "lost+found"}
)
"""Folders that network disks and operating systems keep beside photos, in lower case."""

HIDDEN_FOLDER: Final = Skipped("hidden folder")
HIDDEN_FILE: Final = Skipped("hidden file")
"""Names that begin with a dot: thumbnails, trash, the halves of files that macOS leaves (`._IMG_1.jpg`)."""
SPECIAL_FILE: Final = Skipped("special file")
"""A pipe, socket or device: to open it could wait for ever."""

Match = FoundFile | Skipped | Failure


def is_hidden_folder(name: str) -> bool:
    """Whether a folder of this name holds no photos of the user's own."""
    return name.startswith(".") or name.lower() in SYSTEM_FOLDERS


def match_input(source: str, exclude: str | None = None) -> Iterator[Match]:
    """Every file of one input, every hidden file and folder that is passed over, every unreadable folder.

    `exclude` is a local folder that is never entered: the run's own output.
    """
    if is_remote(source):
        yield from _match_bucket(source)
    elif os.path.isdir(source):
        yield from _match_folder(source, exclude)
    elif os.path.isfile(source) and source.lower().endswith(LIST_SUFFIXES):
        yield from _match_list(source, exclude)
    elif os.path.lexists(source):
        yield from _match_file(source)
    else:
        for path in sorted(glob.glob(source, recursive=True)):
            if not os.path.isdir(path):
                yield from _match_file(path, root=_fixed_part(source))


def _match_folder(root: str, exclude: str | None) -> Iterator[Match]:
    root = os.path.abspath(root)
    excluded = exclude and os.path.realpath(exclude)
    entered: set[tuple[int, int]] = set()
    unreadable: list[OSError] = []
    for folder, subfolders, names in os.walk(root, followlinks=True, onerror=unreadable.append):
        info = os.stat(folder)
        if (info.st_dev, info.st_ino) in entered or os.path.realpath(folder) == excluded:
            subfolders.clear()
            continue
        entered.add((info.st_dev, info.st_ino))
        hidden = [name for name in subfolders if is_hidden_folder(name)]
        subfolders[:] = sorted(set(subfolders) - set(hidden))
        yield from (HIDDEN_FOLDER for _ in hidden)
        siblings = frozenset(names)
        for name in sorted(names):
            if name.startswith("."):
                yield HIDDEN_FILE
            else:
                yield _found(os.path.join(folder, name), root, siblings)
    for error in unreadable:
        yield failure(uri_of(str(error.filename)), "read", "unreadable", str(error))


def _match_file(path: str, root: str | None = None) -> Iterator[Match]:
    path = os.path.abspath(path)
    folder = os.path.dirname(path)
    try:
        siblings = frozenset(os.listdir(folder))
    except OSError:
        siblings = frozenset()
    yield _found(path, root or folder, siblings)


def _match_list(source: str, exclude: str | None) -> Iterator[Match]:
    with open(source, encoding="utf-8-sig", errors="surrogateescape") as lines:
        for line in lines:
            path = line.rstrip("\r\n")
            if is_remote(path):
                yield from _match_bucket(path)
            elif path.strip():
                path = os.path.join(os.path.dirname(os.path.abspath(source)), path)
                yield from _match_folder(path, exclude) if os.path.isdir(path) else _match_file(path)


def _match_bucket(source: str) -> Iterator[Match]:
    pattern = source if re.search(r"[*?\[]", source) else source.rstrip("/") + "/**"
    root = _fixed_part(pattern)
    for match in FileSystems.match([pattern])[0].metadata_list:
        *folders, name = match.path[len(root) :].split("/")
        if any(is_hidden_folder(folder) for folder in folders):
            yield HIDDEN_FOLDER
        elif name.startswith("."):
            yield HIDDEN_FILE
        elif name:
            yield FoundFile(match.path, root, match.size_in_bytes, match.last_updated_in_seconds or None)


def _found(path: str, root: str, siblings: frozenset[str]) -> Match:
    try:
        info = os.stat(path)
    except OSError as error:
        return failure(uri_of(path), "read", "unreadable", str(error))
    if not stat.S_ISREG(info.st_mode):
        return SPECIAL_FILE
    return FoundFile(path, root, info.st_size, info.st_mtime, find_sidecars(path, siblings))


def _fixed_part(pattern: str) -> str:
    """The folder above the first wildcard."""
    fixed = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    return fixed[: fixed.rfind("/") + 1] if is_remote(pattern) else os.path.abspath(os.path.dirname(fixed))


class MatchPhotos(beam.PTransform):
    """A tuple of inputs -> `files` (FoundFile, each file once), `skipped` (Skipped), `failures` (Failure)."""

    def __init__(self, exclude: str | None) -> None:
        super().__init__()
        self._exclude = exclude

    def expand(self, inputs: beam.PCollection) -> beam.pvalue.DoOutputsTuple:
        return inputs | beam.ParDo(_MatchPhotosDoFn(self._exclude)).with_outputs(
            "skipped", "failures", main="files"
        )


class _MatchPhotosDoFn(beam.DoFn):
    def __init__(self, exclude: str | None) -> None:
        self._exclude = exclude

    def process(self, inputs: tuple[str, ...]) -> Iterable[object]:
        # One folder holds each file once; several inputs, globs and lists may name a file again.
        may_repeat = len(inputs) > 1 or not os.path.isdir(inputs[0])
        seen: set[str] = set()
        for source in inputs:
            for match in match_input(source, self._exclude):
                if isinstance(match, Skipped):
                    yield beam.pvalue.TaggedOutput("skipped", match.file_type)
                elif isinstance(match, Failure):
                    TALLY.add(failures=1)
                    yield beam.pvalue.TaggedOutput("failures", match)
                elif match.path not in seen:
                    if may_repeat:
                        seen.add(match.path)
                    TALLY.add(found=1)
                    yield match
