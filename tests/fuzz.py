"""Coverage-guided fuzzing of everything that reads a stranger's bytes before a pixel is decoded.

    python -m tests.fuzz tests/data/corpus -max_total_time=600 -max_len=2048

The first byte of an input chooses the format, the rest is the file; or, for the last choices, a sidecar,
a file's name, IPTC records, a text of a date, or the names in a folder. Nothing but PhotoError may come
out. New inputs that reach new code are added to the corpus; all options are libFuzzer's.
"""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import datetime

import atheris

with atheris.instrument_imports(include=["exifread", "headcount", "PIL"]):
    from headcount.schemas.errors import PhotoError
    from headcount.transforms.collection.found_file import FoundFile
    from headcount.transforms.collection.listing.siblings import Siblings
    from headcount.transforms.dates.spellings import DAY_FIRST, parse_moment
    from headcount.transforms.photo.capture_time import capture_time
    from headcount.transforms.photo.decode import read_header
    from headcount.transforms.photo.file_types import HEAD_BYTES, PHOTO_FORMATS, sniff
    from headcount.transforms.photo.metadata.exif import Metadata, read_metadata
    from headcount.transforms.photo.metadata.iptc import iptc_date
    from headcount.transforms.photo.metadata.sidecars import takeout_time, xmp_dates

FORMATS = sorted(PHOTO_FORMATS)
NOW = datetime(2026, 1, 1)


def read_one(data: bytes) -> None:
    """Reads one input as the pipeline would; raises whatever must not come out."""
    choice, content = (data[0] if data else 0) % (len(FORMATS) + 7), data[1:]
    with contextlib.suppress(PhotoError):
        if choice < len(FORMATS):
            sniff(content[:HEAD_BYTES], "a.jpg")
            metadata = read_metadata(content, FORMATS[choice])
            capture_time(metadata, FoundFile("/in/a.jpg", "/in", len(content), 0.0), NOW)
            read_header(content, FORMATS[choice], max_pixels=10**8)
        elif choice == len(FORMATS):
            xmp_dates(content)
        elif choice == len(FORMATS) + 1:
            takeout_time(content)
        elif choice == len(FORMATS) + 2:
            path = os.fsdecode(b"/in/" + content.replace(b"\0", b""))
            capture_time(Metadata(), FoundFile(path, "/in", 0, 0.0), NOW)
            capture_time(Metadata(), FoundFile(path, "/in", 0, 0.0, day_order=DAY_FIRST), NOW)
        elif choice == len(FORMATS) + 3:
            iptc_date(content)
        elif choice == len(FORMATS) + 4:
            parse_moment(content.decode("utf-8", "replace"))
        elif choice == len(FORMATS) + 5:
            names = os.fsdecode(content).split("\n")
            siblings = Siblings.of(names)
            for name in names[:10]:
                siblings.sidecars_of(name)
                siblings.order_of(name)
        else:
            read_metadata(content, "avif")


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
