import io
import os
import sys
import time
from collections import Counter

import pytest

from headcount.beam_pipeline import progress
from headcount.beam_pipeline.progress import Progress, progress_line
from headcount.transforms.tally import TALLY


@pytest.mark.parametrize(
    ("counts", "seconds", "line"),
    [
        (
            {"found": 2000, "files": 500, "photos": 480, "faces": 1234, "failures": 3},
            60,
            "500 of 2,000 files, 8.0 photos/s, 1,234 faces, 3 failures, 03:00 left",
        ),
        (
            {"found": 10, "files": 10, "photos": 10},
            4,
            "10 of 10 files, 2.5 photos/s, 0 faces, 0 failures, 00:00 left",
        ),
        (
            {"found": 9000, "files": 1, "photos": 1},
            1,
            "1 of 9,000 files, 1.0 photos/s, 0 faces, 0 failures, 2:29:59 left",
        ),
    ],
)
def test_the_line_says_how_far_and_how_long(counts, seconds, line):
    assert progress_line(Counter(counts), seconds) == line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, monkeypatch):
    monkeypatch.setattr(progress, "BAR_SECONDS", 0.01)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.02)
    with Progress(stream):
        TALLY.add(found=2, files=1, photos=1)
        while "1 of 2 files" not in stream.getvalue():
            time.sleep(0.01)
        TALLY.add(files=1, failures=1)
        while "2 of 2 files" not in stream.getvalue():
            time.sleep(0.01)
    return stream.getvalue()


def test_on_a_terminal_a_bar_is_redrawn_and_goes(monkeypatch):
    text = shown(Terminal(), monkeypatch)
    assert " 50%|" in text
    assert "1 failures" in text
    assert "\n" not in text
    assert text.endswith("\r")
    assert text.split("\r")[-2].strip() == ""


def test_in_a_log_lines_are_plain(monkeypatch):
    text = shown(io.StringIO(), monkeypatch)
    assert not {"\x1b", "\r", "|"} & set(text)
    assert text.endswith("\n")


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_a_run_that_reads_nothing_shows_nothing(stream):
    text = stream()
    with Progress(text):
        pass
    assert text.getvalue() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no such terminals")
@pytest.mark.parametrize("columns", [0, 100])
def test_a_terminal_without_a_width_gets_lines(columns, monkeypatch):
    import fcntl
    import struct
    import termios

    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, columns, 0, 0))
    monkeypatch.setattr(progress, "BAR_SECONDS", 0.01)
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.01)
    with os.fdopen(ours, "rb", buffering=0) as shown, os.fdopen(theirs, "w") as terminal:
        with Progress(terminal):
            TALLY.add(found=2, files=1, photos=1)
            text = b""
            while b"1 of 2 files" not in text:
                text += shown.read(100)
        assert (b"%|" in text) == (columns > 0)
