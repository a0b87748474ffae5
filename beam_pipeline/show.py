"""The totals of a finished run, as tables that a person can read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.beam_pipeline.text import printable
from headcount.schemas.failures import CODES
from headcount.schemas.labels import AGE_GROUP_NAMES, GENDERS, MOODS
from headcount.schemas.manifest import Manifest
from headcount.transforms.collection.output import read_manifest
from headcount.transforms.collection.storage import join, local_copy


def totals(output: str) -> str:
    """What the run in the folder `output` found; raises UsageError where there is none."""
    manifest = read_manifest(output)
    photos = _table(output, "photos", ["taken_at", "date_source", "duplicate_of"])
    faces = _table(output, "faces", ["age_group", "gender", "mood"])
    sections = [
        _overview(manifest, photos, output),
        _section("Dates from", _counts(photos["date_source"], (), "no date")),
        _section("Apparent age", _counts(faces["age_group"], AGE_GROUP_NAMES, "not told")),
        _section("Apparent gender", _counts(faces["gender"], GENDERS, "not told")),
        _section("Apparent mood", _counts(faces["mood"], MOODS, "not told")),
        _section(
            "Failures", {f"{code}: {CODES.get(code, code)}": n for code, n in manifest.failures.items()}
        ),
        _section("Skipped", manifest.skipped),
    ]
    return "\n\n".join(section for section in sections if section)


def failures(output: str, examples: int = 5) -> str:
    """The failures of the run in the folder `output` by code, with some of the files of each."""
    read_manifest(output)
    rows = _table(output, "failures").to_pylist()
    if not rows:
        return "No failures."
    codes: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        codes.setdefault(row["code"], []).append(row)
    sections = []
    for code, group in sorted(codes.items(), key=lambda item: -len(item[1])):
        lines = [f"{len(group):,}  {code} ({group[0]['stage']}): {group[0]['message']}"]
        for row in group[:examples]:
            lines.append("  " + printable(f"{row['uri']}  {row['detail']}".rstrip()))
        if len(group) > examples:
            lines.append(f"  and {len(group) - examples:,} more: all are in {output}/failures")
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def _table(output: str, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    with local_copy(join(output, name, f"{name}.parquet")) as file:
        return pq.read_table(file, columns=columns)


def _overview(manifest: Manifest, photos: pa.Table, output: str) -> str:
    rows = manifest.rows
    seconds = _time(manifest.finished_at) - _time(manifest.started_at)
    span = pc.min_max(photos["taken_at"]).as_py()
    dated = f", taken {span['min']:%Y-%m-%d} to {span['max']:%Y-%m-%d}" if span["min"] else ""
    copies = f", {manifest.duplicates:,} of them byte copies" if manifest.duplicates else ""
    lines = [
        f"{rows['photos']:,} photos{copies}{dated}",
        f"{rows['faces']:,} faces",
        f"{rows['failures']:,} failures, {sum(manifest.skipped.values()):,} skipped"
        + (f", {manifest.kept:,} files unchanged" if manifest.kept else ""),
        f"run {manifest.run_id}, {seconds.total_seconds():.0f} s, in {output}",
    ]
    return "\n".join(lines)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def _counts(column: pa.ChunkedArray, order: Sequence[str], null: str) -> dict[str, int]:
    """Rows by value in the given order, or the most frequent first; nulls last."""
    found = {item["values"]: item["counts"] for item in pc.value_counts(column.cast(pa.string())).to_pylist()}
    if set(found) == {None}:
        return {}
    names: Iterable[str] = order or sorted((name for name in found if name), key=lambda name: -found[name])
    return {name: found.get(name, 0) for name in names} | ({null: found[None]} if None in found else {})


def _section(title: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    width = max(len(f"{n:,}") for n in counts.values())
    return "\n".join([title, *(f"  {n:>{width},}  {name}" for name, n in counts.items())])
