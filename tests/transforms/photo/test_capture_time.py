from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.schemas.labels import DATE_PRECISIONS, DATE_SOURCES
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.photo.capture_time import (
    CaptureTime,
    capture_time,
    moments_in_folders,
    moments_in_name,
    parse_moment,
    parse_offset,
)
from headcount.transforms.photo.exif import DateText, Metadata, read_metadata
from headcount.transforms.photo.file_types import HEAD_BYTES, sniff

NOW = datetime(2026, 6, 1, 12, 0)
XMP = (
    b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:exif='http://ns.adobe.com/exif/1.0/'>"
    b"<rdf:Description exif:DateTimeOriginal='2003-03-03T03:03:03+01:00'/></rdf:RDF>"
)


def found(
    path: str = "/in/x.jpg", sidecars: tuple[str, ...] = (), modified: float | None = None
) -> FoundFile:
    return FoundFile(path, "/in", 1, modified, sidecars)


def when(metadata: Metadata, path: str = "/in/x.jpg") -> CaptureTime:
    return capture_time(metadata, found(path), NOW)


# --- texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at", "precision"),
    [
        ("2004:08:27 13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004:08:27 13:52:55\0\0 junk", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004-08-27T13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004/08/27 13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004:08:27:13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004: 8: 7  9: 5: 1", datetime(2004, 8, 7, 9, 5, 1), "second"),
        ("2004:08:27 13:52:55.5", datetime(2004, 8, 27, 13, 52, 55, 500000), "second"),
        ("2004:08:27 13:52", datetime(2004, 8, 27, 13, 52), "minute"),
        ("2004:08:27 13:52:  ", datetime(2004, 8, 27, 13, 52), "minute"),
        ("2004:08:27", datetime(2004, 8, 27), "day"),
        ("2004/08/27", datetime(2004, 8, 27), "day"),
        ("2004:08:27   :  :  ", datetime(2004, 8, 27), "day"),
        ("2004:08:  :  :  ", datetime(2004, 8, 1), "month"),
        ("2004-08", datetime(2004, 8, 1), "month"),
        ("2004", datetime(2004, 1, 1), "year"),
    ],
)
def test_dates_that_are_read(text: str, at: datetime, precision: str) -> None:
    assert parse_moment(text) == (at, precision, None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        ":  :",
        "\0\0\0",
        "2004:00:00 00:00:00",
        "2004:13:01 00:00:00",
        "2004:02:30 00:00:00",
        "2004:02:03 24:00:00",
        "2004:02:03 10:60:00",
        "04:08:27 13:52:55",
        "27:08:2004 13:52:55",
        "2004:08:27 13:52:55 and more",
        "yesterday",
        "٢٠٠٤:08:27",
    ],
)
def test_dates_that_are_rejected(text: str) -> None:
    assert parse_moment(text) is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+02:00", 120), ("-0330", -210), ("+5:45", 345), ("Z", 0), (" +14:00 ", 840), ("-12:00", -720)]
    + [(text, None) for text in ("", "   :  ", "+14:15", "-12:15", "+02:60", "02:00", "+2", "CEST")],
)
def test_offsets(text: str, minutes: int | None) -> None:
    assert parse_offset(text) == minutes


# --- the ladder --------------------------------------------------------------------------------


def test_each_rung_gives_way_to_the_one_above(tmp_path: Path) -> None:
    """Takes the sources away from the top, one by one."""
    sidecar = tmp_path / "20050505_050505.jpg.xmp"
    sidecar.write_bytes(XMP)
    file = FoundFile(
        str(tmp_path / "2006/20050505_050505.jpg"), str(tmp_path), 1, 1_183_766_827.0, (str(sidecar),)
    )
    plain = FoundFile(str(tmp_path / "2006/x.jpg"), str(tmp_path), 1, file.modified)
    undated = FoundFile(str(tmp_path / "x.jpg"), str(tmp_path), 1, file.modified)
    first, second, fourth = (DateText(f"200{n}:0{n}:0{n} 0{n}:0{n}:0{n}") for n in (1, 2, 4))
    steps = [
        (Metadata(original=first, digitized=second, modified=fourth), file),
        (Metadata(digitized=second, modified=fourth), file),
        (Metadata(modified=fourth), file),
        (Metadata(modified=fourth), FoundFile(file.path, file.root, 1, file.modified)),
        (Metadata(), FoundFile(file.path, file.root, 1, file.modified)),
        (Metadata(), plain),
        (Metadata(), undated),
    ]
    answers = [capture_time(metadata, found, NOW, use_mtime=True) for metadata, found in steps]
    assert [answer.date_source for answer in answers] == [
        "original",
        "digitized",
        "xmp",
        "modified",
        "filename",
        "folder",
        "mtime",
    ]
    assert [answer.taken_at.year for answer in answers if answer.taken_at] == [
        2001,
        2002,
        2003,
        2004,
        2005,
        2006,
        2007,
    ]
    assert [answer.utc_offset_minutes for answer in answers] == [None, None, 60, None, None, None, 0]
    assert {answer.date_precision for answer in answers} == {"second", "year"} < set(DATE_PRECISIONS)
    assert capture_time(Metadata(), undated, NOW) == CaptureTime()


@pytest.mark.parametrize(
    "bad", ["0000:00:00 00:00:00", "    :  :     :  :  ", "2026:06:02 12:00:01", "1825:12:31"]
)
def test_a_rejected_date_gives_way_to_the_next(bad: str) -> None:
    metadata = Metadata(original=DateText(bad), digitized=DateText("2004:08:27 13:52:55"))
    assert when(metadata).date_source == "digitized"


def test_up_to_a_day_after_the_start_is_not_the_future() -> None:
    assert when(Metadata(original=DateText("2026:06:02 12:00:00"))).date_source == "original"


def test_future_names_and_folders_are_rejected() -> None:
    assert when(Metadata(), "/in/2030/20270101_000000.jpg") == CaptureTime()


def test_part_of_a_second() -> None:
    taken = when(Metadata(original=DateText("2004:08:27 13:52:55", subsec="068")))
    assert taken.taken_at == datetime(2004, 8, 27, 13, 52, 55, 68_000)
    for text in (DateText("2004:08:27 13:52", "68"), DateText("2004:08:27 13:52:55", "x")):
        at = when(Metadata(original=text)).taken_at
        assert at is not None
        assert at.microsecond == 0


# --- the zone ----------------------------------------------------------------------------------

DATE = "2014:07:06 16:11:00"


@pytest.mark.parametrize(
    ("original", "digitized", "modified", "minutes"),
    [
        ((DATE, "+02:00"), (DATE, "+03:00"), (DATE, "+04:00"), 120),
        ((DATE, ""), (DATE, "+03:00"), (DATE, "+04:00"), 180),
        ((DATE, "   :  "), (DATE, "+03:00"), (DATE, ""), 180),
        ((DATE, ""), (DATE, ""), (DATE, "+04:00"), 240),
        ((DATE, ""), ("", ""), ("", "+04:00"), 240),
        ((DATE, ""), (DATE, ""), ("2014:07:06 18:00:00", "+04:00"), 240),
        ((DATE, ""), (DATE, ""), ("2019:01:01 18:00:00", "+04:00"), None),
        (("2014-07-06T16:11:00-05:00", "+02:00"), ("", ""), ("", ""), -300),
        (("2014:07:06", "+02:00"), ("", ""), ("", ""), None),
        ((DATE, ""), (DATE, ""), (DATE, ""), None),
    ],
)
def test_offset_tags(
    original: tuple[str, str], digitized: tuple[str, str], modified: tuple[str, str], minutes: int | None
) -> None:
    texts = [DateText(date, "", offset) for date, offset in (original, digitized, modified)]
    metadata = Metadata(original=texts[0], digitized=texts[1], modified=texts[2])
    assert when(metadata).utc_offset_minutes == minutes


@pytest.mark.parametrize(
    ("gps_minus_clock", "minutes"),
    [
        (timedelta(hours=-2, seconds=70), 120),
        (timedelta(hours=-5, minutes=-45, seconds=-400), 345),
        (timedelta(hours=8), -480),
        (timedelta(hours=12, minutes=20), None),
        (timedelta(hours=-14, minutes=-20), None),
        (timedelta(hours=28), None),
        (timedelta(days=-7000), None),
    ],
)
def test_gps_time_tells_the_offset(gps_minus_clock: timedelta, minutes: int | None) -> None:
    clock = datetime(2014, 7, 6, 16, 11)
    assert (
        when(Metadata(original=DateText(DATE), gps_utc=clock + gps_minus_clock)).utc_offset_minutes == minutes
    )


def test_a_tag_is_trusted_before_gps() -> None:
    metadata = Metadata(original=DateText(DATE, "", "+01:00"), gps_utc=datetime(2014, 7, 6, 14, 11))
    assert when(metadata).utc_offset_minutes == 60


# --- sidecars ----------------------------------------------------------------------------------


def test_sidecar_before_embedded_packet_before_takeout(tmp_path: Path) -> None:
    beside, takeout = tmp_path / "a.xmp", tmp_path / "a.jpg.json"
    beside.write_bytes(XMP.replace(b"2003-", b"2001-"))
    takeout.write_text('{"photoTakenTime": {"timestamp": "1404663060"}}')
    paths = (str(beside), str(takeout))
    answers = [
        capture_time(Metadata(xmp=XMP), found(sidecars=paths), NOW),
        capture_time(Metadata(xmp=XMP), found(sidecars=paths[1:]), NOW),
        capture_time(Metadata(), found(sidecars=paths[1:]), NOW),
    ]
    assert [answer.taken_at for answer in answers] == [
        datetime(2001, 3, 3, 3, 3, 3),
        datetime(2003, 3, 3, 3, 3, 3),
        datetime(2014, 7, 6, 16, 11),
    ]
    assert [answer.utc_offset_minutes for answer in answers] == [60, 60, 0]
    assert {answer.date_source for answer in answers} == {"xmp"}


def test_unreadable_sidecars_are_told_and_cost_no_date(tmp_path: Path) -> None:
    damaged = tmp_path / "a.jpg.json"
    damaged.write_text("{")
    file = found("/in/20140706_161100.jpg", sidecars=("/nowhere/a.xmp", str(damaged)))
    taken = capture_time(Metadata(xmp=b"<a>"), file, NOW)
    assert (taken.taken_at, taken.date_source) == (datetime(2014, 7, 6, 16, 11), "filename")
    assert taken.damage is not None
    assert [part.partition(":")[0] for part in taken.damage.split("; ")] == ["XMP", str(damaged)]
    assert taken.unread == "/nowhere/a.xmp: No such file or directory"


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "at", "precision"),
    [
        ("IMG_19840605_155300.jpg", datetime(1984, 6, 5, 15, 53), "second"),
        ("20140706_161100.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("IMG20140706161100.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("20140706_161100_HDR(1).jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("00001IMG_00001_BURST20171111030039.jpg", datetime(2017, 11, 11, 3, 0, 39), "second"),
        ("2014-07-06 16.11.00.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("2014-07-06 16.11.00-1.jpg", datetime(2014, 7, 6, 16, 11), "second"),
        ("2014-07-06 16.11.jpg", datetime(2014, 7, 6, 16, 11), "minute"),
        ("Screenshot_2019-03-04-10-11-12.png", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("Screenshot_20190304-101112_Chrome.jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("Screen Shot 2019-03-04 at 10.11.12 PM.png", datetime(2019, 3, 4, 22, 11, 12), "second"),
        ("Screen Shot 2019-03-04 at 12.11.12 AM.png", datetime(2019, 3, 4, 0, 11, 12), "second"),
        ("signal-2019-03-04-101112.jpeg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("signal-2019-03-04-10-11-12-123.jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("photo_2019-03-04_10-11-12 (2).jpg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("WhatsApp Image 2019-03-04 at 10.11.12.jpeg", datetime(2019, 3, 4, 10, 11, 12), "second"),
        ("IMG-20190304-WA0012.jpg", datetime(2019, 3, 4), "day"),
        ("2014-07-06.jpg", datetime(2014, 7, 6), "day"),
        ("2014_07_06 Anna.jpg", datetime(2014, 7, 6), "day"),
        ("IMG_20140706_999999.jpg", datetime(2014, 7, 6), "day"),
        ("2014-07-06-1234.jpg", datetime(2014, 7, 6), "day"),
        ("2014-07-06 (12).jpg", datetime(2014, 7, 6), "day"),
        ("1974-08 Grandma.jpg", datetime(1974, 8, 1), "month"),
    ],
)
def test_names_with_a_date(name: str, at: datetime, precision: str) -> None:
    assert next(moments_in_name(name)) == (at, precision, None)


def test_pixel_names_are_utc() -> None:
    taken = when(Metadata(), "/in/PXL_20210101_101010123.PORTRAIT-01.COVER.jpg")
    assert taken == CaptureTime(datetime(2021, 1, 1, 10, 10, 10, 123_000), "second", 0, "filename")


@pytest.mark.parametrize(
    "name",
    [
        "DSC_8364_0.jpg",
        "2007_007763.jpg",
        "2008_001009.jpg",
        "scan00211.jpg",
        "IMG_2014.jpg",
        "2014.jpg",
        "cam_081000.jpg",
        "20140706999999.jpg",
        "FB_IMG_1400000000000.jpg",
        "mmexport1400000000000.jpg",
        "VID_20140706_161100.jpg",
        "+4917612345678.jpg",
        "a20140706f3c1.jpg",
        "3f20140706.jpg",
        "8c1f20140706161100ab.jpg",
        "12345678_10150123456789_1234567890_n.jpg",
        "1920x1080.jpg",
        "20141306_161100.jpg",
        "2014-07_06.jpg",
        "1980-89 Holidays.jpg",
        "06-07-2014.jpg",
        "99999999999999999999.jpg",
    ],
)
def test_names_without_a_date(name: str) -> None:
    assert list(moments_in_name(name)) == []


def test_a_name_with_an_impossible_year_has_no_date() -> None:
    assert when(Metadata(), "/in/17870612.jpg") == CaptureTime()


@pytest.mark.parametrize(
    ("folders", "at", "precision"),
    [
        ("2014-05-03 Holiday", datetime(2014, 5, 3), "day"),
        ("20140503", datetime(2014, 5, 3), "day"),
        ("2014/05/03", datetime(2014, 5, 3), "day"),
        ("2014-05/03", datetime(2014, 5, 3), "day"),
        ("2014/2014-05-03 Holiday/best", datetime(2014, 5, 3), "day"),
        ("2014/05", datetime(2014, 5, 1), "month"),
        ("2014_05 Rome", datetime(2014, 5, 1), "month"),
        ("1987 Summer", datetime(1987, 1, 1), "year"),
        ("1987 Été", datetime(1987, 1, 1), "year"),
        ("Christmas 2003", datetime(2003, 1, 1), "year"),
        ("Photos from 2014", datetime(2014, 1, 1), "year"),
        ("2014/Holiday", datetime(2014, 1, 1), "year"),
        ("2014/13", datetime(2014, 1, 1), "year"),
        ("1987 Summer/05", datetime(1987, 1, 1), "year"),
        ("1987/Summer/05", datetime(1987, 1, 1), "year"),
    ],
)
def test_folders_with_a_date(folders: str, at: datetime, precision: str) -> None:
    assert next(moments_in_folders(folders.split("/"), "x.jpg")) == (at, precision, None)


@pytest.mark.parametrize(
    "folder",
    [
        "1980-1989",
        "1980s",
        "1987-89",
        "1999 to 2003",
        "Backup 2019",
        "2019-03-04 scans",
        "1920 x 1080",
        "1600x1200",
        "100CANON",
        "201405__",
        "DCIM",
        "05",
        "May-Aug",
        "Route 66",
        "IMG2014",
        "12345",
    ],
)
def test_folders_without_a_date(folder: str) -> None:
    assert list(moments_in_folders([folder], "x.jpg")) == []


def test_fixed_camera_has_the_day_in_the_folder_and_the_time_in_the_name() -> None:
    taken = when(Metadata(), "/in/front/2024-03-04/cam_081000.jpg")
    assert taken == CaptureTime(datetime(2024, 3, 4, 8, 10), "second", None, "folder")
    assert when(Metadata(), "/in/2024/03/04/webcam2-081000.jpg").taken_at == datetime(2024, 3, 4, 8, 10)
    assert when(Metadata(), "/in/2024-03-04/IMG_081000.jpg").date_precision == "day"
    assert when(Metadata(), "/in/2024-03/cam_081000.jpg").date_precision == "month"
    assert when(Metadata(), "/in/2024-03-04/cam_081099.jpg").date_precision == "day"


def test_folders_above_the_input_say_nothing() -> None:
    file = FoundFile("/home/2003/photos 2004/x.jpg", "/home/2003/photos 2004", 1, None)
    assert capture_time(Metadata(), file, NOW) == CaptureTime()
    linked = FoundFile("/other/2003/x.jpg", "/home", 1, None)
    assert capture_time(Metadata(), linked, NOW) == CaptureTime()
    bucket = FoundFile("gs://2003/2004/2005/x.jpg", "gs://2003/2004/", 1, None)
    assert capture_time(Metadata(), bucket, NOW).taken_at == datetime(2005, 1, 1)


TEXTS = st.one_of(
    st.text(max_size=30), st.from_regex(r"[0-9]{4}[-:][0-9]{2}[-:][0-9]{2}[ T][0-9:. +Z-]{0,20}")
)


@settings(deadline=None)
@given(TEXTS, TEXTS, TEXTS, st.datetimes(), st.floats())
def test_any_text_gives_a_date_in_range_or_none(
    date: str, name: str, offset: str, gps_utc: datetime, modified: float
) -> None:
    for metadata in (
        Metadata(original=DateText(date, offset, offset), gps_utc=gps_utc),
        Metadata(xmp=date.encode()),
    ):
        taken = capture_time(
            metadata, found(f"/in/{name}/{name}.jpg", modified=modified), NOW, use_mtime=True
        )
        if taken.taken_at is None:
            assert (taken.date_source, taken.date_precision, taken.utc_offset_minutes) == (None, None, None)
        else:
            assert datetime(1826, 1, 1) <= taken.taken_at <= NOW + timedelta(days=1)
            assert taken.date_source in DATE_SOURCES
            assert taken.date_precision in DATE_PRECISIONS
            assert taken.utc_offset_minutes is None or -720 <= taken.utc_offset_minutes <= 840


# --- shared photos -----------------------------------------------------------------------------


def taken_of(root: Path, path: str) -> CaptureTime:
    image = (root / path).read_bytes()
    metadata = read_metadata(image, sniff(image[:HEAD_BYTES], path).format)
    return capture_time(metadata, FoundFile(str(root / path), str(root), len(image), None), NOW)


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text("utf-8").splitlines()))


def test_album_agrees_with_its_truth(data: Path) -> None:
    sources = {"exif": "original", "exif+zone": "original", "none": None, "": None}
    rows = [row for row in rows_of(data / "album" / "truth.csv") if row["date_source"] != "duplicate"]
    for row in rows:
        if row["path"] == "broken/truncated.jpg":
            continue  # the first half of a dated photo: the truth is silent on it, its EXIF is whole
        taken = taken_of(data / "album", row["path"])
        assert taken.date_source == sources.get(row["date_source"], row["date_source"]), row["path"]
        assert taken.taken_at == (datetime.fromisoformat(row["taken_at"]) if row["taken_at"] else None), row[
            "path"
        ]
        assert taken.utc_offset_minutes == (120 if row["date_source"] == "exif+zone" else None), row["path"]


def test_copy_has_the_date_of_its_photo(data: Path) -> None:
    copy = taken_of(data / "album", "broken/copy-of-a-photo.jpg")
    assert copy == taken_of(data / "album", "1957/DSC_8364_0.jpg")


def test_cafe_frames_have_their_visitors_times(data: Path) -> None:
    first_seen = {
        row["visitor"]: datetime.fromisoformat(row["first_seen"])
        for row in rows_of(data / "cafe/visitors.csv")
    }
    frames: dict[str, list[str]] = {}
    for row in rows_of(data / "cafe" / "portraits.csv"):
        frames.setdefault(row["visitor"], []).append(row["path"])
    first_frames = {visitor: min(paths) for visitor, paths in frames.items()}
    assert first_frames.keys() == first_seen.keys()
    for visitor, path in first_frames.items():
        taken = taken_of(data / "cafe", path)
        assert (taken.taken_at, taken.date_source) == (first_seen[visitor], "original")
        name_only = capture_time(
            Metadata(), FoundFile(str(data / "cafe" / path), str(data / "cafe"), 1, None), NOW
        )
        assert (name_only.taken_at, name_only.date_precision) == (first_seen[visitor], "second")


REJECTED: dict[str, str] = {}
"""Camera files whose original date a rule rejects, and the rule. None does."""


def test_camera_dates_are_reproduced(data: Path) -> None:
    root = data / "cameras"
    for row in rows_of(root / "dates.csv"):
        if row["original"] and row["path"] not in REJECTED:
            taken = taken_of(root, row["path"])
            assert taken.date_source == "original", row["path"]
            assert taken.taken_at is not None
            assert f"{taken.taken_at:%Y:%m:%d %H:%M:%S}" == row["original"], row["path"]


def test_camera_files_without_an_original_date(data: Path) -> None:
    root = data / "cameras"
    rows = [row for row in rows_of(root / "dates.csv") if not row["original"] and row["modified"]]
    answers = {row["path"]: taken_of(root, row["path"]) for row in rows}
    described = {path: taken.taken_at for path, taken in answers.items() if taken.date_source == "xmp"}
    assert described == {
        "xmp/BlueSquare.jpg": datetime(2005, 9, 7, 15, 7, 40),
        "xmp/no_exif.jpg": datetime(2013, 9, 23, 10, 9, 46),
        "jpg/long_description.jpg": datetime(2003, 8, 31),
        "tests/30-type_error.jpg": datetime(2013, 7, 5, 3, 18, 27),
    }
    for row in rows:
        if row["path"] not in described:
            taken = answers[row["path"]]
            assert taken.date_source == "modified", row["path"]
            assert taken.taken_at == datetime.strptime(row["modified"], "%Y:%m:%d %H:%M:%S"), row["path"]
