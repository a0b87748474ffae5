"""A whole run over real files of 18 makes of camera, against what an independent reader found in them."""

from datetime import datetime

import pandas as pd
import pytest

from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings

REJECTED: dict[str, str] = {}
"""Files whose original date a rule of the ladder rejects, and the rule. Every one is plausible: none."""

DATED_ELSEWHERE = {
    # No date in EXIF; Photoshop or Lightroom wrote when the picture was made as xmp:CreateDate.
    "invalid/image00971.jpg": datetime(2010, 4, 13, 9, 37, 22),
    "invalid/image01088.jpg": datetime(2010, 4, 13, 9, 37, 22),
    "invalid/image01137.jpg": datetime(2009, 9, 14, 11, 8, 6),
    "invalid/image01551.jpg": datetime(2011, 9, 23, 12, 43, 3),
    "invalid/image01713.jpg": datetime(2010, 3, 4, 11, 59, 38),
    "invalid/image01980.jpg": datetime(2011, 9, 23, 11, 42, 46),
    "invalid/image02206.jpg": datetime(2009, 8, 4, 10, 35, 3),
    # As above, and EXIF holds only when it was changed, which says less of the moment of the photo.
    "xmp/BlueSquare.jpg": datetime(2005, 9, 7, 15, 7, 40),
    "xmp/no_exif.jpg": datetime(2013, 9, 23, 10, 9, 46),
    # photoshop:DateCreated, the day of the scene, comes before xmp:CreateDate, the file's.
    "jpg/long_description.jpg": datetime(2003, 8, 31),
    # The directory of EXIF's own dates is damaged; exif:DateTimeOriginal in XMP repeats them.
    "tests/30-type_error.jpg": datetime(2013, 7, 5, 3, 18, 27),
}
"""Files whose date comes from XMP, which the other reader does not look into; it found no original one."""

OF_THE_MOMENT = {"jpg/long_description.jpg", "tests/30-type_error.jpg"}
"""Those of them whose XMP dates the picture and not only its file."""

NO_POSITION = {"jpg/Canon_40D.jpg", "tests/32-lens_data.jpeg"}
"""Files whose GPS directory holds its own version and nothing else."""

DAMAGED = {"tests/30-type_error.jpg": "bad_metadata"}


@pytest.fixture(scope="module")
def found(data):
    """What the independent reader found, by path."""
    return pd.read_csv(data / "cameras" / "dates.csv").set_index("path")


@pytest.fixture(scope="module")
def seen(data, tmp_path_factory):
    """The tables of one run with positions, each with a column `path`."""
    folder, output = data / "cameras", tmp_path_factory.mktemp("cameras")
    manifest = run(
        Settings(input=(str(folder),), output=str(output), attributes=("age",), keep_location=True)
    )
    tables = {name: pd.read_parquet(output / name) for name in ("photos", "failures", "files")}
    for table in tables.values():
        table["path"] = table.uri.str.removeprefix(f"{folder}/")
    return tables | {"manifest": manifest}


def test_every_file_ends_in_photos_or_failures_or_is_counted(seen, found):
    photos = seen["photos"]
    assert len(found) == 88
    assert sorted(photos.path) == sorted(found.index)
    assert photos.duplicate_of.isna().all()
    assert dict(zip(seen["failures"].path, seen["failures"].code, strict=True)) == DAMAGED
    assert seen["manifest"].skipped == {"csv": 1}
    files = seen["files"][seen["files"].outcome != "listed"]
    assert sorted(files.path) == sorted([*found.index, "dates.csv"])


def test_every_date_is_the_one_that_another_reader_found(seen, found):
    photos = seen["photos"].set_index("path")
    for path, row in found.iterrows():
        taken, source = photos.taken_at[path], photos.date_source[path]
        told = row.modified if pd.isna(row.original) or path in REJECTED else row.original
        expected = pd.to_datetime(told, format="%Y:%m:%d %H:%M:%S")
        if path in DATED_ELSEWHERE:
            assert pd.isna(row.original), path
            assert taken == DATED_ELSEWHERE[path], path
            assert source == ("xmp" if path in OF_THE_MOMENT else "created"), path
        elif pd.isna(expected):
            assert pd.isna(taken), path
            assert pd.isna(source), path
        else:
            assert taken.floor("s") == expected, path
            assert source == ("modified" if told is row.modified else "original"), path


def test_make_model_size_and_position_are_those_another_reader_found(seen, found):
    photos = seen["photos"].set_index("path").loc[found.index]
    for column in ("make", "model"):
        there = found[column].notna()
        assert (photos[column][there].astype(str) == found[column][there]).all()
        assert photos[column][~there].isna().all()
    assert (photos.orientation == found.orientation.fillna(1)).all()
    sized = found.width.notna()
    upright = photos.width.where(photos.orientation < 5, photos.height)[sized]
    assert (upright == found.width[sized]).all()
    assert set(found.index[photos.latitude.notna()]) == set(found.index[found.gps == 1]) - NO_POSITION
