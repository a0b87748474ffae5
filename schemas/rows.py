"""Rows with named fields and plain Python values, for Beam pipelines, databases and files of other kinds."""

from __future__ import annotations

import typing
from typing import Any, NamedTuple

from headcount.schemas.faces import Face
from headcount.schemas.failures import Failure
from headcount.schemas.photos import Photo


def row_type(name: str, row: type) -> Any:
    """A named tuple with the fields of the dataclass `row`; its annotations are types that Beam knows."""
    fields = [(field, _known_to_beam(type)) for field, type in typing.get_type_hints(row).items()]
    made: Any = NamedTuple(name, fields)  # type: ignore[misc]
    made.__module__, made.__doc__ = __name__, f"{row.__doc__} As a named tuple: `_asdict()` is a dict of it."
    return made


def _known_to_beam(type: Any) -> Any:
    """`X | None` as `Optional[X]`, `list[X]` as `Sequence[X]`."""
    given = typing.get_args(type)
    if typing.get_origin(type) is list:
        return typing.Sequence[given[0]]  # type: ignore[valid-type]
    return typing.Optional[_known_to_beam(given[0])] if given else type  # noqa: UP045


PhotoRow = row_type("PhotoRow", Photo)
FaceRow = row_type("FaceRow", Face)
FailureRow = row_type("FailureRow", Failure)

_TYPES = {Photo: PhotoRow, Face: FaceRow, Failure: FailureRow}


_DATACLASSES = {made: row for row, made in _TYPES.items()}


def dataclass_of(row: Any) -> Any:
    """The dataclass of the table that `row` is of, which may be a named tuple."""
    return _DATACLASSES.get(type(row), type(row))


def as_row(row: Photo | Face | Failure) -> Any:
    """`row` as the named tuple of its table, with plain numbers and lists where it holds those of NumPy."""
    made = _TYPES[type(row)]
    return made(*(_plain(getattr(row, name)) for name in made._fields))


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value
