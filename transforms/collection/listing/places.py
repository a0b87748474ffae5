"""Which files there are: of folders, globs, single files and lists, on disks and in buckets. Opens no photo.

One set of rules for all of them:

- A folder is entered, whoever names it, but for hidden and system folders inside of what is named, the
  pictures that a Photos library makes of its photos, and the run's own output.
- A name is taken as it is where there is such a file or folder, also with `*`, `?` or `[` in it; else it is a
  glob. `**` crosses folders.
- Each file comes once. A link to a file or folder that is met without it is no other one, in whatever order
  they are met; of hard links the smallest path counts.
- Everything that does not come has a row that says why: hidden, special, a link, or not to be listed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field

from headcount.schemas.files import FOLDER, LISTED, File
from headcount.transforms.collection.found_file import FoundFile, uri_of
from headcount.transforms.collection.listing.folders import FILE, Listing, below, split
from headcount.transforms.collection.listing.inputs import Inputs, Named
from headcount.transforms.collection.listing.siblings import Siblings
from headcount.transforms.collection.listing.sidecars import sidecar_names
from headcount.transforms.collection.listing.walk import (
    FILE_LINK,
    SPECIAL_FILE,
    Entered,
    Unlisted,
    Walk,
    passed_over,
    skipped,
)
from headcount.transforms.collection.storage import is_remote

Match = FoundFile | File | Unlisted
"""A file to read, something that is skipped or a folder that was listed, or what cannot be listed."""


def match_inputs(sources: Iterable[str], exclude: str | None = None) -> Iterator[Match]:
    """Every file that the inputs name, and a row for every folder: listed to its end, passed over, lost.

    No two have the same uri. `exclude` is a folder that is never entered: the run's own output. Raises
    FileNotFoundError for an input that names nothing.
    """
    walk = Walk(exclude)
    inputs, listing = Inputs(walk), _Listing(walk)
    for source in sources:
        some = len(inputs.passed_over)
        for named in inputs.named(source):
            listing.note(named)
            some = -1
        if some == len(inputs.passed_over):
            raise FileNotFoundError(f"{source} matches nothing on the machine of this worker")
    for match in listing.matches():
        if not isinstance(match, FoundFile):
            inputs.passed_over.pop(match.uri, None)
        yield match
    yield from inputs.passed_over.values()


@dataclass(slots=True)
class _Single:
    """Files of one folder that are named one by one, with the root of each."""

    listing: Listing | None
    roots: dict[str, str] = field(default_factory=dict)


class _Listing:
    """Lists what inputs name, once all have named it: folders, then single files, then files of several
    paths. So nothing depends on the order.
    """

    def __init__(self, walk: Walk) -> None:
        self._walk = walk
        self._roots: dict[str, str] = {}
        self._singles: dict[str, _Single] = {}
        self._entered: dict[Hashable, str] = {}
        self._single_files: set[tuple[Hashable, str]] = set()
        self._shared: dict[Hashable, list[tuple[bool, FoundFile]]] = {}
        """Files that may be met by another path, and whether this one is a symbolic link, by identity."""

    def note(self, named: Named) -> None:
        """Remembers what is to be listed."""
        path, kind, root = named
        if kind == FOLDER:
            self._roots[path] = min(root, self._roots.get(path, root), key=len)
            return
        folder, name = split(path)
        if folder not in self._singles:
            try:
                listing = self._walk.tree(folder).listing(folder)
            except OSError:
                listing = None
            self._singles[folder] = _Single(listing)
        roots = self._singles[folder].roots
        roots[name] = min(root, roots.get(name, root), key=len)

    def matches(self) -> Iterator[Match]:
        """Everything that was noted, listed."""
        for found in self._walk.folders(self._roots, self._entered):
            if isinstance(found, Entered):
                yield from self._files_in(found)
            else:
                yield found
        # Where two paths lead to one folder, that without links comes first.
        for folder in sorted(
            self._singles, key=lambda path: (self._walk.tree(path).real(path) != path, path)
        ):
            yield from self._single_files_in(folder, self._singles[folder])
        yield from self._files_of_several_paths()

    def _files_in(self, folder: Entered) -> Iterator[Match]:
        path, root, listing = folder
        yield File(uri=uri_of(path), version=str(listing.entries), outcome=LISTED, file_type=FOLDER)
        siblings = Siblings.of(listing.files)
        for name in listing.files:
            if row := passed_over(path, name, FILE):
                yield row
            else:
                yield from self._file(path, name, root, listing, siblings)

    def _single_files_in(self, folder: str, single: _Single) -> Iterator[Match]:
        try:
            identity = self._walk.tree(folder).identity(folder)
        except OSError:
            identity = folder
        if identity in self._entered or self._walk.is_excluded(folder):
            return
        listing = single.listing
        siblings = Siblings.of(listing.files) if listing else None
        for name in sorted(single.roots):
            if (identity, name) in self._single_files:
                yield skipped(below(folder, name), FILE_LINK)
                continue
            self._single_files.add((identity, name))
            beside = siblings if siblings is not None else _probed_siblings(folder, name)
            yield from self._file(folder, name, single.roots[name], listing, beside)

    def _file(
        self, folder: str, name: str, root: str, listing: Listing | None, siblings: Siblings
    ) -> Iterator[Match]:
        path = below(folder, name)
        beside, order = siblings.sidecars_of(name), siblings.order_of(name)
        sidecars = tuple(below(folder, each) for each in beside)
        if is_remote(path):
            found = listing.objects.get(name) if listing else None
            if listing is None or found is None:
                yield Unlisted(uri_of(path), "unknown", "its folder cannot be listed")
                return
            objects = (listing.objects[each] for each in beside)
            version = "".join(f"+{each.size}:{each.modified}" for each in objects)
            yield FoundFile(path, root, found.size, found.modified or None, sidecars, version, order)
            return
        try:
            info = os.stat(path)
            link = os.path.islink(path) if listing is None else name in listing.links
        except OSError as error:
            yield Unlisted(uri_of(path), "unknown", str(error))
            return
        if not stat.S_ISREG(info.st_mode):
            yield skipped(path, SPECIAL_FILE)
            return
        version = "".join(map(_sidecar_version, sidecars))
        file = FoundFile(path, root, info.st_size, info.st_mtime, sidecars, version, order)
        if link or info.st_nlink > 1:
            identity = (info.st_dev, info.st_ino) if info.st_ino else os.path.realpath(path)
            self._shared.setdefault(identity, []).append((link, file))
        else:
            yield file

    def _files_of_several_paths(self) -> Iterator[Match]:
        for files in self._shared.values():
            files.sort(key=lambda each: (each[0], each[1].path))
            link, first = files[0]
            if not (link and self._is_met(os.path.realpath(first.path))):
                yield first
                del files[0]
            yield from (skipped(file.path, FILE_LINK) for _, file in files)

    def _is_met(self, path: str) -> bool:
        """Whether a file, by its path without links, is met by one of its paths that is no link."""
        folder, name = split(path)
        try:
            identity = self._walk.tree(folder).identity(folder)
        except OSError:
            return False
        entered = identity in self._entered and not passed_over(folder, name, FILE)
        return entered or (identity, name) in self._single_files


def _probed_siblings(folder: str, name: str) -> Siblings:
    """The sidecars of a photo in a folder that may be entered but not listed."""
    return Siblings.of(each for each in sidecar_names(name) if os.path.lexists(below(folder, each)))


def _sidecar_version(path: str) -> str:
    try:
        info = os.stat(path)
    except OSError:
        return "+unreadable"  # As the reader of the photo will find.
    return f"+{info.st_size}:{info.st_mtime}" if stat.S_ISREG(info.st_mode) else "+special"
