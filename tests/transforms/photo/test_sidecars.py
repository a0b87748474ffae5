from __future__ import annotations

import contextlib
import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.schemas.errors import PhotoError
from headcount.transforms.collection.sidecars import find_sidecars, index_sidecars, sidecar_names
from headcount.transforms.photo.exif import MAX_XMP
from headcount.transforms.photo.sidecars import takeout_time, xmp_dates

NAMESPACES = (
    "xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns:exif='http://ns.adobe.com/exif/1.0/' "
    "xmlns:xmp='http://ns.adobe.com/xap/1.0/' xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' "
    "xmlns:xmpMM='http://ns.adobe.com/xap/1.0/mm/'"
)


def packet(attributes: str = "", elements: str = "") -> bytes:
    return (
        f"<?xpacket begin='\ufeff' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>"
        f"<rdf:RDF {NAMESPACES}><rdf:Description {attributes}>{elements}</rdf:Description></rdf:RDF>"
        f"</x:xmpmeta><?xpacket end='w'?>   \0"
    ).encode()


def test_dates_as_attributes_and_elements_most_trusted_first() -> None:
    attributes = (
        "xmp:CreateDate='2004' exif:DateTimeDigitized='2003' xmp:ModifyDate='2005' xmp:MetadataDate='2006'"
    )
    created, original = "photoshop:DateCreated", "exif:DateTimeOriginal"
    elements = f"<{created}>2002</{created}><{original}>2001</{original}>"
    assert xmp_dates(packet(attributes, elements)) == ["2001", "2002", "2003", "2004"]


def test_dates_of_the_source_files_are_not_the_photos() -> None:
    assert (
        xmp_dates(
            packet("", "<xmpMM:Ingredients><rdf:Description xmp:CreateDate='2001'/></xmpMM:Ingredients>")
        )
        == []
    )


def test_bare_rdf_and_other_documents() -> None:
    rdf = packet("xmp:CreateDate='2004'").split(b"?>", 1)[1].split(b"<?", 1)[0]
    assert xmp_dates(rdf[rdf.index(b"<rdf:RDF") : rdf.index(b"</x:")]) == ["2004"]
    assert xmp_dates(b"<html/>") == []


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-16"], ids=["a document type", "a document type that a search for bytes misses"]
)
def test_entities_are_refused(encoding: str) -> None:
    bomb = "<!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>".encode(encoding)
    with pytest.raises(PhotoError, match="document type 'a' is refused"):
        xmp_dates(bomb)


@pytest.mark.parametrize(
    "damaged", [b"", b"<a>", b"<?xml version='1.0' encoding='what'?><a/>", b"<a>\xff</a>"]
)
def test_damaged_packets(damaged: bytes) -> None:
    with pytest.raises(PhotoError, match="bad_metadata: XMP"):
        xmp_dates(damaged)


def test_long_packets_are_not_read() -> None:
    with pytest.raises(PhotoError, match=f"at most {MAX_XMP} are read"):
        xmp_dates(bytes(MAX_XMP + 1))


def test_deep_packets_end() -> None:
    depth = 100_000
    assert xmp_dates(b"<a>" * depth + b"</a>" * depth) == []


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 900))
def test_arbitrary_sidecars_raise_photo_errors_only(data: bytes, at: int) -> None:
    whole = packet("xmp:CreateDate='2004'")
    for content in (data, whole[:at] + data + whole[at + len(data) :]):
        for read in (xmp_dates, takeout_time):
            with contextlib.suppress(PhotoError):
                read(content)


def test_takeout() -> None:
    content = json.dumps(
        {"title": "a.jpg", "photoTakenTime": {"timestamp": "1404663060", "formatted": "..."}}
    )
    assert takeout_time(content.encode()) == datetime(2014, 7, 6, 16, 11)
    assert takeout_time(b'{"photoTakenTime": {"timestamp": "-86400"}}') == datetime(1969, 12, 31)


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        b"[]",
        b"null",
        b'{"photoTakenTime": null}',
        b'{"photoTakenTime": {"timestamp": "0"}}',
        b'{"photoTakenTime": {"timestamp": "soon"}}',
        b'{"photoTakenTime": {"timestamp": [1]}}',
        b'{"photoTakenTime": {"timestamp": 1e300}}',
        b'{"photoTakenTime": {"timestamp": "99999999999999"}}',
    ],
)
def test_takeout_that_says_nothing(content: bytes) -> None:
    assert takeout_time(content) is None


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\xfa", b"[" * 100_000])
def test_damaged_json(content: bytes) -> None:
    with pytest.raises(PhotoError, match="bad_metadata: JSON sidecar"):
        takeout_time(content)


@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [
        ("IMG_1.jpg", "IMG_1.jpg.xmp"),
        ("IMG_1.jpg", "IMG_1.xmp"),
        ("IMG_1.JPG", "IMG_1.XMP"),
        ("IMG_1.jpg", "IMG_1.jpg.json"),
        ("IMG_1.jpg", "IMG_1.jpg.supplemental-metadata.json"),
        ("IMG_20200101_101010_BURST0001.jpg", "IMG_20200101_101010_BURST0001.jpg.supplemental.json"),
        ("IMG(2).jpg", "IMG.jpg(2).json"),
        ("IMG(2).jpg", "IMG.jpg.supplemental-metadata(2).json"),
        ("A" * 60 + ".jpg", "A" * 46 + ".json"),
        ("no extension", "no extension.xmp"),
    ],
)
def test_sidecars_of_a_photo(photo: str, sidecar: str) -> None:
    others = {"IMG_2.xmp", "IMG.json", "metadata.json", photo}
    assert find_sidecars(photo, index_sidecars(others | {sidecar})) == (sidecar,)


def test_the_best_sidecar_comes_first() -> None:
    assert sidecar_names("a.jpg")[0] == "a.jpg.xmp"
    beside = index_sidecars(["a.jpg.json", "a.xmp", "a.jpg.xmp"])
    assert find_sidecars("a.jpg", beside) == ("a.jpg.xmp", "a.xmp", "a.jpg.json")


@pytest.mark.parametrize(
    "sidecar", ["a.jpg.XMP", "A.JPG.xmp", "a.Xmp", "A.jpg.JSON", "a.jpg.Supplemental-Metadata.json"]
)
def test_a_sidecar_may_be_written_in_another_case(sidecar: str) -> None:
    assert find_sidecars("a.JPG", index_sidecars([sidecar, "b.xmp"])) == (sidecar,)


def test_case_counts_where_names_differ_in_nothing_else() -> None:
    beside = index_sidecars(["a.xmp", "A.xmp"])
    assert find_sidecars("a.jpg", beside) == ("a.xmp",)
    assert find_sidecars("A.jpg", beside) == ("A.xmp",)


def test_no_file_is_its_own_sidecar() -> None:
    assert find_sidecars("a.xmp", index_sidecars(["a.xmp"])) == ()
