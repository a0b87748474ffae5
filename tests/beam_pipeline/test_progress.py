import io
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
            "500 of 2,000 files, 8.0 photos/s, 1,234 faces, 3 failures, 3 min left",
        ),
        ({"found": 10, "files": 10, "photos": 10}, 4, "10 of 10 files, 2.5 photos/s, 0 faces, 0 failures"),
        (
            {"found": 4, "files": 1, "photos": 1},
            0,
            "1 of 4 files, 0.0 photos/s, 0 faces, 0 failures, 0 s left",
        ),
    ],
)
def test_the_line_says_how_far_and_how_long(counts, seconds, line):
    assert progress_line(Counter(counts), seconds) == line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, monkeypatch):
    monkeypatch.setattr(progress, "TERMINAL_SECONDS", 0.01)
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.02)
    with Progress(stream):
        TALLY.add(found=2, files=1, photos=1)
        while "1 of 2 files" not in stream.getvalue():
            time.sleep(0.01)
    return stream.getvalue()


def test_on_a_terminal_one_line_is_replaced(monkeypatch):
    text = shown(Terminal(), monkeypatch)
    assert "\n" not in text
    assert text.endswith("\r\x1b[K")


def test_in_a_log_lines_are_plain(monkeypatch):
    text = shown(io.StringIO(), monkeypatch)
    assert "\x1b" not in text
    assert text.endswith("\n")
