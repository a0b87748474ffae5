"""From one dataclass both the Python type of a row and the Arrow schema of its table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any, Final

import pyarrow as pa

SCHEMA_VERSION: Final = "1"
"""Raised when a column changes its meaning or goes; a new column does not raise it."""

TEXT: Final = pa.string()
WORD: Final = pa.dictionary(pa.int32(), pa.string())
"""Text of few distinct values."""
WALL_CLOCK: Final = pa.timestamp("us")
"""Wall clock without a zone."""


def column(type: pa.DataType, description: str, *, nullable: bool = False) -> Any:
    """A keyword-only field that carries its Arrow type and the description written to the file.

    A nullable one is None unless it is given.
    """
    return dataclasses.field(
        default=None if nullable else dataclasses.MISSING,
        kw_only=True,
        metadata={"arrow": pa.field("", type, nullable, {"description": description})},
    )


def arrow_schema(row: type) -> pa.Schema:
    """The Arrow schema of the table whose rows are instances of the dataclass `row`."""
    fields = [field.metadata["arrow"].with_name(field.name) for field in dataclasses.fields(row)]
    return pa.schema(fields, {"headcount.schema_version": SCHEMA_VERSION})


def arrow_table(row: type, rows: Iterable[Any]) -> pa.Table:
    """The rows as one Arrow table; raises pa.ArrowInvalid where a value does not fit its column."""
    schema = arrow_schema(row)
    rows = list(rows)
    columns = [_array([getattr(r, field.name) for r in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _array(values: list[Any], type: pa.DataType) -> pa.Array:
    if pa.types.is_fixed_size_list(type):
        # Arrow writes a null list of fixed size to Parquet and then cannot read the column (seen in 25.0).
        values = [[None] * type.list_size if value is None else value for value in values]
    return pa.array(values, type)
