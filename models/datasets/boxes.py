"""Labelled face boxes: a CSV with `path,left,top,right,bottom` and a row for each face, next to its pictures.

Edges are in pixels of the upright picture, paths relative to the CSV's folder. A row with a path alone names
a picture without faces. Other columns are ignored.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from headcount.models.framing import Box
from headcount.schemas.errors import UsageError

FILE_NAME: Final = "boxes.csv"
"""The file of boxes that a folder is looked in for."""

EDGES: Final = ("left", "top", "right", "bottom")


@dataclass(frozen=True, slots=True)
class BoxedPicture:
    """A picture and the boxes of all its faces, in pixels of the upright picture."""

    name: str
    """As in the file of boxes."""
    path: Path
    boxes: tuple[Box, ...]


def holds_boxes(place: Path) -> bool:
    """Whether `place` is a CSV of boxes, or a folder with one: a CSV counts that names any of the edges."""
    if place.is_dir():
        return (place / FILE_NAME).is_file()
    return place.suffix.lower() == ".csv" and place.is_file() and bool(set(EDGES) & set(_columns(place)))


def read_boxes(place: Path) -> list[BoxedPicture]:
    """The pictures that a CSV of boxes names, or that of a folder, in their order there.

    Raises UsageError for a file that lacks a column or names no picture, and for a row that is none.
    """
    file = place / FILE_NAME if place.is_dir() else place
    missing = {"path", *EDGES} - set(_columns(file))
    if missing:
        raise UsageError(f"{file} lacks {', '.join(sorted(missing))}; boxes are path,{','.join(EDGES)}")
    pictures: dict[str, list[Box]] = {}
    for where, row in _rows(file):
        name = row["path"]
        if not name:
            raise UsageError(f"{where}: no path; name the picture or leave the line out")
        pictures.setdefault(name, [])
        edges = [row[edge] or "" for edge in EDGES]
        if any(edge.strip() for edge in edges):
            pictures[name].append(_box(edges, where))
    if not pictures:
        raise UsageError(f"{file} names no picture; give a row for each face")
    return [BoxedPicture(name, file.parent / name, tuple(boxes)) for name, boxes in pictures.items()]


def _columns(file: Path) -> Sequence[str]:
    with _table(file) as table:
        return table.fieldnames or ()


def _rows(file: Path) -> Iterator[tuple[str, dict[str, str | None]]]:
    """The rows, each with its place in words."""
    with _table(file) as table:
        for row in table:
            yield f"{file}, line {table.line_num}", row


@contextmanager
def _table(file: Path) -> Iterator[csv.DictReader[str]]:
    try:
        # Names that are not UTF-8 keep their bytes.
        with file.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as lines:
            yield csv.DictReader(lines)
    except (OSError, csv.Error) as error:
        raise UsageError(f"{file} cannot be read ({error}); give a CSV of boxes") from error


def _box(edges: Sequence[str], where: str) -> Box:
    try:
        values = [float(edge) for edge in edges]
    except ValueError:
        values = []
    if not values or not np.isfinite(values).all():
        raise UsageError(
            f"{where}: {','.join(edges)} is no box; give {','.join(EDGES)} in pixels, or all empty for a"
            " picture without faces"
        )
    return Box(*values)
