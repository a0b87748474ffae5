"""When a photo was taken: gathers what the photo, its sidecars and its names say, and has it weighed.

`evidence` has the rule, `spellings` and `names` read the texts, docs/dates.md explains it to users.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from headcount.schemas.errors import PhotoError
from headcount.transforms.collection.found_file import FoundFile, uri_of
from headcount.transforms.collection.storage import read_bytes
from headcount.transforms.dates.evidence import DAY, Evidence, Moment, Strength, weigh
from headcount.transforms.dates.names import moments_in_folders, moments_in_name, says_scan
from headcount.transforms.dates.spellings import parse_moment
from headcount.transforms.dates.times import microseconds, parse_offset
from headcount.transforms.photo.metadata.containers import MAX_XMP
from headcount.transforms.photo.metadata.exif import DateText, Metadata
from headcount.transforms.photo.metadata.sidecars import takeout_time, xmp_dates

FIRST_YEAR: Final = 1826
"""Of the oldest photograph that survives, Niépce's view from his window."""


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """The wall clock where the photo was taken, and how that is known.

    `date_precision` is one of `schemas.labels.DATE_PRECISIONS`, missing parts of `taken_at` are the
    first of their range; `date_source` is one of `DATE_SOURCES`, and so is `date_conflict`, a source that
    says something more than a day away. Without a date all five are None.
    `damage` names the sidecars and the packet that make no sense, `unread` the sidecars that could not be
    opened or read, both for a failure row.
    """

    taken_at: datetime | None = None
    date_precision: str | None = None
    utc_offset_minutes: int | None = None
    date_source: str | None = None
    date_conflict: str | None = None
    damage: str | None = None
    unread: str | None = None


ReadSidecar = Callable[[str, int], bytes]
"""The first so many bytes of the sidecar at a path; raises OSError."""


def capture_time(
    metadata: Metadata,
    file: FoundFile,
    now: datetime,
    use_mtime: bool = False,
    read_sidecar: ReadSidecar = read_bytes,
) -> CaptureTime:
    """When the photo was taken.

    `now` is the run's start in UTC, without zone; what is more than a day later is no date, nor is what is
    before the first photograph. The modification time counts only with `use_mtime`. It is an instant, not a
    wall clock, and so it is in UTC with the offset 0, as are Takeout's times, Unix seconds in names and the
    names of Pixel phones.
    """
    troubles = _Troubles([], [])
    evidence = [
        one
        for one in _gather(metadata, file, use_mtime, read_sidecar, troubles)
        if one.moment.at.year >= FIRST_YEAR and one.moment.at <= now + DAY
    ]
    damage, unread = ("; ".join(details) or None for details in troubles)
    chosen, conflict = weigh(evidence)
    if chosen is None:
        return CaptureTime(damage=damage, unread=unread)
    moment = chosen.moment
    offset = _offset(metadata, moment)
    return CaptureTime(moment.at, moment.precision, offset, chosen.source, conflict, damage, unread)


class _Troubles(NamedTuple):
    """What could not be understood, and what could not be read."""

    damage: list[str]
    unread: list[str]


def _gather(
    metadata: Metadata,
    file: FoundFile,
    use_mtime: bool,
    read_sidecar: ReadSidecar,
    troubles: _Troubles,
) -> Iterator[Evidence]:
    """What every source says; among those of one strength the most trusted first."""
    root = file.root.rstrip("/") + "/"
    inside = file.path.removeprefix(root) if file.path.startswith(root) else file.path.rpartition("/")[2]
    *folders, name = inside.split("/")
    said = [
        *_evidence("original", Strength.MOMENT, [_exif_moment(metadata.original)]),
        *_described(metadata.xmp, file.sidecars, read_sidecar, troubles),
        *_evidence("iptc", Strength.MOMENT, [_exif_moment(metadata.iptc)]),
        *_takeout(file.sidecars, read_sidecar, troubles),
        *_evidence("filename", Strength.NAME, moments_in_name(name, file.day_order)),
        *_evidence("folder", Strength.NAME, moments_in_folders(folders, name)),
        *_evidence("digitized", Strength.FILE, [_exif_moment(metadata.digitized)]),
        *_evidence("created", Strength.FILE, [_exif_moment(metadata.created)]),
        *_evidence("modified", Strength.FILE, [_exif_moment(metadata.modified)]),
    ]
    if use_mtime and file.modified is not None:
        said += _evidence("mtime", Strength.COPY, [_instant(file.modified)])
    if any(map(says_scan, (*folders, name))):
        # Then the file was made when a picture was scanned, which says nothing of the picture.
        return (one for one in said if one.strength < Strength.FILE)
    return iter(said)


def _evidence(source: str, strength: Strength, moments: Iterable[Moment | None]) -> Iterator[Evidence]:
    return (Evidence(source, strength, moment) for moment in moments if moment)


def _exif_moment(text: DateText) -> Moment | None:
    moment = parse_moment(text.date) if text.date else None
    if moment and moment.precision == "second" and not moment.at.microsecond and text.subsec.isdecimal():
        return moment._replace(at=moment.at.replace(microsecond=microseconds(text.subsec)))
    return moment


def _described(
    embedded: bytes | None, sidecars: Sequence[str], read_sidecar: ReadSidecar, troubles: _Troubles
) -> Iterator[Evidence]:
    """The dates of the XMP file of the photo (a later word than its own), then of the packet in it."""
    beside = [path for path in sidecars if path.lower().endswith(".xmp")]
    for content in _contents(beside, read_sidecar, troubles):
        try:
            yield from _xmp_evidence(content.bytes)
        except PhotoError as error:
            troubles.damage.append(f"{content.uri}: {error.detail}")
    if embedded:
        try:
            yield from _xmp_evidence(embedded)
        except PhotoError as error:
            troubles.damage.append(error.detail)


def _takeout(sidecars: Sequence[str], read_sidecar: ReadSidecar, troubles: _Troubles) -> Iterator[Evidence]:
    """Google's word, the last of those on the moment: it says when, not what the clock on the wall showed."""
    beside = [path for path in sidecars if not path.lower().endswith(".xmp")]
    for content in _contents(beside, read_sidecar, troubles):
        try:
            taken = takeout_time(content.bytes)
        except PhotoError as error:
            troubles.damage.append(f"{content.uri}: {error.detail}")
        else:
            if taken:
                yield Evidence("takeout", Strength.MOMENT, Moment(taken, "second", 0))


class _Content(NamedTuple):
    uri: str
    bytes: bytes


def _contents(paths: Iterable[str], read_sidecar: ReadSidecar, troubles: _Troubles) -> Iterator[_Content]:
    for path in paths:
        try:
            yield _Content(uri_of(path), read_sidecar(path, MAX_XMP + 1))
        except OSError as error:
            troubles.unread.append(f"{uri_of(path)}: {error.strerror or type(error).__name__}")


def _xmp_evidence(packet: bytes) -> Iterator[Evidence]:
    dates = xmp_dates(packet)
    yield from _evidence("xmp", Strength.MOMENT, map(parse_moment, dates.of_the_moment))
    yield from _evidence("created", Strength.FILE, map(parse_moment, dates.of_the_file))


def _instant(seconds: float) -> Moment | None:
    try:
        at = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return Moment(at, "second", 0)


# --- the zone ----------------------------------------------------------------------------------

_QUARTER: Final = timedelta(minutes=15)
_GPS_TOLERANCE: Final = timedelta(minutes=2)
_PART_HOURS: Final = frozenset(
    {-570, -270, -210, -150, 210, 270, 330, 345, 390, 510, 525, 570, 630, 690, 765, 825}
)
"""Offsets that are no whole hour and that clocks somewhere have shown since there is GPS, in minutes:
the Marquesas, Venezuela, Newfoundland, Iran, Afghanistan, India, Nepal, Myanmar, North Korea, Eucla,
Adelaide, Lord Howe, Norfolk, the Chatham Islands."""


def _offset(metadata: Metadata, moment: Moment) -> int | None:
    """The offset of a date that has a time, never invented.

    The date's own comes first, then OffsetTimeOriginal, OffsetTimeDigitized, OffsetTime, then GPS.
    An offset tag speaks for its own date. It is taken for another one only within a day of it: an
    editor that writes the time and the zone of its export says nothing about the camera's zone.
    """
    if moment.precision not in ("second", "minute"):
        return None
    if moment.offset is not None:
        return moment.offset
    for text in (metadata.original, metadata.digitized, metadata.modified):
        own = parse_moment(text.date) if text.offset else None
        if own is None or abs(own.at - moment.at) <= DAY:
            offset = parse_offset(text.offset)
            if offset is not None:
                return offset
    return None if metadata.gps_utc is None else _gps_offset(moment.at - metadata.gps_utc)


def _gps_offset(difference: timedelta) -> int | None:
    """The offset of a clock that is so far from UTC, if a clock somewhere shows that and this one is right:
    GPS may be an hour old where the sky is out of sight.
    """
    quarters = round(difference / _QUARTER)
    if abs(difference - quarters * _QUARTER) > _GPS_TOLERANCE:
        return None
    minutes = 15 * quarters
    whole = minutes % 60 == 0 and -720 <= minutes <= 840
    return minutes if whole or minutes in _PART_HOURS else None
