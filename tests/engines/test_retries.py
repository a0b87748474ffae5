"""An engine may do every bundle again, also one that was done."""

import pandas as pd

from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.schemas.tables import TABLES
from tests.tables import key


def test_bundles_that_are_done_twice_leave_the_same_rows(album, tmp_path):
    for name, beam_args in (("once", []), ("twice", ["--direct_runner_bundle_repeat=1"])):
        run(Settings(input=(str(album),), output=str(tmp_path / name), processes=1), beam_args)
    for table in TABLES:
        once, twice = (pd.read_parquet(tmp_path / name / table) for name in ("once", "twice"))
        assert key(twice) == key(once), table
