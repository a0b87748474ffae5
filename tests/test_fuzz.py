"""A bounded run of the fuzzer over the corpus that it found."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CORPUS = Path(__file__).parent / "data" / "corpus"


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris is not installed")
def test_nothing_but_a_photo_error_comes_out(tmp_path):
    shutil.copytree(CORPUS, tmp_path / "corpus")
    limits = ["-max_total_time=20", "-max_len=2048", "-rss_limit_mb=4096", f"-artifact_prefix={tmp_path}/"]
    command = [sys.executable, "-m", "tests.fuzz", str(tmp_path / "corpus"), *limits]
    done = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "DONE" in done.stderr or "Done" in done.stderr
