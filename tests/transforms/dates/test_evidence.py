from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from headcount.schemas.labels import DATE_PRECISIONS
from headcount.transforms.dates.evidence import Evidence, Moment, Strength, weigh
from headcount.transforms.dates.spellings import parse_moment

STRENGTHS = {
    "original": Strength.MOMENT,
    "takeout": Strength.MOMENT,
    "filename": Strength.NAME,
    "folder": Strength.NAME,
    "digitized": Strength.FILE,
    "modified": Strength.FILE,
    "mtime": Strength.COPY,
}


def weighed(**said: str) -> tuple[str, str, str | None]:
    """The date, its source and the conflict, of what each source says."""
    evidence = []
    for source, text in said.items():
        decade = Moment(datetime(int(text[:4]), 1, 1), "decade") if text.endswith("s") else None
        moment = decade or parse_moment(text)
        assert moment is not None
        evidence.append(Evidence(source, STRENGTHS[source], moment))
    chosen, conflict = weigh(evidence)
    assert chosen is not None
    return f"{chosen.moment.at} {chosen.moment.precision}", chosen.source, conflict


def test_nothing_said_is_no_date() -> None:
    assert weigh([]) == (None, None)


@pytest.mark.parametrize(
    ("said", "at", "source"),
    [
        # What dates the moment before what is a name before what dates the file.
        ({"original": "2014:07:06 16:11:00", "filename": "2013:01:01"}, "2014-07-06 16:11:00", "original"),
        ({"filename": "2014:07:06 10:00:00", "folder": "2013"}, "2014-07-06 10:00:00", "filename"),
        ({"takeout": "2014:07:06 16:11:00", "digitized": "2010:01:01"}, "2014-07-06 16:11:00", "takeout"),
        # A date of the file is an upper bound of what a name says.
        ({"folder": "1974", "digitized": "2010:05:06 07:08:09"}, "1974-01-01 00:00:00", "folder"),
        ({"filename": "2014:07:06", "modified": "2020:02:03 10:00:00"}, "2014-07-06 00:00:00", "filename"),
        ({"filename": "2019:03:04", "digitized": "2014:05:03 10:00:00"}, "2014-05-03 10:00:00", "digitized"),
        ({"folder": "2014", "digitized": "2013:12:31 22:00:00"}, "2013-12-31 22:00:00", "digitized"),
        ({"folder": "2014:05:03", "modified": "2014:05:04 01:30:00"}, "2014-05-03 00:00:00", "folder"),
        # What agrees refines.
        ({"filename": "2014:07:06", "modified": "2014:07:06 18:00:00"}, "2014-07-06 18:00:00", "modified"),
        ({"folder": "1974", "digitized": "1974:08:12 10:00:00"}, "1974-08-12 10:00:00", "digitized"),
        ({"folder": "1980s", "filename": "1987:08"}, "1987-08-01 00:00:00", "filename"),
        ({"original": "1974:08:12", "filename": "1974:08:12 10:00:00"}, "1974-08-12 10:00:00", "filename"),
        (
            {"original": "2014:07:06 16:11:00", "digitized": "2014:07:06 16:11:00"},
            "2014-07-06 16:11:00",
            "original",
        ),
        # The modification time of a copy says nothing against anything.
        ({"filename": "2014:07:06", "mtime": "2001:02:03 10:00:00"}, "2014-07-06 00:00:00", "filename"),
        ({"mtime": "2001:02:03 10:00:00"}, "2001-02-03 10:00:00", "mtime"),
    ],
)
def test_the_rule(said: dict[str, str], at: str, source: str) -> None:
    date, chosen, _ = weighed(**said)
    assert (date.rpartition(" ")[0], chosen) == (at, source)


@pytest.mark.parametrize(
    "default",
    [
        "1899:12:30 00:00:00",
        "1904:01:01 00:00:00",
        "1970:01:01 00:00:00",
        "1970:01:01 01:00:00",
        "1980:01:01 00:00:07",
        "2000:01:01 00:03:00",
        "2002:12:08 12:00:00",
        "2008:01:01 00:00:00",
        "2013:06:01 00:00:00",
    ],
)
def test_a_default_of_clocks_counts_only_when_nothing_contradicts_it(default: str) -> None:
    assert weighed(original=default)[1] == "original"
    assert weighed(original=default, digitized=default)[1:] == ("original", None)
    assert weighed(original=default, filename="2011:07:19 11:36:30")[1:] == ("filename", "original")
    assert weighed(original=default, digitized="2011:07:19 11:36:30")[1:] == ("digitized", "original")
    assert weighed(original="2011:07:19 11:36:30", digitized=default)[1:] == ("original", None)
    agreed = weighed(original=default, folder=default[:4])
    assert agreed[1:] == ("original", None)


@pytest.mark.parametrize(
    ("original", "name"),
    [
        # The night of the year 2000, an hour of 2002-12-08, a day that somebody wrote.
        ("2000:01:01 00:30:00", "1999:12:31"),
        ("2002:12:08 12:00:01", "2011:07:19"),
        ("1970:01:01", "2011:07:19"),
        ("1974:08:01 00:00:00", "2011:07:19"),
    ],
)
def test_what_is_no_default_counts(original: str, name: str) -> None:
    assert weighed(original=original, filename=name)[1] == "original"


@pytest.mark.parametrize(
    ("said", "conflict"),
    [
        ({"original": "2014:07:06 16:11:00", "filename": "2014:07:05"}, None),
        ({"original": "2014:07:06 16:11:00", "filename": "2014:07:04"}, "filename"),
        ({"original": "2014:07:06 16:11:00", "folder": "2014"}, None),
        ({"original": "2014:07:06 16:11:00", "folder": "2013"}, "folder"),
        ({"original": "2014:07:06 16:11:00", "takeout": "1974:08:12 10:00:00", "folder": "2013"}, "takeout"),
        # A file may be changed later, not earlier.
        ({"original": "2014:07:06 16:11:00", "modified": "2020:07:06 16:11:00"}, None),
        ({"original": "2014:07:06 16:11:00", "modified": "2010:07:06 16:11:00"}, "modified"),
        ({"filename": "2019:03:04", "digitized": "2014:05:03 10:00:00"}, "filename"),
        ({"original": "2014:07:06 16:11:00", "mtime": "2010:07:06 16:11:00"}, None),
    ],
)
def test_what_says_something_more_than_a_day_away(said: dict[str, str], conflict: str | None) -> None:
    assert weighed(**said)[2] == conflict


@pytest.mark.parametrize("precision", DATE_PRECISIONS)
def test_a_moment_ends_after_it_begins(precision: str) -> None:
    for at in (datetime(1980, 1, 1), datetime(2014, 12, 1), datetime(9990, 12, 1)):
        moment = Moment(at, precision)
        assert at < moment.end
        assert moment.end - at <= timedelta(days=3653)
