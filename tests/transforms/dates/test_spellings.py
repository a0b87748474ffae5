from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headcount.transforms.dates.spellings import (
    DAY_FIRST,
    MONTH_FIRST,
    find_dates,
    needs_order,
    parse_moment,
    shown_order,
)
from headcount.transforms.dates.times import parse_offset, plain


@pytest.mark.parametrize(
    ("text", "at", "precision"),
    [
        ("2004:08:27 13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004:08:27 13:52:55\0\0 junk", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004-08-27T13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004/08/27 13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004:08:27:13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004-08-27-13-52-55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004: 8: 7  9: 5: 1", datetime(2004, 8, 7, 9, 5, 1), "second"),
        ("2004:8:7 9:5:1", datetime(2004, 8, 7, 9, 5, 1), "second"),
        ("2004:08:27 13:52:55.5", datetime(2004, 8, 27, 13, 52, 55, 500000), "second"),
        ("2004:08:27 13:52:55:123", datetime(2004, 8, 27, 13, 52, 55, 123000), "second"),
        ("2004:08:27 13:52:55,123", datetime(2004, 8, 27, 13, 52, 55, 123000), "second"),
        ("20040827T135255", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("20040827135255", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("2004:08:27 13:52", datetime(2004, 8, 27, 13, 52), "minute"),
        ("2004:08:27 13:52:  ", datetime(2004, 8, 27, 13, 52), "minute"),
        ("2004:08:27", datetime(2004, 8, 27), "day"),
        ("2004/08/27", datetime(2004, 8, 27), "day"),
        ("20040827", datetime(2004, 8, 27), "day"),
        ("2004:08:27   :  :  ", datetime(2004, 8, 27), "day"),
        ("2004:08:  :  :  ", datetime(2004, 8, 1), "month"),
        ("2004-08", datetime(2004, 8, 1), "month"),
        ("2004", datetime(2004, 1, 1), "year"),
        # A clock from 1 to 24, and a leap second.
        ("2015:08:22 24:08:19", datetime(2015, 8, 22, 0, 8, 19), "second"),
        ("2015:06:30 23:59:60", datetime(2015, 6, 30, 23, 59, 59), "second"),
        # Halves of the day.
        ("2015:03:01 03:12:00 PM", datetime(2015, 3, 1, 15, 12), "second"),
        ("2015:03:01 3:12:00pm", datetime(2015, 3, 1, 15, 12), "second"),
        ("2015:03:01 12:12:00 a.m.", datetime(2015, 3, 1, 0, 12), "second"),
        ("2015:03:01 12:12:00\u202fAM", datetime(2015, 3, 1, 0, 12), "second"),
        ("2015:03:01 03:12:00\u00a0p.\u00a0m.", datetime(2015, 3, 1, 15, 12), "second"),
        ("2015年3月1日 下午3:12", datetime(2015, 3, 1, 15, 12), "minute"),
        # Words.
        ("Sun Mar  1 15:12:00 2015", datetime(2015, 3, 1, 15, 12), "second"),
        ("1. März 2015 15:12", datetime(2015, 3, 1, 15, 12), "minute"),
        ("March 1, 2015", datetime(2015, 3, 1), "day"),
        ("1er mars 2015", datetime(2015, 3, 1), "day"),
        ("1 de março de 2015", datetime(2015, 3, 1), "day"),
        # The day first, where no other order is possible.
        ("27:08:2004 13:52:55", datetime(2004, 8, 27, 13, 52, 55), "second"),
        ("27/08/2004", datetime(2004, 8, 27), "day"),
        ("08/27/2004", datetime(2004, 8, 27), "day"),
    ],
)
def test_dates_that_are_read(text: str, at: datetime, precision: str) -> None:
    assert parse_moment(text) == (at, precision, None)


@pytest.mark.parametrize(
    ("text", "minutes"),
    [
        ("2015-03-01T12:00:00+02", 120),
        ("2015-03-01T12:00:00.123-05:00", -300),
        ("2015:03:01 12:00:00Z", 0),
        ("2015:03:01 12:00:00 +0545", 345),
        ("2015:03:01 12:00:00 UTC+2", 120),
        ("2015:03:01 12:00:00 CEST", 120),
        ("2015:03:01 12:00:00 XYZ", None),
        ("2015:03:01 12:00:00 Europe/Berlin", None),
        ("2015-03-01T12:00:00+01:00[Europe/Berlin]", 60),
        ("Sun, 1 Mar 2015 12:00:00 +0100 (CET)", 60),
        ("Sun Mar 01 12:00:00 CET 2015", 60),
        ("Sun, 01 Mar 2015 12:00:00 GMT", 0),
        ("Sun 01 Mar 2015 12:00:00 PM +0100", 60),
    ],
)
def test_the_zone_of_a_date(text: str, minutes: int | None) -> None:
    moment = parse_moment(text)
    assert moment is not None
    assert (moment.at.replace(microsecond=0), moment.offset) == (datetime(2015, 3, 1, 12), minutes)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        ":  :",
        "\0\0\0",
        "2004:00:00 00:00:00",
        "2004:13:01 00:00:00",
        "2004:02:30 00:00:00",
        "2004:02:03 25:00:00",
        "2004:02:03 10:60:00",
        "2004:02:03 10:59:61",
        "04:08:27 13:52:55",
        "04:08:2004 13:52:55",
        "3/1/15",
        "2004:08:27 13:52:55 and more",
        "yesterday",
        "٢٠٠٤:08:27",
    ],
)
def test_dates_that_are_rejected(text: str) -> None:
    assert parse_moment(text) is None


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("+02:00", 120), ("-0330", -210), ("+5:45", 345), ("Z", 0), (" +14:00 ", 840), ("-12:00", -720)]
    + [("+02", 120), ("+2", 120), ("UTC-5", -300)]
    + [(text, None) for text in ("", "   :  ", "+14:15", "-12:15", "+02:60", "02:00", "CEST")],
)
def test_offsets(text: str, minutes: int | None) -> None:
    assert parse_offset(text) == minutes


MONTHS = {
    "English": "January February March April May June July August September October November December",
    "German": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "French": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "Spanish": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "Italian": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre "
    "dicembre",
    "Dutch": "januari februari maart april mei juni juli augustus september oktober november december",
    "Portuguese": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}


@pytest.mark.parametrize("language", MONTHS)
def test_the_months_of_seven_languages(language: str) -> None:
    for number, name in enumerate(MONTHS[language].split(), start=1):
        for text in (f"Rom {name} 1987", f"3. {name} 1987", f"{name.upper()}_3,_1987", f"1987 {name}"):
            (found,) = find_dates(plain(text))
            assert found.moment is not None
            assert (found.moment.at.year, found.moment.at.month) == (1987, number), text


def test_the_order_that_names_show() -> None:
    assert shown_order(["04-03-2019.jpg", "13-02-2019.jpg", "x.jpg"]) == DAY_FIRST
    assert shown_order(["04-03-2019.jpg", "12-25-2019.jpg"]) == MONTH_FIRST
    assert shown_order(["13-02-2019.jpg", "12-25-2019.jpg"]) == ""
    assert shown_order(["04-03-2019.jpg", "2019-02-13.jpg", "40-13-2019.jpg"]) == ""
    assert [needs_order(name) for name in ("04-03-2019", "04032019", "04-04-2019", "13-02-2019", "x")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_the_order_decides_only_where_both_are_possible() -> None:
    for text, day_first, month_first in (
        ("04-03-2019-10-11-12", datetime(2019, 3, 4, 10, 11, 12), datetime(2019, 4, 3, 10, 11, 12)),
        ("13-02-2019", datetime(2019, 2, 13), datetime(2019, 2, 13)),
        ("04.03.2019", datetime(2019, 3, 4), datetime(2019, 3, 4)),
        ("2019-04-03", datetime(2019, 4, 3), datetime(2019, 4, 3)),
        ("04032019", datetime(2019, 3, 4), datetime(2019, 4, 3)),
    ):
        for order, at in ((DAY_FIRST, day_first), (MONTH_FIRST, month_first)):
            (found,) = find_dates(text, order)
            assert found.moment is not None
            assert found.moment.at == at


@settings(deadline=None)
@given(
    st.text(max_size=400),
    st.from_regex(r"[0-9 ./:_-]{0,40}( ?(mai|am|pm|to|de|bis|年|月)){0,4}[0-9 .-]{0,9}"),
)
def test_any_text_is_read_or_not(text: str, likely: str) -> None:
    for one in (text, likely, text + likely):
        parse_moment(one)
        parse_offset(one)
        shown_order([one])
        for order in ("", DAY_FIRST, MONTH_FIRST):
            for found in find_dates(plain(one), order):
                assert 0 <= found.start < found.end <= len(plain(one))
