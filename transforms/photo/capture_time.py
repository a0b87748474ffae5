"""When a photo was taken: a ladder of sources, from what the camera wrote to what the folder is called.

The first rung with a plausible date wins. A date is plausible when its parts exist, its year is that of
the first photograph or later, and it is at most a day after the run's start. 1970-01-01 is not refused:
families have photos of that day.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from headcount.schemas.errors import PhotoError
from headcount.transforms.collection.found_file import FoundFile, uri_of
from headcount.transforms.collection.storage import read_bytes
from headcount.transforms.photo.exif import MAX_XMP, DateText, Metadata
from headcount.transforms.photo.sidecars import takeout_time, xmp_dates

FIRST_YEAR: Final = 1826
"""Of the oldest photograph that survives, Niépce's view from his window."""

_DAY: Final = timedelta(days=1)
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")
_FIRST: Final = (1, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """The wall clock where the photo was taken, and how that is known.

    `date_precision` is one of `schemas.labels.DATE_PRECISIONS`, missing parts of `taken_at` are the
    first of their range; `date_source` is one of `DATE_SOURCES`. Without a date all four are None.
    `damage` names the sidecars and the packet that make no sense, `unread` the sidecars that could not be
    opened or read, both for a failure row.
    """

    taken_at: datetime | None = None
    date_precision: str | None = None
    utc_offset_minutes: int | None = None
    date_source: str | None = None
    damage: str | None = None
    unread: str | None = None


class Moment(NamedTuple):
    """A date as one source gives it: wall clock, precision, and the offset if it carries one."""

    at: datetime
    precision: str
    offset: int | None = None


ReadSidecar = Callable[[str, int], bytes]
"""The first so many bytes of the sidecar at a path; raises OSError."""


def capture_time(
    metadata: Metadata,
    file: FoundFile,
    now: datetime,
    use_mtime: bool = False,
    read_sidecar: ReadSidecar = read_bytes,
) -> CaptureTime:
    """When the photo was taken; its sidecars are read only when the rungs above them say nothing.

    `now` is the run's start in UTC, without zone. The modification time counts only with `use_mtime`.
    It is an instant, not a wall clock, and so it is told in UTC with the offset 0, as are Takeout's
    times and the names of Pixel phones.
    """
    troubles = _Troubles([], [])
    described = _described(metadata.xmp, file.sidecars, read_sidecar, troubles)
    taken = CaptureTime()
    for source, moment in _ladder(metadata, file, use_mtime, described):
        if moment and moment.at.year >= FIRST_YEAR and moment.at <= now + _DAY:
            taken = CaptureTime(moment.at, moment.precision, _offset(metadata, moment), source)
            break
    damage, unread = ("; ".join(details) or None for details in troubles)
    return replace(taken, damage=damage, unread=unread)


class _Troubles(NamedTuple):
    """What could not be understood, and what could not be read."""

    damage: list[str]
    unread: list[str]


def _ladder(
    metadata: Metadata, file: FoundFile, use_mtime: bool, described: Iterable[Moment | None]
) -> Iterator[tuple[str, Moment | None]]:
    """Every source's word, most trusted first; `described` is gone through only when its turn comes."""
    yield "original", _exif_moment(metadata.original)
    yield "digitized", _exif_moment(metadata.digitized)
    for moment in described:
        yield "xmp", moment
    yield "modified", _exif_moment(metadata.modified)
    root = file.root.rstrip("/") + "/"
    inside = file.path.removeprefix(root) if file.path.startswith(root) else file.path.rpartition("/")[2]
    *folders, name = inside.split("/")
    for moment in moments_in_name(name):
        yield "filename", moment
    for moment in moments_in_folders(folders, name):
        yield "folder", moment
    if use_mtime and file.modified is not None:
        yield "mtime", _instant(file.modified)


def _exif_moment(text: DateText) -> Moment | None:
    moment = parse_moment(text.date)
    if moment and moment.precision == "second" and not moment.at.microsecond and text.subsec.isdecimal():
        return moment._replace(at=moment.at.replace(microsecond=_microseconds(text.subsec)))
    return moment


def _described(
    embedded: bytes | None, sidecars: Sequence[str], read_sidecar: ReadSidecar, troubles: _Troubles
) -> Iterator[Moment | None]:
    """The dates of the XMP beside the photo (a later word than its own), in it, then of Takeout.

    Takeout comes last: it says when, but not what the clock on the wall showed. What could not be read is
    added to `troubles`.
    """
    beside = [path for path in sidecars if path.lower().endswith(".xmp")]
    yield from _read_from(beside, read_sidecar, _xmp_moments, troubles)
    if embedded:
        try:
            yield from _xmp_moments(embedded)
        except PhotoError as error:
            troubles.damage.append(error.detail)
    others = [path for path in sidecars if path not in beside]
    yield from _read_from(others, read_sidecar, _takeout_moments, troubles)


def _read_from(
    paths: Iterable[str],
    read_sidecar: ReadSidecar,
    moments: Callable[[bytes], list[Moment | None]],
    troubles: _Troubles,
) -> Iterator[Moment | None]:
    for path in paths:
        try:
            yield from moments(read_sidecar(path, MAX_XMP + 1))
        except OSError as error:
            troubles.unread.append(f"{uri_of(path)}: {error.strerror or type(error).__name__}")
        except PhotoError as error:
            troubles.damage.append(f"{uri_of(path)}: {error.detail}")


def _xmp_moments(packet: bytes) -> list[Moment | None]:
    return [parse_moment(text) for text in xmp_dates(packet)]


def _takeout_moments(content: bytes) -> list[Moment | None]:
    taken = takeout_time(content)
    return [Moment(taken, "second", 0)] if taken else []


def _instant(seconds: float) -> Moment | None:
    try:
        at = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
    except (ValueError, OverflowError, OSError):
        return None
    return Moment(at, "second", 0)


# --- texts -------------------------------------------------------------------------------------

_DATE_TEXT = re.compile(
    r"(\d{4})(?:[-:/.] ?(\d\d?)(?:[-:/.] ?(\d\d?)"
    r"(?:[T: ] *(\d\d?)[:.] ?(\d\d?)(?:[:.] ?(\d\d?)(?:[.,](\d+))?)?\ *(Z|[+-]\d\d?:?\d\d)?)?)?)?",
    re.ASCII,
)
_OFFSET_TEXT = re.compile(r"Z|([+-])(\d\d?):?(\d\d)", re.ASCII)


def parse_moment(text: str) -> Moment | None:
    """A date of EXIF (`2004:08:27 13:52:55`), ISO 8601 or XMP, whole or cut short; None for anything else.

    Blanks stand for unknown, so a date may end in them. A part that is zero or does not exist
    (month 13, 30 February, hour 24) makes the whole text unusable.
    """
    match = _DATE_TEXT.fullmatch(text.split("\0", 1)[0].strip().rstrip(" :-/"))
    if not match:
        return None
    *parts, fraction, zone = match.groups()
    moment = _moment(parts, parse_offset(zone or ""))
    if moment and fraction:
        return moment._replace(at=moment.at.replace(microsecond=_microseconds(fraction)))
    return moment


def parse_offset(text: str) -> int | None:
    """Minutes east of UTC out of `+02:00` or `Z`; None for anything else, and where no clock is so."""
    match = _OFFSET_TEXT.fullmatch(text.strip())
    if not match or int(match[3] or 0) > 59:
        return None
    minutes = int(match[2] or 0) * 60 + int(match[3] or 0)
    return _possible(-minutes if match[1] == "-" else minutes)


def _possible(offset: int) -> int | None:
    """The offset when some place on earth has it: -12:00 to +14:00."""
    return offset if -720 <= offset <= 840 else None


def _microseconds(fraction: str) -> int:
    return int(fraction[:6].ljust(6, "0"))


def _moment(parts: Sequence[str | None], offset: int | None = None) -> Moment | None:
    """Year, month, day, hour, minute, second, as many as are known; None if there is no such date."""
    given = [int(part) for part in parts if part is not None]
    try:
        at = datetime(*given, *_FIRST[len(given) :])  # type: ignore[arg-type]
    except ValueError:
        return None
    return Moment(at, _PARTS[len(given) - 1], offset)


def _offset(metadata: Metadata, moment: Moment) -> int | None:
    """The offset of a date that has a time, never invented.

    The date's own comes first, then OffsetTimeOriginal, OffsetTimeDigitized, OffsetTime, then GPS.
    An offset tag speaks for its own date. It is taken for another one only within a day of it: an
    editor that writes the time and the zone of its export says nothing about the camera's zone.
    A GPS time a day off gives an offset that no place has, and so none.
    """
    if moment.precision not in ("second", "minute"):
        return None
    if moment.offset is not None:
        return moment.offset
    for text in (metadata.original, metadata.digitized, metadata.modified):
        own = parse_moment(text.date) if text.offset else None
        if own is None or abs(own.at - moment.at) <= _DAY:
            offset = parse_offset(text.offset)
            if offset is not None:
                return offset
    if metadata.gps_utc is None:
        return None
    return _possible(15 * round((moment.at - metadata.gps_utc) / timedelta(minutes=15)))


# --- names -------------------------------------------------------------------------------------

# A word, then the date, then perhaps a time: IMG_20140706_161100, 2014-07-06 16.11.00,
# IMG-20190304-WA0012, WhatsApp Image 2019-03-04 at 10.11.12 PM. The date's separators are alike,
# and so are the time's; without them minutes need seconds.
_DATED_NAME = re.compile(
    r"(?<![0-9a-z])[a-z]*(?P<year>\d{4})(?P<mark>[-_. ]?)(?P<month>\d\d)(?P=mark)(?P<day>\d\d)"
    r"(?:(?P<gap>[-_ ]at[-_ ]|[-_ t]{0,3})(?P<hour>\d\d)"
    r"(?:(?P<minute>\d\d)(?P<second>\d\d)(?P<thousandths>\d{3})?"
    r"|(?P<colon>[-_.:])(?P<minute2>\d\d)(?:(?P=colon)(?P<second2>\d\d))?)"
    r"(?!\d)(?:[ _]?(?P<half>[ap])\.?m\b)?"
    r"|(?![0-9a-z]))",
    re.ASCII | re.IGNORECASE,
)
_MONTH_NAME = re.compile(r"(\d{4})-(\d\d)(?![-_.]?\d)", re.ASCII)
_EXTENSION = re.compile(r"\.[a-z][a-z0-9]{1,4}$", re.ASCII | re.IGNORECASE)
_CAMERA_CLOCK = re.compile(
    r"(?:.*[-_ ])?[a-z]*cam(?:era)?\d*[-_ ](\d\d)(\d\d)(\d\d)", re.ASCII | re.IGNORECASE
)

_NUMBER_FOLDER = re.compile(r"\d\d", re.ASCII)
_BARE_FOLDER = re.compile(r"\d{4}(?:[-_. ]\d\d)?", re.ASCII)
_DAY_FOLDER = re.compile(r"(\d{4})([-_. ]?)(\d\d)\2(\d\d)(?!\d)", re.ASCII)
_MONTH_FOLDER = re.compile(r"(\d{4})[-_. ](\d\d)(?!\d)", re.ASCII)
_YEAR_FOLDER = re.compile(r"([0-9]{4})(?:$|[ _,-]+(?!x\b)[^\W\d_])|.*[^\W\d_][ _-]([0-9]{4})$")
_NOT_WHEN_TAKEN = re.compile(r"scan|backup|export|import|cop(?:y|ies)|upload|download", re.IGNORECASE)


def moments_in_name(name: str) -> Iterator[Moment]:
    """The dates in a file name, finest first.

    Not read: counters, a bare year, day-first dates (which part is the day?), and the milliseconds in
    FB_IMG_1400000000000.jpg, which say when a picture was saved. `VID` names frames of videos. Names
    that begin with PXL are in UTC, as the Pixel camera writes them.
    """
    stem = _EXTENSION.sub("", name)
    if stem[:3].upper() == "VID":
        return
    for match in _DATED_NAME.finditer(stem):
        day = _moment(match.group("year", "month", "day"))
        if match["hour"] is None:
            found = day
        else:
            timed = _timed(match, 0 if stem.startswith("PXL_") else None)
            found = timed or (day if match["gap"] else None)
        if found:
            yield found
    month_only = _MONTH_NAME.match(stem)
    if month_only and (found := _moment(month_only.groups())):
        yield found


def _timed(match: re.Match[str], offset: int | None) -> Moment | None:
    """The date and time of a `_DATED_NAME`; None when there is no such time."""
    hour = int(match["hour"])
    if match["half"] and 1 <= hour <= 12:
        hour = hour % 12 + (12 if match["half"] in "pP" else 0)
    clock = (str(hour), match["minute"] or match["minute2"], match["second"] or match["second2"])
    moment = _moment([*match.group("year", "month", "day"), *clock], offset)
    if moment and match["thousandths"]:
        return moment._replace(at=moment.at.replace(microsecond=_microseconds(match["thousandths"])))
    return moment


def moments_in_folders(folders: Sequence[str], name: str) -> Iterator[Moment]:
    """The dates that the folders from the root down to the file say, the nearest folder's first.

    `2014-05-03 Holiday`, `2014-05`, `1987 Summer`, `Christmas 2003`, `Photos from 2014` and the chains
    `2014/05/03` and `2014/05`; not spans (`1980-1989`), nor the date of a scan or a backup. A fixed
    camera's `2024-03-04/cam_081000.jpg` has its time of day in the name.
    """
    clock = _CAMERA_CLOCK.fullmatch(_EXTENSION.sub("", name))
    below: list[str] = []
    for folder in reversed(folders):
        if _NUMBER_FOLDER.fullmatch(folder):
            below.insert(0, folder)
            continue
        parts = _folder_parts(folder)
        chain = (parts + below)[:3] if _BARE_FOLDER.fullmatch(folder) else parts
        for known in (chain, parts):
            if clock and len(known) == 3 and (moment := _moment([*known, *clock.groups()])):
                yield moment
            if known and (moment := _moment(known)):
                yield moment
        below = []


def _folder_parts(folder: str) -> list[str]:
    """Year, month and day as far as a folder's name says them; empty when it says none."""
    if _NOT_WHEN_TAKEN.search(folder):
        return []
    if match := _DAY_FOLDER.match(folder):
        return [match[1], match[3], match[4]]
    if match := _MONTH_FOLDER.match(folder):
        return [match[1], match[2]]
    span = len(re.findall(r"\d{4}", folder)) > 1
    match = None if span else _YEAR_FOLDER.match(folder)
    return [match[1] or match[2]] if match else []
