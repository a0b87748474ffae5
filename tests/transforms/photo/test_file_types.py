from __future__ import annotations

from pathlib import Path

import pytest

from headcount.transforms.photo.file_types import HEAD_BYTES, PHOTO_FORMATS, FileKind, sniff


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    brands = b"".join(compatible)
    return (16 + len(brands)).to_bytes(4, "big") + b"ftyp" + major + bytes(4) + brands + b"avif and more data"


JPEG = b"\xff\xd8\xff\xe1\x12\x34Exif\0\0"
TIFF = b"II*\0\x08\0\0\0"
BMP = b"BM\x36\x10\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"


@pytest.mark.parametrize(
    ("head", "format"),
    [
        (JPEG, "jpeg"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "png"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "webp"),
        (TIFF, "tiff"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"MM\0+\0\x08\0\0", "tiff"),
        (BMP, "bmp"),
        (b"GIF89a\x01\0", "gif"),
        (ftyp(b"heic", b"mif1", b"heic"), "heic"),
        (ftyp(b"mif1", b"mif1", b"heic"), "heic"),
        (ftyp(b"msf1", b"hevc"), "heic"),
    ],
)
@pytest.mark.parametrize("name", ["photo.jpg", "notes.txt", "clip.MOV", "no extension", ""])
def test_content_says_photo_whatever_the_name(head: bytes, format: str, name: str) -> None:
    kind = sniff(head, name)
    assert kind == FileKind(format, candidate=True)
    assert kind.format == format


@pytest.mark.parametrize(
    ("head", "file_type"),
    [
        (b"", "other"),
        (b"this is text", "other"),
        (b"BMW prices, 2019 to 2021", "other"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "other"),
        (b"01234567WEBP", "other"),
        (ftyp(b"isom", b"mp42"), "video"),
        (ftyp(b"qt  "), "video"),
        (ftyp(b"avif", b"mif1"), "avif"),
        (ftyp(b"mif1", b"avif"), "avif"),
        (b"II*\0\x10\0\0\0CR\x02\0", "raw"),
    ],
)
@pytest.mark.parametrize("name", ["a/b.jpg", "B.JPEG", "c.heic", "d.Png", "e.tif"])
def test_a_photo_by_name_only_is_a_candidate_without_a_format(head: bytes, file_type: str, name: str) -> None:
    kind = sniff(head, name)
    assert kind == FileKind(file_type, candidate=True)
    assert kind.format is None


@pytest.mark.parametrize(
    ("head", "name", "file_type"),
    [
        (TIFF, "DSC_0001.NEF", "raw"),
        (TIFF, "a.dng", "raw"),
        (b"II*\0\x10\0\0\0CR\x02\0", "renamed.dat", "dat"),
        (ftyp(b"crx ", b"isom"), "a.cr3", "raw"),
        (ftyp(b"isom"), "a.mp4", "video"),
        (ftyp(b"isom"), "a", "video"),
        (ftyp(b"avif"), "a.avif", "avif"),
        (b"%PDF-1.4", "scan", "pdf"),
        (b"{}", "IMG_1.jpg.json", "json"),
        (b"a,b", "truth.CSV", "csv"),
        (b"<x", "IMG_1.xmp", "xmp"),
        (b"", "empty.txt", "txt"),
        (b"x", "folder.jpg/name", "other"),
        (b"x", "a.part", "other"),
        (b"x", "a." + "x" * 300, "other"),
        (b"x", "a.\udcff\n", "other"),
    ],
)
def test_the_rest_is_skipped_under_a_word(head: bytes, name: str, file_type: str) -> None:
    assert sniff(head, name) == FileKind(file_type, candidate=False)


def test_head_holds_twelve_brands_and_what_follows_the_box_is_none() -> None:
    assert sniff(ftyp(b"mif1", *[b"miaf"] * 11, b"avif")[:HEAD_BYTES], "a.heic").file_type == "avif"
    assert sniff(ftyp(b"mif1", b"miaf")[:HEAD_BYTES], "a.heic").file_type == "heic"


def test_album(data: Path) -> None:
    kinds = {}
    for path in (data / "album").rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                kinds[path.name] = sniff(file.read(HEAD_BYTES), str(path))
    assert {name for name, kind in kinds.items() if not kind.candidate} == {"truth.csv", "boxes.csv"}
    no_picture = {name for name, kind in kinds.items() if kind.candidate and kind.format is None}
    assert no_picture == {"empty.jpg", "text.jpg", "noise.png"}
    assert {kind.format for kind in kinds.values()} - {None} <= PHOTO_FORMATS
