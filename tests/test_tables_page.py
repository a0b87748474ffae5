"""docs/tables.md: its lists are those of the schemas, and its recipes run and agree with each other."""

import re
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from headcount.beam_pipeline.commands.generate import COLUMNS, ROOT
from headcount.schemas.columns import arrow_table
from headcount.schemas.document import fill_page
from headcount.schemas.faces import Face, round_p_age
from headcount.schemas.footfall import Footfall
from headcount.schemas.labels import AGE_GROUPS, AGES, age_group
from headcount.schemas.photos import Photo

PAGE = (ROOT / COLUMNS).read_text()
RECIPES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
DAY, LATER = datetime(2024, 3, 4), datetime(2024, 3, 5)


def photo(uri, photo_id, **more):
    known = {"width": 9, "height": 9, "orientation": 1, "file_type": "jpeg", "bytes": 1, "faces": 1}
    return Photo(uri=uri, camera="/cam", folder="/cam", photo_id=photo_id, **known, **more)


def face(photo_id, number, age, p_female):
    p = np.exp(-((np.arange(AGES) - age) ** 2) / 8)
    box = {"left": 0, "top": 0, "right": 9, "bottom": 9, "score": 1, "sharpness": 1, "brightness": 1}
    return Face(
        face_id=f"{photo_id}-{number}",
        photo_id=photo_id,
        uri="/cam/a.jpg",
        **box,
        age=age,
        age_group=age_group(age),
        p_age=round_p_age(p / p.sum()),
        gender="female" if p_female > 0.5 else "male",
        p_female=p_female,
    )


FACES = [face("one", 0, 6, 0.8), face("one", 1, 30, 0.3), face("two", 0, 7, 0.4)]
PHOTOS = [
    photo("/cam/a.jpg", "one", taken_at=DAY, date_precision="second"),
    photo("/cam/copy.jpg", "one", duplicate_of="/cam/a.jpg"),
    photo("/cam/b.jpg", "two"),
    photo("/cam/c.jpg", "three"),
]
FOOTFALL = [
    # Eight o'clock: 1 woman and 2 men, and at the door one more, on the first day; half a woman on the next.
    Footfall(camera="/cam", hour=DAY.replace(hour=8), gender="female", faces=10, photos=10, present=1.0),
    Footfall(camera="/cam", hour=DAY.replace(hour=8), gender="male", faces=20, photos=10, present=2.0),
    Footfall(camera="/door", hour=DAY.replace(hour=8), gender="male", faces=5, photos=5, present=1.0),
    Footfall(camera="/cam", hour=LATER.replace(hour=8), gender="female", faces=5, photos=10, present=0.5),
    # Nine o'clock: nobody, and then one man.
    Footfall(camera="/cam", hour=DAY.replace(hour=9), faces=0, photos=10, present=0.0),
    Footfall(camera="/cam", hour=LATER.replace(hour=9), gender="male", faces=10, photos=10, present=1.0),
    Footfall(camera="/cam", faces=7, photos=7, present=1.0),
]
PEOPLE = {8: 2.25, 9: 0.5}
WOMEN = {8: 0.75, 9: 0.0}


@pytest.fixture
def run_recipe(tmp_path, monkeypatch, capsys):
    """Runs the recipe of the page that holds all of the words, and gives what it defines."""
    for name, rows in (("photos", PHOTOS), ("faces", FACES), ("footfall", FOOTFALL)):
        (tmp_path / "out" / name).mkdir(parents=True)
        pq.write_table(arrow_table(type(rows[0]), rows), tmp_path / "out" / name / f"{name}.parquet")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        (recipe,) = [one for one in RECIPES if all(word in one for word in words)]
        found = {}
        exec(recipe, found)
        assert capsys.readouterr().out.strip()
        return found

    return run


def test_the_lists_of_the_page_are_those_of_the_schemas():
    assert fill_page(PAGE) == PAGE, "python -m headcount.beam_pipeline.commands.generate writes it again"
    assert "| `p_age` | list of float32 | may be |" in PAGE


def test_a_page_without_a_place_for_a_table_is_an_error():
    with pytest.raises(ValueError, match="unpack"):
        fill_page(PAGE.replace("<!-- faces -->", ""))


def test_every_recipe_is_tested_below():
    words = re.findall(r"run_recipe\((.*?)\)", Path(__file__).read_text())
    named = [re.findall(r'"(.*?)"', one) for one in words]
    for recipe in RECIPES:
        assert sum(all(word in recipe for word in one) for one in named if one) == 1, recipe


def test_joins_leave_the_copies_out_and_keep_photos_without_a_face(run_recipe):
    for joined in (
        run_recipe("import pandas", "merge")["joined"].uri,
        run_recipe("import duckdb", "LEFT JOIN")["joined"].df().uri,
        run_recipe("import polars", ".join(")["joined"]["uri"],
    ):
        assert sorted(joined) == ["/cam/a.jpg", "/cam/a.jpg", "/cam/b.jpg", "/cam/c.jpg"]


def test_people_present_are_the_same_in_pandas_duckdb_and_polars(run_recipe):
    found = run_recipe("import pandas", "present")
    assert found["people"].to_dict() == PEOPLE
    assert found["genders"]["female"].to_dict() == WOMEN
    rows = run_recipe("import duckdb", "present")["people"].fetchall()
    assert rows == [(hour, PEOPLE[hour], WOMEN[hour]) for hour in PEOPLE]
    assert run_recipe("import polars", "present")["people"].rows() == rows


def test_probabilities_add_up_alike_in_pandas_duckdb_and_polars(run_recipe):
    assert run_recipe("labels female")["women"] == pytest.approx(1.5)
    found = run_recipe("import pandas", "reduceat")
    assert found["starts"] == [start for _, start in AGE_GROUPS]
    assert found["groups"].sum() == pytest.approx(3)
    in_duckdb = run_recipe("generate_subscripts")
    by_year = dict(in_duckdb["years"].fetchall())
    assert list(by_year) == list(range(AGES))
    assert sum(year * p for year, p in by_year.items()) == pytest.approx(43, abs=0.1)
    in_polars = run_recipe("list.slice")["children"]
    children = found["groups"]["child"]
    assert children == pytest.approx(1.6, abs=0.3)
    assert in_duckdb["children"].fetchall()[0][0] == pytest.approx(children, abs=1e-4)
    assert in_polars.item() == pytest.approx(children, abs=1e-4)


def test_distributions_of_one_person_can_be_multiplied(run_recipe):
    found = run_recipe("np.log")
    assert found["likely"] @ np.arange(AGES) / found["likely"].sum() == pytest.approx(18, abs=1)


def test_groups_are_in_order_in_duckdb_and_polars(run_recipe):
    assert run_recipe("import duckdb", "list_position")["ordered"].fetchall() == [("child", 2), ("adult", 1)]
    assert run_recipe("import polars", "pl.Enum")["ordered"].rows() == [("child", 2), ("adult", 1)]


def test_rows_become_json_and_csv(run_recipe):
    assert len(run_recipe("import json")["lines"]) == 3
    run_recipe("import pandas", "to_csv")
    assert len(Path("faces.csv").read_text().splitlines()) == 4
