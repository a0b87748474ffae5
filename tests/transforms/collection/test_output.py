import errno
import itertools
import json
import os
import shutil
import stat
from contextlib import contextmanager, suppress

import pytest

from headcount.schemas.errors import UsageError
from headcount.schemas.manifest import Manifest
from headcount.schemas.tables import TABLES
from headcount.transforms.collection import folder_output
from headcount.transforms.collection.output import MANIFEST, output_at, read_manifest
from headcount.transforms.collection.storage import write_bytes


def manifest(run_id):
    return Manifest(run_id, "", "", "", {}, {}, {}, 0, 0, {}, {})


EMPTY = manifest("")


def write_tables(run):
    for table in TABLES:
        write_bytes(run.table_file(table), run.run_id.encode())
    write_bytes(f"{run.parts_folder}/photos-1.parquet", b"rows")


def complete(root, run_id):
    run = output_at(str(root), run_id)
    with run.held():
        write_tables(run)
        run.publish(manifest(run_id), run.published())


def seen(root):
    return {(root / table / f"{table}.parquet").read_text() for table in TABLES}


def test_a_run_is_seen_when_it_is_published_and_the_last_one_is_gone(tmp_path):
    complete(tmp_path, "first")
    write_bytes(output_at(str(tmp_path), "second").table_file("photos"), b"half")
    assert seen(tmp_path) == {"first"}
    complete(tmp_path, "second")
    assert seen(tmp_path) == {"second"}
    assert os.listdir(tmp_path / "runs") == ["second"]


def test_a_run_that_was_stopped_cannot_publish_wherever_it_goes_on(tmp_path):
    run = output_at(str(tmp_path), "first")
    with pytest.raises(ZeroDivisionError), run.held():
        raise ZeroDivisionError
    with pytest.raises(RuntimeError, match="does not hold"):
        run.publish(EMPTY, run.published())
    assert not run.has_run()


def test_a_run_whose_launcher_was_lost_may_publish_until_another_begins(tmp_path):
    lost, next_ = (output_at(str(tmp_path), run_id) for run_id in ("first", "second"))
    lost.check()
    write_bytes(str(tmp_path / ".run"), b"first")
    assert lost.is_held()
    with next_.held():
        with pytest.raises(RuntimeError, match="another has taken"):
            lost.publish(EMPTY, None)
        assert next_.is_held()


def test_who_does_not_hold_the_output_gives_nothing_back(tmp_path):
    stopped, next_ = (output_at(str(tmp_path), run_id) for run_id in ("1", "2"))
    with next_.held():
        stopped.give_back()
        assert next_.is_held()


def test_a_folder_cannot_be_held_by_nobody(tmp_path):
    with (
        pytest.raises(UsageError, match="--no_wait"),
        output_at(str(tmp_path), "a").held(until_published=True),
    ):
        raise AssertionError


def test_without_links_the_tables_are_moved(tmp_path, monkeypatch):
    def no_links(*args):
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", no_links)
    for run in ("first", "second"):
        complete(tmp_path, run)
        assert seen(tmp_path) == {run}
        assert not os.path.islink(tmp_path / "photos")


class StoppedError(BaseException):
    """As a process is stopped: nothing catches it."""


@pytest.fixture
def stopped_at(monkeypatch):
    """A context in which the so-many-th change of the disk does not come to pass; says if there was one."""

    @contextmanager
    def stopped_at(step):
        steps = itertools.count(1)

        def stopping(change):
            def changed(*args, **options):
                if next(steps) == step:
                    raise StoppedError
                return change(*args, **options)

            return changed

        with monkeypatch.context() as patch:
            for owner, name in ((os, "replace"), (os, "symlink"), (os, "unlink"), (shutil, "rmtree")):
                patch.setattr(owner, name, stopping(getattr(owner, name)))
            patch.setattr(folder_output, "write_bytes", stopping(folder_output.write_bytes))
            with suppress(StoppedError):
                yield
        reached.append(next(steps) > step)

    reached = []
    stopped_at.reached = reached
    return stopped_at


@pytest.fixture(params=["links", "no links"])
def links(request, monkeypatch):
    def no_links(*args):
        raise OSError("no links here")

    if request.param == "no links":
        monkeypatch.setattr(os, "symlink", no_links)
    return request.param == "links"


def test_publishing_can_be_stopped_at_any_step_and_done_again(tmp_path, stopped_at, links):
    for step in itertools.count(1):
        root = tmp_path / str(step)
        complete(root, "1")
        run = output_at(str(root), "2")
        with run.held():
            write_tables(run)
            with stopped_at(step):
                run.publish(manifest("2"), "1")
            if links:
                assert seen(root) in ({"1"}, {"2"})
            assert (run.manifest() is None) == (run.published() == "1" and step <= 2)
            run.publish(manifest("2"), "1")
        assert seen(root) == {"2"}
        assert not any((root / "runs").glob("*/parts"))
        assert {path.name for path in (root / "runs").iterdir()} <= {"2"}
        if not stopped_at.reached[-1]:
            break
    assert step > 5


def test_a_run_that_dies_while_it_publishes_leaves_one_run_whole_to_the_next(tmp_path, stopped_at, links):
    for step in itertools.count(1):
        root = tmp_path / str(step)
        complete(root, "1")
        run = output_at(str(root), "2")
        write_tables(run)
        write_bytes(str(root / ".run"), b"2")
        with stopped_at(step):
            run.publish(manifest("2"), "1")
        with output_at(str(root), "3").held():
            assert len(seen(root)) == 1
            assert seen(root) == {read_manifest(str(root)).run_id}
        if not stopped_at.reached[-1]:
            break


def test_a_run_that_is_published_again_leaves_the_next_at_work_alone(tmp_path, monkeypatch):
    complete(tmp_path, "1")
    first, next_ = (output_at(str(tmp_path), run_id) for run_id in ("1", "2"))
    with next_.held():
        write_tables(next_)
        first.publish(manifest("1"), None)
        with monkeypatch.context() as patch:
            # The next one began in the very moment after the first was asked.
            patch.setattr(folder_output.FolderOutput, "is_held", lambda self: True)
            first.publish(manifest("1"), None)
        assert os.path.isfile(f"{next_.parts_folder}/photos-1.parquet")
        next_.publish(manifest("2"), "1")
    with pytest.raises(RuntimeError, match="does not hold"):
        first.publish(manifest("1"), None)
    assert seen(tmp_path) == {"2"}


def test_what_was_made_from_another_run_is_not_published(tmp_path):
    run = output_at(str(tmp_path), "2")
    with run.held():
        write_tables(run)
        with pytest.raises(RuntimeError, match="another run, None, was published"):
            run.publish(manifest("2"), "1")


def test_a_full_disk_is_no_missing_links(tmp_path, monkeypatch):
    complete(tmp_path, "1")
    run = output_at(str(tmp_path), "2")

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "symlink", full)
    with run.held():
        write_tables(run)
        (tmp_path / "photos").unlink()
        with pytest.raises(OSError, match="No space"):
            run.publish(manifest("2"), "1")
    monkeypatch.undo()
    complete(tmp_path, "3")
    assert seen(tmp_path) == {"3"}


def test_what_dead_runs_left_goes_when_the_next_begins_and_a_stopped_run_leaves_nothing(tmp_path):
    complete(tmp_path, "1")
    for dead in ("0", "9"):
        write_tables(output_at(str(tmp_path), dead))
    run = output_at(str(tmp_path), "2")
    with run.held():
        write_tables(run)
        assert sorted(os.listdir(tmp_path / "runs")) == ["1", "2"]
    assert os.listdir(tmp_path / "runs") == ["1"]


def test_a_refused_call_leaves_no_folder(tmp_path):
    root = tmp_path / "new" / "out"
    run = output_at(str(root), "1")
    run.check()
    assert not root.parent.exists()
    with pytest.raises(UsageError), run.held():
        raise UsageError("no such model")
    assert not root.parent.exists()
    root.mkdir(parents=True)
    with pytest.raises(UsageError), run.held():
        raise UsageError("no such model")
    assert not os.listdir(root)


def test_the_owner_alone_can_read(tmp_path):
    made = tmp_path / "made"
    made.mkdir(mode=0o755)
    for root in (tmp_path / "new", made):
        complete(root, "1")
        assert stat.S_IMODE((root / "runs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


def test_files_of_the_user_and_of_other_programs_are_no_obstacle_and_stay(tmp_path):
    complete(tmp_path, "1")
    beside = [".DS_Store", "Thumbs.db", "desktop.ini", "._photos", "people.csv", "labels.csv", "clocks.csv"]
    folders = ["@eaDir", ".ipynb_checkpoints", "report"]
    for name in beside:
        (tmp_path / name).write_text(name)
        (tmp_path / "runs" / name).write_text(name)
    for name in folders:
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.html").write_text(name)
    output_at(str(tmp_path), "2").check()
    complete(tmp_path, "2")
    assert all((tmp_path / name).read_text() == name for name in beside)
    assert all((tmp_path / name / "mine.html").read_text() == name for name in folders)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 99, "version": "3.0"}, "of a later Headcount .3.0, format 99"),
        ({"rows": {"photos": "\x1b[2J"}}, "not a manifest"),
        ({"run_id": 1}, "not a manifest"),
    ],
)
def test_a_manifest_of_the_future_says_so_and_one_of_nonsense_is_none(tmp_path, change, words):
    (tmp_path / MANIFEST).write_text(json.dumps(json.loads(manifest("1").to_json()) | change))
    with pytest.raises(UsageError, match=words):
        read_manifest(str(tmp_path))
    with pytest.raises(UsageError, match=words), output_at(str(tmp_path), "2").held():
        raise AssertionError


def test_a_manifest_with_unknown_and_without_new_fields_is_read(tmp_path):
    written = json.loads(manifest("1").to_json()) | {"moods_of_cats": {}}
    for name in ("changes", "unseen", "incomplete", "made_by", "forgotten", "reading", "format"):
        del written[name]
    (tmp_path / MANIFEST).write_text(json.dumps(written))
    assert read_manifest(str(tmp_path)) == manifest("1")


def test_an_output_of_headcount_or_an_empty_folder_will_do(tmp_path):
    output_at(str(tmp_path / "new"), "first").check()
    complete(tmp_path / "new", "first")
    output_at(str(tmp_path / "new"), "second").check()


def test_what_was_stopped_half_way_will_do(tmp_path):
    write_bytes(output_at(str(tmp_path), "first").table_file("photos"), b"half")
    output_at(str(tmp_path), "second").check()


@pytest.mark.parametrize(("name", "words"), [("file", "is a file"), ("other", "holds something else")])
def test_an_output_that_is_something_else_is_refused(tmp_path, name, words):
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.doc").touch()
    with pytest.raises(UsageError, match=words):
        output_at(str(tmp_path / name), "first").check()


def test_an_output_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(UsageError, match="cannot be written"):
        output_at("/proc/headcount", "first").check()


def test_a_folder_without_a_run_has_no_manifest(tmp_path):
    with pytest.raises(UsageError, match="headcount run"):
        read_manifest(str(tmp_path))
    (tmp_path / MANIFEST).write_text("{}")
    with pytest.raises(UsageError, match="not a manifest"):
        read_manifest(str(tmp_path))
