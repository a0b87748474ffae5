"""A row as a plain dict, for JSON and for BigQuery, and the schemas of such dicts."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from headcount.schemas.columns import arrow_field
from headcount.schemas.rows import dataclass_of

_KINDS: Final[tuple[tuple[Callable[[pa.DataType], bool], str, str], ...]] = (
    (pa.types.is_integer, "integer", "INTEGER"),
    (pa.types.is_floating, "number", "FLOAT"),
    (pa.types.is_timestamp, "string", "DATETIME"),
    (pa.types.is_string, "string", "STRING"),
    (pa.types.is_dictionary, "string", "STRING"),
)
"""Arrow types, and what they are in JSON and in BigQuery."""


def row_dict(row: Any) -> dict[str, Any]:
    """A row of any table with values that `json.dumps` and BigQuery take, in the order of the columns.

    The row is one of the table's dataclass or named tuple. Times are ISO 8601 without a zone (BigQuery's
    DATETIME), numbers have the digits that their column holds, and a list that is null is empty, since
    BigQuery has no null in its place.
    """
    return {
        field.name: _plain(getattr(row, field.name), field) for field in dataclasses.fields(dataclass_of(row))
    }


def json_schema(row: type) -> dict[str, Any]:
    """The JSON Schema (2020-12) of the dicts that rows of the type `row` become."""
    properties = {field.name: _json(field) for field in dataclasses.fields(row)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": row.__name__,
        "description": inspect.cleandoc(row.__doc__ or ""),
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def bigquery_schema(row: type) -> dict[str, Any]:
    """The same for BigQuery, as Beam's `WriteToBigQuery(schema=...)` takes it."""
    return {"fields": [_bigquery(field) for field in dataclasses.fields(row)]}


def _plain(value: Any, field: dataclasses.Field[Any]) -> Any:
    type = arrow_field(field).type
    if pa.types.is_list(type):
        return [] if value is None else _shortest(value, type.value_type)
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    if pa.types.is_floating(type):
        return _shortest([value], type)[0]
    return int(value) if pa.types.is_integer(type) else str(value)


def _shortest(values: Any, type: pa.DataType) -> list[float]:
    """The numbers with the fewest digits that are the same in `type`: 0.1 and not 0.10000000149011612."""
    numbers: list[float] = np.asarray(values, type.to_pandas_dtype()).astype(str).astype(float).tolist()
    return numbers


def _kind(type: pa.DataType) -> tuple[str, str]:
    return next((json, bigquery) for is_of, json, bigquery in _KINDS if is_of(type))


def _json(field: dataclasses.Field[Any]) -> dict[str, Any]:
    arrow, values = arrow_field(field), field.metadata["values"]
    about = {"description": arrow.metadata[b"description"].decode()}
    if pa.types.is_list(arrow.type):
        return about | {"type": "array", "items": {"type": _kind(arrow.type.value_type)[0]}}
    kind, _ = _kind(arrow.type)
    if values:
        about["enum"] = [*values, None] if arrow.nullable else list(values)
    return about | {"type": [kind, "null"] if arrow.nullable else kind}


def _bigquery(field: dataclasses.Field[Any]) -> dict[str, str]:
    arrow = arrow_field(field)
    repeated = pa.types.is_list(arrow.type)
    _, kind = _kind(arrow.type.value_type if repeated else arrow.type)
    mode = "REPEATED" if repeated else "NULLABLE" if arrow.nullable else "REQUIRED"
    return {
        "name": field.name,
        "type": kind,
        "mode": mode,
        "description": arrow.metadata[b"description"].decode(),
    }
