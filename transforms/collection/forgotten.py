"""Photos that shall have no row, remembered by salted hashes alone: neither a name nor a photo_id is kept.

A photo is forgotten by its bytes, so that its copies are, whatever their names; a file by its name and
version, so that the next run need not read it to know. Another photo under that name is not forgotten.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headcount.schemas.errors import UsageError
from headcount.schemas.files import FAILED
from headcount.transforms.collection.found_file import uri_of
from headcount.transforms.collection.state import Rows, in_glob
from headcount.transforms.collection.storage import is_glob, is_remote, read_bytes


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Hashes of what was forgotten; empty, it covers nothing."""

    salt: str = ""
    hashes: frozenset[str] = frozenset()

    def covers_photo(self, photo_id: str) -> bool:
        """Whether the photo with these bytes was forgotten."""
        return bool(self.hashes) and self._hash(photo_id) in self.hashes

    def covers_file(self, uri: str, version: str) -> bool:
        """Whether the file was, as it is now."""
        return bool(self.hashes) and self._hash(f"{uri}\n{version}") in self.hashes

    def _photos(self, photos: pa.Table) -> pa.Table:
        covered = [self.covers_photo(photo_id) for photo_id in photos["photo_id"].to_pylist()]
        return photos.filter(pa.array(covered, pa.bool_()))

    def _files(self, files: pa.Table) -> pa.Table:
        pairs = zip(files["uri"].to_pylist(), files["version"].to_pylist(), strict=True)
        return files.filter(pa.array([self.covers_file(*pair) for pair in pairs], pa.bool_()))

    def leave_out(self, rows: Rows) -> tuple[Rows, int, list[tuple[str, str]]]:
        """`rows` without what was forgotten, how many photos that were, and their files, uri and version."""
        if not self.hashes:
            return rows, 0, []
        photos = self._photos(rows.photos)
        uris = pa.chunked_array([*photos["uri"].chunks, *self._files(rows.files)["uri"].chunks], pa.string())
        left = [table.filter(pc.is_in(table["uri"], value_set=uris)) for table in (rows.photos, rows.files)]
        pairs = zip(left[1]["uri"].to_pylist(), left[1]["version"].to_pylist(), strict=True)
        stay = {
            field.name: table.filter(pc.invert(pc.is_in(table["uri"], value_set=uris)))
            for field in fields(rows)
            for table in [getattr(rows, field.name)]
        }
        return Rows(**stay), len(left[0]), list(pairs)

    def adding(self, photo_ids: Iterable[str] = (), files: Iterable[tuple[str, str]] = ()) -> Forgotten:
        """This, and these photos and files (uri, version)."""
        texts = [*photo_ids, *(f"{uri}\n{version}" for uri, version in files)]
        salted = self if self.salt else Forgotten(secrets.token_hex(16))
        return Forgotten(salted.salt, self.hashes | {salted._hash(text) for text in texts}) if texts else self

    def _hash(self, text: str) -> str:
        return hmac.digest(bytes.fromhex(self.salt), text.encode(), "sha256").hex()[:32]

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {"salt": self.salt, "hashes": sorted(self.hashes)} if self.hashes else {}

    @classmethod
    def from_json(cls, given: dict[str, Any]) -> Forgotten:
        """The reverse of `to_json`."""
        return cls(given["salt"], frozenset(given["hashes"])) if given else cls()


def forget(
    names: Sequence[str], known: Forgotten, photos: pa.Table, files: pa.Table
) -> tuple[Forgotten, int]:
    """`known` and what `names` mean among the rows of the last run, or on the disk; and how many photos that
    is, with their copies and with files that could not be read.

    Raises UsageError for a name that means nothing.
    """
    ids: set[str] = set()
    lost: set[tuple[str, str]] = set()
    for name in names:
        named = photos.filter(named_by(name, photos["uri"]))["photo_id"].to_pylist()
        failed = files.filter(pc.equal(files["outcome"].cast(pa.string()), FAILED))
        failed = failed.filter(named_by(name, failed["uri"]))
        pairs = zip(failed["uri"].to_pylist(), failed["version"].to_pylist(), strict=True)
        lost.update(pairs)
        ids.update(named or _on_disk(name, bool(len(failed))))
    copies = int(
        pc.sum(pc.is_in(photos["photo_id"], value_set=pa.array(sorted(ids), pa.string()))).as_py() or 0
    )
    new = len(ids) - len(set(photos["photo_id"].to_pylist()) & ids)
    return known.adding(ids, lost), copies + new + len(lost)


def _on_disk(name: str, may_be_none: bool) -> list[str]:
    """The `photo_id` of a file that no run has read yet."""
    path = name if is_remote(name) else os.path.abspath(os.path.expanduser(name))
    try:
        return [hashlib.sha256(read_bytes(path)).hexdigest()[:32]]
    except OSError as error:
        if may_be_none:
            return []
        raise UsageError(
            f"--forget {name}: no photo in the tables and no file has this name; give it as photos.uri has it"
        ) from error


def named_by(name: str, uris: pa.ChunkedArray) -> pa.ChunkedArray:
    """Which of `uris` the person means who calls a photo, a folder with all below it, or a glob `name`.

    It is matched as an input is: `~` is the home folder, a relative name is looked for in the working folder,
    and on this machine a link means what it leads to.
    """
    if is_remote(name):
        return _below(name.rstrip("/"), uris)
    path = os.path.abspath(os.path.expanduser(name))
    named = _below(uri_of(path), uris)
    real = os.path.realpath(path)
    if real != path:
        named = pc.or_(named, _below(uri_of(real), uris))
    # The tables may have the photo by a path through links: those of its name alone are followed.
    base = uri_of(os.path.basename(real))
    alike = uris.filter(pc.and_(pc.ends_with(uris, f"{os.sep}{base}"), pc.invert(named)))
    linked = [uri for uri in alike.to_pylist() if not is_remote(uri) and os.path.realpath(uri) == real]
    return pc.or_(named, pc.is_in(uris, value_set=pa.array(linked, pa.string())))


def _below(name: str, uris: pa.ChunkedArray) -> pa.ChunkedArray:
    separator = "/" if is_remote(name) else os.sep
    named = pc.or_(pc.equal(uris, name), pc.starts_with(uris, name.rstrip(separator) + separator))
    if not is_glob(name) or pc.any(named).as_py():
        return named
    return in_glob(uris, name)
