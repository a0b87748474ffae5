import dataclasses
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.schemas.album import Album
from headcount.schemas.columns import SCHEMA_VERSION, arrow_schema, arrow_table, conform
from headcount.schemas.faces import P_AGE_STEPS, Face, round_p_age
from headcount.schemas.failures import CODES, failure
from headcount.schemas.labels import AGE_GROUP_NAMES, AGES, MOODS, age_group, with_years
from headcount.schemas.photos import Photo
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
        "photos": "uri folder camera photo_id duplicate_of taken_at date_precision utc_offset_minutes "
        "date_source width height orientation make model faces",
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
    rows = [Face(**known), Face(**known, p_age=np.full(AGES, 0.5, np.float32))]
    pq.write_table(arrow_table(Face, rows), tmp_path / "faces.parquet")
    without, half = pd.read_parquet(tmp_path / "faces.parquet").p_age
    assert without is None
    assert (half == 0.5).all()
    assert half.shape == (AGES,)


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


def test_groups_are_read_with_their_years():
    assert [with_years(group) for group in ("baby", "child", "middle age", "senior")] == [
        "baby (0-1)",
        "child (4-8)",
        "middle age (45-58)",
        "senior (59+)",
    ]
    for group in AGE_GROUP_NAMES:
        assert with_years(group) in arrow_schema(Face).field("age_group").metadata[b"description"].decode()


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 10))
def test_a_rounded_distribution_adds_up_to_one_and_keeps_its_mean(seed, spread):
    p = np.random.default_rng(seed).dirichlet(np.full(AGES, spread)).astype(np.float32)
    rounded = round_p_age(p)
    steps = rounded.astype(float) * P_AGE_STEPS
    assert rounded.dtype == np.float32
    assert np.abs(steps - steps.round()).max() < 1e-3
    assert steps.round().sum() == P_AGE_STEPS
    assert np.abs(rounded - p).max() <= 1 / P_AGE_STEPS + 1e-6
    assert abs((rounded - p) @ np.arange(AGES)) < 0.2


def test_a_certain_age_stays_certain():
    certain = np.zeros(AGES, np.float32)
    certain[40] = 1
    assert (round_p_age(certain) == certain).all()


@pytest.mark.parametrize("p", [np.zeros(AGES), np.full(AGES, 0.02), np.r_[1.5, -0.5, np.zeros(AGES - 2)]])
def test_what_is_no_distribution_is_not_rounded(p):
    with pytest.raises(ValueError, match="add up to 1"):
        round_p_age(p)


def test_an_unlisted_word_is_an_error():
    with pytest.raises(pa.ArrowInvalid, match=r"age_group is one of baby, .*: infant"):
        arrow_table(Album, [Album(age_group="infant", faces=0, photos=0)])


def test_a_table_of_an_earlier_version_gets_the_columns_of_today():
    """Version 1 had age as float16 in lists of fixed size, words in the order of the rows, and no camera."""
    known = {"uri": "/a", "photo_id": "a", "width": 1, "height": 1, "orientation": 1, "file_type": "jpeg"}
    photos = [Photo(**known, bytes=1, faces=0, date_precision="minute")] * 2
    today = arrow_table(Photo, photos)
    words = pa.array(["minute", None]).dictionary_encode()
    at = today.schema.get_field_index("date_precision")
    earlier = today.drop_columns(["folder", "camera"]).set_column(at - 2, "date_precision", words)
    photos = conform(earlier.append_column("gone", pa.array([1, 2])), Photo)
    assert photos.schema.equals(arrow_schema(Photo), check_metadata=True)
    assert photos["date_precision"].to_pylist() == ["minute", None]
    assert photos["camera"].to_pylist() == ["", ""]

    box = {"left": 0, "top": 0, "right": 1, "bottom": 1}
    known = {"face_id": "a", "photo_id": "a", "uri": "a", "score": 1, "sharpness": 1, "brightness": 1} | box
    faces = arrow_table(Face, [Face(**known)] * 2)
    halves = pa.array([[None] * AGES, list(np.full(AGES, 0.5, np.float16))], pa.list_(pa.float16(), AGES))
    faces = faces.set_column(faces.schema.get_field_index("p_age"), "p_age", halves)
    assert conform(faces, Face)["p_age"].to_pylist() == [None, [0.5] * AGES]


def test_a_table_without_a_column_that_must_be_there_is_an_error():
    with pytest.raises(pa.ArrowInvalid, match="photos"):
        conform(arrow_table(Album, []).drop_columns("photos"), Album)
