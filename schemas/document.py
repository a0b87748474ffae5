"""What is made from the schemas for people: the tables of columns in docs/tables.md."""

from __future__ import annotations

import dataclasses
from typing import Any, Final

import pyarrow as pa

from headcount.schemas.columns import arrow_field
from headcount.schemas.labels import AGE_GROUPS, with_years
from headcount.schemas.tables import TABLES

_TYPES: Final = {
    pa.string(): "text",
    pa.timestamp("us"): "time, no zone",
    pa.float32(): "float32",
    pa.float64(): "float64",
    pa.list_(pa.float32()): "list of float32",
}


def fill_page(page: str) -> str:
    """A page of Markdown in which `<!-- NAME -->` ... `<!-- end -->` holds what is made from the schemas.

    NAME is a table, for its columns, or `age groups`. Raises ValueError where one has no place in the page.
    """
    made = {name: columns_table(row) for name, row in TABLES.items()} | {"age groups": _age_groups()}
    for name, text in made.items():
        start, rest = page.split(f"<!-- {name} -->\n", 1)
        _, end = rest.split("<!-- end -->", 1)
        page = f"{start}<!-- {name} -->\n{text}\n<!-- end -->{end}"
    return page


def columns_table(row: type) -> str:
    """The columns of the table whose rows are of the type `row`, as a Markdown table."""
    lines = ["| column | type | null | |", "|---|---|---|---|"]
    for field in dataclasses.fields(row):
        arrow = arrow_field(field)
        words = _escaped(arrow.metadata[b"description"].decode())
        lines.append(f"| `{field.name}` | {_type(field)} | {'may be' if arrow.nullable else ''} | {words} |")
    return "\n".join(lines)


def _type(field: dataclasses.Field[Any]) -> str:
    type = arrow_field(field).type
    if pa.types.is_dictionary(type):
        return "ordered words" if field.metadata["values"] else "words"
    return _TYPES.get(type, str(type))


def _escaped(text: str) -> str:
    return text.replace("|", r"\|")


def _age_groups() -> str:
    lines = ["| group | from | first year of the next |", "|---|---|---|"]
    ends = [*(str(start) for _, start in AGE_GROUPS[1:]), ""]
    for (name, start), end in zip(AGE_GROUPS, ends, strict=True):
        lines.append(f"| {with_years(name)} | {start} | {end} |")
    return "\n".join(lines)
