"""Where each format keeps its metadata: the EXIF, XMP and IPTC parts of a file, whole and not read yet."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import pillow_heif
from PIL import Image

from headcount.transforms.photo.metadata.bigtiff import BIG_TIFF, as_classic_tiff

MAX_XMP: Final = 4 << 20
"""Bytes of the longest XMP packet that is read; what editors add beyond this is history, not dates."""

_MAX_CHUNKS: Final = 100_000
_MAX_DATE: Final = 100
_EXIF_HEADER: Final = b"Exif\0"
_XMP_HEADER: Final = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP_HEADER: Final = b"Photoshop 3.0\0"


@dataclass(slots=True)
class Parts:
    """The first part of each kind that a file has; `exif` is a TIFF file without a picture.

    `iptc` are Photoshop's resources or IPTC records themselves. `texts` are PNG's texts of dates.
    """

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: dict[str, str] = field(default_factory=dict)
    damage: Exception | None = None
    """What a part could not be read for; the others were."""

    def add(self, kind: str, part: bytes) -> None:
        """Keeps the first of a kind; Photoshop's resources may go on in further segments."""
        if kind == "exif" and self.exif is None:
            self.exif = part.removeprefix(_EXIF_HEADER + b"\0") if part.startswith(_EXIF_HEADER) else part
        elif kind == "xmp" and self.xmp is None:
            self.xmp = part
        elif kind == "iptc":
            self.iptc = (self.iptc or b"") + part.removeprefix(_PHOTOSHOP_HEADER)


def find_parts(image: bytes, format: str | None) -> Parts:
    """The metadata parts of a whole file. Raises whatever libheif and Pillow raise on damage."""
    parts = Parts()
    if format == "heic":
        # libheif parses the boxes here and decodes pixels only when they are asked for.
        parts = _of_info(pillow_heif.open_heif(image).info)
    elif format == "avif":
        with Image.open(io.BytesIO(image), formats=["AVIF"]) as opened:
            parts = _of_info(opened.info)
    elif format == "tiff":
        if image.startswith((b"II*\0", b"MM\0*")):
            parts.exif = image
        elif image.startswith(BIG_TIFF):
            parts.exif = as_classic_tiff(image, MAX_XMP)
    elif format == "png":
        _read_png(image, parts)
    elif format in _SEGMENTS:
        for kind, part in _SEGMENTS[format](image):
            parts.add(kind, part)
    return parts


def _of_info(info: Mapping[Any, Any]) -> Parts:
    parts = Parts(xmp=info.get("xmp"))
    if exif := info.get("exif"):
        parts.add("exif", exif)
    return parts


def _jpeg_segments(image: bytes) -> Iterator[tuple[str, bytes]]:
    at = 2
    for _ in range(_MAX_CHUNKS):
        if len(image) < at + 4 or image[at] != 0xFF:
            return
        marker = image[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0xD9, 0xDA):
            return
        if marker == 0x01 or 0xD0 <= marker <= 0xD7:
            at += 2
            continue
        end = at + 2 + int.from_bytes(image[at + 2 : at + 4], "big")
        if marker == 0xE1 and image.startswith(_EXIF_HEADER, at + 4):
            yield "exif", image[at + 4 : end]
        elif marker == 0xE1 and image.startswith(_XMP_HEADER, at + 4):
            yield "xmp", image[at + 4 + len(_XMP_HEADER) : end]
        elif marker == 0xED and image.startswith(_PHOTOSHOP_HEADER, at + 4):
            yield "iptc", image[at + 4 : end]
        if end < at + 4:
            return
        at = end


def _webp_chunks(image: bytes) -> Iterator[tuple[str, bytes]]:
    at = 12
    for _ in range(_MAX_CHUNKS):
        kind = image[at : at + 4]
        if len(kind) < 4:
            return
        start, length = at + 8, int.from_bytes(image[at + 4 : at + 8], "little")
        if kind == b"EXIF":
            yield "exif", image[start : start + length]
        elif kind == b"XMP " and length <= MAX_XMP:
            yield "xmp", image[start : start + length]
        at = start + length + length % 2


_SEGMENTS: Final = {"jpeg": _jpeg_segments, "webp": _webp_chunks}


# --- PNG ---------------------------------------------------------------------------------------

_PNG_DATES: Final = ("creation time", "exif:datetimeoriginal", "exif:datetimedigitized")
"""Keywords, in lower case, whose text is a date: the standard's, and those of ImageMagick."""
_RAW_PROFILES: Final = {
    b"raw profile type exif": "exif",
    b"raw profile type app1": "exif",
    b"raw profile type xmp": "xmp",
    b"raw profile type iptc": "iptc",
    b"raw profile type 8bim": "iptc",
}
"""How ImageMagick and others kept metadata before PNG had a chunk for it: hexadecimal, in a text."""


def _read_png(image: bytes, parts: Parts) -> None:
    at = 8
    for _ in range(_MAX_CHUNKS):
        kind = image[at + 4 : at + 8]
        if len(kind) < 4 or kind == b"IEND":
            return
        start, end = at + 8, at + 8 + int.from_bytes(image[at : at + 4], "big")
        if kind == b"eXIf":
            parts.add("exif", image[start:end])
        elif kind in (b"tEXt", b"zTXt", b"iTXt"):
            try:
                _read_png_text(kind, image[start:end], parts)
            except (ValueError, IndexError, zlib.error) as error:
                parts.damage = parts.damage or error
        at = end + 4


def _read_png_text(kind: bytes, chunk: bytes, parts: Parts) -> None:
    name, _, _ = chunk[:_MAX_DATE].partition(b"\0")
    keyword = name.lower()
    is_xmp, date = keyword == b"xml:com.adobe.xmp", keyword.decode("latin-1")
    if not (is_xmp or keyword in _RAW_PROFILES or date in _PNG_DATES) or (is_xmp and len(chunk) > MAX_XMP):
        return
    text = _png_text(kind, chunk[len(name) + 1 :])
    if is_xmp:
        parts.add("xmp", text[:MAX_XMP])
    elif date in _PNG_DATES:
        parts.texts.setdefault(date, text[:_MAX_DATE].decode("utf-8", "replace"))
    else:
        profile = _raw_profile(text)
        is_packet = profile.startswith(_XMP_HEADER)
        parts.add("xmp" if is_packet else _RAW_PROFILES[keyword], profile.removeprefix(_XMP_HEADER))


def _png_text(kind: bytes, data: bytes) -> bytes:
    """The text of a chunk from behind its keyword, at most twice MAX_XMP; raises on damage."""
    packed = kind == b"zTXt"
    if kind == b"iTXt":
        packed, data = data[0] == 1, data[2:].split(b"\0", 2)[2]
    elif packed:
        data = data[1:]
    return zlib.decompressobj().decompress(data, 2 * MAX_XMP) if packed else data[: 2 * MAX_XMP]


def _raw_profile(text: bytes) -> bytes:
    """`\\nexif\\n    1234\\n4578696600...`; raises ValueError where that is no hexadecimal number."""
    _, _, digits = text.lstrip(b"\n").split(b"\n", 2)
    return bytes.fromhex(digits.decode("ascii"))
