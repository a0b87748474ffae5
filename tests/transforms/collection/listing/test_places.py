"""What is found, on a disk and in both kinds of bucket by the same rules."""

import os
from collections import Counter
from pathlib import Path

import pytest

from headcount.schemas.errors import UsageError
from headcount.schemas.files import LISTED, SKIPPED, File
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.collection.listing import folders
from headcount.transforms.collection.listing.inputs import check_input
from headcount.transforms.collection.listing.places import match_inputs
from headcount.transforms.collection.listing.walk import Unlisted
from headcount.transforms.collection.storage import list_level, list_objects, write_bytes


class Place:
    """A place of this test's own, on a disk or in a bucket."""

    def __init__(self, url: str, put) -> None:
        self.url = url
        self._put = put

    def put(self, *names: str, content: bytes = b"x") -> None:
        for name in names:
            self._put(name, content)

    def match(self, *inputs: str, **options) -> "Matches":
        return Matches(self.url, match_inputs([f"{self.url}/{each}" for each in inputs], **options))


class Matches:
    def __init__(self, url: str, matches) -> None:
        self.all = list(matches)
        uris = [match.uri for match in self.all]
        assert len(uris) == len(set(uris)), "no two rows have the same uri"
        self._below = len(url) + 1

    def _names(self, matches) -> list[str]:
        return sorted(match.uri[self._below :] for match in matches)

    @property
    def files(self) -> list[str]:
        return self._names(match for match in self.all if isinstance(match, FoundFile))

    @property
    def listed(self) -> dict[str, str]:
        rows = (match for match in self.all if isinstance(match, File) and match.outcome == LISTED)
        return {row.uri[self._below :]: row.version for row in rows}

    @property
    def skipped(self) -> dict[str, str]:
        rows = (match for match in self.all if isinstance(match, File) and match.outcome == SKIPPED)
        return {row.uri[self._below :]: row.file_type for row in rows}

    @property
    def lost(self) -> list[str]:
        return self._names(match for match in self.all if isinstance(match, Unlisted))

    @property
    def sidecars(self) -> dict[str, list[str]]:
        found = (match for match in self.all if isinstance(match, FoundFile) and match.sidecars)
        return {
            match.uri[self._below :]: [os.path.basename(each) for each in match.sidecars] for match in found
        }

    @property
    def roots(self) -> dict[str, str]:
        return {
            match.uri[self._below :]: match.root[self._below :]
            for match in self.all
            if isinstance(match, FoundFile)
        }


@pytest.fixture
def disk(tmp_path) -> Place:
    def put(name: str, content: bytes) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return Place(str(tmp_path), put)


@pytest.fixture(params=["disk", "s3", "gs"])
def place(request, tmp_path) -> Place:
    if request.param == "disk":
        return request.getfixturevalue("disk")
    store = request.getfixturevalue(request.param)
    return Place(
        f"{store.url}/{tmp_path.name}", lambda name, content: store.put(f"{tmp_path.name}/{name}", content)
    )


@pytest.mark.parametrize(
    "glob", ["camera/2024-*", "camera/2024-*/", "c*/2024-*", "camera/2024-*/**", "**/2024-*"]
)
def test_folders_that_a_glob_names_are_entered_like_any(place, glob):
    place.put(
        "camera/2024-01/a.jpg", "camera/2024-02/08/b.jpg", "camera/2023-12/c.jpg", "camera/2024-02/.x/d.jpg"
    )
    found = place.match(glob)
    assert found.files == ["camera/2024-01/a.jpg", "camera/2024-02/08/b.jpg"]
    assert found.listed == {"camera/2024-01": "1", "camera/2024-02": "2", "camera/2024-02/08": "1"}
    assert found.skipped["camera/2024-02/.x"] == "hidden folder"


def test_the_names_of_folders_that_a_glob_matches_may_be_dates(place):
    place.put("camera/2024-01-02/a.jpg", "camera/2024-01-03/b.jpg")
    assert set(place.match("camera/2024-*").roots.values()) == {"camera"}
    assert set(place.match("camera/2024-*/*.jpg").roots.values()) == {"camera"}


@pytest.mark.parametrize(
    ("glob", "files"),
    [
        ("*.jpg", ["a.jpg"]),
        ("*/*.jpg", ["in/b.jpg"]),
        ("**/*.jpg", ["a.jpg", "in/b.jpg", "in/deep/c.jpg"]),
        ("**.jpg", ["a.jpg", "in/b.jpg", "in/deep/c.jpg"]),
        ("i**/c.jpg", ["in/deep/c.jpg"]),
        ("in/**", ["in/b.jpg", "in/deep/c.jpg"]),
        ("in/?.jpg", ["in/b.jpg"]),
        ("in/[a-b].jpg", ["in/b.jpg"]),
        ("*", ["a.jpg", "in/b.jpg", "in/deep/c.jpg"]),
        ("*/deep/c.jpg", ["in/deep/c.jpg"]),
    ],
)
def test_globs(place, glob, files):
    place.put("a.jpg", "in/b.jpg", "in/deep/c.jpg", ".hidden.jpg", "in/.dir/d.jpg", "@eaDir/e.jpg")
    assert place.match(glob).files == files


def test_a_glob_passes_over_what_a_folder_would_and_says_so(place):
    place.put("a.jpg", "._a.jpg", "@eaDir/a.jpg", ".trash/b.jpg")
    assert (
        place.match("*").skipped
        == place.match("").skipped
        == {
            "._a.jpg": "hidden file",
            "@eaDir": "hidden folder",
            ".trash": "hidden folder",
        }
    )


def test_no_file_is_its_own_sidecar(place):
    place.put("a.xmp", "a.jpg")
    assert place.match("").sidecars == {"a.jpg": ["a.xmp"]}


def test_what_is_hidden_is_read_when_it_is_named(place):
    place.put("in/a.jpg", "in/.old/b.jpg", "in/.c.jpg")
    assert place.match("in/.o*/*.jpg", "in/.c*").files == ["in/.c.jpg", "in/.old/b.jpg"]
    found = place.match("in", "in/.old")
    assert found.files == ["in/.old/b.jpg", "in/a.jpg"]
    assert found.skipped == {"in/.c.jpg": "hidden file"}


def test_a_glob_lists_completely_only_what_it_enters(place):
    place.put("in/a.jpg", "in/b.png")
    assert place.match("in/*.jpg").listed == {}
    assert place.match("i*").listed == {"in": "2"}


@pytest.mark.parametrize(
    "inputs", [["in/*.jpg"], ["in/a.jpg"], ["in"], ["list.txt"], ["**/a*"], ["in/a.jpg", "in"]]
)
def test_sidecars_are_found_whatever_names_the_photo(place, inputs):
    place.put("in/a.jpg", "in/a.jpg.XMP", "in/A.jpg.json", "in/other.json")
    place.put("list.txt", content=b"in/a.jpg\n")
    assert place.match(*inputs).sidecars["in/a.jpg"] == ["a.jpg.XMP", "A.jpg.json"]


@pytest.mark.parametrize("name", ["out [1]", "a*b", "what?", "[2019]"])
def test_a_name_is_taken_as_it_is_before_it_is_a_glob(place, name):
    place.put(
        f"{name}/a.jpg", f"{name}/2024-1/b [2].jpg", "out 1/no.jpg", "a-b/no.jpg", "whats/no.jpg", "2/no.jpg"
    )
    both = [f"{name}/2024-1/b [2].jpg", f"{name}/a.jpg"]
    assert place.match(name).files == both
    assert place.match(f"{name}/2024-*").files == both[:1]
    assert place.match(f"{name}/2024-1/b [2].jpg").files == both[:1]
    assert place.match(f"{name}/*/*[[]2].jpg").files == both[:1]
    assert place.match(f"{name}/2024-*/b [2].jpg").files == both[:1]


def test_single_files_folders_and_lists_share_what_they_name(place):
    place.put("in/a.jpg", "in/b/c.jpg", "d.jpg")
    place.put("list.txt", content=b"in/a.jpg\nin/b\nd.jpg\nd.jpg\nin/gone.jpg\nin/gone.jpg\n./d.jpg\n")
    for inputs in (
        ["in", "list.txt"],
        ["list.txt", "in", "in/a.jpg"],
        ["in/*", "list.txt", "in/b/*.jpg", "in"],
    ):
        found = place.match(*inputs)
        assert found.files == ["d.jpg", "in/a.jpg", "in/b/c.jpg"]
        assert found.lost == ["in/gone.jpg"]
        assert found.listed == {"in": "2", "in/b": "1"}
        assert found.roots["in/b/c.jpg"] in ("in", "")


def test_the_root_of_a_file_does_not_depend_on_the_order(place):
    place.put("in/2019/a.jpg", "in/2019/08/b.jpg")
    one, other = (place.match(*inputs).roots for inputs in (["in/2019", "in"], ["in", "in/2019"]))
    assert one == other == {"in/2019/a.jpg": "in", "in/2019/08/b.jpg": "in"}


def test_a_list_of_one_folder_gives_no_row_of_the_folder(place):
    place.put("in/a.jpg", "in/b.jpg")
    place.put("list.txt", content=b"in/a.jpg\n")
    assert place.match("list.txt").listed == {}
    assert place.match("in/a.jpg").listed == {}


LINES = "2019/ä.jpg\n2019/b.jpg\n"


@pytest.mark.parametrize(
    "content",
    [
        LINES.encode(),
        LINES.encode("utf-8-sig"),
        LINES.encode("utf-16"),
        b"\xfe\xff" + LINES.encode("utf-16-be"),
        LINES.replace("ä", "a").encode("utf-16-le"),
        LINES.replace("\n", "\r\n").encode(),
        LINES.replace("\n", "  \n").encode(),
        LINES.replace("\n", "\t\r\n").encode(),
        LINES.replace("\n", "\0").encode(),
        b"\n\n" + LINES.encode() + b"\n  \n",
        "\"2019/ä.jpg\"\n'2019/b.jpg' \n".encode(),
        LINES.encode().rstrip(b"\n"),
    ],
)
def test_lists_as_programs_and_people_write_them(place, content):
    place.put("2019/ä.jpg", "2019/a.jpg", "2019/b.jpg")
    place.put("list.txt", content=content)
    found = place.match("list.txt")
    assert len(found.files) == 2, found.all
    assert found.lost == []
    assert set(found.roots.values()) == {""}


def test_names_in_a_list_are_taken_as_they_are_where_such_a_file_is(disk):
    disk.put(" a.jpg", "a.jpg ", '"a.jpg"', "new\nline.jpg")
    disk.put("list.txt", content=b' a.jpg\na.jpg \n"a.jpg"\n')
    disk.put("null.txt", content=b"new\nline.jpg\0 a.jpg\0")
    assert disk.match("list.txt").files == [" a.jpg", '"a.jpg"', "a.jpg "]
    assert disk.match("null.txt").files == [" a.jpg", "new\nline.jpg"]


def test_a_list_names_files_whose_names_are_not_utf8(tmp_path):
    with open(os.path.join(os.fsencode(tmp_path), b"\xff.jpg"), "wb"):
        pass
    (tmp_path / "list.txt").write_bytes(b"\xff.jpg\n")
    (found,) = match_inputs([str(tmp_path / "list.txt")])
    assert found.uri == f"{tmp_path}/%FF.jpg"


def test_lists_made_by_find_pass_over_what_folders_do(place):
    place.put("in/a.jpg", "in/.thumbs/a.jpg", "in/@eaDir/a.jpg/small.jpg", "in/._a.jpg")
    place.put("list.txt", content=b"in/a.jpg\nin/.thumbs/a.jpg\nin/@eaDir/a.jpg/small.jpg\nin/._a.jpg\n")
    found = place.match("list.txt")
    assert found.files == ["in/a.jpg"]
    hidden = {"in/@eaDir": "hidden folder", "in/._a.jpg": "hidden file"}
    assert found.skipped == hidden | {"in/.thumbs": "hidden folder"}
    # From elsewhere, the folder above a file may be as hidden as it likes, but for those of systems.
    lines = [f"{place.url}/in/{name}" for name in (".thumbs/a.jpg", "@eaDir/a.jpg/small.jpg", "._a.jpg")]
    place.put("elsewhere/list.txt", content="\n".join(lines).encode())
    found = place.match("elsewhere/list.txt")
    assert found.files == ["in/.thumbs/a.jpg"]
    assert found.skipped == {"in/@eaDir": "hidden folder"} | {"in/._a.jpg": "hidden file"}


def test_a_list_on_a_disk_names_objects_of_a_bucket(disk, s3, tmp_path):
    source = f"{s3.url}/{tmp_path.name}"
    for name in ("in/a.jpg", "in/a.jpg.xmp", "other/b.jpg"):
        write_bytes(f"{source}/{name}", b"x")
    disk.put("c.jpg")
    disk.put(
        "list.txt",
        content=f"{source}/in/a.jpg\n{source}/other\nc.jpg\n{source}/no.jpg\nhttp://x/y.jpg\n".encode(),
    )
    matches = match_inputs([f"{disk.url}/list.txt"])
    found = {match.uri: match for match in matches}
    assert found[f"{source}/in/a.jpg"].sidecars == (f"{source}/in/a.jpg.xmp",)
    assert {f"{source}/other/b.jpg", f"{disk.url}/c.jpg"} < set(found)
    assert found[f"{source}/other"].outcome == LISTED
    lost = {uri: match.why for uri, match in found.items() if isinstance(match, Unlisted)}
    assert lost == {
        f"{source}/no.jpg": "there is no such file or folder",
        "http://x/y.jpg": "http:// is not known here",
    }


@pytest.mark.parametrize("many", ["in/*", "list.txt"])
def test_each_folder_is_listed_a_fixed_number_of_times(place, many, monkeypatch):
    asked = Counter()

    def counted(function):
        def count(path, *args, **kwargs):
            asked[str(path).rstrip("/")] += 1
            return function(path, *args, **kwargs)

        return count

    names = [f"{number}.jpg" for number in range(50)]
    place.put(*(f"in/{name}" for name in names))
    place.put("list.txt", content="\n".join(f"in/{name}" for name in names).encode())
    monkeypatch.setattr(os, "scandir", counted(os.scandir))
    monkeypatch.setattr(folders, "list_level", counted(list_level))
    monkeypatch.setattr(folders, "list_objects", counted(list_objects))
    assert len(place.match(many).files) == 50
    assert sum(asked.values()) <= 6, asked


def test_a_photos_library_gives_its_originals_and_not_what_photos_made_of_them(place):
    library = "Photos Library.photoslibrary"
    place.put(f"{library}/originals/0/a.jpeg", f"{library}/resources/derivatives/0/a_1_105_c.jpeg", "b.jpg")
    place.put(
        "old.photolibrary/Masters/2009/c.jpg",
        "old.photolibrary/Previews/2009/c.jpg",
        "old.photolibrary/x.jpg",
    )
    for inputs in ([""], ["*"], ["**/*.jp*g"]):
        found = place.match(*inputs)
        assert found.files == [
            f"{library}/originals/0/a.jpeg",
            "b.jpg",
            "old.photolibrary/Masters/2009/c.jpg",
        ]
        assert found.skipped["old.photolibrary/x.jpg"] == "part of a Photos library"
        assert found.skipped[f"{library}/resources"] == "part of a Photos library"
        assert found.skipped["old.photolibrary/Previews"] == "part of a Photos library"
    assert place.match(f"{library}/resources").files == [f"{library}/resources/derivatives/0/a_1_105_c.jpeg"]


# --- checks before any work ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("in/2O24", "matches nothing; {url}/in is the nearest folder"),
        ("in/*.png", "matches nothing; {url}/in is the nearest folder"),
        ("in/**/*.png", "matches nothing"),
        ("none/a.jpg", "matches nothing"),
        ("gone.txt", "matches nothing"),
        ("wrong.txt", "no line of this list is the path"),
        ("blank.txt", "no line of this list is the path"),
        ("odd.txt", "is no list of paths"),
    ],
)
def test_an_input_that_names_nothing_is_one_line(place, source, words):
    place.put("in/2024/a.jpg")
    place.put("wrong.txt", content=b"in/b.jpg\nin/c.jpg\n")
    place.put("blank.txt", content=b"\n \n")
    place.put("odd.txt", content=b"\xff\xfea")
    with pytest.raises(UsageError, match=r"matches nothing|list") as error:
        check_input(f"{place.url}/{source}")
    assert words.format(url=place.url) in str(error.value)


def test_an_input_that_names_something_passes(place):
    place.put("in/2024/a.jpg")
    place.put("list.txt", content=b"in/b.jpg\nin/2024\n")
    for source in ("in", "in/", "in/2024/a.jpg", "i*", "in/**", "**/*.jpg", "list.txt"):
        check_input(f"{place.url}/{source}")


def test_a_bucket_that_fails_while_it_is_listed_gives_a_failure_and_no_row_of_a_folder(
    s3, tmp_path, monkeypatch
):
    source = f"{s3.url}/{tmp_path.name}"
    write_bytes(f"{source}/a.jpg", b"x")

    def half(prefix, most=None):
        yield from list_objects(prefix, most)
        if most is None:
            raise OSError("the connection was closed")

    monkeypatch.setattr(folders, "list_objects", half)
    (lost,) = match_inputs([source])
    assert (lost.row.uri, lost.row.outcome, lost.row.file_type) == (source, "failed", "folder")
    assert lost.failure.code == "unreadable"


def test_objects_that_stand_for_folders_are_no_files(place):
    if place.url.startswith("/"):
        pytest.skip("disks have folders")
    place.put("in/", "in/sub/", content=b"")
    place.put("in/sub/a.jpg", "in//b.jpg")
    found = place.match("in")
    assert found.files == ["in//b.jpg", "in/sub/a.jpg"]
    assert found.listed == {"in": "2", "in/sub": "1", "in/": "1"}


# --- links, on disks only ------------------------------------------------------------------------


def link(disk: Place, name: str, target: str) -> None:
    path = Path(disk.url, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(Path(disk.url, target))


@pytest.mark.parametrize("name", ["in/a link.jpg", "in/z link.jpg", "in/a/z.jpg", "in/z/a.jpg"])
@pytest.mark.parametrize("hard", [False, True])
def test_a_link_to_a_file_that_is_met_is_no_copy_of_it(disk, name, hard):
    disk.put("in/photo.jpg", "in/sub/b.jpg")
    if hard:
        Path(disk.url, name).parent.mkdir(exist_ok=True)
        os.link(Path(disk.url, "in/photo.jpg"), Path(disk.url, name))
        kept, other = sorted(["in/photo.jpg", name])
    else:
        link(disk, name, "in/photo.jpg")
        kept, other = "in/photo.jpg", name
    for inputs in (
        ["in"],
        ["in/**/*.jpg"],
        [name, "in/photo.jpg", "in/sub"],
        ["in/sub", "in/photo.jpg", name],
    ):
        found = disk.match(*inputs)
        assert found.files == sorted([kept, "in/sub/b.jpg"])
        assert found.skipped == {other: "link to a file that was met"}


def test_a_link_to_a_file_that_is_not_met_is_a_file(disk):
    disk.put("out/a.jpg", "in/.hidden/b.jpg")
    for name, target in (("1.jpg", "out/a.jpg"), ("2.jpg", "out/a.jpg"), ("3.jpg", "in/.hidden/b.jpg")):
        link(disk, f"in/{name}", target)
    found = disk.match("in")
    assert found.files == ["in/1.jpg", "in/3.jpg"]
    assert found.skipped["in/2.jpg"] == "link to a file that was met"


@pytest.mark.parametrize("name", ["in/a", "in/z"])
def test_a_link_to_a_folder_that_is_met_is_not_entered_whatever_its_name(disk, name):
    disk.put("in/folder/a.jpg")
    link(disk, name, "in/folder")
    for inputs in (["in"], [name, "in"], ["in", name], ["in/*"]):
        found = disk.match(*inputs)
        assert found.files == ["in/folder/a.jpg"]
        assert found.skipped == {name: "link to a folder that was met"}
        assert set(found.listed) <= {"in", "in/folder"}


def test_a_link_to_a_folder_elsewhere_is_entered_under_its_own_name(disk):
    disk.put("out/sub/a.jpg", "in/b.jpg")
    link(disk, "in/x", "out/sub")
    link(disk, "in/y", "out")
    for inputs in (["in"], ["in/**/*.jpg"]):
        found = disk.match(*inputs)
        assert found.files == ["in/b.jpg", "in/y/sub/a.jpg"]
        assert found.skipped == {"in/x": "link to a folder that was met"}
        assert found.roots["in/y/sub/a.jpg"] == "in"


@pytest.mark.parametrize("name", ["a", "z"])
def test_of_two_paths_to_one_named_file_that_without_links_counts(disk, name):
    disk.put("folder/a.jpg")
    link(disk, name, "folder")
    found = disk.match(f"{name}/a.jpg", "folder/*.jpg")
    assert found.files == ["folder/a.jpg"]
    assert found.skipped == {f"{name}/a.jpg": "link to a file that was met"}


def test_a_file_system_that_numbers_nothing_has_as_many_folders_and_files_as_it_shows(disk, monkeypatch):
    stat = os.stat

    def unnumbered(path, **options):
        info = list(stat(path, **options))
        info[1], info[3] = 0, 2
        return os.stat_result(info)

    disk.put("in/1/a.jpg", "in/2/b.jpg", "in/2/c.jpg")
    link(disk, "in/link.jpg", "in/1/a.jpg")
    link(disk, "in/loop", "in")
    monkeypatch.setattr(os, "stat", unnumbered)
    found = disk.match("in")
    assert found.files == ["in/1/a.jpg", "in/2/b.jpg", "in/2/c.jpg"]
    assert found.skipped == {
        "in/link.jpg": "link to a file that was met",
        "in/loop": "link to a folder that was met",
    }


def test_a_sidecar_that_cannot_be_examined_does_not_cost_the_photo(disk):
    names = ("dangling", "looping", "pipe", "device", "folder")
    disk.put(*(f"{name}.jpg" for name in names))
    link(disk, "dangling.jpg.xmp", "nowhere")
    link(disk, "looping.jpg.xmp", "looping.jpg.xmp")
    os.mkfifo(Path(disk.url, "pipe.jpg.json"))
    Path(disk.url, "device.jpg.xmp").symlink_to("/dev/zero")
    Path(disk.url, "folder.jpg.xmp").mkdir()
    found = disk.match(".")
    assert {f"{name}.jpg" for name in names} <= set(found.files)
    assert found.sidecars["dangling.jpg"] == ["dangling.jpg.xmp"]
    assert "folder.jpg" not in found.sidecars


def test_photos_of_a_folder_that_may_be_entered_but_not_listed_keep_their_sidecars(disk, monkeypatch):
    disk.put("shut/a.jpg", "shut/a.jpg.xmp", "list.txt", content=b"shut/a.jpg\n")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert disk.match("shut/a.jpg").sidecars == {"shut/a.jpg": ["a.jpg.xmp"]}
    assert disk.match("list.txt").files == ["shut/a.jpg"]
    found = disk.match("shut*/*.jpg", "list.txt")
    assert found.lost == ["shut"]
    with pytest.raises(UsageError, match=r"shut/\*.jpg cannot be read \(.*Permission denied"):
        check_input(f"{disk.url}/shut/*.jpg")


def test_the_output_is_never_read_whoever_names_it(place):
    place.put("in/a.jpg", "in/out [1]/photos.jpg", "in/out 1/b.jpg")
    exclude = f"{place.url}/in/out [1]"
    for inputs in (["in"], ["in/*"], ["in/**/*.jpg"]):
        assert place.match(*inputs, exclude=exclude).files == ["in/a.jpg", "in/out 1/b.jpg"]
    assert place.match("in/out [1]/photos.jpg", exclude=exclude).files == []
