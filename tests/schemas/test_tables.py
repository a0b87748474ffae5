import dataclasses
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.schemas.album import Album
from headcount.schemas.columns import SCHEMA_VERSION, arrow_schema, arrow_table
from headcount.schemas.faces import Face
from headcount.schemas.failures import CODES, failure
from headcount.schemas.labels import AGE_GROUP_NAMES, AGES, MOODS, age_group
from headcount.schemas.tables import TABLES

BOUNDS = {0: "baby", 1.99: "baby", 2: "toddler", 8.9: "child", 9: "adolescent", 14: "teenager"}
BOUNDS |= {19: "young adult", 25: "adult", 35: "mature adult", 45: "middle age", 59: "senior", 120: "senior"}


@pytest.mark.parametrize(("age", "group"), BOUNDS.items())
def test_age_groups_are_half_open(age, group):
    assert age_group(age) == group


def test_negative_age_is_an_error():
    with pytest.raises(ValueError, match="-1"):
        age_group(-1)


def test_there_are_ten_groups_and_seven_moods():
    assert len(AGE_GROUP_NAMES) == 10
    assert len(MOODS) == 7


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_a_description_and_the_table_a_version(table):
    schema = arrow_schema(TABLES[table])
    assert schema.metadata[b"headcount.schema_version"] == SCHEMA_VERSION.encode()
    for field in schema:
        assert field.metadata[b"description"], field.name


def test_the_promised_columns_are_there():
    promised = {
        "photos": "uri photo_id duplicate_of taken_at date_precision utc_offset_minutes date_source "
        "width height orientation make model faces",
        "faces": "face_id photo_id uri taken_at left top right bottom score sharpness brightness age age_low "
        "age_high age_group p_age gender p_female mood " + " ".join(f"p_{mood}" for mood in MOODS),
        "failures": "uri stage code message detail",
    }
    for table, columns in promised.items():
        assert set(columns.split()) <= set(arrow_schema(TABLES[table]).names)


def test_rows_become_a_table_and_nulls_stay_nulls():
    table = arrow_table(
        Album, [Album(year=2019, month=3, age_group="adult", faces=2, photos=1), Album(faces=0, photos=4)]
    )
    assert table.to_pylist()[1] == {"year": None, "month": None, "age_group": None, "faces": 0, "photos": 4}
    assert pa.types.is_dictionary(table.schema.field("age_group").type)


def test_faces_with_and_without_an_age_are_read_back(tmp_path):
    box = {"left": 0, "top": 0, "right": 1, "bottom": 1}
    known = {"face_id": "a", "photo_id": "a", "uri": "a", "score": 1, "sharpness": 1, "brightness": 1} | box
    rows = [Face(**known), Face(**known, p_age=np.full(AGES, 0.5, np.float16))]
    pq.write_table(arrow_table(Face, rows), tmp_path / "faces.parquet")
    without, half = pd.read_parquet(tmp_path / "faces.parquet").p_age
    assert np.isnan(without).all()
    assert (half == 0.5).all()
    assert without.shape == half.shape == (AGES,)


def test_a_value_that_does_not_fit_its_column_is_an_error():
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        arrow_table(Album, [Album(year=datetime(2019, 1, 1), faces=0, photos=0)])


def test_a_column_that_must_be_there_cannot_be_left_out():
    with pytest.raises(TypeError, match="photos"):
        Album(faces=1)


def test_a_failure_says_what_its_code_means():
    row = failure("a.jpg", "decode", "bad_image", "detail")
    assert dataclasses.asdict(row) == {
        "uri": "a.jpg",
        "stage": "decode",
        "code": "bad_image",
        "message": CODES["bad_image"],
        "detail": "detail",
    }


def test_a_failure_has_a_listed_code_and_stage():
    with pytest.raises(KeyError):
        failure("a.jpg", "decode", "new")
    with pytest.raises(ValueError, match="kitchen"):
        failure("a.jpg", "kitchen", "bad_image")
