"""What pandas, DuckDB and polars see in a table of faces, and that nothing in any table is new to Spark."""

from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.schemas.columns import arrow_schema, arrow_table
from headcount.schemas.faces import Face, round_p_age
from headcount.schemas.labels import AGE_GROUP_NAMES, AGES, GENDERS, MOODS, age_group
from headcount.schemas.photos import Photo
from headcount.schemas.tables import TABLES

SPARK_READS = {"BOOLEAN", "INT32", "INT64", "FLOAT", "DOUBLE", "BYTE_ARRAY"}


def face(number, age=None, **more):
    """A face; with an age, also with a distribution around it."""
    if age is not None:
        p = np.exp(-((np.arange(AGES) - age) ** 2) / 40)
        more |= {"age": age, "age_group": age_group(age), "p_age": round_p_age(p / p.sum())}
    box = {"left": 0, "top": 0, "right": 9, "bottom": 9, "score": 1, "sharpness": 1, "brightness": 1}
    return Face(face_id=f"id-{number}", photo_id="id", uri="/a.jpg", **box, **more)


FACES = [
    face(0, 62, gender="male", mood="neutral", taken_at=datetime(2024, 3, 4, 8, 10)),
    face(1, 1, gender="female"),
    face(2),
    face(3, 30, mood="angry"),
    face(4, 7, gender="female", mood="happy"),
]
GROUPS = ["senior", "baby", None, "adult", "child"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Five faces in two row groups and two writes, of which one has no label at all."""
    folder = tmp_path_factory.mktemp("faces")
    schema = arrow_schema(Face)
    with pq.ParquetWriter(folder / "faces.parquet", schema, compression="zstd") as writer:
        writer.write_table(arrow_table(Face, FACES[2:3]))
        writer.write_table(arrow_table(Face, [*FACES[:2], *FACES[3:]]))
    return str(folder / "faces.parquet")


def test_pandas_has_ordered_categories_with_every_value(path):
    faces = pd.read_parquet(path)
    for column, values in (("age_group", AGE_GROUP_NAMES), ("gender", GENDERS), ("mood", MOODS)):
        assert faces[column].cat.ordered
        assert tuple(faces[column].cat.categories) == values
    assert faces.sort_values("age_group").age_group.dropna().tolist() == ["baby", "child", "adult", "senior"]
    assert (faces.age_group <= "child").sum() == 2
    some = pd.read_parquet(path, filters=[("age_group", "in", ["senior"])])
    assert some.age.tolist() == [62]
    assert tuple(some.age_group.cat.categories) == AGE_GROUP_NAMES


def test_pandas_has_a_distribution_for_each_age_and_none_for_none(path):
    faces = pd.read_parquet(path).sort_values("face_id")
    assert faces.p_age.isna().tolist() == [False, False, True, False, False]
    known = np.stack(faces.p_age.dropna())
    assert (known.shape, known.dtype) == ((4, AGES), np.float32)
    assert np.abs(known.sum(1) - 1).max() < 1e-6


def test_many_distributions_add_up_to_their_number():
    many = np.tile(round_p_age(FACES[0].p_age), (42_300, 1))
    assert many.sum() == pytest.approx(42_300, rel=1e-3)
    assert many.sum(0).sum() == pytest.approx(42_300, rel=1e-3)


def test_duckdb_reads_words_as_text_and_the_distribution_as_a_list(path):
    rows = duckdb.sql(
        f"select age_group, list_sum(p_age), len(p_age) from '{path}' order by face_id"
    ).fetchall()
    assert [row[0] for row in rows] == GROUPS
    assert [row[1] for row in rows] == [pytest.approx(1, abs=1e-6) if group else None for group in GROUPS]
    assert {row[2] for row in rows} == {AGES, None}


def test_polars_reads_words_as_categories_and_the_distribution_as_a_list(path, tmp_path):
    faces = pl.read_parquet(path).sort("face_id")
    assert faces["age_group"].to_list() == GROUPS
    assert faces.schema["age_group"] == pl.Categorical
    assert faces.schema["p_age"] == pl.List(pl.Float32)
    assert faces["p_age"].is_null().to_list() == [False, False, True, False, False]
    ordered = faces.with_columns(pl.col("age_group").cast(pl.Enum(AGE_GROUP_NAMES))).sort("age_group")
    assert ordered["age_group"].drop_nulls().to_list() == ["baby", "child", "adult", "senior"]
    faces.drop("p_age").write_csv(tmp_path / "faces.csv")


def test_the_whole_file_has_one_dictionary_for_each_word(path):
    faces = pq.read_table(path)
    for chunk in faces["mood"].chunks:
        assert tuple(chunk.dictionary.to_pylist()) == MOODS


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_of_a_type_that_spark_reads(table, tmp_path):
    pq.write_table(arrow_table(TABLES[table], []), tmp_path / "table.parquet")
    schema = pq.ParquetFile(tmp_path / "table.parquet").schema
    for index in range(len(schema.names)):
        column = schema.column(index)
        assert column.physical_type in SPARK_READS, column
        assert "Float16" not in str(column.logical_type)
        assert "isSigned=false" not in str(column.logical_type)


def test_words_of_photos_are_ordered_too(tmp_path):
    known = {"uri": "/a", "photo_id": "a", "width": 1, "height": 1, "orientation": 1, "file_type": "jpeg"}
    rows = [
        Photo(**known, bytes=1, faces=0, date_precision=precision, date_source=source)
        for precision, source in (("year", "folder"), (None, None), ("minute", "original"))
    ]
    pq.write_table(arrow_table(Photo, rows), tmp_path / "photos.parquet")
    photos = pd.read_parquet(tmp_path / "photos.parquet")
    assert photos.date_precision.min() == "minute"
    assert photos.date_source.max() == "folder"
    assert pa.types.is_dictionary(arrow_schema(Photo).field("make").type)
