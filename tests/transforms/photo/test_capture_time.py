from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.schemas.labels import DATE_PRECISIONS, DATE_SOURCES
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.dates.spellings import DAY_FIRST
from headcount.transforms.photo.capture_time import CaptureTime, capture_time
from headcount.transforms.photo.file_types import HEAD_BYTES, sniff
from headcount.transforms.photo.metadata.exif import DateText, Metadata, read_metadata

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


# --- the sources --------------------------------------------------------------------------------


def test_every_source_in_the_order_of_trust(tmp_path: Path) -> None:
    """Takes the sources away from the top, one by one; each says another year."""
    sidecar, takeout = tmp_path / "20050505_050505.jpg.xmp", tmp_path / "20050505_050505.jpg.json"
    sidecar.write_bytes(XMP)
    takeout.write_text('{"photoTakenTime": {"timestamp": "1078372800"}}')
    dated, plain = str(tmp_path / "2006/20050505_050505.jpg"), str(tmp_path / "2006/x.jpg")
    first, iptc, digitized, created, modified = (
        DateText(f"20{n:02}:03:03 03:03:03") for n in (1, 2, 7, 8, 9)
    )
    of_the_file = {"digitized": digitized, "created": created, "modified": modified}
    steps: list[tuple[dict[str, DateText], str, tuple[Path, ...]]] = [
        ({"original": first, "iptc": iptc, **of_the_file}, dated, (sidecar, takeout)),
        ({"iptc": iptc, **of_the_file}, dated, (sidecar, takeout)),
        ({"iptc": iptc, **of_the_file}, dated, (takeout,)),
        (of_the_file, dated, (takeout,)),
        (of_the_file, dated, ()),
        (of_the_file, plain, ()),
        (of_the_file, str(tmp_path / "x.jpg"), ()),
        ({"created": created, "modified": modified}, str(tmp_path / "x.jpg"), ()),
        ({"modified": modified}, str(tmp_path / "x.jpg"), ()),
        ({}, str(tmp_path / "x.jpg"), ()),
    ]
    answers = []
    for texts, path, sidecars in steps:
        file = FoundFile(path, str(tmp_path), 1, 1_267_585_383.0, tuple(map(str, sidecars)))
        answers.append(capture_time(Metadata(**texts), file, NOW, use_mtime=True))  # type: ignore[arg-type]
    assert tuple(answer.date_source for answer in answers) == DATE_SOURCES
    years = [answer.taken_at.year for answer in answers if answer.taken_at]
    assert years == [2001, 2003, 2002, 2004, 2005, 2006, 2007, 2008, 2009, 2010]
    offsets = [answer.utc_offset_minutes for answer in answers]
    assert offsets == [None, 60, None, 0, None, None, None, None, None, 0]
    assert capture_time(Metadata(), found("/in/x.jpg", modified=1.0), NOW) == CaptureTime()


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


def test_a_name_with_an_impossible_year_has_no_date() -> None:
    assert when(Metadata(), "/in/17870612.jpg") == CaptureTime()


def test_the_files_dates_of_a_scan_say_nothing() -> None:
    of_the_scan = DateText("2010:05:06 07:08:09")
    metadata = Metadata(digitized=of_the_scan, created=of_the_scan, modified=of_the_scan)
    assert when(metadata, "/in/x.jpg").date_source == "digitized"
    assert when(metadata, "/in/scan0001.jpg") == CaptureTime()
    assert when(metadata, "/in/Scans/x.jpg") == CaptureTime()
    assert when(metadata, "/in/Scans/1974/x.jpg").taken_at == datetime(1974, 1, 1)
    original = Metadata(original=DateText("1974:08:12 10:00:00"), digitized=of_the_scan)
    assert when(original, "/in/scan0001.jpg").date_source == "original"


def test_the_folder_shows_the_order_of_day_and_month() -> None:
    file = FoundFile("/in/04-03-2019.jpg", "/in", 1, None, day_order=DAY_FIRST)
    assert capture_time(Metadata(), file, NOW).taken_at == datetime(2019, 3, 4)
    assert FoundFile.unpacked(file.packed()) == file
    assert file.version != FoundFile("/in/04-03-2019.jpg", "/in", 1, None).version


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
        (timedelta(hours=-5, minutes=-45, seconds=-100), 345),
        (timedelta(hours=-5, minutes=-45, seconds=-130), None),
        (timedelta(hours=-2, minutes=-45), None),
        (timedelta(hours=-2, minutes=-40), None),
        (timedelta(hours=3, minutes=30), -210),
        (timedelta(hours=8), -480),
        (timedelta(hours=13), None),
        (timedelta(hours=-14), 840),
        (timedelta(hours=-15), None),
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
    assert [answer.date_source for answer in answers] == ["xmp", "xmp", "takeout"]
    assert [answer.date_conflict for answer in answers] == ["takeout", "takeout", None]


def test_unreadable_sidecars_are_told_and_cost_no_date(tmp_path: Path) -> None:
    damaged = tmp_path / "a.jpg.json"
    damaged.write_text("{")
    file = found("/in/20140706_161100.jpg", sidecars=("/nowhere/a.xmp", str(damaged)))
    taken = capture_time(Metadata(xmp=b"<a>"), file, NOW)
    assert (taken.taken_at, taken.date_source) == (datetime(2014, 7, 6, 16, 11), "filename")
    assert taken.damage is not None
    assert [part.partition(":")[0] for part in taken.damage.split("; ")] == ["XMP", str(damaged)]
    assert taken.unread == "/nowhere/a.xmp: No such file or directory"


# --- folders -----------------------------------------------------------------------------------


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
    packets = ("xmp", "created")
    described = {path: taken.taken_at for path, taken in answers.items() if taken.date_source in packets}
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
