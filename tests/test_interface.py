"""`import headcount`, as a person who guesses its names would use it."""

import inspect
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import apache_beam as beam
import numpy as np
import pandas as pd
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from PIL import Image

import headcount
from headcount.beam_pipeline.options import options_of
from headcount.beam_pipeline.settings import Reading, Seeing, Settings
from headcount.runners.engines import IN_PROCESS
from headcount.schemas import errors
from headcount.schemas.columns import arrow_schema
from headcount.schemas.tables import TABLES

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def result(album, tmp_path_factory) -> headcount.Result:
    output = tmp_path_factory.mktemp("interface")
    return headcount.run(album, output, attributes=["age", "gender"], processes=1, progress=False)


def test_every_name_is_there_and_documented():
    assert dir(headcount) == sorted(headcount.__all__)
    for name in headcount.__all__:
        assert inspect.getdoc(getattr(headcount, name)), name
    assert not hasattr(headcount, "runn")


def test_every_error_is_there():
    ours = [value for value in vars(errors).values() if isinstance(value, type)]
    assert {error.__name__ for error in ours} <= set(headcount.__all__)
    assert all(issubclass(error, headcount.HeadcountError) for error in ours)


def test_the_import_is_light():
    heavy = "{'apache_beam', 'cv2', 'numpy', 'pandas', 'pyarrow', 'tensorflow', 'tqdm'}"
    code = f"import sys, headcount; print({heavy} & set(sys.modules))"
    done = subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True)
    assert done.strip() == "set()"


def test_a_run_gives_its_tables(result):
    assert repr(result) == f"<headcount.Result {result.output}: 4 photos, 2 faces, 2 failures>"
    assert result.faces.groupby("age_group", observed=True).size().sum() == 2
    assert result.faces.mood.isna().all()
    for name in TABLES:
        table = getattr(result, name)
        assert table is getattr(result, name)
        assert len(table) == result.manifest.rows[name]
        pd.testing.assert_frame_equal(table, pd.read_parquet(f"{result.output}/{name}"))


def test_a_run_gives_what_the_engine_counted(result):
    assert result.metrics["ReadPhotos.photos"] == 4
    assert result.metrics["ReadPhotos.failures"] == 2
    assert result.metrics["DescribeFaces.inference_batch_latency_micro_secs"]["count"] > 0


def test_what_an_earlier_run_wrote_is_read(result):
    for place in (result.output, Path(result.output)):
        again = headcount.read(place)
        assert again.manifest == result.manifest
        pd.testing.assert_frame_equal(again.photos, result.photos)
    assert again.metrics == {}


def test_the_tables_are_those_of_one_run(result, album, tmp_path):
    output = tmp_path / "year=2024"
    shutil.copytree(result.output, output, symlinks=True)
    first = headcount.read(output)
    assert "year" not in first.photos
    headcount.run(album, output, attributes="age,gender", processes=1, progress=False)
    assert len(first.photos) == 4
    with pytest.raises(headcount.UsageError, match="was written again"):
        first.faces  # noqa: B018


@pytest.mark.parametrize("store", ["s3", "gs"])
def test_buckets_are_read_and_written(store, request, album, tmp_path):
    place = request.getfixturevalue(store).upload(album / "2019", tmp_path.name)
    done = headcount.run([place], f"{place}/out", processes=1, progress=False)
    again = headcount.read(f"{place}/out")
    pd.testing.assert_frame_equal(again.photos, done.photos)
    assert len(again.photos) == 2


def test_places_may_be_several(album, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = headcount.run([str(album / "2019"), album / "*.webp"], "out", processes=1, progress=False)
    assert len(done.photos) == 3


def test_progress_is_shown_on_standard_error_unless_it_is_not_wanted(album, tmp_path, capsys):
    settings = {"processes": 1, "attribute_model": "fairface"}
    headcount.run(album / "2019", tmp_path, **settings)
    assert "fairface" in capsys.readouterr().err
    headcount.run(album / "2019", tmp_path, **settings, progress=False)
    shown = capsys.readouterr()
    assert shown.out + shown.err == ""


def test_a_picture_is_looked_at(album):
    seen = headcount.look(album / "2019" / "turned.jpg", attributes="age")
    assert repr(seen).endswith("turned.jpg: 1 faces>")
    assert list(seen.faces.columns) == arrow_schema(TABLES["faces"]).names
    assert list(seen.faces.index) == [1]
    assert seen.faces.gender.isna().all()
    assert (seen.photo.width, seen.photo.height) == (400, 512)
    assert len(seen.failures) == 0
    assert (seen.picture.shape, seen.picture.dtype) == ((512, 400, 3), np.uint8)
    assert (seen.picture == (255, 212, 0)).all(axis=2).sum() > 200


def test_a_notebook_shows_what_is_seen(album):
    seen = headcount.look(album / "no face.png")
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(seen._repr_png_()))), seen.picture)
    page = seen._repr_html_()
    assert page.startswith('<img src="data:image/jpeg;base64,')
    assert "<th>age_group</th>" in page


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: headcount.run("none", "out"), "--input none matches nothing"),
        (lambda: headcount.run([], "out"), "--input is missing"),
        (lambda: headcount.run("none", "out", atributes="age"), "did you mean attributes"),
        (lambda: headcount.run("none", "out", attributes="agee"), "did you mean age"),
        (lambda: headcount.run(".", "out", beam_args=["--runner=DataflowRunner"]), "--project"),
        (
            lambda: headcount.run(".", "out", beam_args=["--num_workers=abc"]),
            "--num_workers: invalid int value",
        ),
        (lambda: headcount.run(".", "out", beam_args=["--num_worker=3"]), "did you mean --num_workers"),
        (lambda: headcount.run(".", "out", beam_args="--runner=FnApiRunner"), "give a list of flags"),
        (lambda: headcount.read("nowhere"), "nowhere holds no finished run"),
        (lambda: headcount.read("ftp://nowhere"), "ftp://"),
        (lambda: headcount.look("none.jpg"), "none.jpg is no file"),
        (lambda: headcount.look("none.jpg", min_face=0), "--min_face 0"),
    ],
)
def test_what_cannot_be_done_is_one_line(call, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.jpg").touch()
    with pytest.raises(headcount.UsageError) as error:
        call()
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_run_that_fails_is_one_line(album, tmp_path, monkeypatch):
    monkeypatch.setattr("headcount.beam_pipeline.run.build", lambda *given: {}["the disk"])
    with pytest.raises(
        headcount.RunError, match=r"^the run failed: KeyError: 'the disk'; .* is still as"
    ) as error:
        headcount.run(album, tmp_path / "out", progress=False)
    assert isinstance(error.value.__cause__, KeyError)


def test_more_failures_than_allowed_are_an_error(album, tmp_path):
    with pytest.raises(headcount.RunError, match="2 failures, more than --max_failures 1"):
        headcount.run(album, tmp_path, processes=1, progress=False, max_failures=1)
    assert len(headcount.read(tmp_path).photos) == 4


@pytest.mark.parametrize(("name", "owner"), [("run", Settings), ("look", Seeing), ("ReadFaces", Reading)])
def test_help_and_notebooks_show_the_options(name, owner):
    shown = inspect.signature(getattr(headcount, name)).parameters
    for option in options_of(owner):
        assert option.name in shown
    assert shown["min_face"].default == 0.04


def test_the_module_is_the_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "headcount", "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == f"headcount {headcount.__version__}"


def test_the_page_runs(album, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(album, "photos")
    shutil.copy(album / "2019" / "turned.jpg", "party.jpg")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 4
    (written,) = Path().glob("faces-*.jsonl")
    assert len(written.read_text().splitlines()) == 3
    assert "The name says photo, the content does not." in capsys.readouterr().out


def test_the_sinks_of_the_page_take_the_rows(album, tmp_path, monkeypatch):
    text = (ROOT / "docs" / "python.md").read_text()
    _, parquet = re.findall(r"```python no-run\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with beam.Pipeline(options=PipelineOptions([f"--runner={IN_PROCESS}"])) as pipeline:
        rows = pipeline | beam.Create([album]) | headcount.ReadFaces(processes=1)
        exec(parquet, {"beam": beam, "rows": rows})
    (written,) = Path().glob("faces-*.parquet")
    assert pd.read_parquet(written).age_group.notna().all()


def test_an_incomplete_run_is_a_warning(album, tmp_path, monkeypatch):
    monkeypatch.setattr("headcount.beam_pipeline.ending.ending", lambda *given: (3, "incomplete: a folder"))
    with pytest.warns(UserWarning, match="incomplete: a folder"):
        headcount.run(album / "2019", tmp_path, processes=1, progress=False)


def test_an_interruption_in_a_step_is_one(album, tmp_path, monkeypatch):
    def interrupted(*given):
        raise RuntimeError("KeyboardInterrupt [while running 'ReadPhotos']")

    monkeypatch.setattr("headcount.beam_pipeline.run.build", interrupted)
    with pytest.raises(KeyboardInterrupt):
        headcount.run(album, tmp_path / "out", progress=False)
