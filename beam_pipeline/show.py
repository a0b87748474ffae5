"""The totals of a finished run, as tables that a person can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from headcount.beam_pipeline.ending import changes, unseen
from headcount.beam_pipeline.text import printable
from headcount.schemas.errors import UsageError
from headcount.schemas.failures import CODES
from headcount.schemas.labels import AGE_GROUP_NAMES, DATE_SOURCES, GENDERS, MOODS, with_years
from headcount.schemas.manifest import Manifest
from headcount.transforms.collection.output import read_manifest
from headcount.transforms.collection.storage import join, local_copy

UNKNOWN: Final = "unknown"


def totals(output: str) -> str:
    """What the run in the folder `output` found; raises UsageError where there is none."""
    manifest = read_manifest(output)
    photos = _table(output, "photos", ["taken_at", "date_source", "duplicate_of"])
    faces = _table(output, "faces", ["age_group", "gender", "mood"])
    sections = [
        _overview(manifest, photos, output),
        _dates(photos["date_source"]),
        _section("Apparent age", _age_groups(faces["age_group"])),
        _section("Apparent gender", _counts(faces["gender"], GENDERS)),
        _section("Apparent mood", _counts(faces["mood"], MOODS)),
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
        lines = [printable(f"{len(group):,}  {code} ({group[0]['stage']}): {group[0]['message']}")]
        for row in group[:examples]:
            lines.append("  " + printable(f"{row['uri']}  {row['detail']}".rstrip()))
        if len(group) > examples:
            lines.append(printable(f"  and {len(group) - examples:,} more: all are in {output}/failures"))
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def _table(output: str, name: str, columns: Sequence[str] | None = None) -> pa.Table:
    path = join(output, name, f"{name}.parquet")
    try:
        with local_copy(path) as file:
            return pq.read_table(file, columns=columns)
    except FileNotFoundError as error:
        raise UsageError(f"{path} is missing; run `headcount run` again") from error
    except (OSError, pa.ArrowException) as error:
        raise UsageError(f"{path} cannot be read ({error}); run `headcount run` again") from error


def _overview(manifest: Manifest, photos: pa.Table, output: str) -> str:
    rows = manifest.rows
    seconds = _time(manifest.finished_at) - _time(manifest.started_at)
    span = pc.min_max(photos["taken_at"]).as_py()
    dated = f", taken {span['min']:%Y-%m-%d} to {span['max']:%Y-%m-%d}" if span["min"] else ""
    copies = f", {manifest.duplicates:,} of them byte copies" if manifest.duplicates else ""
    lines = [
        f"{rows['photos']:,} photos{copies}{dated}",
        f"{rows['faces']:,} faces",
        f"{rows['failures']:,} failures, {sum(manifest.skipped.values()):,} skipped",
        changes(manifest),
        unseen(manifest),
        printable(f"run {manifest.run_id}, {seconds.total_seconds():.0f} s, in {output}"),
    ]
    return "\n".join(line for line in lines if line)


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def _dates(sources: pa.ChunkedArray) -> str:
    """Where the dates are from, and which share of the photos has one."""
    dated = len(sources) - sources.null_count
    if not len(sources):
        return ""
    if not dated:
        return f"Dates from: no photo of {len(sources):,} has a date"
    found = {source: n for source, n in _counts(sources, DATE_SOURCES).items() if n}
    share = f"{dated:,} of {len(sources):,} dated ({_percent(dated, len(sources))})"
    return _section(f"Dates from: {share}", {source: n for source, n in found.items() if source != UNKNOWN})


def _percent(part: int, whole: int) -> str:
    """Rounded, but never to nothing or to all: 99.9 % of the photos are not 100 %."""
    rounded = round(100 * part / whole)
    if part and not rounded:
        return "under 1 %"
    return "over 99 %" if part < whole and rounded == 100 else f"{rounded} %"


def _age_groups(groups: pa.ChunkedArray) -> dict[str, int]:
    return {
        name if name == UNKNOWN else with_years(name): n
        for name, n in _counts(groups, AGE_GROUP_NAMES).items()
    }


def _counts(column: pa.ChunkedArray, order: Sequence[str]) -> dict[str, int]:
    """Rows by value in the given order, the unknown ones last; nothing where nothing is known."""
    found = {item["values"]: item["counts"] for item in pc.value_counts(column.cast(pa.string())).to_pylist()}
    unknown = found.pop(None, 0)
    if not found:
        return {}
    return {name: found.get(name, 0) for name in order} | ({UNKNOWN: unknown} if unknown else {})


def _section(title: str, counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    width = max(len(f"{n:,}") for n in counts.values())
    return "\n".join([title, *(f"  {n:>{width},}  {printable(name)}" for name, n in counts.items())])
