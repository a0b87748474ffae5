"""Dates as programs and people spell them, in texts of metadata and in names.

No date is taken out of the middle of digits, and none is guessed: 04-03-2019 is a date only where
something says which part is the day. Libraries that read dates in prose (dateparser, dateutil) guess, and
take many times as long.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from headcount.transforms.dates.evidence import Moment
from headcount.transforms.dates.times import (
    Known,
    find_clock,
    make_moment,
    parse_offset,
    plain,
    with_clock,
)

DAY_FIRST: Final = "day first"
MONTH_FIRST: Final = "month first"

YEAR: Final = "(?:18|19|20)[0-9]{2}"


class Found(NamedTuple):
    """A date and where in the text it stands; `moment` is None where the digits are no possible date."""

    start: int
    end: int
    moment: Moment | None


def common(first: Moment, last: Moment) -> Moment | None:
    """What two dates share, for the span between them: a month, a year, a decade, or None."""
    if first.at.year != last.at.year:
        decade = first.at.year // 10 * 10
        return Moment(datetime(decade, 1, 1), "decade") if decade == last.at.year // 10 * 10 else None
    if first.at.month != last.at.month or "year" in (first.precision, last.precision):
        return Moment(datetime(first.at.year, 1, 1), "year")
    return Moment(datetime(first.at.year, first.at.month, 1), "month")


# --- the months' names -------------------------------------------------------------------------


def _bare(word: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


_MONTHS: Final = {
    spelling: number
    for number, names in enumerate(
        (
            "january januar janvier enero gennaio januari janeiro jan jän jänner janv ene gen",
            "february februar février febrero febbraio februari fevereiro feb febr févr fév fev",
            "march märz mars marzo maart março mar mär mrz mrt",
            "april avril abril aprile apr avr abr",
            "may mai mayo maggio mei maio",
            "june juni juin junio giugno junho jun giu",
            "july juli juillet julio luglio julho jul juil lug",
            "august août agosto augustus aug ago",
            "september septembre septiembre settembre setembro sept sep",
            "october oktober octobre octubre ottobre outubro oct okt ott",
            "november novembre noviembre novembro nov",
            "december dezember décembre diciembre dicembre dezembro dec dez déc dic",
        ),
        start=1,
    )
    for name in names.split()
    for spelling in (name, _bare(name), name.replace("ä", "ae"))
}
"""English, German, French, Spanish, Italian, Dutch and Portuguese, without what is an everyday word of
another of them (mag, out, set)."""

MONTH: Final = "(?:" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")(?![^\W\d_])\.?"


def month_number(name: str) -> int:
    """The number of a month's name as MONTH matches it."""
    return _MONTHS[name.rstrip(".")]


# --- how each spelling is read -----------------------------------------------------------------

Read = Callable[[re.Match[str], str], Known | None]
"""What a match says, given the order of day and month: nothing where its digits are no date, and None where
it is not about a date at all, so that another spelling may fit."""


def _in_order(match: re.Match[str], order: str) -> Known:
    return tuple(match[part] for part in ("year", "month", "day") if part in match.re.groupindex)


def _by_name(match: re.Match[str], order: str) -> Known:
    day = match["day"] if "day" in match.re.groupindex else None
    return match["year"], month_number(match["month"]), day


def _year_first(match: re.Match[str], order: str) -> Known:
    padded = len(match["month"]) + len(match["day"]) == 4
    # `DSC 2014 1 2` has counters.
    return () if match["mark"] in " _" and not padded and match.start() else _in_order(match, order)


def _year_last(match: re.Match[str], order: str) -> Known | None:
    mark, start = match["mark"], match.start()
    if mark and start > 1 and match.string[start - 1] == mark and match.string[start - 2].isdigit():
        return None  # the middle of other digits
    orders = _orders(match)
    if mark == "." or match[0][0] == "@":  # the marks of central Europe and of Telegram's export
        order = DAY_FIRST
    elif len(set(orders.values())) == 1:
        order = next(iter(orders))
    return (match["year"], *orders[order]) if order in orders else ()


def _orders(match: re.Match[str]) -> dict[str, tuple[str, str]]:
    """The orders in which two numbers can be a month and a day, and which they then are."""
    first, second = match["first"], match["second"]
    ways = {DAY_FIRST: (second, first), MONTH_FIRST: (first, second)}
    return {
        order: (month, day)
        for order, (month, day) in ways.items()
        if 1 <= int(month) <= 12 and 1 <= int(day) <= 31
    }


def _span(match: re.Match[str], order: str) -> Known | None:
    """The month of a span within it, the year of a longer one; the day of what is none: `12 - 3 May 2014`."""
    year, first, last, day, day2 = match.group("year", "month", "month2", "day", "day2")
    if not first and not (day and day2):
        return None
    months = [
        int(name) if name.isdecimal() else month_number(name) for name in (first or last, last or first)
    ]
    if months[0] != months[1]:
        return (year,)
    return (year, months[1]) if first or int(day) < int(day2) else (year, months[1], day2)


def _span_behind(match: re.Match[str], order: str) -> Known:
    year, month, day, month2, day2 = match.group("year", "month", "day", "month2", "day2")
    if month2 and month2 != month:
        return (year,)
    return (year, month) if int(day) < int(day2) else (year, month, day)


_NOT_IN_WORD: Final = r"(?<![^\W\d_])"
_BEGINS: Final = "(?<![0-9])"
_ENDS: Final = "(?![0-9])"
_AFTER_WORD: Final = "(?<![0-9a-z])[a-z]*"
"""A date may follow a word, IMG20140706, but no hexadecimal number, 3f20140706."""
_GAP: Final = "[ ,._-]{0,3}"
_OF: Final = "(?:de |del |d')?"
_JOIN: Final = r"(?: ?[-\u2013~+&_]{1,2} ?| (?:bis|to|till|until|und|and|au|et|al|a|y|e|tot|en) )"
_BETWEEN: Final = re.compile(_JOIN)

_YEAR_LAST: Final = re.compile(
    rf"(?:@|{_BEGINS})(?P<first>[0-9]{{1,2}})(?P<mark>[-_./: ])(?P<second>[0-9]{{1,2}})(?P=mark)"
    rf"(?P<year>{YEAR}){_ENDS}"
)
_YEAR_LAST_COMPACT: Final = re.compile(
    rf"(?<![0-9a-z])(?P<first>[0-9]{{2}})(?P<mark>)(?P<second>[0-9]{{2}})(?P<year>{YEAR})"
    r"(?=[0-9]{3}(?![0-9])|(?![0-9a-z]))"
)

Spellings = tuple[tuple[re.Pattern[str], Read], ...]


def _spellings(*pairs: tuple[str | re.Pattern[str], Read]) -> Spellings:
    return tuple((re.compile(pattern), read) for pattern, read in pairs)


_NUMERIC: Final = _spellings(
    (  # 3.-10.5.2014, 28.04. - 03.05.2014
        rf"{_BEGINS}(?P<day>[0-9]{{1,2}})(?:\.(?P<month>[0-9]{{1,2}}))?\.?{_JOIN}"
        rf"(?P<day2>[0-9]{{1,2}})\.(?P<month2>[0-9]{{1,2}})\.(?P<year>{YEAR}){_ENDS}",
        _span,
    ),
    (  # 2014-05-03 - 10, 2014-05-28 bis 06-03
        rf"{_AFTER_WORD}(?P<year>{YEAR})(?P<mark>[-_.])(?P<month>[0-9]{{2}})(?P=mark)(?P<day>[0-9]{{2}})"
        rf"(?=[ \u2013~]){_JOIN}(?:(?P<month2>[0-9]{{2}})(?P=mark))?(?P<day2>[0-9]{{2}})(?![0-9.:_h-])",
        _span_behind,
    ),
    (_YEAR_LAST, _year_last),
    (
        rf"{_AFTER_WORD}(?P<year>{YEAR})(?P<mark>[-_./: ])(?P<month>[0-9]{{1,2}})(?P=mark)"
        rf"(?P<day>[0-9]{{1,2}}){_ENDS}",
        _year_first,
    ),
    (  # Without marks: behind it a time without marks, or neither digits nor hexadecimal ones.
        rf"(?:{_AFTER_WORD}|(?<=[g-z]))(?P<year>{YEAR})(?P<month>[0-9]{{2}})(?P<day>[0-9]{{2}})"
        rf"(?=[0-9]{{6}}(?:[0-9]{{2,3}})?{_ENDS}|(?![0-9]|[a-su-z]{{1,3}}[0-9]))",
        _in_order,
    ),
    (_YEAR_LAST_COMPACT, _year_last),
    (rf"{_BEGINS}(?P<year>{YEAR})y(?P<month>[0-9]{{2}})m(?P<day>[0-9]{{2}})d", _in_order),
)
_EAST_ASIAN: Final = _spellings(
    (
        rf"{_BEGINS}(?P<year>{YEAR}) ?[年년] ?(?P<month>[0-9]{{1,2}}) ?[月월] ?(?P<day>[0-9]{{1,2}})"
        rf"(?: ?[日號号일]|{_ENDS})",
        _in_order,
    ),
    (rf"{_BEGINS}(?P<year>{YEAR}) ?[年년](?: ?(?P<month>[0-9]{{1,2}}) ?[月월])?", _in_order),
)
_NAMED: Final = _spellings(
    (  # 3-10 May 2014, 28. April bis 3. Mai 2014, May-Aug 2014
        rf"(?:{_BEGINS}(?P<day>[0-9]{{1,2}})\.? ?)?(?:{_NOT_IN_WORD}(?P<month>{MONTH}))?{_JOIN}"
        rf"(?:(?P<day2>[0-9]{{1,2}})\.? ?)?{_OF}(?P<month2>{MONTH}),? ?{_OF}(?P<year>{YEAR}){_ENDS}",
        _span,
    ),
    (  # May 3-10, 2014, May 28 - June 3, 2014
        rf"{_NOT_IN_WORD}(?P<month>{MONTH}) ?(?P<day>[0-9]{{1,2}}){_JOIN}(?:(?P<month2>{MONTH}) ?)?"
        rf"(?P<day2>[0-9]{{1,2}}),? (?P<year>{YEAR}){_ENDS}",
        _span,
    ),
    (  # 2014 May-Aug
        rf"{_BEGINS}(?P<year>{YEAR})[ ._-](?P<month>{MONTH})(?P<day>)(?P<day2>){_JOIN}"
        rf"(?P<month2>{MONTH}){_ENDS}",
        _span,
    ),
    (  # 3. Mai 1995, 1er mai 1995, 3 de mayo de 1995
        rf"{_BEGINS}(?P<day>[0-9]{{1,2}})(?:\.|st|nd|rd|th|er|º|ª)?{_GAP}{_OF}(?P<month>{MONTH})"
        rf"{_GAP}{_OF}(?P<year>{YEAR}){_ENDS}",
        _by_name,
    ),
    (  # May 3, 1995
        rf"{_NOT_IN_WORD}(?P<month>{MONTH})[ _]{{0,3}}(?P<day>[0-9]{{1,2}})(?:st|nd|rd|th)?[ ,_]{{1,3}}"
        rf"(?P<year>{YEAR}){_ENDS}",
        _by_name,
    ),
    (  # 1995 May 3
        rf"{_BEGINS}(?P<year>{YEAR}){_GAP}(?P<month>{MONTH})[ _-]{{0,3}}(?P<day>[0-9]{{1,2}}){_ENDS}",
        _by_name,
    ),
    (rf"{_NOT_IN_WORD}(?P<month>{MONTH}){_GAP}{_OF}(?P<year>{YEAR}){_ENDS}", _by_name),
    (rf"{_BEGINS}(?P<year>{YEAR}){_GAP}(?P<month>{MONTH})", _by_name),
)
_HAS_YEAR: Final = re.compile(YEAR)
_HAS_MONTH: Final = re.compile(_NOT_IN_WORD + MONTH)


# --- texts -------------------------------------------------------------------------------------


def find_dates(text: str, order: str = "") -> list[Found]:
    """Every date in a `plain` text with the time behind it, from left to right.

    `order`, DAY_FIRST or MONTH_FIRST, is how 04-03-2019 is read; with neither it is no date. The surest
    spellings come first; what one has read, or has found to be no date, no other reads again.
    """
    if not _HAS_YEAR.search(text):
        return []
    # Most texts need the first group only, and every photo has some.
    spellings = (
        _NUMERIC + (() if text.isascii() else _EAST_ASIAN) + (_NAMED if _HAS_MONTH.search(text) else ())
    )
    found: list[Found] = []
    for pattern, read in spellings:
        for match in pattern.finditer(text):
            if any(one.start < match.end() and match.start() < one.end for one in found):
                continue
            known = read(match, order)
            if known is not None:
                found.append(_found(match, known))
    return _without_spans(text, sorted(found))


def _found(match: re.Match[str], known: Known) -> Found:
    text, (start, end) = match.string, match.span()
    date = make_moment(known)
    clock = find_clock(text, end) if date and date.precision == "day" else None
    if date is None or clock is None:
        return Found(start, end, date)
    moment = with_clock(date, clock)
    if moment is None:
        # `20140706999999` is a number and no day either, `IMG_20140706_999999` has a counter.
        return Found(start, clock.end, None) if text[end].isdigit() else Found(start, end, date)
    return Found(start, clock.end, moment)


def _without_spans(text: str, found: list[Found]) -> list[Found]:
    """`found` with what the two ends of a span share in their place: a month for 2014-05-03 - 2014-05-10."""
    for at, (one, other) in enumerate(pairwise(found)):
        if one.moment and other.moment and _BETWEEN.fullmatch(text, one.end, other.start):
            precise = {one.moment.precision, other.moment.precision} - {"day", "month", "year"}
            if not precise and one.moment != other.moment:
                span = Found(one.start, other.end, common(one.moment, other.moment))
                return _without_spans(text, [*found[:at], span, *found[at + 2 :]])
    return found


def shown_order(names: Iterable[str]) -> str:
    """DAY_FIRST or MONTH_FIRST where dates in `names` can have only that order, else empty."""
    shown = {order for name in names for orders in _orders_in(name) if len(orders) == 1 for order in orders}
    return shown.pop() if len(shown) == 1 else ""


def needs_order(name: str) -> bool:
    """Whether there is a date in `name` that is read only where its order is known."""
    return any(len(set(orders.values())) == 2 for orders in _orders_in(name))


def _orders_in(name: str) -> Iterator[dict[str, tuple[str, str]]]:
    for pattern in (_YEAR_LAST, _YEAR_LAST_COMPACT):
        yield from map(_orders, pattern.finditer(name))


_PLAIN_EXIF: Final = re.compile(r"([12][0-9]{3}):([0-9]{2}):([0-9]{2}) ([0-9]{2}):([0-9]{2}):([0-9]{2})")
_SHORT: Final = re.compile(rf"({YEAR})(?:[-:/.]([0-9]{{1,2}}))?")
_WEEKDAY: Final = re.compile(r"([^\W\d_]{2,10})\.?,? +")
_C_TIME: Final = re.compile(rf"({MONTH}) +([0-9]{{1,2}}) +([0-9:.]+)( [^ ]+)? ([0-9]{{4}})")
_NO_ZERO: Final = re.compile(
    r"(?<=[0-9]:) ?(?=[0-9](?![0-9]))|(?<=[0-9][-/]) (?=[0-9](?![0-9]))|(?<=[0-9] ) (?=[0-9]:)"
)
_ZONE: Final = re.compile(
    r" *(?:(?P<offset>z|\(?(?:utc|gmt)? *[+-][0-9]{1,2}(?::?[0-9]{2})?\)?)"
    r"|(?P<word>[a-z]{2,5}|[a-z]+/[a-z_/]+))?(?: ?[(\[][a-z_/]+[)\]])?"
)
"""An offset or a word, and perhaps a word in brackets, which says no more."""
_ZONE_WORDS: Final = {
    word: minutes
    for minutes, words in {
        0: "utc gmt wet",
        60: "cet mez west",
        120: "cest mesz eet",
        180: "eest msk",
        540: "jst kst",
        -240: "edt",
        -300: "est cdt",
        -360: "cst mdt",
        -420: "mst pdt",
        -480: "pst",
    }.items()
    for word in words.split()
}
"""Minutes east of UTC of the words of RFC 822, and of Europe, Japan and Korea."""


def parse_moment(text: str) -> Moment | None:
    """A date of EXIF (`2004:08:27 13:52:55`), ISO 8601, XMP or PNG, whole or cut short; None for anything
    else.

    Blanks stand for unknown, so a date may end in them. A part that is zero or does not exist
    (month 13, 30 February) makes the whole text unusable.
    """
    if (usual := _PLAIN_EXIF.fullmatch(text)) and (moment := make_moment(usual.groups())):
        return moment
    text = plain(text.split("\0", 1)[0]).strip().rstrip(" :-/")
    if short := _SHORT.fullmatch(text):
        return make_moment(short.groups())
    weekday = _WEEKDAY.match(text)
    if weekday and weekday[1] not in _MONTHS:
        text = text[weekday.end() :]
    if c_time := _C_TIME.fullmatch(text):
        month, day, clock, zone, year = c_time.groups()
        text = f"{day} {month} {year} {clock}{zone or ''}"
    text = _NO_ZERO.sub("0", text)
    date = next(iter(find_dates(text)), None)
    if date is None or date.start or date.moment is None:
        return None
    if date.end == len(text):
        return date.moment
    zone_match = _ZONE.fullmatch(text, date.end)
    if zone_match is None or date.moment.precision not in ("second", "minute"):
        return None
    offset, word = zone_match["offset"], zone_match["word"]
    if offset or word:
        return date.moment._replace(offset=parse_offset(offset) if offset else _ZONE_WORDS.get(word))
    return date.moment
