"""What befalls outputs, in pairs: whatever two things happen, no row leaves without a word, the exit status
is right, and the next good run repairs everything.

Files, folders and what reading them gives are made up; comparing, finishing and publishing are real.
"""

import dataclasses
import errno
import itertools
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from headcount.beam_pipeline.ending import ending
from headcount.schemas.columns import arrow_table
from headcount.schemas.errors import RefusedError, UsageError
from headcount.schemas.failures import failure
from headcount.schemas.files import FAILED, FOLDER, LISTED, PHOTO, SKIPPED, File
from headcount.schemas.tables import TABLES
from headcount.transforms import finish_run as finish_run_module
from headcount.transforms.collection.forgotten import Forgotten, forget
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.output import output_at, read_manifest
from headcount.transforms.finish_run import RunInfo, finish_run
from headcount.transforms.skip_known import Again, _SkipKnownDoFn
from headcount.transforms.write_rows import KEPT, Part
from tests.tables import photo
from tests.transforms.test_finish_run import face

PHOTOS, ON_DISK = 44, 12
"""All photos, and those of them in a folder that is another disk."""


@dataclass
class World:
    """Files below /in, what stands in the way of reading them, and how the next run is started."""

    files: dict[str, str] = field(default_factory=dict)
    """Path and content."""
    shut: set[str] = field(default_factory=set)
    """Folders that cannot be listed."""
    away: set[str] = field(default_factory=set)
    """Folders that are empty now."""
    failing: dict[str, str] = field(default_factory=dict)
    """Path and code of what cannot be read."""
    inputs: tuple[str, ...] = ("/in",)
    settings: dict[str, Any] = field(default_factory=lambda: {"min_face": 0.04})
    version: str = "1.0"
    forget: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)
    stop: str = ""
    """What ends the run before it is published."""
    forgotten: set[str] = field(default_factory=set)
    """Contents that shall have no row in any later run."""

    def good(self) -> "World":
        """The same files with nothing in the way, and a plain run."""
        return World(files=self.files, settings=self.settings, version=self.version, forgotten=self.forgotten)

    def met(self) -> tuple[list[FoundFile], list[Any]]:
        """What is listed: files to read, and rows of folders and of what is passed over."""
        found, rows, folders = [], [], dict.fromkeys(self.inputs, 0)
        for path in sorted(self.files):
            parts = path.split("/")
            above = ["/".join(parts[:depth]) for depth in range(2, len(parts))]
            above = [folder for folder in above if f"{folder}/".startswith(f"{self.inputs[0]}/")]
            if not above:
                continue
            lost = next((folder for folder in above if folder in self.shut | self.away), None)
            for folder in above[: above.index(lost) if lost else None]:
                folders[folder] = folders.get(folder, 0) + 1
            if lost in self.shut:
                rows += [row(lost, FAILED), failure(lost, "read", "unreadable")]
            elif lost:
                folders[lost] = 0
            elif parts[-1].startswith("."):
                rows.append(row(path, SKIPPED, "hidden file"))
            else:
                found.append(
                    FoundFile(path, "/in", len(self.files[path]), float(sum(self.files[path].encode())))
                )
        rows += [row(folder, LISTED, version=str(entries)) for folder, entries in folders.items()]
        return found, list(dict.fromkeys(rows))

    def read(self, file: FoundFile) -> list[Any]:
        """The rows of a file."""
        code, content = self.failing.get(file.path), self.files[file.path]
        lost = [failure(file.path, "read", code)] if code else []
        if code and code != "unreadable_sidecar":
            return [File(uri=file.uri, version=file.version, outcome=FAILED, file_type="jpeg"), *lost]
        seen = photo(file.uri, content, taken_at=None if code else datetime(2024, 3, 4))
        return [
            File(uri=file.uri, version=file.version, outcome=PHOTO, file_type="jpeg"),
            seen,
            face(seen),
            *lost,
        ]


def row(uri: str, outcome: str, file_type: str = FOLDER, version: str = "") -> File:
    return File(uri=uri, version=version, outcome=outcome, file_type=file_type)


_numbers = itertools.count(1)


def run(world: World, root: str) -> tuple[int, str]:
    """One run of the program over `world`: its exit status and last line."""
    output = output_at(root, f"{next(_numbers):06}")
    try:
        output.check()
        with output.held():
            before = read_manifest(root) if output.has_run() else None
            earlier = output.earlier() if before else None
            same = bool(before) and before.settings == world.settings
            forgotten = Forgotten.from_json(before.forgotten) if before else Forgotten()
            if world.forget:
                tables = [pq.read_table(path) for path in (earlier.photos, earlier.files)]
                forgotten, _ = forget(world.forget, forgotten, *tables)
            parts = written(world, output, earlier if same else None, forgotten)
            if world.stop == "killed":
                raise KeyboardInterrupt
            info = RunInfo(output, world.version, datetime(2026, 1, 1), world.settings, {})
            info = dataclasses.replace(
                info, before=before, earlier=earlier, same=same, forgotten=forgotten, **world.options
            )
            manifest = finish_run(info, parts)
            assert finish_run(info, parts) == manifest
    except (RefusedError, UsageError, OSError, KeyboardInterrupt) as error:
        return {UsageError: 2, KeyboardInterrupt: 130}.get(type(error), 1), str(error)
    return ending(manifest)


def written(world: World, output: Any, earlier: Any, forgotten: Forgotten) -> list[Part]:
    """What the steps before the last one leave."""
    comparing = _SkipKnownDoFn(earlier, Again.CHANGED, forgotten)
    comparing.setup()
    found, rows = world.met()
    kept = []
    for tagged in itertools.chain.from_iterable(map(comparing.process, found)):
        if tagged.tag == "kept":
            kept.append(tagged.value)
        else:
            rows += world.read(tagged.value)
    parts = []
    for table, kind in (*TABLES.items(), (KEPT, File)):
        own = kept if table == KEPT else [one for one in rows if isinstance(one, kind)]
        path = f"{output.parts_folder}/{table}.parquet"
        with finish_run_module.create_file(path) as file:
            pq.write_table(arrow_table(kind, own), file)
        parts.append(Part(table, path, len(own)))
    return parts


def change(path: str) -> Callable[[World], None]:
    return lambda world: world.files.update({path: world.files.get(path, "") + " changed"})


def fail(path: str, code: str) -> Callable[[World], None]:
    def happen(world: World) -> None:
        change(path)(world)
        world.failing[path] = code

    return happen


def add(count: int) -> Callable[[World], None]:
    def happen(world: World) -> None:
        for number in itertools.islice(_numbers, count):
            world.files[f"/in/new/{number}.jpg"] = f"content of new {number}"

    return happen


def broken_pool(world: World) -> None:
    add(11)(world)
    world.failing = dict.fromkeys(world.files, "internal_error")


def move(world: World) -> None:
    for number in range(3, 6):
        world.files[f"/in/moved/{next(_numbers)}.jpg"] = world.files.pop(f"/in/{number}.jpg", "found again")


def delete(first: int, count: int, **options: Any) -> Callable[[World], None]:
    def happen(world: World) -> None:
        for number in range(first, first + count):
            world.files.pop(f"/in/{number}.jpg", None)
        world.options.update(options)

    return happen


def hide(world: World) -> None:
    if content := world.files.pop("/in/8.jpg", None):
        world.files["/in/.8.jpg"] = content


def forget_one(world: World) -> None:
    world.files.setdefault("/in/9.jpg", "content 9")
    if "content 9" not in world.forgotten:
        world.forget = ("/in/9.jpg",)
    world.forgotten.add("content 9")


def give(**values: Any) -> Callable[[World], None]:
    def happen(world: World) -> None:
        for name, value in values.items():
            setattr(world, name, value)

    return happen


EVENTS: dict[str, tuple[Callable[[World], None], int, str]] = {
    "nothing": (give(), 0, ""),
    "files added": (add(3), 0, ""),
    "a file changed": (change("/in/1.jpg"), 0, ""),
    "files moved": (move, 0, ""),
    "a few deleted": (delete(6, 2), 0, ""),
    "a file hidden": (hide, 0, ""),
    "a photo forgotten": (forget_one, 0, ""),
    "deleted and kept": (delete(10, 3, keep_deleted=True), 0, ""),
    "most deleted, and meant": (delete(13, 15, allow_gone=True), 0, ""),
    "another setting": (lambda world: world.settings.update(min_face=next(_numbers)), 0, ""),
    "a new release": (give(version="2.0"), 0, ""),
    "another input": (give(inputs=("/in/disk",)), 0, ""),
    "a folder unreadable": (give(shut={"/in/disk"}), 3, "1 folder could not be listed"),
    "a file unreadable": (fail("/in/2.jpg", "unreadable"), 3, "1 file could not be read (1 unreadable)"),
    "a decoder died": (fail("/in/2.jpg", "decoder_died"), 3, "(1 decoder_died)"),
    "a sidecar unreadable": (fail("/in/2.jpg", "unreadable_sidecar"), 3, "(1 unreadable_sidecar)"),
    "a disk not mounted": (give(away={"/in/disk"}), 1, "from /in/disk, which is empty now"),
    "all away": (give(away={"/in"}), 1, "from /in, which is empty now"),
    "a broken pool": (broken_pool, 1, "failed inside Headcount"),
    "killed": (give(stop="killed"), 130, ""),
    "a full disk": (give(stop="full"), 1, "No space left"),
    "a second run at work": (give(stop="beside"), 2, "another run is writing"),
}
"""What happens before and during a run, its exit status, and words of its last line."""


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """The output of a good run."""
    world = World()
    world.files = {f"/in/{number}.jpg": f"content {number}" for number in range(PHOTOS - ON_DISK)}
    world.files |= {f"/in/disk/{number}.jpg": f"on disk {number}" for number in range(ON_DISK)}
    root = tmp_path_factory.mktemp("outputs") / "first"
    assert run(world, str(root)) == (0, "")
    return world.files, root


@pytest.fixture
def happen(first_run, tmp_path, monkeypatch):
    files, first = first_run
    root = tmp_path / "out"
    shutil.copytree(first, root, symlinks=True)
    world = World(files=dict(files))

    def happen(event: str) -> None:
        nonlocal world
        world = world.good()
        befall, status, words = EVENTS[event]
        befall(world)
        before, manifest = read(root), read_manifest(str(root))
        with monkeypatch.context() as patch:
            if world.stop == "full":
                patch.setattr(finish_run_module, "create_file", full_disk_after(6 + 1))
            if world.stop == "beside":
                with output_at(str(root), "zz").held():
                    ended = run(world, str(root))
            else:
                ended = run(world, str(root))
        assert ended[0] == status, ended
        assert words in ended[1]
        if status in (0, 3):
            check_changes(before, read(root), read_manifest(str(root)), world)
        else:
            assert read_manifest(str(root)) == manifest
            pd.testing.assert_frame_equal(read(root), before)

    yield happen
    happen("nothing")
    photos, faces = read(root), pd.read_parquet(root / "faces")
    there = {
        path: content
        for path, content in world.files.items()
        if "/." not in path and content not in world.forgotten
    }
    assert dict(zip(photos.uri, photos.photo_id, strict=True)) == there
    assert sorted(faces.photo_id) == sorted(set(there.values()))
    assert photos.taken_at.notna().all()
    assert not len(pd.read_parquet(root / "failures"))
    assert pd.read_parquet(root / "files").made_by.isna().all()
    assert [path.name for path in (root / "runs").iterdir()] == [read_manifest(str(root)).run_id]


def read(root: Any) -> pd.DataFrame:
    return pd.read_parquet(root / "photos")


def full_disk_after(files: int) -> Callable[[str], Any]:
    """Opens so many files, then raises as a full disk does."""
    opened, create = itertools.count(1), finish_run_module.create_file

    def create_file(path: str) -> Any:
        if next(opened) > files:
            raise OSError(errno.ENOSPC, "No space left on device")
        return create(path)

    return create_file


def check_changes(before: pd.DataFrame, after: pd.DataFrame, manifest: Any, world: World) -> None:
    """Every row is accounted for, and what left is not there to be read any more, or not to be."""
    counted, unseen = manifest.changes, sum(manifest.unseen.values())
    stayed = sum(counted.get(name, 0) for name in ("changed", "moved", "unchanged")) + unseen
    left = sum(counted.get(name, 0) for name in ("gone", "passed_over", "broken", "forgotten"))
    assert len(after) == stayed + counted.get("new", 0)
    assert len(before) == stayed + left
    there = {content for path, content in world.files.items() if "/." not in path}
    assert not set(before.photo_id) - set(after.photo_id) & there - world.forgotten
    assert not world.forgotten & set(after.photo_id)


STEPS = (1, 5, 12)
"""Each event meets those so far behind it in the table: all pairs take minutes."""
PAIRS = [
    (first, list(EVENTS)[(number + step) % len(EVENTS)])
    for number, first in enumerate(EVENTS)
    for step in STEPS
]


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_whatever_befalls_no_row_leaves_without_a_word_and_the_next_run_repairs_it(happen, first, second):
    happen(first)
    happen(second)
