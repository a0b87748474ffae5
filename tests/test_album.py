"""A whole run on a real album and on the frames of a real camera, against their truth."""

from pathlib import Path

import pandas as pd
import pytest

from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.models.framing import Box

SOURCES = {"exif": "original", "exif+zone": "original"}


def tables_of(folder: Path, output: Path, **options) -> dict[str, pd.DataFrame]:
    manifest = run(Settings(input=(str(folder),), output=str(output), **options))
    tables = {name: pd.read_parquet(output / name) for name in manifest.rows}
    for table in tables.values():
        if "uri" in table:
            table["path"] = table.uri.str.removeprefix(f"{folder}/")
    return tables | {"skipped": manifest.skipped}


@pytest.fixture(scope="module")
def truth(data):
    return pd.read_csv(data / "album" / "truth.csv").set_index("path")


@pytest.fixture(scope="module")
def seen(data, tmp_path_factory):
    return tables_of(data / "album", tmp_path_factory.mktemp("album"))


def box(row) -> Box:
    return Box(row.left, row.top, row.right, row.bottom)


def test_every_file_ends_in_photos_or_failures_or_is_counted(seen, truth):
    photos, failures = set(seen["photos"].path), set(seen["failures"].path)
    assert photos | failures == set(truth.index)
    assert set(truth.index[truth.decodes == 0]) == failures - photos
    assert set(truth.index[truth.decodes == 1]) <= photos
    assert seen["skipped"] == {"csv": 2}


def test_every_date_is_the_true_one_from_the_true_source(seen, truth):
    photos = seen["photos"].set_index("path")
    known = truth[(truth.decodes == 1) & truth.date_source.notna() & (truth.date_source != "duplicate")]
    assert len(known) == 64
    for path, row in known.iterrows():
        found = photos.loc[path]
        if row.date_source == "none":
            assert pd.isna(found.taken_at), path
            assert pd.isna(found.date_source), path
        else:
            assert found.taken_at == pd.Timestamp(row.taken_at), path
            assert found.date_source == SOURCES.get(row.date_source, row.date_source), path
        assert pd.notna(found.utc_offset_minutes) == (row.date_source == "exif+zone"), path


def test_the_copy_is_known(seen):
    (copy,) = seen["photos"].dropna(subset="duplicate_of").itertuples()
    assert "broken/copy-of-a-photo.jpg" in (copy.path, copy.duplicate_of.split("/album/")[1])


def test_faces_are_found_and_few_are_false(seen, truth):
    """At least 95 % of the true faces, and at most 5 % more than there are, summed over photos."""
    true = truth.faces[(truth.faces > 0) & (truth.decodes == 1)]
    found = seen["photos"].set_index("path").faces.reindex(true.index)
    assert found.clip(upper=true).sum() >= 0.95 * true.sum()
    assert (found - true).clip(lower=0).sum() <= 0.05 * found.sum()


def test_boxes_of_turned_photos_are_upright(seen, data):
    boxes = pd.read_csv(data / "album" / "boxes.csv")
    found = {path: [box(row) for row in rows.itertuples()] for path, rows in seen["faces"].groupby("path")}
    best = [max(box(row).overlap(one) for one in found[row.path]) for row in boxes.itertuples()]
    assert sum(one > 0.4 for one in best) >= 0.95 * len(boxes)


def test_the_cafe_counts_faces_by_the_hour(data, tmp_path):
    seen = tables_of(data / "cafe", tmp_path, attributes=("age", "gender"))
    portraits = pd.read_csv(data / "cafe" / "portraits.csv")
    assert abs(len(seen["faces"]) - len(portraits)) <= 0.04 * len(portraits)
    hours = portraits.path.str.replace(r"/cam_(\d\d).*", r" \1:00", regex=True)
    true = hours.groupby(pd.to_datetime(hours)).size()
    found = seen["footfall"].groupby("hour").faces.sum()
    assert set(found.index) >= set(true.index)
    assert (found - true).abs().sum() <= 0.04 * len(portraits)
    assert seen["faces"].mood.isna().all()
