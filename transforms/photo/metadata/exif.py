"""Metadata out of a photo's bytes: EXIF, position and the XMP packet, whatever the bytes are."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from exifread.core.exif_header import ExifHeader

from headcount.models.quiet import WhileAny, silent_log
from headcount.transforms.photo.metadata.containers import MAX_XMP, find_parts
from headcount.transforms.photo.metadata.iptc import iptc_date

# exifread logs a warning per odd tag; `Metadata.damage` says what was lost.
_EXIFREAD: Final = WhileAny(partial(silent_log, "exifread"))

_MAX_TEXT: Final = 200
_GPS_DATE = re.compile(r"(\d{4})\D(\d\d?)\D(\d\d?)", re.ASCII)


@dataclass(frozen=True, slots=True)
class DateText:
    """One EXIF date as the camera wrote it: the date, the part of a second, the offset from UTC."""

    date: str = ""
    subsec: str = ""
    offset: str = ""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a photo says about itself.

    `orientation` is 1 to 8 as in EXIF: how the stored pixels become upright. `gps_utc` has no
    zone and means UTC. Latitude and longitude are in degrees, north and east positive. `xmp` is the
    embedded packet, not parsed. `iptc` is the IPTC date of the picture, `created` what a PNG says of when
    it was made. `damage` says what could not be read; the rest was.
    """

    make: str | None = None
    model: str | None = None
    orientation: int = 1
    original: DateText = DateText()
    digitized: DateText = DateText()
    modified: DateText = DateText()
    iptc: DateText = DateText()
    created: DateText = DateText()
    gps_utc: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None
    xmp: bytes | None = None
    damage: str | None = None


def read_metadata(image: bytes, format: str | None) -> Metadata:
    """The metadata of a whole file, in bounded time; no picture is decoded.

    `format` is as `transforms.photo.file_types` names it; all but jpeg, png, webp, tiff and heic have no
    metadata. Never raises: `Metadata.damage` says what could not be read.
    """
    try:
        parts = find_parts(image, format)
    except Exception as error:  # libheif and Pillow have their own ideas of what to raise
        return Metadata(damage=_reason(error))
    with _EXIFREAD:
        tags, damage = _read_tags(parts.exif) if parts.exif else ({}, None)
    iptc = iptc_date(parts.iptc or _value(tags, parts.exif, *_IPTC_TAGS) or b"")
    original, digitized = (
        _date(tags, f"DateTime{which}", which, parts.texts.get(f"exif:datetime{which.lower()}", ""))
        for which in ("Original", "Digitized")
    )
    return Metadata(
        make=_text(tags, "Image Make") or None,
        model=_text(tags, "Image Model") or None,
        # A HEIC decoder applies the file's own rotation boxes; the EXIF tag repeats them.
        orientation=1 if format == "heic" else _orientation(tags),
        original=original,
        digitized=digitized,
        modified=_date(tags, "DateTime", ""),
        iptc=DateText(iptc.date, "", iptc.offset),
        created=DateText(parts.texts.get("creation time", "")),
        gps_utc=_gps_utc(tags),
        latitude=_degrees(tags, "GPS GPSLatitude", "N", "S", 90),
        longitude=_degrees(tags, "GPS GPSLongitude", "E", "W", 180),
        xmp=parts.xmp or _value(tags, parts.exif, "Image ApplicationNotes"),
        damage=damage or (_reason(parts.damage) if parts.damage else None),
    )


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_MAX_TEXT]


class _ExhaustedError(Exception):
    """A header asks for more reads than any camera's needs."""


class _Bounded(io.BytesIO):
    """Bytes that can be read only so often: a small header can claim billions of values.

    Camera files take up to 500 reads, a TIFF of 900 strips 1,811; only a lie reads
    beyond the end.
    """

    _reads_left = 20_000

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(min(1 << 16, size) if size is not None and size >= 0 else 1 << 16)
        self._reads_left -= 1 if data else 50
        if self._reads_left < 0:
            raise _ExhaustedError("the EXIF directories claim too many values")
        return data


def _read_tags(tiff: bytes) -> tuple[dict[str, Any], str | None]:
    """What exifread finds in the first and the EXIF directory, MakerNote left out, and the first damage."""
    if not tiff.startswith((b"II", b"MM")):
        return {}, f"the EXIF part does not begin with a TIFF header: {tiff[:8]!r}"
    header = ExifHeader(_Bounded(tiff), "I" if tiff[0] == 0x49 else "M", 0, 0, strict=False)
    size = len(tiff)
    damages = [_read_directory(header, "Image", header.s2n(4, 4), size)]
    if pointer := header.tags.get("Image ExifOffset"):
        # Only here: without detail exifread skips the MakerNote, and in the first directory the XMP.
        header.detailed = False
        at = pointer.values[0] if pointer.values else None
        damages.append(_read_directory(header, "EXIF", at, size))
    damages += (
        f"{name} lies at {tag.field_offset} to {tag.field_offset + tag.field_length} of {size} bytes"
        for name in _WANTED
        if (tag := header.tags.get(name)) and tag.field_offset + tag.field_length > size
    )
    return header.tags, next(filter(None, damages), None)


def _read_directory(header: ExifHeader, name: str, at: Any, size: int) -> str | None:
    """Adds a directory's tags to the header's; what is wrong with it, or None."""
    if not isinstance(at, int) or not 8 <= at <= size - 2:
        return f"the {name} directory lies at {at!r} of {size} bytes"
    try:
        entries = header.s2n(at, 2)
        header.dump_ifd(at, name)
    except Exception as error:  # exifread raises bare IndexError, AssertionError and others
        return _reason(error)
    if at + 2 + 12 * entries > size:
        return f"the {name} directory at {at} of {size} bytes claims {entries} entries"
    return None


_WANTED: Final = (
    "Image Make",
    "Image Model",
    "Image DateTime",
    "Image ApplicationNotes",
    "EXIF DateTimeOriginal",
    "EXIF DateTimeDigitized",
    "EXIF SubSecTimeOriginal",
    "EXIF SubSecTimeDigitized",
    "EXIF SubSecTime",
    "EXIF OffsetTimeOriginal",
    "EXIF OffsetTimeDigitized",
    "EXIF OffsetTime",
    "GPS GPSDate",
    "GPS GPSTimeStamp",
    "GPS GPSLatitude",
    "GPS GPSLongitude",
)


def _text(tags: dict[str, Any], *names: str) -> str:
    """The text of the first of the named tags that has any, whatever type the tag claims."""
    for name in names:
        value = tags[name].values if name in tags else ""
        if isinstance(value, list):
            value = bytes(v for v in value if isinstance(v, int) and 0 <= v < 256)
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        if text := value.split("\0", 1)[0].strip()[:_MAX_TEXT]:
            return str(text)
    return ""


def _date(tags: dict[str, Any], date: str, suffix: str, text: str = "") -> DateText:
    # Some programs put a date into the other directory than EXIF says.
    return DateText(
        _text(tags, f"EXIF {date}", f"Image {date}") or text,
        _text(tags, f"EXIF SubSecTime{suffix}"),
        _text(tags, f"EXIF OffsetTime{suffix}"),
    )


def _orientation(tags: dict[str, Any]) -> int:
    value = (_numbers(tags, "Image Orientation") or [1])[0]
    return int(value) if value in range(1, 9) else 1


def _numbers(tags: dict[str, Any], name: str) -> list[float] | None:
    """A tag's values as numbers; None when it is absent, holds none or has a zero below a fraction bar."""
    values = tags[name].values if name in tags else ()
    try:
        return [float(value) for value in values] or None
    except (ArithmeticError, TypeError, ValueError):
        return None


def _gps_utc(tags: dict[str, Any]) -> datetime | None:
    date = _GPS_DATE.match(_text(tags, "GPS GPSDate"))
    clock = _numbers(tags, "GPS GPSTimeStamp")
    if not date or not clock or len(clock) != 3:
        return None
    hour, minute, second = clock
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second <= 60):
        return None
    try:
        midnight = datetime(int(date[1]), int(date[2]), int(date[3]))
        return midnight + timedelta(hours=hour, minutes=minute, seconds=second)
    except (ValueError, OverflowError):
        return None


def _degrees(tags: dict[str, Any], name: str, positive: str, negative: str, limit: int) -> float | None:
    parts = _numbers(tags, name)
    side = _text(tags, f"{name}Ref")[:1].upper()
    if not parts or len(parts) > 3 or side not in (positive, negative) or min(parts) < 0:
        return None
    degrees = sum(part / 60**index for index, part in enumerate(parts))
    if degrees > limit:
        return None
    return degrees if side == positive else -degrees


_IPTC_TAGS: Final = ("Image IPTC/NAA", "Image Tag 0x8649")


def _value(tags: dict[str, Any], tiff: bytes | None, *names: str) -> bytes | None:
    """The bytes of the first of the named tags: exifread keeps no long values, but says where they are."""
    for name in names:
        tag = tags.get(name)
        if tag is not None and tiff is not None and 0 < tag.field_length <= MAX_XMP:
            return tiff[tag.field_offset : tag.field_offset + tag.field_length]
    return None
