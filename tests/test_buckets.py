"""Whole runs from and to buckets: Amazon's interface by moto, Google's by an emulator."""

import io
import json
import shutil
import socket
import time
from contextlib import closing

import pandas as pd
import pytest
from PIL import Image

from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.beam_pipeline.show import totals
from headcount.runners import access
from headcount.runners.access import check_access
from headcount.runners.engines import engine_options
from headcount.schemas.errors import UsageError
from headcount.schemas.files import File
from headcount.schemas.tables import TABLES
from headcount.transforms.collection import bucket_output
from headcount.transforms.collection.listing.places import match_inputs
from headcount.transforms.collection.output import output_at
from headcount.transforms.collection.storage import (
    delete_from_bucket,
    exists,
    list_level,
    list_objects,
    open_file,
    read_bytes,
    write_bytes,
)
from headcount.transforms.photo.reader import fetch
from headcount.transforms.tally import TALLY
from tests.buckets import BUCKET, Store
from tests.tables import key


@pytest.fixture(params=["s3", "gs"])
def store(request) -> Store:
    return request.getfixturevalue(request.param)


@pytest.fixture
def place(store, tmp_path) -> str:
    """A place of this test's own."""
    return f"{store.url}/{tmp_path.name}"


def tables_in(place: str) -> dict[str, pd.DataFrame]:
    tables = {}
    for name in TABLES:
        with open_file(f"{place}/{name}/{name}.parquet") as file:
            tables[name] = pd.read_parquet(io.BytesIO(file.read()))
    return tables


def test_a_run_from_bucket_to_bucket_has_the_rows_of_a_local_one(store, place, album, tmp_path):
    local = tmp_path / "photos"
    shutil.copytree(album, local)
    Image.linear_gradient("L").rotate(180).save(local / "beside.png")
    beside = {"photoTakenTime": {"timestamp": "1100000000"}}
    (local / "Beside.PNG.supplemental-metadata.JSON").write_text(json.dumps(beside))
    run(Settings(input=(str(local),), output=str(tmp_path / "out"), processes=1))
    source = store.upload(local, f"{tmp_path.name}/in")
    run(Settings(input=(source,), output=f"{place}/out", processes=1))

    there = tables_in(f"{place}/out")
    for name, table in there.items():
        here = pd.read_parquet(tmp_path / "out" / name)
        for column in ("uri", "folder", "camera", "duplicate_of"):
            if column in table:
                here[column] = here[column].str.replace(f"{local}", source)
        own = ["version"] if name == "files" else []
        assert key(table.drop(columns=own)) == key(here.drop(columns=own)), name
    (dated,) = there["photos"][there["photos"].uri.str.endswith("beside.png")].itertuples()
    assert dated.date_source == "takeout"
    assert "5 photos, 1 of them byte copies" in totals(f"{place}/out")
    assert not any(
        ".lock" in found.path or "/parts/" in found.path for found in list_objects(f"{place}/out/")
    )


def test_the_second_run_keeps_what_is_there_and_reads_what_is_new(store, place, album, portrait, tmp_path):
    source = store.upload(album, f"{tmp_path.name}/in")
    settings = Settings(input=(source,), output=f"{place}/out", processes=1)
    first = run(settings)
    second = run(settings)
    assert TALLY.read()["files"] == 0
    assert second.kept == 7
    assert first.rows == second.rows
    new = io.BytesIO()
    Image.fromarray(portrait[:300]).save(new, "PNG")
    write_bytes(f"{source}/new.png", new.getvalue())
    # The same bytes under another name: known, and not decoded.
    write_bytes(f"{source}/moved/IMG_20200102_030405.webp", read_bytes(f"{source}/IMG_20200102_030405.webp"))
    third = run(settings)
    assert TALLY.read()["files"] == 2
    assert third.rows["photos"] == first.rows["photos"] + 2
    assert third.rows["faces"] == first.rows["faces"] + 1
    runs = {found.path.split("/runs/")[1].split("/")[0] for found in list_objects(f"{place}/out/runs/")}
    assert runs == {third.run_id}


def test_the_output_inside_of_the_input_is_not_read(store, place, album, tmp_path):
    source = store.upload(album, tmp_path.name)
    settings = Settings(input=(source,), output=f"{source}/out", processes=1)
    before = run(settings).rows
    assert run(settings).rows == before


def test_two_launches_never_write_at_once(place):
    first, second = (output_at(place, run_id) for run_id in ("20260101T020000-aa", "20260101T020001-bb"))
    with first.held(until_published=True):
        pass
    with pytest.raises(UsageError, match=r"another run .*aa.* is writing"), second.held():
        raise AssertionError
    with pytest.raises(ZeroDivisionError), output_at(f"{place}/other", "cc").held(until_published=True):
        raise ZeroDivisionError
    assert not list(list_objects(f"{place}/other/"))


def test_a_dead_run_is_taken_over_and_cannot_publish_any_more(place, monkeypatch):
    dead, next_ = (output_at(place, run_id) for run_id in ("20260101T020000-aa", "20260102T020000-bb"))
    with dead.held(until_published=True):
        write_bytes(f"{dead.parts_folder}/photos-1.parquet", b"half")
    later = time.time() + bucket_output.LOCK_HOURS * 3600 + 60
    monkeypatch.setattr(bucket_output.time, "time", lambda: later)
    with next_.held():
        assert not exists(f"{place}/.lock/{dead.run_id}")
        with pytest.raises(RuntimeError, match="another has taken"):
            dead.publish(None, None)


def test_what_is_not_ours_is_refused(store, place):
    write_bytes(f"{place}/thesis.doc", b"years of work")
    with pytest.raises(UsageError, match="holds something else"):
        output_at(place, "aa").check()


def test_ten_thousand_objects_are_listed(s3, tmp_path):
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends

    # Straight into the emulator: as many requests would take minutes.
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for number in range(10_000):
        backend.put_object(BUCKET, f"{tmp_path.name}/{number % 7}/{number:05}.jpg", b"x")
    found = {match.uri: match for match in match_inputs([f"{s3.url}/{tmp_path.name}"])}
    listed = {uri: match.version for uri, match in found.items() if isinstance(match, File)}
    place = f"{s3.url}/{tmp_path.name}"
    assert listed.pop(place) == "7"
    assert sum(map(int, listed.values())) == len(found) - 8 == 10_000


def test_a_photo_that_cannot_be_fetched_is_an_error_of_the_file(store, place):
    with pytest.raises(OSError, match=r"(?i)not.?found|no such"):
        read_bytes(f"{place}/gone.jpg")
    write_bytes(f"{place}/film.mp4", b"\0\0\0\x18ftypmp42" + bytes(10_000))
    (_, film) = match_inputs([place])
    assert len(fetch(film).content) == 64


@pytest.mark.parametrize(
    ("address", "words"),
    [("s3://no-such-bucket/a", "NoSuchBucket"), ("ftp://somewhere/a", "ftp:// is not known")],
)
def test_a_place_that_is_not_there_is_one_line(s3, address, words):
    with pytest.raises(UsageError, match=words):
        check_access(address, engine_options([]))


def test_missing_credentials_are_one_line_with_the_next_step(s3, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(UsageError, match="aws configure"):
        check_access(f"{s3.url}/a", engine_options([]))
    google = pytest.importorskip("google.auth")

    def nobody(*args, **kwargs):
        raise google.exceptions.DefaultCredentialsError("none")

    monkeypatch.setattr(google, "default", nobody)
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    with pytest.raises(UsageError, match="gcloud auth application-default login"):
        check_access("gs://bucket/a", engine_options([]))


@pytest.mark.parametrize(
    ("address", "variable"),
    [("s3://bucket/a", "AWS_ENDPOINT_URL"), ("gs://bucket/a", "STORAGE_EMULATOR_HOST")],
)
def test_a_store_that_takes_connections_and_says_nothing_is_one_line(monkeypatch, address, variable):
    pytest.importorskip("boto3")
    pytest.importorskip("google.cloud.storage")
    monkeypatch.setattr(access, "_MOST_SECONDS", 0.5)
    with closing(socket.create_server(("localhost", 0))) as server:
        monkeypatch.setenv(variable, f"http://localhost:{server.getsockname()[1]}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
            monkeypatch.setenv(name, "nobody")
        with pytest.raises(UsageError, match=f"{address} cannot be reached .*; check the address"):
            check_access(address, engine_options([]))


def test_names_are_literal_where_objects_are_listed_found_and_removed(store, place):
    odd, alike = f"{place}/out [1]/*.jpg", f"{place}/out 1/a.jpg"
    for path in (odd, alike, f"{place}/out [1]/2019/b.jpg", f"{place}/out [1]//c.jpg"):
        write_bytes(path, b"x")
    assert not exists(f"{place}/out [1]")
    objects, folders = list_level(f"{place}/out [1]/")
    assert [found.path for found in objects] == [odd]
    assert folders == [f"{place}/out [1]//", f"{place}/out [1]/2019/"]
    assert len(list(list_objects(f"{place}/out [1]/"))) == 3
    delete_from_bucket([odd])
    assert not exists(odd)
    assert exists(alike)
    with pytest.raises(OSError, match=r"(?i)no.?such|not.?found"):
        list(list_objects(f"{store.url}-that-is-not-there/"))


def test_single_objects_lists_and_globs_are_read_with_their_sidecars(store, place, album, tmp_path):
    source = store.upload(album, f"{tmp_path.name}/in [1]")
    beside = {"photoTakenTime": {"timestamp": "1100000000"}}
    write_bytes(f"{source}/no face.png.json", json.dumps(beside).encode())
    write_bytes(f"{place}/list.txt", b'in [1]/2019/turned.jpg\r\n"in [1]/2019/a copy.jpg"\nin [1]/gone.jpg\n')
    inputs = (f"{place}/list.txt", f"{source}/no*.png", f"{source}/IMG_20200102_030405.webp")
    # Where names are patterns, that of the output matches this one and not its own objects.
    write_bytes(f"{place}/out 1/.lock/alike", b"x")
    settings = Settings(input=inputs, output=f"{place}/out [1]", attributes=("age",), processes=1)
    manifest = run(settings)
    assert (manifest.rows["photos"], manifest.failures) == (4, {"unreadable": 1})
    photos = tables_in(f"{place}/out [1]")["photos"].set_index("uri")
    assert photos.date_source[f"{source}/no face.png"] == "takeout"
    assert {f"{source}/2019/turned.jpg", f"{source}/2019/a copy.jpg"} < set(photos.index)
    assert run(settings).kept == 4
    left = [found.path for found in list_objects(f"{place}/out")]
    assert [path for path in left if "/.lock/" in path or "/parts/" in path] == [f"{place}/out 1/.lock/alike"]


@pytest.mark.parametrize("source", ["in/2O19", "in/*.heic", "in/2019/turned.jp", "list.txt"])
def test_a_mistyped_place_is_one_line_before_any_work(store, place, source):
    write_bytes(f"{place}/in/2019/turned.jpg", b"x")
    settings = Settings(input=(f"{place}/in", f"{place}/{source}"), output=f"{place}/out")
    with pytest.raises(UsageError, match=rf"{source.replace('*', '.')} matches nothing; {place}"):
        run(settings)
    assert not list(list_objects(f"{place}/out"))
