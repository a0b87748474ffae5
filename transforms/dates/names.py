"""What the names of a photo and of its folders say of when it was taken."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from headcount.transforms.dates.evidence import Moment
from headcount.transforms.dates.spellings import MONTH, YEAR, Found, common, find_dates, month_number
from headcount.transforms.dates.times import make_moment, plain

_EXTENSION: Final = re.compile(r"\.[a-z][a-z0-9]{1,4}$", re.ASCII | re.IGNORECASE)
_WORD_ENDS: Final = r"(?![^\W\d_])"
_WORD_BEGINS: Final = r"(?<![^\W\d_])"

_SCAN: Final = re.compile(
    rf"{_WORD_BEGINS}(?:scn|scans?|scann(?:ed|er|en|ing|able)|(?:adobe|cam|hp|ep)scan(?:ner)?|scanné\w*|scansion\w*"
    r"|(?:ein)?gescann?[td]|escane\w*|escáner|num[ée]ris\w*|digitali[sz](?:a|é|iert)\w*|digitalizar)"
    rf"{_WORD_ENDS}"
)
_COPY: Final = re.compile(
    rf"{_WORD_BEGINS}(?:backups?|exports?|exported|imports?|imported|cop(?:y|ies)|uploads?|downloads?"
    r"|(?:daten)?sicherung(?:en)?|kopien?|sauvegardes?|copies?|copias?|respaldos?|copia di \w+)"
    rf"{_WORD_ENDS}"
)


def says_scan(name: str) -> bool:
    """Whether a file or folder of this name is a scan, so that its dates are those of the scan."""
    return bool(_SCAN.search(plain(name)))


# --- files -------------------------------------------------------------------------------------

_MONTH_FILE: Final = re.compile(rf"(?P<year>{YEAR})-(?P<month>[0-9]{{2}})(?![-_.]?[0-9])")
_AXIS: Final = re.compile(
    r"(?<![a-z])image([0-9]{2})-([0-9]{2})-([0-9]{2})_([0-9]{2})-([0-9]{2})-([0-9]{2})(?![0-9])"
)
_UNIX: Final = re.compile(
    r"(?:(?P<word>.*?)[-_ ])?(?P<seconds>1[0-9]{9}|9[4-9][0-9]{7})"
    r"(?:(?P<thousandths>[0-9]{3})|\.(?P<fraction>[0-9]{1,6}))?(?:-[a-z0-9]{6}(?:-clean)?)?(?: ?\([0-9]+\))?"
)
_CAMERA: Final = re.compile(
    r".*(?:cam(?:era)?|snap(?:shot)?|image|img|capture|frame|motion|event|photo|pic)[0-9]*"
)
_SAVED: Final = re.compile(r"fb.img|received|mmexport|images")
"""Names that say when a picture was saved, not when it was taken."""
_YEAR_2000: Final = 946_684_800


def moments_in_name(name: str, order: str = "") -> Iterator[Moment]:
    """The dates in a file name, in their order. `order` is how 04-03-2019 is read, see `find_dates`.

    Not read: counters, a bare year, the dates of scans, and the milliseconds in FB_IMG_1400000000000.jpg,
    which say when a picture was saved. `VID` names frames of videos. Names that begin with PXL are in UTC, as
    the Pixel camera writes them, and so are Unix seconds and milliseconds.
    """
    stem = plain(_EXTENSION.sub("", name))
    if stem.startswith("vid") or _SCAN.search(stem):
        return
    offset = 0 if stem.startswith("pxl_") else None
    dates = find_dates(stem, order)
    for found in dates:
        if moment := found.moment:
            yield moment if moment.precision == "day" or offset is None else moment._replace(offset=offset)
    if dates:
        return
    month, axis = _MONTH_FILE.match(stem), _AXIS.search(stem)
    if month and (moment := make_moment(month.group("year", "month"))):
        yield moment
    if axis and (moment := make_moment([f"20{axis[1]}", *axis.groups()[1:]])):
        yield moment
    if unix := _unix(stem):
        yield unix


def _unix(stem: str) -> Moment | None:
    match = _UNIX.fullmatch(stem)
    if match is None or int(match["seconds"]) < _YEAR_2000:
        return None
    word, seconds, thousandths, fraction = match.groups()
    # Ten digits behind any word are as often the number of a stock picture or a user.
    sure = (
        thousandths or (fraction and word) or (len(seconds) == 10 and (not word or _CAMERA.fullmatch(word)))
    )
    if not sure or (word and _SAVED.fullmatch(word)):
        return None
    at = datetime.fromtimestamp(float(f"{seconds}.{thousandths or fraction or 0}"), UTC)
    return Moment(at.replace(tzinfo=None), "second", 0)


# --- folders -----------------------------------------------------------------------------------

_TWO_DIGITS: Final = re.compile(r"[0-9]{2}h?")
_PART: Final = re.compile(r"([0-9]{2})h?|([0-9]{1,2})[月월日일]")
_MONTH_PART: Final = re.compile(rf"(?:[0-9]{{1,2}}[ ._-]+)?({MONTH})")
_BARE: Final = re.compile(
    rf"(?P<year>{YEAR})[年년]?(?:[-_. ](?P<month>0[1-9]|1[0-2])|[-.](?P<month1>[1-9]))?"
    rf"|(?P<y>{YEAR})(?P<mark>[-_. ]?)(?P<m>0[1-9]|1[0-2])(?P=mark)(?P<d>[0-9]{{2}})"
    r"(?:t?(?P<h>[0-9]{2})h?)?"
    r"|(?P<yi>[0-9]{4})y(?P<yi_m>[0-9]{2})m(?P<yi_d>[0-9]{2})d(?:(?P<yi_h>[0-9]{2})h)?"
)
"""A folder that is named after a date and nothing else; the last is the Yi cameras'."""

_ALONE: Final = r"(?<![^\W_])"
_ALONE_TO: Final = r"(?![^\W_])"
_MONTH_FOLDER: Final = re.compile(
    rf"{_ALONE}(?P<year>{YEAR})[-_. ](?P<month>0[1-9]|1[0-2])(?![0-9]|[-_.][0-9]{{1,2}}(?![0-9]))"
)
_MONTH_FIRST_FOLDER: Final = re.compile(
    rf"(?<![0-9])(?<![0-9][-_./])(?P<month>0?[1-9]|1[0-2])[-_./](?P<year>{YEAR})(?![0-9])"
)
_SHORT_YEAR: Final = re.compile(
    rf"{_ALONE}(?<![0-9]\.)(?P<day>[0-9]{{1,2}})\.(?P<month>[0-9]{{1,2}})\.(?P<year>[4-9][0-9])(?![0-9]|\.[0-9])"
)
_APOSTROPHE: Final = re.compile(rf"{_ALONE}['\u2019](?P<short>[4-9][0-9]){_ALONE_TO}")
_YEARS: Final = re.compile(rf"{_ALONE}(?P<first>{YEAR})[-\u2013/_](?P<last>[0-9]{{2}}){_ALONE_TO}")
_DECADE: Final = re.compile(
    rf"{_ALONE}(?:(?:années|annees|anni|años|anos|jaren|the|les) '?)?(?P<century>18|19|20)?(?P<tens>[0-9])0"
    rf"(?P<ending>er|ers|ies|'?s)?{_ALONE_TO}(?! ?(?:geburtstag|birthday|feier|party|fest))"
)
_YEAR: Final = re.compile(rf"{_ALONE}(?<![x\u00d7] )(?P<year>{YEAR}){_ALONE_TO}(?! ?[x\u00d7] ?[0-9])")


def moments_in_folders(folders: Sequence[str], name: str) -> Iterator[Moment]:
    """The dates that the folders from the root down to the file say, the nearest folder's first.

    `2014-05-03 Holiday`, `May 1995`, `1987 Summer`, `80s` and chains such as `2014/05/03`. Of a span, what
    its ends share. Not the date of a scan or a backup. Below a day, fixed cameras have folders for the hour
    and the minute, and a time of day in the name: `2024-03-04/08/10-00.jpg`, `2024-03-04/cam_081000.jpg`.
    """
    stem = plain(_EXTENSION.sub("", name))
    for depth in range(len(folders) - 1, -1, -1):
        folder = plain(folders[depth]).strip()
        if _TWO_DIGITS.fullmatch(folder):
            continue
        below = [plain(part) for part in folders[depth + 1 :]]
        yield from _moments_of(folder, below, stem)


def _moments_of(folder: str, below: list[str], stem: str) -> Iterator[Moment]:
    bare = _BARE.fullmatch(folder)
    if bare is None:
        moment = _moment_of(folder)
        if moment and moment.precision == "day":
            at = moment.at
            yield from _timed([f"{at.year}", f"{at.month}", f"{at.day}"], _clock_of(stem, []))
        if moment:
            yield moment
        return
    known = [part for name, part in bare.groupdict().items() if part and name != "mark"]
    if len(known) == 4:
        known, below = known[:3], [known[3], *below]
    while len(known) < 3 and (part := _part_below(known, below)) and make_moment([*known, part]):
        known, below = [*known, part], below[1:]
    date = make_moment(known)
    if date and date.precision == "day":
        parts = [part.rstrip("h") for part in below if _TWO_DIGITS.fullmatch(part)]
        yield from _timed(known, _clock_of(stem, parts[:2]))
    while known and not date:
        known = known[:-1]
        date = make_moment(known)
    if date:
        yield date


def _part_below(known: list[str], below: list[str]) -> str | None:
    """The month or day that the first of the folders `below` is; one digit is a month only with a day."""
    if not below:
        return None
    if match := _PART.fullmatch(below[0]):
        return match[1] or match[2]
    if len(known) == 1 and (named := _MONTH_PART.fullmatch(below[0])):
        return str(month_number(named[1]))
    numbers = [part for part in below[: 3 - len(known)] if re.fullmatch("[0-9]{1,2}", part)]
    return numbers[0] if len(known) + len(numbers) == 3 else None


def _timed(day: list[str], clock: Sequence[str]) -> Iterator[Moment]:
    if clock and (moment := make_moment([*day, *clock])):
        yield moment


_CLOCK_NAME: Final = re.compile(
    r"(?:.*[-_ ])?[a-z]*(?:cam(?:era)?|snap(?:shot)?|ch(?:annel)?)[0-9]*[-_ ]([0-9]{2})([0-9]{2})([0-9]{2})"
    r"|(?:.*[-_ ])?([0-9]{2})[-.:_h]([0-9]{2})[-.:_m]([0-9]{2})s?"
    r"|([0-9]{2})[-.:_h]([0-9]{2})[-.:_m]([0-9]{2})(?![0-9]).*"
)
_MINUTE_NAME: Final = re.compile(r"(?:e[0-9])?([0-9]{2})(?:[-.:_m]([0-9]{2}))?(?![0-9])")


def _clock_of(stem: str, above: Sequence[str]) -> Sequence[str]:
    """Hour, minute, second as far as the numbered folders `above` and the name say them; empty for none."""
    if match := _CLOCK_NAME.fullmatch(stem):
        clock = [part for part in match.groups() if part]
        if not above or above[0] == clock[0]:
            return clock
    if not above or int(above[0]) > 23 or (len(above) > 1 and int(above[1]) > 59):
        return []
    if (match := _MINUTE_NAME.match(stem)) and all(int(part) < 60 for part in match.groups() if part):
        return [*above, *(part for part in match.groups() if part)][:3]
    return above


@lru_cache(maxsize=1024)
def _moment_of(folder: str) -> Moment | None:
    """The day, month, year or decade that a folder's name says; of several dates, what they share."""
    if _SCAN.search(folder) or _COPY.search(folder):
        return None
    found = _coarser(folder, find_dates(folder))
    shared: Moment | None = None
    for one in sorted(found):
        moment = one.moment and _day_of(folder, one)
        if moment is None:
            continue
        if shared is None or moment.finer(shared):
            shared = moment
        elif moment != shared and not shared.finer(moment):
            shared = common(shared, moment)
            if shared is None:
                return None
    return shared


def _day_of(folder: str, found: Found) -> Moment | None:
    """Without the time of day, which is that of the folder. `2014-05-03-10` and `2014-05-03_05-10` may be
    spans of days, and so they are no more than a month.
    """
    moment = found.moment
    if moment is None or moment.precision in ("month", "year", "decade"):
        return moment
    at = moment.at
    last = re.match(r"[-_+&/]([0-9]{2})(?![0-9])", folder[found.end :])
    within = last is not None and at.day < int(last[1]) <= 31
    if within or (moment.precision == "minute" and at.hour == at.month and at.day < at.minute <= 31):
        return make_moment([at.year, at.month])
    return make_moment([at.year, at.month, at.day])


def _coarser(folder: str, found: list[Found]) -> list[Found]:
    """`found` with the months, years and decades that only folders are named after."""
    for pattern in (_SHORT_YEAR, _MONTH_FOLDER, _MONTH_FIRST_FOLDER, _YEARS, _DECADE, _YEAR, _APOSTROPHE):
        for match in pattern.finditer(folder):
            if not any(one.start < match.end() and match.start() < one.end for one in found):
                moment = _coarse_moment(match)
                if moment is not None or pattern in (_YEARS, _SHORT_YEAR):
                    found = [*found, Found(*match.span(), moment)]
    return found


def _coarse_moment(match: re.Match[str]) -> Moment | None:
    part = match.groupdict()
    if "last" in part:
        first, last = make_moment([part["first"]]), make_moment([part["first"][:2] + part["last"]])
        return common(first, last) if first and last and first.at < last.at else first
    if "short" in part:
        return make_moment([f"19{part['short']}"])
    if "tens" in part:
        # 1980 is a year, 80 a number, 30s half a minute, and 20er of one of two centuries.
        named, least = part["ending"] or " " in match[0], "5" if part["ending"] == "s" else "3"
        if not named or (part["century"] is None and part["tens"] < least):
            return None
        return Moment(datetime(int(f"{part['century'] or 19}{part['tens']}0"), 1, 1), "decade")
    if "day" in part:
        return make_moment([f"19{part['year']}", part["month"], part["day"]])
    return make_moment([part["year"], part.get("month")])
