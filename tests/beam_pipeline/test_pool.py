"""A run whose child processes cannot start."""

import pytest

from headcount.beam_pipeline.commands.main import main
from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.schemas.errors import PoolError
from headcount.transforms.photo import reader_pool


@pytest.fixture
def broken(monkeypatch):
    """Children are given something that raises instead of a reader."""
    monkeypatch.setattr(reader_pool, "start_reader", int)


def test_it_ends_with_one_line_and_publishes_nothing(album, tmp_path, broken, capsys):
    output = tmp_path / "out"
    assert main(["run", "--input", str(album), "--output", str(output), "--processes=2"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("headcount run: failed: the processes that read photos cannot start: TypeError(")
    assert first.endswith("; --verbose shows more")
    assert "while running" not in first
    assert second == f"{output} is still as the last complete run left it"
    assert not (output / "manifest.json").exists()


def test_the_rows_of_the_last_run_stay(album, tmp_path, monkeypatch):
    settings = Settings(input=(str(album),), output=str(tmp_path / "out"), processes=1)
    first = run(settings)
    with monkeypatch.context() as patch:
        patch.setattr(reader_pool, "start_reader", int)
        with pytest.raises(PoolError, match="cannot start"):
            run(Settings(input=(str(album),), output=str(tmp_path / "out"), processes=1, rehash=True))
    assert run(settings).rows == first.rows
