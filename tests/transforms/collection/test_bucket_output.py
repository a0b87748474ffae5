"""Publishing in both kinds of bucket: stopped at every step, done again, and never over another run."""

import itertools
from contextlib import suppress

import pytest

from headcount.schemas.tables import TABLES
from headcount.transforms.collection import bucket_output, storage
from headcount.transforms.collection.output import MANIFEST, output_at, read_manifest
from headcount.transforms.collection.storage import (
    ChangedError,
    exists,
    list_objects,
    read_bytes,
    read_versioned,
    replace_version,
    write_bytes,
)
from tests.transforms.collection.test_output import StoppedError, manifest, write_tables


@pytest.fixture(params=["s3", "gs"])
def place(request, tmp_path) -> str:
    """A place of this test's own."""
    return f"{request.getfixturevalue(request.param).url}/{tmp_path.name}"


def begin(place, run_id):
    """A run whose tables are written, as on an engine that nobody waits for."""
    run = output_at(place, run_id)
    with run.held(until_published=True):
        write_tables(run)
    return run


def runs(place):
    return {found.path.split("/runs/")[1].split("/")[0] for found in list_objects(f"{place}/runs/")}


def seen(place):
    """What readers see who go by the manifest, and those who do not."""
    run = output_at(place, read_manifest(place).run_id)
    by_manifest = {read_bytes(run.table_file(table)) for table in TABLES}
    return by_manifest, {read_bytes(f"{place}/{table}/{table}.parquet") for table in TABLES}


def test_publishing_can_be_stopped_at_any_step_and_done_again(place, monkeypatch):
    names = ("replace_version", "copy_in_bucket", "delete_from_bucket")
    for step in itertools.count(1):
        root = f"{place}/{step}"
        begin(root, "1").publish(manifest("1"), None)
        run = begin(root, "2")
        steps = itertools.count(1)

        def stopping(change, steps=steps, step=step):
            def changed(*args):
                if next(steps) == step:
                    raise StoppedError
                return change(*args)

            return changed

        with monkeypatch.context() as patch, suppress(StoppedError):
            for name in names:
                patch.setattr(bucket_output, name, stopping(getattr(bucket_output, name)))
            run.publish(manifest("2"), "1")
        ((by_manifest,), _) = seen(root)
        assert by_manifest == read_manifest(root).run_id.encode()
        run.publish(manifest("2"), "1")
        assert seen(root) == ({b"2"}, {b"2"})
        assert runs(root) == {"2"}
        assert not list(list_objects(f"{root}/.lock/"))
        assert not list(list_objects(f"{root}/runs/2/parts/"))
        if next(steps) <= step:
            break
    assert step > len(names)


def test_a_run_that_is_published_again_leaves_the_next_at_work_alone(place, monkeypatch):
    first = begin(place, "1")
    first.publish(manifest("1"), None)
    next_ = begin(place, "2")
    first.publish(manifest("1"), None)
    with monkeypatch.context() as patch:
        # The next one began in the very moment after the first was asked.
        patch.setattr(bucket_output.BucketOutput, "is_held", lambda self: self.run_id == "1")
        patch.setattr(bucket_output.BucketOutput, "give_back", lambda self: None)
        first.publish(manifest("1"), None)
    assert exists(f"{next_.parts_folder}/photos-1.parquet")
    next_.publish(manifest("2"), "1")
    with pytest.raises(RuntimeError, match="does not hold"):
        first.publish(manifest("1"), None)
    assert seen(place) == ({b"2"}, {b"2"})


def test_a_run_that_another_overtook_does_not_publish(place):
    slow = begin(place, "1")
    write_bytes(f"{place}/{MANIFEST}", manifest("2").to_json().encode())
    with pytest.raises(RuntimeError, match="another run, 2, was published"):
        slow.publish(manifest("1"), None)


def test_a_stopped_run_leaves_nothing_and_dead_ones_are_cleared_away(place):
    begin(place, "1").publish(manifest("1"), None)
    write_tables(output_at(place, "0"))
    run = output_at(place, "2")
    with suppress(ZeroDivisionError), run.held():
        write_tables(run)
        assert runs(place) == {"1", "2"}
        raise ZeroDivisionError
    assert runs(place) == {"1"}


def test_of_two_that_replace_one_version_one_fails(s3, tmp_path):
    path = f"{s3.url}/{tmp_path.name}/{MANIFEST}"
    assert read_versioned(path) is None
    replace_version(path, b"first", None)
    with pytest.raises(ChangedError, match="replaced by another"):
        replace_version(path, b"also first", None)
    replace_version(path, b"first", None)  # As a client does that heard no answer.
    content, version = read_versioned(path)
    replace_version(path, b"second", version)
    with pytest.raises(ChangedError):
        replace_version(path, b"also second", version)
    assert (content, read_bytes(path)) == (b"first", b"second")


@pytest.mark.parametrize(("version", "generation"), [(None, 0), ("17", 17), ("", None)])
def test_google_is_asked_to_replace_one_generation(gs, tmp_path, monkeypatch, version, generation):
    """The emulator has no generations, so this looks at what is asked."""
    from google.api_core.exceptions import PreconditionFailed
    from google.cloud.storage import Blob

    asked = []

    def upload(self, content, if_generation_match):
        asked.append(if_generation_match)
        raise PreconditionFailed("conditionNotMet")

    monkeypatch.setattr(Blob, "upload_from_string", upload)
    with pytest.raises(ChangedError):
        replace_version(f"{gs.url}/{tmp_path.name}/{MANIFEST}", b"new", version)
    assert asked == [generation]


def test_a_service_without_conditions_is_written_to_all_the_same(s3, tmp_path, monkeypatch):
    from botocore.exceptions import ClientError

    client = storage._amazon_client(storage._beam()._pipeline_options).client
    put = client.put_object

    def put_object(**given):
        if "IfNoneMatch" in given:
            raise ClientError({"Error": {"Code": "NotImplemented"}}, "PutObject")
        return put(**given)

    monkeypatch.setattr(client, "put_object", put_object)
    path = f"{s3.url}/{tmp_path.name}/{MANIFEST}"
    replace_version(path, b"new", None)
    assert read_bytes(path) == b"new"
