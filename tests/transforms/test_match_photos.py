import os
from collections import Counter
from dataclasses import replace

import pytest
from apache_beam.coders import FastPrimitivesCoder

from headcount.schemas.files import FAILED, LISTED, File
from headcount.transforms.collection.found_file import FoundFile, uri_of
from headcount.transforms.collection.listing.places import match_inputs
from headcount.transforms.collection.listing.walk import Unlisted
from headcount.transforms.match_photos import MatchPhotos


def names(matches):
    return [os.path.basename(match.path) for match in matches if isinstance(match, FoundFile)]


def test_a_folder_gives_every_file_below_it_in_order(album):
    found = names(match_inputs([str(album)]))
    assert found == [
        "IMG_20200102_030405.webp",
        "empty.jpg",
        "no face.png",
        "notes.csv",
        "text.jpg",
        "a copy.jpg",
        "turned.jpg",
    ]


def test_hidden_and_system_folders_are_counted_and_not_entered(tmp_path):
    for folder in (".thumbnails", "@eaDir", "kept"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.jpg").touch()
    (tmp_path / "._a.jpg").touch()
    matches = list(match_inputs([str(tmp_path)]))
    assert names(matches) == ["a.jpg"]
    assert Counter(m.file_type for m in matches if isinstance(m, File)) == {
        "hidden folder": 2,
        "hidden file": 1,
        "folder": 2,
    }


def test_every_folder_that_was_listed_to_its_end_has_a_row(tmp_path):
    for name in ("a.jpg", "b.jpg", "2019/c.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folders = {match.uri: match for match in match_inputs([str(tmp_path)]) if isinstance(match, File)}
    assert {row.outcome for row in folders.values()} == {LISTED}
    assert {uri: row.version for uri, row in folders.items()} == {
        str(tmp_path): "3",
        str(tmp_path / "2019"): "1",
    }


def test_a_folder_that_cannot_be_listed_is_a_failure_and_is_not_called_listed(tmp_path, monkeypatch):
    (tmp_path / "shut").mkdir()
    (tmp_path / "a.jpg").touch()
    scandir = os.scandir

    def refuse(path):
        if os.path.basename(path) == "shut":
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    matches = list(match_inputs([str(tmp_path)]))
    (lost,) = [match for match in matches if isinstance(match, Unlisted)]
    assert (lost.row.uri, lost.row.outcome, lost.row.file_type) == (
        str(tmp_path / "shut"),
        FAILED,
        "folder",
    )
    assert lost.failure.code == "unreadable"
    assert [match.uri for match in matches if isinstance(match, File)] == [str(tmp_path)]


def test_a_glob_gives_what_it_matches_and_the_folder_above_it_is_the_root(album):
    (found,) = match_inputs([f"{album}/20*/tur*.jpg"])
    assert found.path == str(album / "2019" / "turned.jpg")
    assert found.root == str(album)


@pytest.mark.parametrize("other", ["other", "one more"])
def test_the_root_is_above_the_photo_also_when_a_glob_climbs(tmp_path, other):
    for folder in ("one/two", other):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / other / "a.jpg").touch()
    (found,) = match_inputs([f"{tmp_path}/one/t*/../../{other}/a.jpg"])
    assert found.root == str(tmp_path / other)


def test_a_source_that_this_worker_cannot_see_stops_the_run(tmp_path):
    with pytest.raises(FileNotFoundError, match="matches nothing on the machine of this worker"):
        list(match_inputs([str(tmp_path / "gone")]))


def test_a_folder_whose_name_looks_like_a_glob_is_a_folder(tmp_path):
    (tmp_path / "[2019]").mkdir()
    (tmp_path / "[2019]" / "a.jpg").touch()
    assert names(match_inputs([str(tmp_path / "[2019]")])) == ["a.jpg"]


def test_a_list_names_files_from_its_own_folder_and_a_missing_one_is_a_failure(album, tmp_path):
    (album / "2019" / "turned.jpg").exists()
    (tmp_path / "b.jpg").touch()
    listing = tmp_path / "list.txt"
    listing.write_text(f"{album}/2019/turned.jpg\r\nb.jpg\n\ngone.jpg\n")
    matches = list(match_inputs([str(listing)]))
    assert names(matches) == ["turned.jpg", "b.jpg"]
    (lost,) = [match for match in matches if isinstance(match, Unlisted)]
    assert lost.failure.uri == lost.row.uri == str(tmp_path / "gone.jpg")
    assert lost.failure.code == "unreadable"
    assert (lost.row.version, lost.row.outcome) == ("", FAILED)


def test_links_in_a_loop_end(tmp_path):
    (tmp_path / "a.jpg").touch()
    os.symlink(tmp_path, tmp_path / "loop")
    assert names(match_inputs([str(tmp_path)])) == ["a.jpg"]


def test_the_output_inside_the_input_is_not_read(tmp_path):
    (tmp_path / "out" / "runs").mkdir(parents=True)
    (tmp_path / "out" / "photos.jpg").touch()
    (tmp_path / "a.jpg").touch()
    assert names(match_inputs([str(tmp_path)], exclude=str(tmp_path / "out"))) == ["a.jpg"]


def test_a_pipe_is_skipped(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    (_, skipped) = match_inputs([str(tmp_path)])
    assert (skipped.outcome, skipped.file_type) == ("skipped", "special file")


def test_sidecars_come_with_their_photo(tmp_path):
    for name in ("a.jpg", "a.jpg.json", "a.xmp", "b.jpg"):
        (tmp_path / name).touch()
    sidecars = {
        os.path.basename(f.path): f.sidecars
        for f in match_inputs([str(tmp_path)])
        if isinstance(f, FoundFile)
    }
    assert set(sidecars["a.jpg"]) == {str(tmp_path / "a.xmp"), str(tmp_path / "a.jpg.json")}
    assert sidecars["b.jpg"] == ()


def test_the_names_in_a_folder_show_how_its_dates_are_ordered(tmp_path):
    for name in (
        "eu/04-03-2019.jpg",
        "eu/13-02-2019.jpg",
        "us/04-03-2019.jpg",
        "us/02-13-2019.jpg",
        "04-03-2019.jpg",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [f for f in match_inputs([str(tmp_path)]) if isinstance(f, FoundFile)]
    orders = {os.path.relpath(f.path, tmp_path): f.day_order for f in found}
    single = [f for f in match_inputs([str(tmp_path / "eu/04-03-2019.jpg")]) if isinstance(f, FoundFile)]
    assert orders == {
        "eu/04-03-2019.jpg": "day first",
        "us/04-03-2019.jpg": "month first",
        "04-03-2019.jpg": "",
        "eu/13-02-2019.jpg": "",
        "us/02-13-2019.jpg": "",
    }
    assert [f.day_order for f in single] == ["day first"]


def test_a_file_named_by_two_inputs_is_read_once(album):
    inputs = (str(album), str(album / "2019"), str(album / "2019" / "turned.jpg"))
    (found, _, _) = [tuple(map(os.fsencode, inputs))] | MatchPhotos(exclude=None)
    assert len(names(found)) == len(set(names(found))) == 7


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("/a/ü 1%=.jpg", "/a/ü 1%=.jpg"),
        (os.fsdecode(b"/a/\xff%.jpg"), "/a/%FF%.jpg"),
    ],
)
def test_names_that_are_not_utf8_are_percent_encoded(path, uri):
    assert uri_of(path) == uri


@pytest.mark.parametrize("name", ["a.jpg", "ü/\udcff.jpg"])
def test_a_file_is_the_same_after_a_shuffle(name):
    file = FoundFile(f"/photos/ü/{name}", "/photos/ü", 5, 1.5, (f"/photos/ü/{name}.xmp",), "+1:2")
    coder = FastPrimitivesCoder()
    assert FoundFile.unpacked(coder.decode(coder.encode(file.packed()))) == file


@pytest.mark.parametrize(
    "change",
    [{"size": 6}, {"modified": 2.5}, {"sidecar_version": "+1:3"}, {"root": "/photos"}],
    ids=lambda change: next(iter(change)),
)
def test_a_version_changes_with_all_that_rows_come_from(change):
    """The root too: names of the folders below it may be dates."""
    file = FoundFile("/photos/2019/a.jpg", "/photos/2019", 5, 1.5, ("/photos/2019/a.xmp",), "+1:2")
    assert replace(file, **change).version != file.version
