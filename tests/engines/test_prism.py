"""Runs on Prism, Beam's own portable runner, built from its Go module."""

import shutil
import signal
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest

from headcount.beam_pipeline.commands.main import main
from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.schemas.tables import TABLES
from headcount.transforms.photo import reader_pool
from tests.command import start
from tests.embedded import embed
from tests.tables import key

BUILD = "go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0"


@pytest.fixture(scope="module")
def prism() -> list[str]:
    """The flags that run a pipeline on Prism."""
    found = shutil.which("prism") or Path.home() / "go/bin/prism"
    if not Path(found).is_file():
        pytest.skip(f"no prism at {found}: {BUILD}")
    return ["--runner=PrismRunner", f"--prism_location={found}"]


def test_the_rows_are_those_of_the_in_process_runner(prism, data, tmp_path):
    for name, beam_args in (("here", []), ("there", prism)):
        run(Settings(input=(str(data / "album"),), output=str(tmp_path / name)), beam_args)
    for table in TABLES:
        here, there = (pd.read_parquet(tmp_path / name / table) for name in ("here", "there"))
        assert key(there) == key(here), table


def test_failures_come_and_a_second_run_keeps_all(prism, album, tmp_path):
    settings = Settings(input=(str(album),), output=str(tmp_path / "out"), processes=1)
    first, second = run(settings, prism), run(settings, prism)
    assert (first.rows["photos"], first.rows["failures"]) == (4, 2)
    assert second.rows == first.rows
    assert (first.kept, second.kept) == (0, 7)


def test_a_pool_that_cannot_start_fails_the_job_and_publishes_nothing(
    prism, album, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(reader_pool, "start_reader", int)
    argv = ["run", "--input", str(album), "--output", str(tmp_path / "out"), "--processes=1", *prism]
    assert main(argv) == 1
    words = capsys.readouterr().err
    assert "headcount run: failed: the processes that read photos cannot start: TypeError(" in words
    assert "Traceback" not in words
    assert not (tmp_path / "out" / "manifest.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_prism_and_publishes_nothing(prism, data, tmp_path, number):
    process = start(data / "album", tmp_path, *prism)
    assert "the engine has the job" in process.stderr.readline()
    children = psutil.Process(process.pid).children(recursive=True)
    assert any(child.name() == "prism" for child in children)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert not (tmp_path / "manifest.json").exists()


def test_an_interruption_while_prism_starts_ends_it(prism, data, tmp_path):
    process = start(data / "album", tmp_path, *prism)
    while not (children := psutil.Process(process.pid).children()):
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert not psutil.wait_procs(children, timeout=20)[1]


def test_a_bucket_on_both_ends(prism, gs, album, tmp_path):
    place = gs.upload(album, tmp_path.name)
    settings = Settings(input=(place,), output=f"{place}/out", processes=1)
    first, second = run(settings, prism), run(settings, prism)
    assert (first.rows["photos"], first.rows["failures"]) == (4, 2)
    assert second.rows == first.rows
    assert (first.kept, second.kept) == (0, 7)


def test_read_faces_in_a_pipeline_of_others(prism, album, tmp_path):
    assert embed([album], tmp_path / "there", prism) == embed([album], tmp_path / "here")
