"""The words the tables use: age groups, genders, moods. Each list is defined here and only here."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import Final

AGES: Final = 101
"""Length of an age distribution: one entry per completed year, 0 to 99, the last for 100 and over."""

AGE_GROUPS: Final = (
    ("baby", 0),
    ("toddler", 2),
    ("child", 4),
    ("adolescent", 9),
    ("teenager", 14),
    ("young adult", 19),
    ("adult", 25),
    ("mature adult", 35),
    ("middle age", 45),
    ("senior", 59),
)
"""Name and first year of each group; a group ends where the next begins, the last has no end."""

AGE_GROUP_NAMES: Final = tuple(name for name, _ in AGE_GROUPS)
GENDERS: Final = ("female", "male")
MOODS: Final = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
ATTRIBUTES: Final = ("age", "gender", "mood")

DATE_SOURCES: Final = (
    "original",
    "xmp",
    "iptc",
    "takeout",
    "filename",
    "folder",
    "digitized",
    "created",
    "modified",
    "mtime",
)
"""Where a capture time may come from, the most trusted first: what dates the moment, what a name says,
what dates only the file."""

DATE_PRECISIONS: Final = ("second", "minute", "hour", "day", "month", "year", "decade")
"""What of a capture time is known; the parts below it are the first of their range."""

_STARTS = tuple(start for _, start in AGE_GROUPS)
_YEARS = {name: f"{name} ({start}-{end - 1})" for (name, start), (_, end) in pairwise(AGE_GROUPS)} | {
    AGE_GROUP_NAMES[-1]: f"{AGE_GROUP_NAMES[-1]} ({_STARTS[-1]}+)"
}


def age_group(age: float) -> str:
    """The name of the group that holds `age`, in years; raises ValueError below 0."""
    if age < 0:
        raise ValueError(f"age must not be negative: {age}")
    return AGE_GROUP_NAMES[bisect_right(_STARTS, age) - 1]


def with_years(group: str) -> str:
    """An age group as a person reads it, in completed years: `child (4-8)`; KeyError for another word."""
    return _YEARS[group]
