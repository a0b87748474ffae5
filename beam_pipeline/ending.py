"""What a run says at its end, and with which exit status."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headcount.schemas.manifest import Manifest
from headcount.transforms.collection.state import CHANGES, UNSEEN

TOO_MANY_FAILURES: Final = 1
INCOMPLETE: Final = 3


def ending(manifest: Manifest, max_failures: int | None = None) -> tuple[int, str]:
    """The exit status of a run that was published, and its last line, empty for status 0."""
    failures = manifest.rows["failures"]
    if max_failures is not None and failures > max_failures:
        return TOO_MANY_FAILURES, f"{failures} failures, more than --max_failures {max_failures}"
    if not manifest.incomplete:
        return 0, ""
    files = {code: count for code, count in manifest.incomplete.items() if code != "folders"}
    folders, total = manifest.incomplete.get("folders", 0), sum(files.values())
    parts = []
    if folders:
        parts.append(f"{folders:,} folder{'s'[: folders != 1]} could not be listed")
    if total:
        codes = ", ".join(f"{count:,} {code}" for code, count in files.items())
        parts.append(f"{total:,} file{'s'[: total != 1]} could not be read ({codes})")
    return INCOMPLETE, (
        f"incomplete: {' and '.join(parts)}; rows of earlier runs stay, the next run tries again"
        " (headcount show OUT --failures says more)"
    )


def left_alone(output: str) -> str:
    """What is said of the tables after a run that failed."""
    return f"{output} is still as the last complete run left it"


def changes(manifest: Manifest) -> str:
    """What became of photos since the run before: `29 new, 3 changed, 64 moved, 1 gone, 71 unchanged`."""
    return _counted(manifest.changes, CHANGES) or "no photos"


def unseen(manifest: Manifest) -> str:
    """Which rows stay though the run did not see their photos; empty for none."""
    total = sum(manifest.unseen.values())
    return f"{total:,} kept unseen: {_counted(manifest.unseen, UNSEEN)}" if total else ""


def _counted(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    return ", ".join(f"{counts[name]:,} {word}" for name, word in words.items() if counts.get(name))
