"""The command where standard output or error is closed or full, and where its folder is gone."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[3]
FULL = Path("/dev/full")
CODE = "import sys; from headcount.beam_pipeline.commands.main import main; sys.exit(main(sys.argv[1:]))"


def shell(redirected: str, *argv: str) -> subprocess.CompletedProcess[str]:
    """The command, with what the shell writes after it."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        ["bash", "-c", f'"$@" {redirected}', "bash", sys.executable, "-c", CODE, *argv],
        env=env,
        capture_output=True,
        text=True,
    )


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_text_that_cannot_be_printed_is_one_line(finished):
    ended = shell(">/dev/full", "show", str(finished[0]))
    assert ended.returncode == 1
    assert ended.stderr == "headcount show: this text could not be printed: No space left on device\n"
    ended = shell("2>/dev/full", "show", "/nowhere")
    assert (ended.returncode, ended.stdout) == (2, "")


@pytest.mark.parametrize("closed", [">&-", ">&- 2>&- <&-"])
def test_closed_streams_are_no_error(finished, closed):
    ended = shell(closed, "show", str(finished[0]))
    assert (ended.returncode, ended.stderr) == (0, "")


def test_an_error_is_not_printed_to_standard_output_where_that_of_errors_is_closed():
    ended = shell("2>&-", "show", "/nowhere")
    assert (ended.returncode, ended.stdout) == (2, "")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_run_that_is_published_is_a_success_whether_or_not_its_totals_are_printed(album, tmp_path):
    out = tmp_path / "out"
    argv = ["run", "--input", str(album), "--output", str(out), "--processes", "1"]
    ended = shell(">/dev/full", *argv)
    assert ended.returncode == 0
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"headcount run: {out} is complete, but this text could not be printed")
    ended = shell(">&-", *argv)
    assert (ended.returncode, "Traceback" in ended.stderr) == (0, False)
    assert len(pd.read_parquet(out / "photos")) == 4


def test_a_working_folder_that_was_deleted_is_named(finished, tmp_path):
    gone = tmp_path / "gone"
    code = f"import os; os.mkdir({str(gone)!r}); os.chdir({str(gone)!r}); os.rmdir({str(gone)!r}); {CODE}"
    for argv, status in ((["show", str(finished[0])], 0), (["show", "out"], 2)):
        ended = subprocess.run(
            [sys.executable, "-c", code, *argv],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == status
        assert ended.stderr.startswith("headcount: the working folder was deleted")
        assert "Traceback" not in ended.stderr
