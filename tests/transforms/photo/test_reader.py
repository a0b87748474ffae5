from dataclasses import replace
from datetime import datetime

import pytest
from PIL import Image

from headcount.models.detectors.search import Detector
from headcount.models.framing import CROP_SIZE, Box, Framing
from headcount.schemas.failures import MACHINE_CODES
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.photo import reader
from headcount.transforms.photo.reader import PhotoReader


@pytest.fixture
def read(album, reading):
    def read(name, **changes):
        path = album / name
        size = path.stat().st_size if path.exists() else 0
        return PhotoReader(replace(reading, **changes)).read(FoundFile(str(path), str(album), size, 0.0))

    return read


def test_a_turned_photo_is_upright_in_its_row_and_boxes(read):
    result = read("2019/turned.jpg")
    photo, (found,) = result.photo, result.faces
    assert (photo.width, photo.height, photo.orientation) == (400, 512, 6)
    assert (photo.taken_at, photo.date_source, photo.make) == (
        datetime(2019, 3, 4, 10, 11, 12),
        "original",
        "Maker",
    )
    assert photo.faces == 1
    face = found.face
    assert 150 < (face.left + face.right) / 2 < 300
    assert 60 < (face.top + face.bottom) / 2 < 180
    assert found.crop.shape == (CROP_SIZE, CROP_SIZE, 3)
    assert face.age is None
    assert face.brightness == pytest.approx(found.crop.mean(), rel=0.2)


def test_boxes_end_inside_the_photo_and_have_the_scale_of_each_axis(album, reading, tmp_path, monkeypatch):
    Image.new("RGB", (30000, 700)).save(tmp_path / "panorama.png")
    boxes = [(Box(0, 0, 704, 64), 0.9, None), (Box(352, 0, 704, 8.5), 0.8, None)]
    monkeypatch.setattr(
        reader, "load_detector", lambda *args: Detector("made", 0.5, Framing(), lambda pixels: boxes)
    )
    found = FoundFile(str(tmp_path / "panorama.png"), str(tmp_path), 1, 0.0)
    whole, half = (one.face for one in PhotoReader(reading).read(found).faces)
    assert (whole.left, whole.top, whole.right, whole.bottom) == (0, 0, 30000, 700)
    assert (half.left, half.top, half.right, half.bottom) == pytest.approx((15000, 0, 30000, 350))


def test_copies_share_their_id(read):
    assert read("2019/turned.jpg").photo.photo_id == read("2019/a copy.jpg").photo.photo_id


def test_a_photo_without_a_face_is_a_row(read):
    result = read("no face.png")
    assert result.photo.faces == 0
    assert result.faces == result.failures == []


@pytest.mark.parametrize(
    ("name", "stage", "code"),
    [
        ("text.jpg", "decode", "not_an_image"),
        ("empty.jpg", "read", "empty"),
        ("gone.jpg", "read", "unreadable"),
    ],
)
def test_what_cannot_be_read_is_one_failure(read, name, stage, code):
    result = read(name)
    assert result.photo is None
    (lost,) = result.failures
    assert (lost.stage, lost.code) == (stage, code)
    assert lost.uri.endswith(name)


def test_a_sidecar_that_cannot_be_opened_is_a_failure_of_the_machine(reading, album):
    (beside,) = (str(path) for path in album.glob("IMG_*.webp"))
    (lost,) = PhotoReader(reading).read(FoundFile(beside, "/", 1, None, (f"{beside}.xmp",))).failures
    assert (lost.stage, lost.code) == ("metadata", "unreadable_sidecar")
    assert lost.code in MACHINE_CODES


def test_too_many_pixels_are_a_failure(read):
    assert read("2019/turned.jpg", max_pixels=1000).failures[0].code == "too_large"


def test_other_files_are_skipped(read):
    result = read("notes.csv")
    assert (result.file_type, result.photo, result.failures) == ("csv", None, [])


def test_a_position_is_written_only_where_it_is_asked_for(reading, tmp_path, portrait):
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "S", 2: (30.0, 30.0, 0.0), 3: "E", 4: (7.0, 15.0, 36.0)})
    path = tmp_path / "placed.jpg"
    Image.fromarray(portrait).save(path, exif=exif)
    placed = FoundFile(str(path), str(tmp_path), path.stat().st_size, 0.0)
    hidden = PhotoReader(reading).read(placed).photo
    assert (hidden.latitude, hidden.longitude) == (None, None)
    kept = PhotoReader(replace(reading, keep_location=True)).read(placed).photo
    assert (kept.latitude, kept.longitude) == pytest.approx((-30.5, 7.26))
