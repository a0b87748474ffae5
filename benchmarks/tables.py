"""How the other scripts print what they measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def print_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> None:
    """Prints a Markdown table, each row as soon as it comes."""
    print(_line(head), "|---" * len(head) + "|", sep="\n", flush=True)
    for row in rows:
        print(_line(row), flush=True)


def _line(cells: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
