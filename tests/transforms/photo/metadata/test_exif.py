from __future__ import annotations

import csv
import io
import struct
import zlib
from datetime import datetime
from pathlib import Path

import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from headcount.transforms.photo.file_types import HEAD_BYTES, sniff
from headcount.transforms.photo.metadata.containers import MAX_XMP
from headcount.transforms.photo.metadata.exif import (
    DateText,
    Metadata,
    _Bounded,
    _ExhaustedError,
    read_metadata,
)

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
FORMATS = ("jpeg", "png", "webp", "tiff", "heic")
EXIF_IFD, GPS_IFD = 0x8769, 0x8825


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F] = "Canon\0\0"
    tags[0x0110] = " EOS 5 "
    tags[0x0112] = 6
    tags[0x0132] = "2014:07:07 10:00:00"
    tags.get_ifd(EXIF_IFD).update(
        {0x9003: "2014:07:06 16:11:00", 0x9004: "2014:07:06 16:11:01", 0x9011: "+02:00", 0x9291: "68"}
    )
    tags.get_ifd(GPS_IFD).update(
        {1: "S", 2: tuple(map(IFDRational, (30, 30, 0))), 3: "E", 4: tuple(map(IFDRational, (7, 15, 36)))}
        | {29: "2014:07:06", 7: (IFDRational(14), IFDRational(11), IFDRational(3, 2))}
    )
    return tags


def saved(format: str, zipped: bool = False) -> bytes:
    """A small photo with the metadata of `exif` and an XMP packet."""
    file = io.BytesIO()
    picture = Image.new("RGB", (64, 48), "navy")
    if format == "heic":
        heif = pillow_heif.from_pillow(picture)
        heif.info["xmp"] = XMP
        heif.save(file, exif=exif().tobytes(), quality=20)
    elif format == "tiff":
        tags = (
            exif()
        )  # an EXIF part is a TIFF file without a picture, and Pillow's TIFF writer drops some of it
        tags[0x02BC] = XMP * 40
        return tags.tobytes().removeprefix(b"Exif\0\0")
    elif format == "png":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", XMP.decode(), zip=zipped)
        picture.save(file, "png", exif=exif(), pnginfo=text)
    else:
        picture.save(file, format, exif=exif(), xmp=XMP)
    return file.getvalue()


PHOTOS = {format: saved(format) for format in FORMATS}


@pytest.mark.parametrize("format", FORMATS)
def test_reads_every_format(format: str) -> None:
    assert read_metadata(PHOTOS[format], format) == Metadata(
        make="Canon",
        model="EOS 5",
        orientation=1 if format == "heic" else 6,
        original=DateText("2014:07:06 16:11:00", "68", "+02:00"),
        digitized=DateText("2014:07:06 16:11:01"),
        modified=DateText("2014:07:07 10:00:00"),
        gps_utc=datetime(2014, 7, 6, 14, 11, 1, 500000),
        latitude=-30.5,
        longitude=7.26,
        xmp=XMP * 40 if format == "tiff" else XMP,
    )


def test_compressed_png_packet() -> None:
    assert read_metadata(saved("png", zipped=True), "png").xmp == XMP


def test_compressed_png_packet_does_not_expand_without_end() -> None:
    text = b"XML:com.adobe.xmp\0\x01\0\0\0" + zlib.compress(bytes(2 * MAX_XMP))
    chunk = struct.pack(">I", len(text)) + b"iTXt" + text + b"crc."
    assert read_metadata(b"\x89PNG\r\n\x1a\n" + chunk, "png").xmp == bytes(MAX_XMP)


def test_no_metadata_is_no_damage() -> None:
    plain = io.BytesIO()
    Image.new("RGB", (8, 8)).save(plain, "jpeg")
    assert read_metadata(plain.getvalue(), "jpeg") == Metadata()
    assert read_metadata(b"this is not a picture", None) == Metadata()
    assert read_metadata(b"", "jpeg") == Metadata()


def tiff(*entries: tuple[int, int, int, bytes], tail: bytes = b"", at: int = 8) -> bytes:
    """A little-endian TIFF of one directory; entries are tag, type, count, 4 bytes of value."""
    table = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3].ljust(4, b"\0") for entry in entries)
    return b"II*\0" + struct.pack("<IH", at, len(entries)) + table + bytes(4) + tail


def jpeg(exif: bytes) -> bytes:
    body = b"Exif\0\0" + exif
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(body)) + body + b"\xff\xd9"


BIG = (1 << 32) - 1
ASCII, LONG, RATIONAL, SIGNED = 2, 4, 5, 10


@pytest.mark.parametrize(
    ("segment", "damage"),
    [
        (b"garbage!", "does not begin with a TIFF header"),
        (tiff(at=9_999), "the Image directory lies at 9999 of 14 bytes"),
        (tiff((0x8769, LONG, 1, struct.pack("<I", 7_777))), "the EXIF directory lies at 7777"),
        (tiff((0x8769, ASCII, 2, b"\t")), "the EXIF directory lies at '\\t'"),
        (tiff((0x0132, ASCII, 20, struct.pack("<I", 5_000))), "Image DateTime lies at 5000 to 5020 of 26"),
        (tiff()[:8] + b"\xff\xff", "claim too many values"),
        (tiff()[:8] + b"\x09\0", "the Image directory at 8 of 10 bytes claims 9 entries"),
    ],
)
def test_damage_is_told(segment: bytes, damage: str) -> None:
    told = read_metadata(jpeg(segment), "jpeg").damage
    assert told is not None
    assert damage in told


def test_what_was_read_before_the_damage_is_kept() -> None:
    date = b"2004:08:27 13:52:55\0"
    damaged = tiff((0x0132, ASCII, 20, struct.pack("<I", 38)), (0x8769, LONG, 1, b"\xff\xff"), tail=date)
    metadata = read_metadata(jpeg(damaged), "jpeg")
    assert metadata.modified.date == "2004:08:27 13:52:55"
    assert metadata.damage


def test_date_survives_a_cut_file() -> None:
    cut = PHOTOS["jpeg"][: PHOTOS["jpeg"].index(b"\xff\xdb")]
    assert read_metadata(cut, "jpeg").original.date == "2014:07:06 16:11:00"


def test_reads_are_bounded() -> None:
    """65,535 entries of 999 fractions each are 131 million reads in half a megabyte."""
    entries = [struct.pack("<HHII", 0x8769, LONG, 1, 8)] + [
        struct.pack("<HHII", 0x9999, RATIONAL, 999, 8)
    ] * 65_534
    lies = b"II*\0" + struct.pack("<IH", 8, 65_535) + b"".join(entries)
    assert read_metadata(lies, "tiff").damage == "_ExhaustedError: the EXIF directories claim too many values"


def test_a_huge_text_does_not_copy_the_file() -> None:
    lies = tiff((0x010F, ASCII, BIG, struct.pack("<I", 8)), tail=b"x" * (1 << 20))
    make = read_metadata(lies, "tiff").make
    assert make is not None
    assert len(make) <= 200


def test_loops_end() -> None:
    loop = struct.pack("<I", 8)
    read_metadata(tiff((0x8769, LONG, 1, loop), (0x8825, LONG, 1, loop), (0xA005, LONG, 1, loop)), "tiff")


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_absurd_orientation_is_upright(orientation: int) -> None:
    segment = tiff((0x0112, 3, 1, struct.pack("<H", orientation)))
    assert read_metadata(jpeg(segment), "jpeg") == Metadata()


def test_zero_denominators_give_no_position() -> None:
    position = {1: "N", 2: (IFDRational(30, 0),) * 3, 3: "E", 4: (IFDRational(7),) * 3}
    tags = Image.Exif()
    tags.get_ifd(GPS_IFD).update(position | {7: (IFDRational(1, 0),) * 3, 29: "2014:07:06"})
    metadata = read_metadata(jpeg(tags.tobytes()[6:]), "jpeg")
    assert (metadata.latitude, metadata.longitude, metadata.gps_utc) == (None, 7.118611111111111, None)


def with_position(latitude: tuple[float, ...], side: str) -> Metadata:
    """What is read of a position; signed fractions, which the format has no place for but some write."""
    entries = b"".join(struct.pack("<ii", int(part * 100), 100) for part in latitude)
    gps = struct.pack("<HHHII", 2, 1, ASCII, 2, ord(side))
    gps += struct.pack("<HHII", 2, SIGNED, len(latitude), 26 + 30) + b"\0" * 4
    segment = tiff((0x8825, LONG, 1, struct.pack("<I", 26)), tail=gps + entries)
    return read_metadata(jpeg(segment), "jpeg")


@pytest.mark.parametrize(
    ("latitude", "side", "degrees"),
    [
        ((30, 30, 36), "N", 30.51),
        ((30, 30, 36), "S", -30.51),
        ((90, 0, 0), "N", 90),
        ((30.5,), "N", 30.5),
        ((-30, 30, 36), "N", None),
        ((30, -30, 0), "S", None),
        ((90, 0, 36), "N", None),
        ((30, 30, 36), "E", None),
        ((1, 2, 3, 4), "N", None),
    ],
)
def test_a_position_is_degrees_on_a_side_of_the_equator(
    latitude: tuple[float, ...], side: str, degrees: float | None
) -> None:
    """Negative parts say nothing that can be trusted: some mean the other side, some are overflows."""
    assert with_position(latitude, side).latitude == (degrees and pytest.approx(degrees))


def test_reads_beyond_the_end_are_bounded_first() -> None:
    """A thousand there are more than any camera's mistake, and within a file 20,000 are not."""

    def read(count: int, at: int) -> None:
        file = _Bounded(b"x" * 20_000)
        file.seek(at)
        for _ in range(count):
            file.read(1)

    read(20_000, at=0)
    read(100, at=30_000)
    with pytest.raises(_ExhaustedError):
        read(1_000, at=30_000)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from((*FORMATS, "gif", None)))
def test_arbitrary_bytes_never_raise(data: bytes, format: str | None) -> None:
    read_metadata(data, format)
    read_metadata(jpeg(b"II*\0\x08\0\0\0" + data), "jpeg")


@settings(deadline=None)
@given(st.sampled_from(FORMATS), st.data())
def test_mutated_photos_never_raise(format: str, data: st.DataObject) -> None:
    image = bytearray(PHOTOS[format])
    for _ in range(data.draw(st.integers(1, 8))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
    read_metadata(bytes(image[: data.draw(st.integers(0, len(image)))]), format)


def test_agrees_with_another_reader(data: Path) -> None:
    """With Pillow's findings, where it found anything."""
    rows = csv.DictReader((data / "cameras" / "dates.csv").read_text("utf-8").splitlines())
    for row in rows:
        image = (data / "cameras" / row["path"]).read_bytes()
        metadata = read_metadata(image, sniff(image[:HEAD_BYTES], row["path"]).format)
        found = {
            "original": metadata.original.date,
            "modified": metadata.modified.date,
            "make": metadata.make,
            "model": metadata.model,
            "orientation": str(float(metadata.orientation)),
        }
        expected = {name: row[name] for name in found if row[name]}
        assert expected.items() <= found.items(), row["path"]


def test_only_damaged_camera_files_are_called_damaged(data: Path) -> None:
    files = (path for path in (data / "cameras").rglob("*.*") if path.suffix != ".csv")
    images = {path.name: path.read_bytes() for path in files}
    damaged = {
        name
        for name, image in images.items()
        if read_metadata(image, sniff(image[:HEAD_BYTES], name).format).damage
    }
    assert damaged == {"30-type_error.jpg"}
