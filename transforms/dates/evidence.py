"""How the date of a photo is decided: evidence with a strength, and one rule that weighs it.

Nothing here reads a file or a name; `capture_time` gathers the evidence and this module decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Final, NamedTuple

from headcount.schemas.labels import DATE_PRECISIONS

DAY: Final = timedelta(days=1)


class Moment(NamedTuple):
    """A date as one source gives it: wall clock, precision, and the offset if it carries one."""

    at: datetime
    precision: str
    offset: int | None = None

    @property
    def end(self) -> datetime:
        """The first moment behind all that this date may mean: of 1974, the beginning of 1975."""
        year, month = self.at.year, self.at.month
        if self.precision == "decade":
            return datetime(min(year + 10, 9999), 1, 1)
        if self.precision == "year":
            return datetime(min(year + 1, 9999), 1, 1)
        if self.precision == "month":
            return datetime(min(year + month // 12, 9999), month % 12 + 1, 1)
        return self.at + timedelta(**{f"{self.precision}s": 1})

    def finer(self, other: Moment) -> bool:
        """Whether this date is one of those that `other` may mean, and more precise."""
        ranks = DATE_PRECISIONS.index(self.precision), DATE_PRECISIONS.index(other.precision)
        return ranks[0] < ranks[1] and other.at <= self.at < other.end

    def apart(self, other: Moment) -> timedelta:
        """The least time between the two dates, zero where they overlap."""
        return max(self.at - other.end, other.at - self.end, timedelta(0))


class Strength(IntEnum):
    """What a date is a date of, the strongest evidence first."""

    MOMENT = 1
    """Of the moment in front of the camera: EXIF original, XMP, IPTC, Takeout."""
    NAME = 2
    """Of what a file or folder is named after."""
    FILE = 3
    """Of the making or changing of the file, so an upper bound: EXIF digitized and modified, XMP create."""
    COPY = 4
    """Of this copy of the file: its modification time."""
    DEFAULT = 5
    """Of nothing: where a clock begins that was never set. Only `weigh` gives it, see `_is_default`."""


class Evidence(NamedTuple):
    """A date, the one of DATE_SOURCES that says so, and how much that says."""

    source: str
    strength: Strength
    moment: Moment


def weigh(evidence: Iterable[Evidence]) -> tuple[Evidence | None, str | None]:
    """The evidence that dates the photo, and a source that contradicts it by more than a day.

    - The strongest counts; among equals the first.
    - A date of the file is an upper bound: a name that says a later one gives way to it.
    - A known default of clocks counts only when nothing contradicts it.
    - What agrees and is more precise refines the answer: a time within the day, a day within the year.
    """
    given = list(evidence)
    ranked = sorted((_demoted(one, given) for one in given), key=lambda one: one.strength)
    if not ranked:
        return None, None
    chosen = ranked[0]
    if chosen.strength == Strength.NAME:
        bounds = (one for one in ranked if one.strength == Strength.FILE)
        chosen = next((one for one in bounds if one.moment.end <= chosen.moment.at), chosen)
    for one in ranked:
        if one.moment.finer(chosen.moment):
            chosen = one
    return chosen, next((one.source for one in ranked if _contradicts(one, chosen)), None)


def _demoted(one: Evidence, given: list[Evidence]) -> Evidence:
    if _is_default(one.moment) and any(
        one.moment.apart(other.moment) > DAY for other in given if not _is_default(other.moment)
    ):
        return one._replace(strength=Strength.DEFAULT)
    return one


def _contradicts(one: Evidence, chosen: Evidence) -> bool:
    """A file that was made or changed later contradicts nothing, nor does a copy or what a default says of
    the file."""
    if one.source == chosen.source or one.moment.apart(chosen.moment) <= DAY:
        return False
    if one.source in ("digitized", "created", "modified"):
        return one.strength == Strength.FILE and one.moment.at < chosen.moment.at
    return one.strength != Strength.COPY


_DEFAULT_DAYS: Final = frozenset({(1899, 12, 30), (1904, 1, 1), (1970, 1, 1), (1980, 1, 1), (2000, 1, 1)})
"""Where the clocks of spreadsheets, Macs, Unix, DOS and many cameras begin."""
_FIRST_FIRMWARE: Final = 1995
"""The year of the first cameras that wrote a date."""


def _is_default(moment: Moment) -> bool:
    """Whether a clock that was never set shows this: a default day, noon of 2002-12-08 (Android), or
    midnight of the first of a month, as the firmware of cameras has it.
    """
    at = moment.at
    if moment.precision not in ("second", "minute"):
        return False  # a person who writes 1970 means it
    if (at.year, at.month, at.day) in _DEFAULT_DAYS or at == datetime(2002, 12, 8, 12):
        return True
    return at.year >= _FIRST_FIRMWARE and at.day == 1 and (at.hour, at.minute, at.second) == (0, 0, 0)
