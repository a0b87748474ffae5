from __future__ import annotations

import contextlib
import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.schemas.errors import PhotoError
from headcount.transforms.photo.metadata.containers import MAX_XMP
from headcount.transforms.photo.metadata.sidecars import takeout_time, xmp_dates

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
    assert xmp_dates(packet(attributes, elements)) == (["2001", "2002"], ["2003", "2004"])


def test_dates_of_the_source_files_are_not_the_photos() -> None:
    ingredients = "<xmpMM:Ingredients><rdf:Description xmp:CreateDate='2001'/></xmpMM:Ingredients>"
    assert xmp_dates(packet("", ingredients)) == ([], [])


def test_bare_rdf_and_other_documents() -> None:
    rdf = packet("xmp:CreateDate='2004'").split(b"?>", 1)[1].split(b"<?", 1)[0]
    assert xmp_dates(rdf[rdf.index(b"<rdf:RDF") : rdf.index(b"</x:")]).of_the_file == ["2004"]
    assert xmp_dates(b"<html/>") == ([], [])


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
    assert xmp_dates(b"<a>" * depth + b"</a>" * depth) == ([], [])


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
