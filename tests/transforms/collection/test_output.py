import os

import pytest

from headcount.schemas.errors import UsageError
from headcount.schemas.manifest import Manifest
from headcount.schemas.tables import TABLES
from headcount.transforms.collection import output as output_module
from headcount.transforms.collection.output import MANIFEST, output_at, read_manifest
from headcount.transforms.collection.storage import write_bytes

EMPTY = Manifest("", "", "", "", {}, {}, {}, 0, 0, {}, {})


def complete(root, run_id):
    run = output_at(str(root), run_id)
    for table in TABLES:
        write_bytes(run.table_file(table), run_id.encode())
    with run.held():
        run.publish(EMPTY, run.published())


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


def test_a_folder_cannot_be_held_by_nobody(tmp_path):
    with (
        pytest.raises(UsageError, match="--no_wait"),
        output_at(str(tmp_path), "a").held(until_published=True),
    ):
        raise AssertionError


def test_without_links_the_tables_are_moved(tmp_path, monkeypatch):
    def no_links(*args):
        raise OSError("no links here")

    monkeypatch.setattr(output_module.os, "symlink", no_links)
    for run in ("first", "second"):
        complete(tmp_path, run)
        assert seen(tmp_path) == {run}
        assert not os.path.islink(tmp_path / "photos")


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
