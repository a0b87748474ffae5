"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("HEADCOUNT_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def data() -> Path:
    """The optional folder of labelled faces and albums; without it the test is skipped."""
    if not DATA.is_dir():
        pytest.skip(f"no data at {DATA}: set HEADCOUNT_DATA to run this test")
    return DATA
