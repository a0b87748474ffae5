"""From one dataclass both the Python type of a row and the Arrow schema of its table."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

SCHEMA_VERSION: Final = "2"
"""Raised when a column changes its type or meaning, or goes; a new column does not raise it."""

TEXT: Final = pa.string()
WORD: Final = pa.dictionary(pa.int32(), pa.string())
"""Text of few distinct values."""
RANKED: Final = pa.dictionary(pa.int32(), pa.string(), ordered=True)
"""One of a column's `values`, all of which every table holds, in their order: an ordered category in pandas.
(A table without rows holds none: Parquet has no place for them.)"""
WALL_CLOCK: Final = pa.timestamp("us")
"""Wall clock without a zone."""


def column(
    type: pa.DataType,
    description: str,
    *,
    nullable: bool = False,
    values: Sequence[str] | None = None,
    default: Any = dataclasses.MISSING,
) -> Any:
    """A keyword-only field that carries its Arrow type and the description written to the file.

    A nullable one is None unless it is given. `values` are those of a RANKED column.
    """
    return dataclasses.field(
        default=None if nullable else default,
        kw_only=True,
        metadata={"arrow": pa.field("", type, nullable, {"description": description}), "values": values},
    )


def arrow_schema(row: type) -> pa.Schema:
    """The Arrow schema of the table whose rows are instances of the dataclass `row`."""
    fields = [arrow_field(field) for field in dataclasses.fields(row)]
    return pa.schema(fields, {"headcount.schema_version": SCHEMA_VERSION})


def arrow_field(field: dataclasses.Field[Any]) -> pa.Field:
    """Name, Arrow type and description of one column, given as a field of a row's dataclass."""
    return field.metadata["arrow"].with_name(field.name)


def arrow_table(row: type, rows: Iterable[Any]) -> pa.Table:
    """The rows as one Arrow table; raises pa.ArrowInvalid where a value does not fit its column."""
    rows = list(rows)
    columns = [_array([getattr(r, field.name) for r in rows], field) for field in dataclasses.fields(row)]
    return pa.Table.from_arrays(columns, schema=arrow_schema(row))


def conform(table: pa.Table, row: type) -> pa.Table:
    """`table`, written by this version or an earlier one, with today's columns for rows of the type `row`.

    A column that it lacks holds its default, one that is no more is left out. Raises pa.ArrowInvalid
    where a column without a default is lacking or a value does not fit.
    """
    columns = [_conformed(table, field) for field in dataclasses.fields(row)]
    return pa.Table.from_arrays(columns, schema=arrow_schema(row))


def _array(values: Iterable[Any], field: dataclasses.Field[Any]) -> pa.Array:
    if field.metadata["values"]:
        return _ranked(pa.array(values, TEXT), field)
    return pa.array(values, field.metadata["arrow"].type)


def _conformed(table: pa.Table, field: dataclasses.Field[Any]) -> pa.ChunkedArray | pa.Array:
    if field.name not in table.column_names:
        if field.default is dataclasses.MISSING:
            raise pa.ArrowInvalid(f"the table has no column {field.name}")
        return _array([field.default] * len(table), field)
    column, type = table[field.name], field.metadata["arrow"].type
    if field.metadata["values"]:
        return _ranked(column.cast(TEXT).combine_chunks(), field)
    if pa.types.is_list(type) and pa.types.is_fixed_size_list(column.type):
        # Schema version 1 had a list of nulls for null.
        return pc.if_else(pc.is_valid(pc.list_element(column, 0)), column.cast(type), pa.scalar(None, type))
    return column.cast(type)


def _ranked(words: pa.Array, field: dataclasses.Field[Any]) -> pa.DictionaryArray:
    values = pa.array(field.metadata["values"], TEXT)
    index = pc.index_in(words, value_set=values)
    if index.null_count > words.null_count:
        strange = words.filter(pc.and_(pc.is_valid(words), pc.is_null(index)))[0]
        raise pa.ArrowInvalid(f"{field.name} is one of {', '.join(field.metadata['values'])}: {strange}")
    return pa.DictionaryArray.from_arrays(index, values, ordered=True)
