"""What `headcount show` says of a run."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from headcount.beam_pipeline.show import failures, totals
from headcount.schemas.columns import arrow_table
from headcount.schemas.errors import UsageError
from headcount.schemas.faces import Face
from headcount.schemas.photos import Photo


@pytest.fixture
def output(finished, tmp_path):
    """A copy of a finished run, to be changed."""
    shutil.copytree(finished[0], tmp_path / "out", symlinks=True)
    return tmp_path / "out"


def rewrite(output, table, rows):
    pq.write_table(arrow_table(type(rows[0]), rows), output / table / f"{table}.parquet")


def photos(dated, undated):
    known = {"photo_id": "a", "width": 1, "height": 1, "orientation": 1, "file_type": "jpeg", "bytes": 1}
    sources = ["original"] * dated + [None] * undated
    return [
        Photo(uri=f"/{n}", **known, faces=0, date_source=source, date_precision=source and "second")
        for n, source in enumerate(sources)
    ]


def test_the_share_of_photos_with_a_date_is_said(output):
    rewrite(output, "photos", photos(71, 29))
    assert "Dates from: 71 of 100 dated (71 %)\n  71  original" in totals(str(output))


@pytest.mark.parametrize(
    ("dated", "undated", "share"), [(1, 999, "under 1 %"), (999, 1, "over 99 %"), (3, 0, "100 %")]
)
def test_a_share_is_never_rounded_to_nothing_or_all(output, dated, undated, share):
    rewrite(output, "photos", photos(dated, undated))
    assert f"dated ({share})" in totals(str(output))


def test_that_no_photo_has_a_date_is_said(output):
    rewrite(output, "photos", photos(0, 2))
    assert "Dates from: no photo of 2 has a date" in totals(str(output))


def test_groups_have_their_years_and_what_is_not_known_is_unknown(output):
    box = {"left": 0, "top": 0, "right": 9, "bottom": 9, "score": 1, "sharpness": 1, "brightness": 1}
    faces = [
        Face(face_id="a", photo_id="a", uri="/a", **box, age_group=group, gender=gender)
        for group, gender in (("child", "female"), ("child", None), (None, None))
    ]
    rewrite(output, "faces", faces)
    text = totals(str(output))
    assert "  0  toddler (2-3)\n  2  child (4-8)\n" in text
    assert "  0  senior (59+)\n  1  unknown\n" in text
    assert "Apparent gender\n  1  female\n  0  male\n  2  unknown" in text
    assert "Apparent mood" not in text


def test_a_table_that_is_missing_or_damaged_is_one_line(output):
    path = output / "faces" / "faces.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"faces\.parquet cannot be read .* again"):
        totals(str(output))
    path.unlink()
    with pytest.raises(UsageError, match=r"faces\.parquet is missing; run `headcount run` again"):
        totals(str(output))
    (output / "failures" / "failures.parquet").unlink()
    with pytest.raises(UsageError, match="is missing"):
        failures(str(output))


def test_a_run_without_photos_says_nothing_of_dates(output):
    pq.write_table(arrow_table(Photo, []), output / "photos" / "photos.parquet")
    assert "Dates from" not in totals(str(output))
    assert pa.types.is_dictionary(pq.read_schema(output / "photos" / "photos.parquet").field("make").type)
