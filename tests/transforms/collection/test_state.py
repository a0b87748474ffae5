"""What stays, what leaves, what may be published: decided on rows alone."""

from datetime import datetime

import pyarrow as pa
import pytest

from headcount.schemas.columns import arrow_table
from headcount.schemas.failures import Failure, failure
from headcount.schemas.files import FAILED, FOLDER, LISTED, PHOTO, SKIPPED, File
from headcount.schemas.photos import Photo
from headcount.transforms.collection.state import Rows, next_state, refusal
from tests.tables import photo


def row(uri: str, outcome: str = PHOTO, version: str = "1", file_type: str = "jpeg") -> File:
    return File(uri=uri, version=version, outcome=outcome, file_type=file_type)


def listed(uri: str, entries: int = 1) -> File:
    return row(uri, LISTED, str(entries), FOLDER)


def rows(*given: object) -> Rows:
    """Photos have their row of files with them; None of the rest is added to."""
    found = {kind: [one for one in given if isinstance(one, kind)] for kind in (File, Photo, Failure)}
    named = {file.uri for file in found[File]}
    found[File] += [row(one.uri) for one in found[Photo] if one.uri not in named]
    return Rows(*(arrow_table(kind, found[kind]) for kind in (File, Photo, Failure)))


NOTHING = rows()


def after(before: Rows, new: Rows, *unchanged: str, **options: object):
    kept = [file for file in before.files.to_pylist() if file["uri"] in unchanged]
    return next_state(before, new, arrow_table(File, [File(**file) for file in kept]), **options)


def uris(table: pa.Table) -> set[str]:
    return set(table["uri"].to_pylist())


@pytest.mark.parametrize(
    ("places", "stays"),
    [
        ([listed("/in")], None),
        ([listed("/in"), listed("/in/2019", 0)], None),
        ([row("/in/2019", SKIPPED, "", "hidden folder"), listed("/in")], None),
        ([row("/in/2019", FAILED, "", FOLDER), listed("/in")], "not_listed"),
        ([listed("/in/2019/march"), row("/in/2019", FAILED, "", FOLDER)], "not_listed"),
        ([row("/in/2019", FAILED, "", "unknown"), listed("/in")], "not_listed"),
        ([listed("/other")], "elsewhere"),
        ([listed("/in/20")], "elsewhere"),
        ([listed("/")], None),
        ([], "elsewhere"),
    ],
    ids=str,
)
def test_a_file_that_was_not_met_is_gone_where_the_nearest_folder_above_was_listed(places, stays):
    state = after(rows(photo("/in/2019/a.jpg")), rows(*places, photo("/new/b.jpg")))
    assert ("/in/2019/a.jpg" in uris(state.rows.photos)) == bool(stays)
    assert state.unseen == ({stays: 1} if stays else {})
    assert state.changes.get("gone", 0) + state.changes.get("passed_over", 0) == (not stays)


@pytest.mark.parametrize(
    ("glob", "gone"),
    [
        ("/cam/2024-*", {"/cam/2024-1/a.jpg", "/cam/2024-1/8/b.jpg"}),
        ("/cam/2024-*/*.jpg", {"/cam/2024-1/a.jpg"}),
        ("/cam/2024-?/[!b].jpg", {"/cam/2024-1/a.jpg"}),
        ("/cam/**/*.jpg", {"/cam/2023/a.jpg", "/cam/2024-1/a.jpg", "/cam/2024-1/8/b.jpg"}),
        ("/c.m/*", set()),
    ],
)
def test_a_file_that_a_glob_would_have_met_is_gone(glob, gone):
    before = rows(photo("/cam/2023/a.jpg"), photo("/cam/2024-1/a.jpg"), photo("/cam/2024-1/8/b.jpg"))
    state = after(before, rows(photo("/new.jpg")), globs=(glob,))
    assert uris(before.photos) - uris(state.rows.photos) == gone


def test_places_in_buckets_are_places_too():
    before = rows(photo("gs://shop/in/a.jpg"), photo("gs://shop/in/shut/b.jpg"), photo("gs://shop/out/c.jpg"))
    state = after(before, rows(listed("gs://shop/in/"), row("gs://shop/in/shut", FAILED, "", FOLDER)))
    assert uris(state.rows.photos) == {"gs://shop/in/shut/b.jpg", "gs://shop/out/c.jpg"}


@pytest.mark.parametrize("keep_deleted", [False, True])
def test_what_the_machine_failed_on_keeps_its_rows_and_says_so(keep_deleted):
    before = rows(photo("/in/a.jpg"), failure("/in/a.jpg", "read", "timeout"))
    new = rows(listed("/in"), row("/in/a.jpg", FAILED, "2"), failure("/in/a.jpg", "read", "unreadable"))
    state = after(before, new, keep_deleted=keep_deleted)
    assert state.rows.photos["uri"].to_pylist() == ["/in/a.jpg"]
    assert [file["version"] for file in state.kept.to_pylist()] == ["1"]
    assert state.changes == {}
    assert state.rows.failures["code"].to_pylist() == ["unreadable"]
    assert (state.unseen, state.incomplete) == ({"not_read": 1}, {"unreadable": 1})


def test_what_the_bytes_are_takes_the_photo_away():
    new = rows(listed("/in"), row("/in/a.jpg", FAILED, "2"), failure("/in/a.jpg", "decode", "bad_image"))
    state = after(rows(photo("/in/a.jpg")), new)
    assert not len(state.rows.photos)
    assert (state.changes, state.incomplete) == ({"broken": 1}, {})
    kept = after(rows(photo("/in/a.jpg")), new, keep_deleted=True)
    assert uris(kept.rows.photos) == {"/in/a.jpg"}
    assert kept.rows.failures["code"].to_pylist() == ["bad_image"]


@pytest.mark.parametrize(
    ("photo_id", "made_by", "dated"),
    [("a", None, True), ("b", None, False), ("a", "run 1", False)],
    ids=["the same photo", "another photo", "other settings"],
)
def test_a_sidecar_out_of_reach_costs_no_date_while_the_photo_is_the_same(photo_id, made_by, dated):
    before = rows(photo("/in/a.jpg", "a", taken_at=datetime(2019, 3, 4)))
    new = rows(
        listed("/in"), photo("/in/a.jpg", photo_id), failure("/in/a.jpg", "metadata", "unreadable_sidecar")
    )
    (kept,) = after(before, new, made_by=made_by).rows.photos.to_pylist()
    assert bool(kept["taken_at"]) == dated


def test_a_folder_that_cannot_be_listed_is_counted_as_one():
    shut = failure("/in/shut", "read", "unreadable")
    new = rows(listed("/in"), row("/in/shut", FAILED, "", FOLDER), shut, photo("/in/a.jpg"))
    state = after(NOTHING, new)
    assert state.incomplete == {"folders": 1}
    again = after(state.rows, new)
    assert again.rows.failures["uri"].to_pylist() == ["/in/shut"]
    opened = after(state.rows, rows(listed("/in"), listed("/in/shut")), "/in/a.jpg")
    assert (len(opened.rows.failures), opened.incomplete) == (0, {})


def test_a_failure_in_a_place_that_was_not_looked_at_stays():
    before = rows(row("/in/a.jpg", FAILED), failure("/in/a.jpg", "read", "timeout"))
    state = after(before, rows(listed("/other"), photo("/other/b.jpg")))
    assert uris(state.rows.failures) == {"/in/a.jpg"}
    assert state.incomplete == {}


def test_every_change_is_counted():
    before = rows(
        *(
            photo(f"/in/{name}")
            for name in ("same", "edited", "redated", "moved", "gone", "hidden", "broken")
        ),
        photo("/in/copy 1", "twin"),
        photo("/in/copy 2", "twin"),
    )
    new = rows(
        listed("/in"),
        listed("/in/new"),
        photo("/in/edited", "other bytes"),
        photo("/in/redated", taken_at=datetime(2019, 3, 4)),
        photo("/in/new/moved"),
        photo("/in/new/third copy", "twin"),
        photo("/in/new/new"),
        row("/in/hidden", SKIPPED, "", "hidden file"),
        row("/in/broken", FAILED, "2"),
        failure("/in/broken", "decode", "bad_image"),
    )
    state = after(before, new, "/in/same", "/in/copy 1")
    assert state.changes == {
        "new": 1,
        "changed": 2,
        "moved": 2,
        "gone": 1,
        "passed_over": 1,
        "broken": 1,
        "unchanged": 2,
    }
    assert uris(state.leaving) == {"/in/gone", "/in/hidden", "/in/broken"}


def test_rows_that_stay_from_other_settings_say_who_made_them():
    before = rows(photo("/in/a.jpg"), photo("/out/b.jpg"))
    new = rows(listed("/in"), photo("/in/a.jpg"))
    state = after(before, new, made_by="run 1")
    made = {file["uri"]: file["made_by"] for file in state.rows.files.to_pylist()}
    assert made == {"/in": None, "/in/a.jpg": None, "/out/b.jpg": "run 1"}
    later = next_state(state.rows, new, state.rows.files.slice(0, 0), made_by="run 2")
    made = {file["uri"]: file["made_by"] for file in later.rows.files.to_pylist()}
    assert made["/out/b.jpg"] == "run 1"


def collection(count: int, folder: str = "/in") -> list[Photo]:
    return [photo(f"{folder}/{number}.jpg", f"{folder}{number}") for number in range(count)]


@pytest.mark.parametrize(
    ("before", "gone", "entries", "refused"),
    [
        (100, 20, 80, None),
        (100, 21, 79, "21 of 100 photos would leave (21 from /in)"),
        (40, 10, 30, None),
        (40, 11, 29, "11 of 40 photos would leave (11 from /in)"),
        (2, 2, 0, "2 of 2 photos would leave (2 from /in, which is empty now)"),
        (11, 11, 0, "11 of 11 photos would leave (11 from /in, which is empty now)"),
    ],
)
def test_many_photos_leave_only_when_that_is_meant(before, gone, entries, refused):
    photos = collection(before)
    new = rows(listed("/in", entries), row("/in/notes.jpg", FAILED))
    state = after(rows(*photos), new, *(one.uri for one in photos[gone:]))
    said = refusal(state)
    assert (said or "").startswith(refused or "") == bool(refused or said is None)
    assert bool(said) == bool(refused)
    assert refusal(state, allow_gone=True) is None
    kept = after(rows(*photos), new, *(one.uri for one in photos[gone:]), keep_deleted=True)
    assert refusal(kept, keep_deleted=True) is None
    assert len(kept.rows.photos) == before


def test_a_folder_of_more_than_ten_photos_that_is_empty_now_is_asked_about():
    photos, disk = collection(200), [*collection(6, "/in/disk/a"), *collection(5, "/in/disk/b")]
    kept = [one.uri for one in photos]
    empty = after(rows(*photos, *disk), rows(listed("/in"), listed("/in/disk", 0)), *kept)
    assert "11 photos would leave (11 from /in/disk, which is empty now): is a disk missing?" in refusal(
        empty
    )
    removed = after(rows(*photos, *disk), rows(listed("/in"), listed("/in/disk", 2)), *kept)
    assert refusal(removed) is None
    moved = rows(
        listed("/in"), listed("/in/disk", 0), *(photo(f"/in/{one.photo_id}", one.photo_id) for one in disk)
    )
    assert refusal(after(rows(*photos, *disk), moved, *kept)) is None


@pytest.mark.parametrize("before", [0, 5])
def test_nothing_found_is_not_published(before):
    said = refusal(after(rows(*collection(before)), rows(listed("/typo", 0), row("/typo/a.csv", SKIPPED))))
    assert said.startswith("no photo was found")
    assert ("5 photos stay" in said) == bool(before)


@pytest.mark.parametrize("count", [3, 30])
def test_an_input_that_is_an_empty_folder_now_is_not_published(count):
    said = refusal(after(rows(*collection(count)), rows(listed("/in", 0))))
    assert said.startswith(f"{count} of {count} photos would leave ({count} from /in, which is empty now)")


def test_nothing_readable_is_not_published():
    bad = [failure(f"/in/{number}.jpg", "decode", "bad_image") for number in range(3)]
    new = rows(listed("/in", 3), *(row(one.uri, FAILED) for one in bad), *bad)
    assert refusal(after(NOTHING, new)).startswith("no photo could be read (3 bad_image)")


@pytest.mark.parametrize(("count", "refused"), [(10, False), (11, True)])
def test_only_failures_of_our_own_are_not_published(count, refused):
    old = collection(20, "/in/old")
    lost = [failure(f"/in/{number}.jpg", "read", "internal_error") for number in range(count)]
    new = rows(listed("/in"), listed("/in/old"), *(row(one.uri, FAILED) for one in lost), *lost)
    state = after(rows(*old), new, *(one.uri for one in old))
    assert bool(refusal(state)) == refused
    assert state.incomplete == {"internal_error": count}
