"""What a run makes of a collection: which rows stay, which leave and why, and what may be published.

Pure functions over Arrow tables. A row leaves only for a reason: its place was listed to its end and the file
is not there, a rule passes it over, or its bytes are no photo any more. What this run could not list or read,
or was not asked to look at, keeps the rows of earlier runs.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from headcount.schemas.failures import MACHINE_CODES
from headcount.schemas.files import FAILED, FOLDER, LISTED, PHOTO, SKIPPED

CHANGES: Final = {
    "new": "new",
    "changed": "changed",
    "moved": "moved",
    "gone": "gone",
    "passed_over": "passed over now",
    "broken": "no photo any more",
    "forgotten": "forgotten",
    "unchanged": "unchanged",
}
"""What became of photos since the run before, and its words."""

UNSEEN: Final = {
    "not_listed": "in folders that could not be listed",
    "not_read": "that could not be read this time",
    "elsewhere": "in places that this run was not given",
    "deleted": "that are no longer there (--keep_deleted)",
}
"""Why the rows of a photo stay that this run did not see, and its words."""

FEW: Final = 10
SHARE: Final = 0.2
"""More photos than both would leave, or more than FEW in a folder that is empty now: that is not published
before somebody has said that it is meant."""

_PARENT: Final = rf"[/{re.escape(os.sep)}][^/{re.escape(os.sep)}]*$"
_DATES: Final = ("taken_at", "date_precision", "date_source")


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of the tables of these names."""

    files: pa.Table
    photos: pa.Table
    failures: pa.Table


@dataclass(frozen=True, slots=True)
class State:
    """The rows of a collection after a run, and what there is to say of them."""

    rows: Rows
    kept: pa.Table
    """Those of `rows.files` whose rows, in every table, are from before."""
    deleted: pa.ChunkedArray
    """Uris among them of files that are no longer there."""
    changes: dict[str, int]
    """Photos by the names of CHANGES."""
    unseen: dict[str, int]
    """Photos by the names of UNSEEN."""
    incomplete: dict[str, int]
    """What could not be listed or read for the machine's reasons: files by code, and `folders`."""
    leaving: pa.Table
    """Photos that have no row any more, under no name: `uri`, `photo_id`, `change`, and `place`, the nearest
    folder above that was listed, with `entries`, the number of its entries as text."""
    known: int
    """Photos before the run."""
    found: int
    """Photos and failed files that this run met."""
    all_internal: bool
    """Whether more than FEW files were read, and every one failed for a fault of our own."""


def next_state(
    before: Rows,
    new: Rows,
    unchanged: pa.Table,
    keep_deleted: bool = False,
    made_by: str | None = None,
    globs: Sequence[str] = (),
) -> State:
    """The state after a run that met `new` and found the rows `unchanged` of `before.files` as they were.

    `made_by` is the run of `before` where that had other models or settings: what stays of its rows says so.
    `globs` are those inputs of the run that name files and folders in places which have no row.
    """
    known = before.files.filter(pc.invert(_is(before.files, "outcome", LISTED)))
    failed = new.failures.filter(_in(new.failures, "code", sorted(MACHINE_CODES)))
    unread = _unread(before, new, failed, same=made_by is None)
    met = pa.chunked_array([*new.files["uri"].chunks, *unchanged["uri"].chunks], pa.string())
    unmet = _with_fate(known.filter(pc.invert(_in(known, "uri", met))), new.files, globs)
    stays = {reason: unmet.filter(_is(unmet, "change", reason)) for reason in ("not_listed", "elsewhere")}
    stays["not_read"] = known.filter(_in(known, "uri", unread))
    stays["deleted"] = known.slice(0, 0)
    if keep_deleted:
        no_photo = new.files.filter(pc.invert(_in(new.files, "outcome", [PHOTO, LISTED])))
        lost = pc.and_(_is(known, "outcome", PHOTO), _in(known, "uri", no_photo["uri"]))
        lost = known.filter(pc.and_not(lost, _in(known, "uri", unread)))
        gone = unmet.filter(_in(unmet, "change", ["gone", "passed_over"]))
        stays["deleted"] = pa.concat_tables([gone.select(known.column_names), lost])
    unseen = pa.concat_tables([files.select(known.column_names) for files in stays.values()])
    kept = pa.concat_tables([unchanged, _made_by(unseen, made_by)])
    rows = Rows(
        files=pa.concat_tables([_without(new.files, unseen["uri"]), kept]),
        photos=pa.concat_tables(
            [
                _without(new.photos, unseen["uri"]),
                before.photos.filter(_in(before.photos, "uri", kept["uri"])),
            ]
        ),
        failures=_failures(before.failures, new, kept, unread),
    )
    left = _with_reason(_without(before.photos, rows.photos["uri"]), unmet, new.files)
    seen = {reason: _count(_in(before.photos, "uri", files["uri"])) for reason, files in stays.items()}
    found = new.files.filter(pc.and_not(_in(new.files, "outcome", [PHOTO, FAILED]), _is_folder(new.files)))
    internal = _count(_is(new.failures, "code", "internal_error"))
    return State(
        rows=rows,
        kept=kept,
        deleted=stays["deleted"]["uri"],
        changes=_changes(before.photos, rows.photos, left, sum(seen.values())),
        unseen={reason: photos for reason, photos in seen.items() if photos},
        incomplete=_incomplete(new.files, failed),
        leaving=left.filter(pc.invert(_in(left, "photo_id", rows.photos["photo_id"]))),
        known=len(before.photos),
        found=len(found) + _count(_in(unchanged, "outcome", [PHOTO, FAILED])),
        all_internal=not len(new.photos) and len(found) == internal > FEW,
    )


def refusal(state: State, allow_gone: bool = False, keep_deleted: bool = False) -> str | None:
    """Why `state` is not published, in one line with the ways on; None where it is."""
    if allow_gone:
        return None
    if state.all_internal:
        return (
            "all files that this run read failed inside Headcount; nothing is published"
            " (--allow_gone publishes all the same)"
        )
    photos, leaving = len(state.rows.photos), len(state.leaving)
    if not state.found and not leaving and not keep_deleted:
        stay = f"; the rows of {state.known:,} photos stay as they are" if state.known else ""
        return f"no photo was found{stay}; check --input (--allow_gone publishes all the same)"
    if not photos and not leaving:
        codes = pc.value_counts(state.rows.failures["code"].cast(pa.string())).to_pylist()
        why = ", ".join(f"{item['counts']:,} {item['values']}" for item in codes)
        return f"no photo could be read ({why}); nothing is published (--allow_gone publishes all the same)"
    emptied = state.leaving.filter(pc.fill_null(pc.equal(state.leaving["entries"], "0"), False))
    if leaving and (not photos or not state.found or leaving > max(FEW, SHARE * state.known)):
        return f"{leaving:,} of {state.known:,} photos would leave{_where(state.leaving)}{_WAYS_ON}"
    if any(count > FEW for _, count in _by_place(emptied)):
        return f"{len(emptied):,} photos would leave{_where(emptied)}: is a disk missing?{_WAYS_ON}"
    return None


_WAYS_ON: Final = (
    "; nothing is published. --allow_gone publishes without them, --keep_deleted keeps their rows"
)


def _where(leaving: pa.Table, most: int = 3) -> str:
    """The folders that photos leave from, the fullest first."""
    places = [(place, count) for place, count in _by_place(leaving) if place is not None]
    empty = set(leaving.filter(pc.fill_null(pc.equal(leaving["entries"], "0"), False))["place"].to_pylist())
    words = [
        f"{count:,} from {place or '/'}{', which is empty now' if place in empty else ''}"
        for place, count in places[:most]
    ]
    more = f"; {len(places) - most:,} more folders" if len(places) > most else ""
    return f" ({'; '.join(words)}{more})" if words else ""


def _by_place(leaving: pa.Table) -> list[tuple[str | None, int]]:
    counts = [(item["values"], item["counts"]) for item in pc.value_counts(leaving["place"]).to_pylist()]
    return sorted(counts, key=lambda item: (-item[1], item[0] or ""))


def _with_fate(unmet: pa.Table, files: pa.Table, globs: Sequence[str]) -> pa.Table:
    """`unmet` rows with `change`, `place` and `entries`, by the nearest folder above with a row in `files`:
    it was listed (`gone`), could not be (`not_listed`), was passed over, or there is none (`elsewhere`,
    unless one of the `globs` names the file).
    """
    places = files.filter(pc.or_(_is(files, "outcome", LISTED), pc.equal(files["version"], "")))
    names = pc.utf8_rtrim(places["uri"], f"/{os.sep}")
    parents = pc.replace_substring_regex(unmet["uri"], _PARENT, "").combine_chunks().dictionary_encode()
    at = pc.take(_nearest(parents.dictionary, names), parents.indices)
    outcome = pc.take(places["outcome"].cast(pa.string()), at)
    index = pc.index_in(outcome, value_set=pa.array([LISTED, FAILED, SKIPPED]))
    change = pc.fill_null(pc.take(pa.array(["gone", "not_listed", "passed_over"]), index), "elsewhere")
    place = pc.take(names, at)
    for glob in globs:
        named = pc.and_(pc.equal(change, "elsewhere"), in_glob(unmet["uri"], glob))
        change = pc.if_else(named, "gone", change)
        place = pc.if_else(named, pc.replace_substring_regex(unmet["uri"], _PARENT, ""), place)
    columns = {"change": change, "place": place, "entries": pc.take(places["version"], at)}
    for name, values in columns.items():
        unmet = unmet.append_column(name, values)
    return unmet


def in_glob(uris: pa.ChunkedArray, glob: str) -> pa.ChunkedArray:
    """Which of `uris` a glob names, or lie in folders that it names."""
    wild = {"**/": "(.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", glob)
    words = [part.replace("[!", "[^") if re.match(r"\[.", part) else re.escape(part) for part in parts]
    pattern = "".join(wild.get(part, word) for part, word in zip(parts, words, strict=True))
    return pc.match_substring_regex(uris, f"^{pattern}(/.*)?$")


def _nearest(folders: pa.Array, places: pa.ChunkedArray) -> pa.Array:
    """For each folder the index of itself in `places`, else of the nearest folder above it; null for none."""
    found = pc.index_in(folders, value_set=places)
    above = pc.replace_substring_regex(folders, _PARENT, "")
    climbs = pc.and_(pc.is_null(found), pc.not_equal(above, folders))
    if not _count(climbs):
        return found
    return pc.if_else(climbs, _nearest(above, places), found)


def _unread(before: Rows, new: Rows, failed: pa.Table, same: bool) -> pa.ChunkedArray:
    """Uris with rows before that this run could not read, or not as well: a sidecar was out of reach.

    Rows of the `same` models and settings are better than those without the sidecar, for the same bytes.
    """
    read = new.photos.select(["uri", "photo_id"]).filter(_in(new.photos, "uri", failed["uri"]))
    if same:
        ids = pc.take(before.photos["photo_id"], pc.index_in(read["uri"], value_set=before.photos["uri"]))
        read = read.filter(pc.invert(pc.fill_null(pc.equal(read["photo_id"], ids), False)))
    unread = failed.filter(
        pc.and_not(_in(failed, "uri", before.files["uri"]), _in(failed, "uri", read["uri"]))
    )
    return unread["uri"]


def _failures(before: pa.Table, new: Rows, kept: pa.Table, unread: pa.ChunkedArray) -> pa.Table:
    """A failure of the machine lasts until its file is tried again; those of the bytes go with their rows."""
    machine = sorted(MACHINE_CODES)
    stay = pc.and_(
        _in(before, "uri", kept["uri"]),
        pc.invert(pc.and_(_in(before, "code", machine), _in(before, "uri", new.files["uri"]))),
    )
    come = pc.or_(pc.invert(_in(new.failures, "uri", unread)), _in(new.failures, "code", machine))
    return pa.concat_tables([new.failures.filter(come), before.filter(stay)])


def _made_by(files: pa.Table, run: str | None) -> pa.Table:
    """`files` with `made_by` filled by `run` where it is null."""
    if run is None:
        return files
    at = files.schema.get_field_index("made_by")
    filled = pc.fill_null(files["made_by"].cast(pa.string()), run)
    return files.set_column(at, files.schema.field(at), filled.cast(files.schema.field(at).type))


def _with_reason(left: pa.Table, unmet: pa.Table, files: pa.Table) -> pa.Table:
    """Photos without a row, with `change`, `place` and `entries` (see `State.leaving`)."""
    left = left.select(["uri", "photo_id"])
    at = pc.index_in(left["uri"], value_set=unmet["uri"])
    version = pc.take(files["version"], pc.index_in(left["uri"], value_set=files["uri"]))
    met = pc.if_else(pc.equal(version, ""), "passed_over", "broken")
    change = pc.coalesce(pc.take(unmet["change"], at), met, pa.scalar("gone"))
    left = left.append_column("change", change)
    for name in ("place", "entries"):
        left = left.append_column(name, pc.take(unmet[name], at))
    return left


def _changes(before: pa.Table, after: pa.Table, left: pa.Table, unseen: int) -> dict[str, int]:
    """Photos by the names of CHANGES, without those of which there is none."""
    at = pc.index_in(after["uri"], value_set=before["uri"])
    new, stayed = after.filter(pc.is_null(at)), after.filter(pc.is_valid(at))
    old = before.take(at.drop_null() if isinstance(at, pa.Array) else at.combine_chunks().drop_null())
    same = pc.equal(stayed["photo_id"], old["photo_id"])
    for name in _DATES:
        same = pc.and_(same, _equal(_plain(stayed[name]), _plain(old[name])))
    gone = left.filter(_is(left, "change", "gone"))
    moved = _pairs(gone["photo_id"], new["photo_id"])
    counts = {
        "new": len(new) - moved,
        "changed": len(stayed) - _count(same),
        "moved": moved,
        "gone": len(gone) - moved,
        "passed_over": _count(_is(left, "change", "passed_over")),
        "broken": _count(_is(left, "change", "broken")),
        "unchanged": _count(same) - unseen,
    }
    return {name: count for name, count in counts.items() if count}


def _pairs(gone: pa.ChunkedArray, new: pa.ChunkedArray) -> int:
    """How many of `gone` have one of `new` with the same value, each used once."""
    counted = [pa.table({"id": ids}).group_by("id").aggregate([([], "count_all")]) for ids in (gone, new)]
    both = counted[0].join(counted[1], "id", join_type="inner", right_suffix="_new")
    return pc.sum(pc.min_element_wise(both["count_all"], both["count_all_new"])).as_py() or 0


def _incomplete(files: pa.Table, failed: pa.Table) -> dict[str, int]:
    folders = files.filter(pc.and_(_is(files, "outcome", FAILED), _is_folder(files)))
    counts = {"folders": len(folders)} if len(folders) else {}
    codes = pc.value_counts(_without(failed, folders["uri"])["code"].cast(pa.string())).to_pylist()
    return counts | {item["values"]: item["counts"] for item in codes}


def _is(table: pa.Table, column: str, value: str) -> pa.ChunkedArray:
    return pc.equal(_plain(table[column]), value)


def _is_folder(files: pa.Table) -> pa.ChunkedArray:
    return _is(files, "file_type", FOLDER)


def _in(table: pa.Table, column: str, values: pa.ChunkedArray | Sequence[str]) -> pa.ChunkedArray:
    known = values if isinstance(values, pa.ChunkedArray) else pa.array(values, pa.string())
    return pc.is_in(_plain(table[column]), value_set=known)


def _without(table: pa.Table, uris: pa.ChunkedArray) -> pa.Table:
    return table.filter(pc.invert(_in(table, "uri", uris)))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Words as text: Arrow compares those alone."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether values are the same, null being a value like any other."""
    both_null = pc.and_(pc.is_null(one), pc.is_null(other))
    return pc.or_(both_null, pc.fill_null(pc.equal(one, other), False))


def _count(mask: pa.ChunkedArray | pa.Array) -> int:
    return pc.sum(mask).as_py() or 0
