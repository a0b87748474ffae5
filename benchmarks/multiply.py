"""Many photos out of few: copies of JPEG files that each have bytes of their own (a comment segment).

python -m benchmarks.multiply --photos composed --output many --count 2000
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def with_comment(jpeg: bytes, text: str) -> bytes:
    """The same picture with a COM segment after its start marker."""
    comment = text.encode()
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + jpeg[2:]


def multiply(sources: Sequence[Path], output: Path, count: int) -> dict[Path, Path]:
    """Writes `count` copies of the JPEG files `sources`, taken in turn, 1,000 to a folder; copy -> source."""
    copies = {}
    for number in range(count):
        folder = output / f"{number // 1000:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        source = sources[number % len(sources)]
        copy = folder / f"{number:06d}.jpg"
        copy.write_bytes(with_comment(source.read_bytes(), f"photo {number}"))
        copies[copy] = source
    return copies


def main(argv: Sequence[str] | None = None) -> None:
    """The command of the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True, help="folder of .jpg files")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--count", type=int, required=True)
    args = parser.parse_args(argv)
    multiply(sorted(args.photos.rglob("*.jpg")), args.output, args.count)


if __name__ == "__main__":
    main()
