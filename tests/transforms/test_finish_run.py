import dataclasses
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.schemas.columns import arrow_table
from headcount.schemas.errors import RefusedError
from headcount.schemas.faces import Face
from headcount.schemas.failures import failure
from headcount.schemas.files import FOLDER, LISTED, File
from headcount.schemas.labels import AGE_GROUP_NAMES, AGES
from headcount.schemas.manifest import Manifest
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.earlier import Earlier
from headcount.transforms.collection.output import MANIFEST, output_at, read_manifest
from headcount.transforms.finish_run import RunInfo, finish_run
from headcount.transforms.write_rows import Part
from tests import tables

DAY = datetime(2024, 3, 4, 8, 10)


def photo(uri, photo_id, taken_at=None):
    return tables.photo(uri, photo_id, taken_at=taken_at, date_precision=taken_at and "second")


def face(of):
    return Face(
        face_id=f"{of.photo_id}-0",
        photo_id=of.photo_id,
        uri=of.uri,
        taken_at=of.taken_at,
        left=0,
        top=0,
        right=9,
        bottom=9,
        score=1,
        sharpness=1,
        brightness=1,
        age=30,
        age_group="adult",
    )


def file(uri, outcome, file_type):
    return File(uri=uri, version="1", outcome=outcome, file_type=file_type)


@pytest.fixture
def info(tmp_path):
    output = output_at(str(tmp_path), "run-1")
    with output.held():
        yield RunInfo(output, "1", datetime(2026, 1, 1), {"min_face": 0.04}, {"attributes": "ab"})


@pytest.fixture
def write(info, tmp_path):
    def write(table, rows):
        path = tmp_path / f"{table}-part-{len(list(tmp_path.iterdir()))}.parquet"
        pq.write_table(arrow_table(TABLES[table], rows), path)
        return Part(table, str(path), len(rows))

    return write


def test_faces_are_those_of_the_copies_that_count_and_the_summaries_add_up(info, write, tmp_path):
    photos = [
        photo("/x/a", "one", DAY),
        photo("/x/b", "one", DAY),
        photo("/x/c", "two"),
        photo("/y/d", "three"),
    ]
    parts = [
        write("photos", photos[:3]),
        write("photos", photos[3:]),
        write("faces", [face(one) for one in photos[:2]]),
        write("faces", [face(photos[2])]),
        write("failures", [failure("/z", "read", "empty")]),
    ]
    parts.append(write("files", [file("/n.csv", "skipped", "csv"), file("/x/a", "photo", "jpeg")]))
    manifest = finish_run(info, parts)
    tables = {name: pd.read_parquet(tmp_path / name) for name in TABLES}
    assert sorted(tables["faces"].uri) == ["/x/a", "/x/c"]
    assert tables["footfall"].faces.sum() == tables["album"].faces.sum() == len(tables["faces"])
    assert tables["footfall"].drop_duplicates(["camera", "hour"]).photos.sum() == 3
    assert manifest.rows == {name: len(table) for name, table in tables.items()}
    assert (manifest.duplicates, manifest.failures, manifest.skipped) == (1, {"empty": 1}, {"csv": 1})
    assert read_manifest(str(tmp_path)) == manifest


def test_the_files_say_with_which_models_and_settings_they_were_made(info, write, tmp_path):
    finish_run(info, [write("photos", [photo("/a", "one")]), write("files", [file("/a", "photo", "jpeg")])])
    metadata = pq.read_schema(tmp_path / "photos" / "photos.parquet").metadata
    assert metadata[b"headcount.models"] == b'{"attributes": "ab"}'
    assert metadata[b"headcount.settings"] == b'{"min_face": 0.04}'


def test_a_run_without_a_photo_is_not_published_unless_that_is_meant(info, tmp_path):
    with pytest.raises(RefusedError, match="no photo was found"):
        finish_run(info, [])
    assert not info.output.has_run()
    manifest = finish_run(dataclasses.replace(info, allow_gone=True), [])
    assert manifest.rows == dict.fromkeys(TABLES, 0)
    assert list(pd.read_parquet(tmp_path / "faces").columns) == [
        field.name for field in dataclasses.fields(Face)
    ]


def test_rows_that_an_earlier_version_wrote_are_kept_with_the_columns_of_today(info, write, tmp_path):
    kept = dataclasses.replace(photo("/cam/2024-03-04/a", "one", DAY), faces=1)
    earlier = {}
    files = [file(kept.uri, "photo", "jpeg")]
    found = [face(kept), dataclasses.replace(face(kept), face_id="one-1", age=None, age_group=None)]
    for table, rows in (("photos", [kept]), ("faces", found), ("failures", []), ("files", files)):
        earlier[table] = write(table, rows).path
    faces = pq.read_table(earlier["faces"])
    at = faces.schema.get_field_index("age_group")
    words = pa.array(["adult", None]).dictionary_encode()
    halves = [np.full(AGES, 1 / AGES, np.float16), [None] * AGES]
    halves = pa.array([list(one) for one in halves], pa.list_(pa.float16(), AGES))
    faces = faces.set_column(at, "age_group", words).set_column(at + 1, "p_age", halves)
    pq.write_table(faces, earlier["faces"])
    pq.write_table(pq.read_table(earlier["photos"]).drop_columns(["folder", "camera"]), earlier["photos"])

    new = photo("/cam/2024-03-05/b", "two", DAY)
    parts = [
        write("photos", [new]),
        write("faces", [dataclasses.replace(face(new), age=3, age_group="toddler")]),
        write("files", [file(new.uri, "photo", "jpeg")]),
        Part("kept", write("files", files).path, 1),
    ]
    finish_run(dataclasses.replace(info, earlier=Earlier(**earlier)), parts)
    photos, faces = (pd.read_parquet(tmp_path / name) for name in ("photos", "faces"))
    assert photos.camera.tolist() == ["/cam", "/cam"]
    assert photos.folder.tolist() == ["/cam/2024-03-04", "/cam/2024-03-05"]
    assert faces.sort_values("age_group").age_group.dropna().tolist() == ["toddler", "adult"]
    assert tuple(faces.age_group.cat.categories) == AGE_GROUP_NAMES
    p_age = faces.set_index("face_id").p_age
    assert p_age["one-0"].dtype == np.float32
    assert p_age["one-1"] is None
    assert pd.read_parquet(tmp_path / "footfall").camera.unique().tolist() == ["/cam"]


@pytest.fixture
def earlier(write):
    """Tables of a run with two photos of two faces each."""
    photos = [dataclasses.replace(photo(f"/{name}", name, DAY), faces=2) for name in ("again", "kept")]
    faces = [dataclasses.replace(face(one), face_id=f"{one.photo_id}-{n}") for one in photos for n in (0, 1)]
    files = [file(one.uri, "photo", "jpeg") for one in photos]
    rows = {"photos": photos, "faces": faces, "failures": [], "files": files}
    return Earlier(**{table: write(table, rows[table]).path for table in rows})


@pytest.mark.parametrize("same", [True, False])
def test_a_photo_that_is_read_again_has_the_faces_of_now_alone(info, write, tmp_path, earlier, same):
    again = photo("/again", "again", DAY)
    parts = [
        write("photos", [again]),
        write("faces", [dataclasses.replace(face(again), age=70, age_group="senior")]),
        write("files", [dataclasses.replace(file("/again", "photo", "jpeg"), version="2")]),
        Part("kept", write("files", [file("/kept", "photo", "jpeg")]).path, 1),
    ]
    finish_run(dataclasses.replace(info, earlier=earlier, same=same), parts)
    faces = pd.read_parquet(tmp_path / "faces")
    assert faces[faces.photo_id == "again"].age.tolist() == [70]
    assert (faces.photo_id == "kept").sum() == 2


def test_a_photo_without_a_face_by_other_settings_has_none(info, write, tmp_path, earlier):
    again = dataclasses.replace(photo("/again", "again", DAY), faces=0)
    kept = Part("kept", write("files", [file("/kept", "photo", "jpeg")]).path, 1)
    parts = [write("photos", [again]), write("files", [file("/again", "photo", "jpeg")]), kept]
    info = dataclasses.replace(info, earlier=earlier, same=False)
    finish_run(info, parts)
    assert "again" not in set(pd.read_parquet(tmp_path / "faces").photo_id)


@pytest.mark.parametrize(("same", "faces"), [(True, 1), (False, 0)])
def test_faces_of_before_go_when_a_photo_is_looked_at_anew(info, write, tmp_path, same, faces):
    seen = photo("/a", "one")
    rows = {"photos": [seen], "faces": [face(seen)], "failures": [], "files": [file("/a", "photo", "jpeg")]}
    earlier = Earlier(**{table: write(table, rows[table]).path for table in rows})
    before = Manifest("run-0", "", "", "", {}, {}, {}, 0, 0, {}, {})
    # Moved, it comes without its faces when its bytes are known, and without any when none was found.
    parts = [write("photos", [photo("/b", "one")]), write("files", [file("/b", "photo", "jpeg")])]
    parts.append(write("files", [File(uri="/", version="1", outcome=LISTED, file_type=FOLDER)]))
    (tmp_path / MANIFEST).write_text(before.to_json())
    manifest = finish_run(dataclasses.replace(info, before=before, earlier=earlier, same=same), parts)
    assert manifest.changes == {"moved": 1}
    assert len(pd.read_parquet(tmp_path / "faces")) == faces
