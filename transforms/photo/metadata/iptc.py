"""When a picture was taken by its IPTC records, which press photographers and old catalogues wrote."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_MAX_RECORDS: Final = 10_000
_DATE = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})")
_TIME = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{2})([+-][0-9]{4})?")


class IptcDate(NamedTuple):
    """The date as EXIF would write it, cut where the record has zeros, and the offset from UTC."""

    date: str = ""
    offset: str = ""


def iptc_date(part: bytes) -> IptcDate:
    """The records 2:55 and 2:60, date and time created, of IPTC records or of Photoshop's resources
    around them; empty where there are none. Never raises.
    """
    records = _records(_resource(part) if part.startswith(b"8BIM") else part)
    date = _DATE.fullmatch(records.get(55, ""))
    if not date:
        return IptcDate()
    known = []
    for number in date.groups():
        if not int(number):
            break
        known.append(number)
    time = _TIME.fullmatch(records.get(60, ""))
    if len(known) < 3 or not time or time[0].startswith("000000"):
        # Zeros stand for unknown, and programs write midnight where they know the day only.
        return IptcDate(":".join(known))
    return IptcDate(f"{':'.join(known)} {time[1]}:{time[2]}:{time[3]}", time[4] or "")


def _resource(resources: bytes) -> bytes:
    """The IPTC records among Photoshop's resources: `8BIM`, number, a name, length, content, all even."""
    at = 0
    for _ in range(_MAX_RECORDS):
        if resources[at : at + 4] != b"8BIM" or len(resources) < at + 12:
            return b""
        name = resources[at + 6] + 1
        start = at + 6 + name + name % 2 + 4
        size = int.from_bytes(resources[start - 4 : start], "big")
        if resources[at + 4 : at + 6] == b"\x04\x04":
            return resources[start : start + size]
        at = start + size + size % 2
    return b""


def _records(content: bytes) -> dict[int, str]:
    """The first text of each record of the application part, by number."""
    found: dict[int, str] = {}
    at = 0
    for _ in range(_MAX_RECORDS):
        if content[at : at + 1] != b"\x1c" or len(content) < at + 5:
            break
        part, number, length = (
            content[at + 1],
            content[at + 2],
            int.from_bytes(content[at + 3 : at + 5], "big"),
        )
        if part == 2 and number in (55, 60):
            found.setdefault(
                number, content[at + 5 : at + 5 + min(length, 20)].decode("latin-1").strip("\0 ")
            )
        at += 5 + length
    return found
