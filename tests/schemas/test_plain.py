import json
from datetime import datetime

import numpy as np
import pyarrow.json
import pytest

from headcount.schemas.faces import Face, round_p_age
from headcount.schemas.footfall import Footfall
from headcount.schemas.labels import AGES, MOODS
from headcount.schemas.photos import Photo
from headcount.schemas.plain import bigquery_schema, json_schema, row_dict
from headcount.schemas.rows import as_row
from headcount.schemas.tables import TABLES

BOX = {"left": 0.1, "top": 0, "right": 9, "bottom": 9, "score": 1, "sharpness": 1, "brightness": 1}
KNOWN = {"face_id": "a-0", "photo_id": "a", "uri": "/a.jpg"}
PHOTO = {"uri": "/a", "photo_id": "a", "width": 1, "height": 1, "orientation": 1, "file_type": "jpeg"}
P_AGE = np.full(AGES, 1 / AGES)
ROWS = [
    Face(**KNOWN, **BOX),
    Face(
        **KNOWN,
        **BOX,
        taken_at=datetime(2024, 3, 4, 8, 10, 11, 250_000),
        age=np.float32(30.1),
        age_group="adult",
        p_age=round_p_age(P_AGE),
        gender="female",
        mood="happy",
    ),
    Photo(**PHOTO, bytes=np.int64(7), faces=0, taken_at=datetime(2024, 3, 4), date_precision="day"),
    Footfall(camera="/cam", hour=datetime(2024, 3, 4, 8), faces=1, photos=3, present=1 / 3),
]


def test_a_row_is_a_dict_of_plain_values():
    row = row_dict(ROWS[1])
    assert list(row) == [field["name"] for field in bigquery_schema(Face)["fields"]]
    assert (row["left"], row["age"], row["top"]) == (0.1, 30.1, 0)
    assert (row["taken_at"], row["age_group"]) == ("2024-03-04T08:10:11.250000", "adult")
    assert len(row["p_age"]) == AGES
    assert set(row["p_age"]) == {0.0099, 0.01}
    assert sum(row["p_age"]) == pytest.approx(1)
    assert json.loads(json.dumps(row)) == row
    assert {type(value) for value in row.values()} <= {str, float, int, list, type(None)}


def test_what_is_not_known_is_null_and_a_list_is_empty():
    row = row_dict(ROWS[0])
    assert (row["age"], row["taken_at"], row["mood"], row["p_age"]) == (None, None, None, [])


def test_a_named_tuple_becomes_the_same_dict():
    assert row_dict(as_row(ROWS[1])) == row_dict(ROWS[1])
    assert row_dict(as_row(ROWS[2])) == row_dict(ROWS[2])


def test_a_float64_keeps_all_of_its_digits():
    assert row_dict(ROWS[3])["present"] == 1 / 3


@pytest.mark.parametrize("table", TABLES)
def test_both_schemas_have_every_column_with_its_description(table):
    properties = json_schema(TABLES[table])["properties"]
    fields = {field["name"]: field for field in bigquery_schema(TABLES[table])["fields"]}
    assert list(properties) == list(fields) == json_schema(TABLES[table])["required"]
    for name, field in fields.items():
        assert field["description"] == properties[name]["description"]
        assert 0 < len(field["description"]) <= 1024  # BigQuery takes no more.
        nullable = "null" in properties[name]["type"]
        assert field["mode"] == ("REPEATED" if properties[name]["type"] == "array" else field["mode"])
        assert nullable == (field["mode"] == "NULLABLE")


def test_types_are_those_of_json_and_bigquery():
    fields = {field["name"]: (field["type"], field["mode"]) for field in bigquery_schema(Face)["fields"]}
    assert fields["taken_at"] == ("DATETIME", "NULLABLE")
    assert fields["p_age"] == ("FLOAT", "REPEATED")
    assert fields["uri"] == ("STRING", "REQUIRED")
    assert {field["type"] for field in bigquery_schema(Footfall)["fields"]} >= {"INTEGER", "FLOAT"}
    assert json_schema(Face)["properties"]["mood"]["enum"] == [*MOODS, None]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: type(row).__name__)
def test_rows_are_valid_by_the_schema(row):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json_schema(type(row))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(row_dict(row), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row_dict(row) | {"uri": 7, "faces": "x", "camera": None}, schema)


def test_beam_takes_the_schema_of_bigquery():
    bigquery_tools = pytest.importorskip("apache_beam.io.gcp.bigquery_tools")
    if bigquery_tools.bigquery is None:
        pytest.skip("needs headcount[gcp]")
    parsed = bigquery_tools.parse_table_schema_from_json(json.dumps(bigquery_schema(Face)))
    assert [field.name for field in parsed.fields] == list(row_dict(ROWS[0]))


def test_lines_of_json_are_read_back(tmp_path):
    path = tmp_path / "faces.ndjson"
    path.write_text("\n".join(json.dumps(row_dict(row)) for row in ROWS[:2]))
    assert pyarrow.json.read_json(path)["age"].to_pylist() == [None, 30.1]
