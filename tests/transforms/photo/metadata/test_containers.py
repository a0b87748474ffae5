from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, features

from headcount.transforms.photo.metadata.bigtiff import as_classic_tiff
from headcount.transforms.photo.metadata.containers import MAX_XMP, find_parts
from headcount.transforms.photo.metadata.exif import DateText, read_metadata
from headcount.transforms.photo.metadata.iptc import IptcDate, iptc_date

XMP = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>"
DATE = "2014:07:06 16:11:00"
ORIGINAL, DIGITIZED, MODIFIED = 0x9003, 0x9004, 0x0132


def exif() -> Image.Exif:
    tags = Image.Exif()
    tags[0x010F] = "Canon"
    tags[MODIFIED] = "2014:07:07 10:00:00"
    tags.get_ifd(0x8769).update({ORIGINAL: DATE, 0x9011: "+02:00"})
    tags.get_ifd(0x8825).update({1: "S", 2: (30, 30, 0)})
    return tags


def records(date: bytes | None = b"20140706", time: bytes | None = b"161100+0200") -> bytes:
    """IPTC records among others, one of them of another part."""
    known = [(1, 90, b"\x1b%G"), (2, 5, b"Title"), (2, 55, date), (2, 60, time), (2, 55, b"19990101")]
    return b"".join(
        bytes((0x1C, part, number)) + struct.pack(">H", len(text)) + text
        for part, number, text in known
        if text is not None
    )


def resources(content: bytes) -> bytes:
    """Photoshop's resources with the records behind another resource with a name."""
    other = b"8BIM\x03\xed\x03abc" + struct.pack(">I", 3) + b"xyz\0"
    return other + b"8BIM\x04\x04\0\0" + struct.pack(">I", len(content)) + content


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(body)) + body


def jpeg(*segments: bytes) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "jpeg")
    return file.getvalue()[:2] + b"".join(segments) + file.getvalue()[2:]


def png(kind: bytes, chunk: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + chunk))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(chunk)) + kind + chunk + checksum


def raw_profile(name: str, content: bytes) -> bytes:
    """As ImageMagick writes it: a line of the name, one of the length, lines of hexadecimal digits."""
    digits = content.hex()
    lines = [digits[at : at + 72] for at in range(0, len(digits), 72)]
    return "\n".join(["", name, f"{len(content):8}", *lines, ""]).encode()


# --- IPTC --------------------------------------------------------------------------------------


def test_iptc_in_a_jpeg() -> None:
    photo = jpeg(segment(0xED, b"Photoshop 3.0\0" + resources(records())))
    assert read_metadata(photo, "jpeg").iptc == DateText(DATE, "", "+0200")


def test_iptc_over_two_segments() -> None:
    whole = resources(records())
    halves = (segment(0xED, b"Photoshop 3.0\0" + half) for half in (whole[:30], whole[30:]))
    assert read_metadata(jpeg(*halves), "jpeg").iptc.date == DATE


@pytest.mark.parametrize("tag", [0x83BB, 0x8649])
def test_iptc_in_a_tiff(tag: int) -> None:
    tags = exif()
    tags[tag] = records() if tag == 0x83BB else resources(records())
    metadata = read_metadata(tags.tobytes()[6:], "tiff")
    assert metadata.iptc == DateText(DATE, "", "+0200")
    assert metadata.damage is None


@pytest.mark.parametrize(
    ("date", "time", "expected"),
    [
        (b"20140706", None, ("2014:07:06", "")),
        (b"20140706", b"161100", (DATE, "")),
        (b"20140706", b"000000+0000", ("2014:07:06", "")),
        (b"20140700", b"161100", ("2014:07", "")),
        (b"19740000", None, ("1974", "")),
        (b"00000000", b"161100", ("", "")),
        (b"2014-07-06", None, ("", "")),
        (None, b"161100", ("", "")),
    ],
)
def test_iptc_dates(date: bytes | None, time: bytes | None, expected: tuple[str, str]) -> None:
    assert iptc_date(records(date, time)[:-13]) == IptcDate(*expected)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 90))
def test_any_bytes_are_iptc_or_not(data: bytes, at: int) -> None:
    whole = resources(records())
    for content in (
        data,
        b"\x1c\x02\x37" + data,
        b"8BIM" + data,
        whole[:at] + data + whole[at + len(data) :],
    ):
        iptc_date(content)


# --- PNG ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("keyword", ["Raw profile type exif", "Raw profile type APP1"])
def test_raw_exif_of_a_png(keyword: str, packed: bool) -> None:
    text = raw_profile("exif", b"Exif\0\0" + exif().tobytes().removeprefix(b"Exif\0\0"))
    body = b"\0" + zlib.compress(text) if packed else text
    metadata = read_metadata(png(b"zTXt" if packed else b"tEXt", keyword.encode() + b"\0" + body), "png")
    assert (metadata.original, metadata.make) == (DateText(DATE, "", "+02:00"), "Canon")


def test_other_raw_profiles_of_a_png() -> None:
    packet = raw_profile("APP1", b"http://ns.adobe.com/xap/1.0/\0" + XMP)
    assert read_metadata(png(b"tEXt", b"Raw profile type APP1\0" + packet), "png").xmp == XMP
    assert read_metadata(png(b"tEXt", b"Raw profile type xmp\0" + raw_profile("xmp", XMP)), "png").xmp == XMP
    for name, content in (
        ("iptc", records()),
        ("iptc", resources(records())),
        ("8bim", resources(records())),
    ):
        chunk = f"Raw profile type {name}".encode() + b"\0" + raw_profile(name, content)
        assert read_metadata(png(b"tEXt", chunk), "png").iptc.date == DATE


def test_texts_of_dates_of_a_png() -> None:
    file = io.BytesIO()
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Creation Time", "Sun, 06 Jul 2014 16:11:00 GMT")
    texts.add_text("exif:DateTimeOriginal", DATE, zip=True)
    texts.add_itxt("exif:DateTimeDigitized", "2014:07:06 16:11:01")
    texts.add_text("Title", "2001:01:01")
    Image.new("L", (8, 8)).save(file, "png", pnginfo=texts)
    metadata = read_metadata(file.getvalue(), "png")
    assert metadata.created.date == "Sun, 06 Jul 2014 16:11:00 GMT"
    assert metadata.original.date == DATE
    assert metadata.digitized.date == "2014:07:06 16:11:01"


@pytest.mark.parametrize(
    "chunk",
    [b"no hexadecimal digits", b"\nexif\n 3\nxyz", b"\nexif"],
)
def test_a_damaged_text_costs_nothing_else(chunk: bytes) -> None:
    damaged = png(b"tEXt", b"Raw profile type exif\0" + chunk)
    whole = png(b"tEXt", b"Creation Time\0" + DATE.encode())[8:]
    metadata = read_metadata(damaged + whole, "png")
    assert metadata.created.date == DATE
    assert metadata.damage is not None


def test_packed_texts_do_not_expand_without_end() -> None:
    bomb = b"Raw profile type xmp\0\0" + zlib.compress(b"\nxmp\n 1\n" + b"20" * (20 << 20))
    parts = find_parts(png(b"zTXt", bomb), "png")
    assert parts.xmp is not None
    assert len(parts.xmp) <= MAX_XMP


# --- BigTIFF -----------------------------------------------------------------------------------


def big_tiff(order: str = "<") -> bytes:
    """A BigTIFF of three directories without a picture, its texts behind them."""
    texts = {
        tag: text.encode() + b"\0" for tag, text in ((0x010F, "Canon"), (MODIFIED, DATE), (ORIGINAL, DATE))
    }
    at = {0: 16, 0x8769: 16 + 8 + 20 * 4 + 8, 0x8825: 16 + 8 + 20 * 4 + 8 + 8 + 20 + 8}
    where = {MODIFIED: 220, ORIGINAL: 240}
    degrees = struct.pack(order + "6I", 30, 1, 30, 1, 0, 1)

    def directory(*entries: tuple[int, int, int, bytes]) -> bytes:
        table = b"".join(
            struct.pack(order + "HHQ", *entry[:3]) + entry[3].ljust(8, b"\0") for entry in entries
        )
        return struct.pack(order + "Q", len(entries)) + table + bytes(8)

    def text(tag: int) -> tuple[int, int, int, bytes]:
        value = texts[tag]
        return tag, 2, len(value), value if len(value) <= 8 else struct.pack(order + "Q", where[tag])

    def pointer(tag: int, kind: int) -> tuple[int, int, int, bytes]:
        return tag, kind, 1, struct.pack(order + ("I" if kind == 4 else "Q"), at[tag])

    first = directory(text(0x010F), text(MODIFIED), pointer(0x8769, 4), pointer(0x8825, 18))
    gps = directory((1, 2, 2, b"S\0"), (2, 5, 3, struct.pack(order + "Q", 260)))
    head = (b"II+\0\x08\0\0\0" if order == "<" else b"MM\0+\0\x08\0\0") + struct.pack(order + "Q", 16)
    big = (head + first + directory(text(ORIGINAL)) + gps).ljust(220, b"\0")
    assert len(big) == 220
    return big + texts[MODIFIED] + texts[ORIGINAL] + degrees


@pytest.mark.parametrize("order", ["<", ">"])
def test_metadata_of_a_big_tiff(order: str) -> None:
    metadata = read_metadata(big_tiff(order), "tiff")
    assert (metadata.make, metadata.modified.date, metadata.original.date) == ("Canon", DATE, DATE)
    assert (metadata.latitude, metadata.damage) == (-30.5, None)


def test_a_big_tiff_that_pillow_wrote() -> None:
    file = io.BytesIO()
    Image.new("L", (64, 48)).save(file, "tiff", big_tiff=True, exif=exif())
    metadata = read_metadata(file.getvalue(), "tiff")
    assert (metadata.make, metadata.modified.date, metadata.damage) == ("Canon", "2014:07:07 10:00:00", None)


def test_a_big_tiff_that_points_at_itself_ends() -> None:
    pointers = struct.pack("<HHQQ", 0x8769, 4, 1, 16) + struct.pack("<HHQQ", 0x8825, 16, 1, 16)
    loop = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2) + pointers + bytes(8)
    assert len(as_classic_tiff(loop, MAX_XMP)) < 1000


def test_values_of_a_big_tiff_are_bounded() -> None:
    """A thousand entries that each claim the same four megabytes."""
    count = 1000
    entries = struct.pack("<HHQQ", 0x010F, 2, MAX_XMP, 16) * count
    big = b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, count) + entries + bytes(MAX_XMP)
    assert len(as_classic_tiff(big, MAX_XMP)) < 2 * MAX_XMP


@settings(deadline=None)
@given(st.data())
def test_mutated_big_tiffs_never_raise(data: st.DataObject) -> None:
    image = bytearray(big_tiff())
    for _ in range(data.draw(st.integers(1, 8))):
        image[data.draw(st.integers(0, min(len(image), 600) - 1))] = data.draw(st.integers(0, 255))
    read_metadata(bytes(image[: data.draw(st.integers(0, len(image)))]), "tiff")


# --- AVIF --------------------------------------------------------------------------------------


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_metadata_of_an_avif() -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(file, "avif", exif=exif(), xmp=XMP)
    metadata = read_metadata(file.getvalue(), "avif")
    assert (metadata.original, metadata.xmp) == (DateText(DATE, "", "+02:00"), XMP)
    assert read_metadata(file.getvalue()[:100], "avif").damage is not None
