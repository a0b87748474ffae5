"""What XMP packets, embedded or in a sidecar, and the JSON sidecars of Google Takeout say of a photo."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

from headcount.schemas.errors import PhotoError
from headcount.transforms.photo.metadata.containers import MAX_XMP

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_OF_THE_MOMENT: Final = (
    "{http://ns.adobe.com/exif/1.0/}DateTimeOriginal",
    "{http://ns.adobe.com/photoshop/1.0/}DateCreated",
)
_OF_THE_FILE: Final = (
    "{http://ns.adobe.com/exif/1.0/}DateTimeDigitized",
    "{http://ns.adobe.com/xap/1.0/}CreateDate",
)
"""Properties that date the picture, and those that date its file (a scan's, say), as the Metadata
Working Group's guidelines pair them with EXIF. ModifyDate and MetadataDate date neither."""

_EPOCH: Final = datetime(1970, 1, 1)


class XmpDates(NamedTuple):
    """The texts of an XMP packet's dates, each the most trusted first."""

    of_the_moment: list[str]
    of_the_file: list[str]


def xmp_dates(packet: bytes) -> XmpDates:
    """When the picture and when its file was made, as an XMP packet says; empty when it does not.

    Properties count as attributes and as elements, of the photo itself and not of its history.
    Raises PhotoError("bad_metadata") when the packet is not well-formed, declares a document type
    (the way to entities that expand without end) or is longer than `MAX_XMP` bytes.
    """
    if len(packet) > MAX_XMP:
        raise PhotoError("bad_metadata", f"XMP of {len(packet)} bytes; at most {MAX_XMP} are read")
    parser = ElementTree.XMLParser(target=_NoDoctype())
    try:
        parser.feed(packet.strip(b"\0 \t\r\n"))
        root = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise PhotoError("bad_metadata", f"XMP: {error}") from None
    rdf = root if root.tag == f"{_RDF}RDF" else root.find(f"{_RDF}RDF")
    found: dict[str, str] = {}
    for description in rdf.findall(f"{_RDF}Description") if rdf is not None else ():
        for name, text in description.attrib.items():
            found.setdefault(name, text)
        for child in description:
            found.setdefault(child.tag, child.text or "")
    return XmpDates(
        *(
            [found[name] for name in names if found.get(name, "").strip()]
            for names in (_OF_THE_MOMENT, _OF_THE_FILE)
        )
    )


class _NoDoctype(ElementTree.TreeBuilder):
    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError(f"the document type {name!r} is refused")


def takeout_time(content: bytes) -> datetime | None:
    """When a photo was taken by Google Takeout's JSON, in UTC without zone.

    None when the file says nothing of it (other programs write JSON too), or says 0, its word for
    unknown. Raises PhotoError("bad_metadata") when it is not JSON.
    """
    try:
        document: Any = json.loads(content) if len(content) <= MAX_XMP else {}
    except (ValueError, RecursionError) as error:
        raise PhotoError("bad_metadata", f"JSON sidecar: {error}") from None
    taken = document.get("photoTakenTime") if isinstance(document, dict) else None
    seconds = taken.get("timestamp") if isinstance(taken, dict) else None
    try:
        return _EPOCH + timedelta(seconds=int(seconds)) if seconds and int(seconds) else None
    except (TypeError, ValueError, OverflowError):
        return None
