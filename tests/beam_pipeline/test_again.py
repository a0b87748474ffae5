"""A second run over the same output: what it reads, what it keeps, what it says."""

import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.schemas.errors import UsageError
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.output import output_at
from headcount.transforms.tally import TALLY
from tests.tables import key


@pytest.fixture
def again(album, tmp_path):
    """The photos of a finished run, and a function that runs again: tables, manifest, files read."""
    photos, output = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(album, photos)

    def run_again(**options):
        manifest = run(Settings(input=(str(photos),), output=str(output), processes=1, **options))
        tables = {name: pd.read_parquet(output / name) for name in TABLES}
        return tables, manifest, TALLY.read()["files"]

    run_again()
    return photos, run_again


def names(table: pd.DataFrame) -> set[str]:
    return {Path(uri).name for uri in table.uri}


def test_an_unchanged_collection_is_not_read_and_its_rows_stay(again):
    _, run_again = again
    first, _, read = run_again()
    assert read == 0
    second, manifest, read = run_again()
    assert read == 0
    assert manifest.kept == 7
    for name in TABLES:
        assert key(first[name]) == key(second[name]), name
    assert manifest.skipped == {"csv": 1, "hidden folder": 1}
    assert manifest.changes == {"unchanged": 4}


@pytest.mark.parametrize("content", [None, b"PAR1 cut"])
def test_a_damaged_table_of_the_last_run_is_made_again(again, tmp_path, content):
    _, run_again = again
    first, _, _ = run_again()
    for file in list((tmp_path / "out" / "runs").rglob("faces.parquet")):
        file.unlink() if content is None else file.write_bytes(content)
    second, _, read = run_again()
    assert read == 7
    assert key(first["faces"]) == key(second["faces"])


def test_new_changed_and_deleted_files(again, portrait):
    photos, run_again = again
    Image.fromarray(portrait[:300]).save(photos / "new.png")
    Image.linear_gradient("L").rotate(90).save(photos / "no face.png")
    (photos / "IMG_20200102_030405.webp").unlink()
    tables, _, read = run_again()
    assert read == 2
    assert names(tables["photos"]) == {"turned.jpg", "a copy.jpg", "no face.png", "new.png"}
    assert len(tables["faces"]) == 2
    assert tables["footfall"].faces.sum() == 2


def test_a_moved_photo_is_hashed_and_its_faces_follow_it(again):
    photos, run_again = again
    before, _, _ = run_again()
    (photos / "2001").mkdir()
    (photos / "IMG_20200102_030405.webp").rename(photos / "2001" / "moved.webp")
    after, _, read = run_again()
    assert read == 1
    (moved,) = after["photos"][after["photos"].uri.str.endswith("moved.webp")].itertuples()
    assert (moved.faces, moved.taken_at.year, moved.date_source) == (1, 2001, "folder")
    old = before["faces"][before["faces"].uri.str.endswith("webp")].iloc[0]
    new = after["faces"][after["faces"].face_id == old.face_id].iloc[0]
    assert new.uri == moved.uri
    assert new.taken_at == moved.taken_at
    assert (new.age, new.left) == (old.age, old.left)


def test_a_known_photo_still_says_that_its_new_sidecar_is_broken(again):
    photos, run_again = again
    (photos / "IMG_20200102_030405.webp.xmp").write_text("<broken")
    tables, _, read = run_again()
    assert read == 2
    assert len(tables["faces"]) == 2
    (lost,) = tables["failures"][tables["failures"].code == "bad_metadata"].itertuples()
    assert lost.uri.endswith("IMG_20200102_030405.webp")


def test_when_the_copy_that_counts_goes_the_other_takes_its_faces(again):
    photos, run_again = again
    (photos / "2019" / "turned.jpg").unlink()
    tables, manifest, read = run_again()
    assert (read, manifest.duplicates) == (0, 0)
    assert len(tables["faces"]) == 2
    assert names(tables["faces"]) == {"a copy.jpg", "IMG_20200102_030405.webp"}


def test_deleted_photos_can_be_kept(again):
    photos, run_again = again
    (photos / "IMG_20200102_030405.webp").unlink()
    tables, manifest, _ = run_again(keep_deleted=True)
    assert "IMG_20200102_030405.webp" in names(tables["faces"])
    assert manifest.unseen == {"deleted": 1}
    # Under other settings too, since they can never be read again.
    tables, manifest, _ = run_again(keep_deleted=True, attributes=("age",))
    face = tables["faces"][tables["faces"].uri.str.endswith("webp")].iloc[0]
    assert face.gender == "female"
    made_by = tables["files"].set_index("uri").made_by[face.uri]
    assert manifest.made_by[made_by]["settings"]["attributes"] == ["age", "gender", "mood"]
    assert tables["faces"].gender.notna().sum() == 1


def test_what_is_forgotten_does_not_come_back_and_leaves_no_name(again, tmp_path):
    photos, run_again = again
    tables, manifest, _ = run_again(forget=(str(photos / "2019" / "turned.jpg"), str(photos / "text.jpg")))
    assert manifest.changes == {"forgotten": 2, "unchanged": 2}
    shutil.copy(photos / "2019" / "turned.jpg", photos / "again.jpg")
    for options in ({}, {"rehash": True}):
        tables, manifest, _ = run_again(**options)
        assert names(tables["photos"]) == {"IMG_20200102_030405.webp", "no face.png"}
        for table in tables.values():
            if "uri" in table:
                assert not {"turned.jpg", "a copy.jpg", "again.jpg", "text.jpg"} & names(table)
    _, manifest, read = run_again()
    assert read == 0
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert not any(b"turned.jpg" in path.read_bytes() or b"text.jpg" in path.read_bytes() for path in written)
    with pytest.raises(UsageError, match="no photo in the tables"):
        run_again(forget=(str(photos / "nobody.jpg"),))


def test_rehash_reads_all_and_changes_nothing(again):
    _, run_again = again
    before, _, _ = run_again()
    after, manifest, read = run_again(rehash=True)
    assert (read, manifest.kept) == (7, 0)
    for name in TABLES:
        assert key(before[name]) == key(after[name]), name


def test_a_change_that_left_size_and_time_is_found_by_rehash(again):
    photos, run_again = again
    path = photos / "no face.png"
    info, content = path.stat(), path.read_bytes()
    pixels = np.asarray(Image.linear_gradient("L"))
    for level in range(256):
        Image.fromarray(np.where(pixels == level, 255 - level, pixels)).save(path)
        if path.stat().st_size == len(content) and path.read_bytes() != content:
            break
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    if path.stat().st_size != len(content):
        pytest.skip("no other picture of the same size was found")
    before, _, read = run_again()
    assert read == 0
    after, _, _ = run_again(rehash=True)
    ids = [tables["photos"].set_index("file_type").photo_id["png"] for tables in (before, after)]
    assert ids[0] != ids[1]


def test_retry_failed_reads_also_what_failed_for_its_bytes(again, portrait):
    photos, run_again = again
    Image.fromarray(portrait[:300]).save(photos / "new.png")
    tables, manifest, read = run_again(retry_failed=True)
    assert read == 3
    assert names(tables["failures"]) == {"empty.jpg", "text.jpg"}
    assert manifest.changes == {"new": 1, "unchanged": 4}


def test_other_settings_read_everything_and_say_why(again, tmp_path, capsys):
    import sys

    photos, _ = again
    settings = Settings(input=(str(photos),), output=str(tmp_path / "out"), attributes=("age",), processes=1)
    manifest = run(settings, progress=sys.stderr)
    assert manifest.kept == 0
    assert (
        "everything is read again: attributes was ['age', 'gender', 'mood'] and is" in capsys.readouterr().err
    )
    assert pd.read_parquet(tmp_path / "out" / "faces").gender.isna().all()


def test_a_second_run_on_one_output_stops_with_a_word(again, tmp_path):
    _, run_again = again
    with (
        output_at(str(tmp_path / "out"), "other").held(),
        pytest.raises(UsageError, match="another run is writing to"),
    ):
        run_again()
    run_again()


def test_retry_failed_without_a_run_is_refused(album, tmp_path):
    with pytest.raises(UsageError, match="holds no finished run"):
        run(Settings(input=(str(album),), output=str(tmp_path), retry_failed=True))
