import json
import os
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from headcount.beam_pipeline.run import make_plan
from headcount.beam_pipeline.settings import Settings
from headcount.beam_pipeline.show import totals
from headcount.models.attributes import DEFAULT_MODEL, SHIPPED, model_hash
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.output import output_at


def test_every_file_of_the_album_has_its_end(finished):
    output, manifest = finished
    tables = {name: pd.read_parquet(output / name) for name in TABLES}
    names = {uri.rsplit("/", 1)[1] for uri in tables["photos"].uri}
    assert names == {"turned.jpg", "a copy.jpg", "IMG_20200102_030405.webp", "no face.png"}
    assert dict(
        zip(tables["failures"].uri.str.rsplit("/").str[-1], tables["failures"].code, strict=True)
    ) == {
        "text.jpg": "not_an_image",
        "empty.jpg": "empty",
    }
    assert manifest.skipped == {"csv": 1, "hidden folder": 1}
    assert manifest.rows == {name: len(table) for name, table in tables.items()}


def test_photos_are_dated_and_faces_described(finished):
    output, _ = finished
    photos = pd.read_parquet(output / "photos").set_index("file_type")
    assert photos.taken_at["webp"] == datetime(2020, 1, 2, 3, 4, 5)
    assert photos.date_source["webp"] == "filename"
    assert photos.date_source.isna()["png"]
    faces = pd.read_parquet(output / "faces")
    assert len(faces) == 2
    assert faces.age.between(faces.age_low, faces.age_high).all()
    assert (faces.p_age.map(sum).astype(float) - 1).abs().max() < 0.01
    moods = faces.filter(regex="^p_(?!age|female)")
    assert moods.shape[1] == 7
    assert (moods.sum(axis=1) - 1).abs().max() < 0.01


def test_faces_join_the_photos_that_count(finished):
    output, manifest = finished
    photos, faces = pd.read_parquet(output / "photos"), pd.read_parquet(output / "faces")
    (copy,) = photos.dropna(subset="duplicate_of").itertuples()
    assert copy.uri.endswith("a copy.jpg")
    assert copy.duplicate_of.endswith("turned.jpg")
    counted = photos[photos.duplicate_of.isna()]
    joined = counted.merge(faces, on="photo_id", suffixes=("", "_face"))
    assert len(joined) == len(faces) == counted.faces.sum()
    assert (joined.uri == joined.uri_face).all()
    assert manifest.duplicates == 1


def test_footfall_and_album_sum_to_the_faces(finished):
    output, _ = finished
    faces = pd.read_parquet(output / "faces")
    footfall, album = pd.read_parquet(output / "footfall"), pd.read_parquet(output / "album")
    assert footfall.faces.sum() == album.faces.sum() == len(faces)
    undated = footfall[footfall.hour.isna()]
    assert (undated.faces.tolist(), undated.photos.tolist()) == ([0], [1])


def test_the_files_name_the_model_that_made_them(finished):
    output, _ = finished
    metadata = pq.read_schema(output / "faces" / "faces.parquet").metadata
    assert json.loads(metadata[b"headcount.models"])["attributes"] == model_hash()
    assert json.loads(metadata[b"headcount.settings"])["detector"] == "headcount"


def test_location_stays_out_unless_asked_for(finished):
    output, _ = finished
    assert pd.read_parquet(output / "photos").latitude.isna().all()


def test_show_prints_the_totals(finished):
    output, _ = finished
    text = totals(str(output))
    assert "4 photos, 1 of them byte copies, taken 2019-03-04 to 2020-01-02" in text
    assert "2 faces" in text
    assert "1  not_an_image: The name says photo, the content does not." in text
    assert "1  hidden folder" in text


def test_nothing_of_the_work_is_left(finished):
    output, manifest = finished
    assert [path.name for path in (output / "runs").iterdir()] == [manifest.run_id]
    assert not (output / "runs" / manifest.run_id / "parts").exists()


def test_workers_in_another_folder_find_what_the_command_line_names(album, tmp_path, monkeypatch):
    monkeypatch.chdir(album.parent)
    shutil.copy(SHIPPED[DEFAULT_MODEL], "own.tflite")
    shutil.copy(Path(SHIPPED[DEFAULT_MODEL]).with_suffix(".json"), "own.json")
    settings = Settings(input=(album.name,), output="out", attribute_model="own.tflite")
    plan, _ = make_plan(settings, output_at(str(tmp_path), "run"), datetime(2026, 1, 1))
    assert plan.input == (str(album),)
    assert plan.describing.model == os.path.abspath("own.tflite")


@pytest.mark.parametrize("model", SHIPPED)
def test_workers_take_a_model_that_ships_from_their_own_place(album, tmp_path, model):
    settings = Settings(input=(str(album),), output=str(tmp_path), attribute_model=model)
    plan, _ = make_plan(settings, output_at(str(tmp_path), "run"), datetime(2026, 1, 1))
    assert plan.describing.model == model


def test_attributes_that_the_model_does_not_tell_are_named(album, tmp_path):
    settings = Settings(input=(str(album),), output=str(tmp_path), attribute_model="fairface")
    notes = [
        make_plan(one, output_at(str(tmp_path), "run"), datetime(2026, 1, 1))[1]
        for one in (settings, replace(settings, attributes=("age", "gender")))
    ]
    assert notes == [["attribute model fairface does not predict mood: null in every row"], []]
