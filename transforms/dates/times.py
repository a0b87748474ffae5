"""Texts made plain, moments made of their parts, and times of day as programs and people spell them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from headcount.transforms.dates.evidence import Moment

MAX_TEXT: Final = 300
"""Characters of a text that are looked at; file systems allow names of 255 bytes."""

_ALIKE: Final = {
    **dict.fromkeys((0x2010, 0x2011, 0x2212), "-"),
    0x2014: "\u2013",
    **dict.fromkeys((0x200E, 0x200F, 0x2066, 0x2069)),
}
"""Hyphens and the minus sign, dashes, and the invisible marks of the direction of writing."""


def plain(text: str) -> str:
    """`text` in lower case, composed, with ordinary digits, spaces and hyphens, cut to MAX_TEXT."""
    text = text[:MAX_TEXT]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_ALIKE)
    # In lower case `am` may be a German word: `um 12.10 am See`.
    return text.replace("AM", "a.m").lower()


Known = Sequence[str | int | None]
"""Year, month, day, hour, minute, second, as many as are known."""

_FIRST_OF_RANGE: Final = (1, 1, 1, 0, 0, 0)
_PARTS: Final = ("year", "month", "day", "hour", "minute", "second")


def make_moment(known: Known, offset: int | None = None) -> Moment | None:
    """The moment of what is known; None if there is no such date."""
    given = [int(part) for part in known if part is not None]
    if not given:
        return None
    try:
        at = datetime(*given, *_FIRST_OF_RANGE[len(given) :])  # type: ignore[arg-type]
    except ValueError:
        return None
    return Moment(at, _PARTS[len(given) - 1], offset)


class Clock(NamedTuple):
    """A time of day and where in the text it ends."""

    end: int
    hour: int
    minute: int
    second: int | None
    microsecond: int = 0
    offset: int | None = None


_AT: Final = r"(?:at|um|à|às|as|alle|alle ore|ore|a las|a les|om|kl|kello|klo|o|в|v)\b\.?[ _-]{0,3}"
_CLOCK: Final = re.compile(
    rf"(?P<gap>t|[ _,:@.-]{{0,4}}(?P<at>{_AT})?)(?:(?P<early>上午|下午|午前|午後|오전|오후) ?)?"
    r"(?:(?P<h>[0-9]{2})(?P<m>[0-9]{2})(?:(?P<s>[0-9]{2})(?P<more>[0-9]{2,3})?)?(?![0-9])"
    r"|(?P<hour>[0-9]{1,2})(?P<mark>[-_.: ]|h|u| ?uhr ?|点|點|時|时|시 ?)(?P<minute>[0-9]{2})"
    r"(?:(?:(?P=mark)|m|分|분 ?)(?P<second>[0-9]{2})(?:[.,:](?P<fraction>[0-9]{1,9}))?)?"
    r"(?:[sm秒분초分](?![a-z]))?(?![0-9]))"
    r"(?:[ _.-]{0,2}(?P<late>[ap]\.? ?m(?![^\W\d_])\.?))?"
)
_ISO_ZONE: Final = re.compile(r"z(?![a-z0-9])|([+-][0-9]{2})[:-]?([0-9]{2})(?![0-9])")


def find_clock(text: str, at: int) -> Clock | None:
    """The time of day that begins at `at`, behind a date, in a `plain` text; None where there is none."""
    match = _CLOCK.match(text, at)
    if match is None:
        return None
    gap, mark, late, end = match["gap"], match["mark"], match["late"], match.end()
    hour, minute = match["h"] or match["hour"], match["m"] or match["minute"]
    second = match["s"] or match["second"]
    if second is None:
        # `2014-07-06-1234`, `2014-07-06 10 11` and `2014-07-06 1-12` may have counters.
        sure = gap == "t" or match["at"] or late or match["early"]
        if not sure and (mark in (None, " ") or (len(hour) == 1 and mark != ":")):
            return None
        if mark and text[end : end + 1] == mark and text[end + 1 : end + 2].isdigit():
            return None  # another date: `12.05.1994-15.05.1994`
    more = match["more"] or ""
    if gap and len(more) == 2:
        return None  # another date: `20140503-20140510`
    if late == "am" and text[end : end + 1] == " " and text[end + 1 : end + 2].isalpha():
        late = None
    zone = _ISO_ZONE.match(text, end) if gap == "t" else None
    return Clock(
        zone.end() if zone else end,
        _hour(int(hour), match["early"] or late),
        int(minute),
        None if second is None else 59 if second == "60" else int(second),
        microseconds(match["fraction"] or (more if len(more) == 3 else "")),
        parse_offset("".join(part or "" for part in zone.groups()) or "z") if zone else None,
    )


def _hour(hour: int, half: str | None) -> int:
    if half and 1 <= hour <= 12:
        return hour % 12 + (12 if half[0] == "p" or half in ("下午", "午後", "오후") else 0)
    # Some phones count from 1 to 24: 24:08 is eight minutes past midnight of the day that is written.
    return 0 if hour == 24 else hour


def with_clock(day: Moment, clock: Clock) -> Moment | None:
    """`day` at a time; None when there is no such time."""
    date = (day.at.year, day.at.month, day.at.day)
    moment = make_moment([*date, clock.hour, clock.minute, clock.second], clock.offset)
    return moment and moment._replace(at=moment.at.replace(microsecond=clock.microsecond))


def microseconds(fraction: str) -> int:
    """Of the digits behind the seconds: `5` is half a second."""
    return int(fraction[:6].ljust(6, "0"))


_OFFSET: Final = re.compile(r"z|\(?(?:utc|gmt)? *([+-])([0-9]{1,2})(?::?([0-9]{2}))?\)?")


def parse_offset(text: str) -> int | None:
    """Minutes east of UTC out of `+02:00`, `+02` or `Z`; None for anything else, and where no clock is so."""
    match = _OFFSET.fullmatch(plain(text).strip())
    if not match or int(match[3] or 0) > 59:
        return None
    minutes = int(match[2] or 0) * 60 + int(match[3] or 0)
    minutes = -minutes if match[1] == "-" else minutes
    return minutes if -720 <= minutes <= 840 else None
