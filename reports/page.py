"""The frame of the pages that `headcount evaluate` writes: one HTML file that needs nothing from outside."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from headcount.schemas.errors import UsageError

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #222; --paper: #fff; --line: #ddd; --soft: #666; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #ddd; --paper: #16181c; --line: #3a3d44; --soft: #999; }
}
body { margin: 0 auto; padding: 1rem; max-width: 72rem; color: var(--ink); background: var(--paper);
  font: 1rem/1.5 system-ui, sans-serif; }
h1, h2, bdi, figcaption { overflow-wrap: anywhere; }
h2 { margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--line); }
p, li { max-width: 44rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
thead th { vertical-align: bottom; font-weight: 600; }
thead tr:first-child th { text-align: center; border-bottom: 0; white-space: nowrap; }
colgroup + colgroup + colgroup { border-left: 1px solid var(--line); }
.overall tbody th { min-width: 9rem; }
tbody th { text-align: left; font-weight: 400; position: sticky; left: 0; background: var(--paper); }
th bdi { display: block; width: max-content; max-width: 9rem; }
td code { display: block; text-align: left; }
.plots { display: grid; gap: 1rem; margin-top: 1.5rem;
  grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.plots figure, .sheet figure { margin: 0; }
.plot { width: 100%; max-width: 36rem; }
.sheet { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); }
.sheet img { width: 100%; border-radius: .25rem; }
figcaption { font-size: .8rem; line-height: 1.35; }
small { display: block; font-size: .7rem; color: var(--soft); }
.average td { text-align: center; padding: .25rem; }
.average img { width: 5rem; min-width: 3.5rem; border-radius: .25rem; }
"""


def make_folder(folder: Path) -> None:
    """Makes the folder of a page. Raises UsageError where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"cannot write to {folder}: no permission; choose another folder")


def write_page(target: Path, title: str, about: str, sections: Iterable[str]) -> None:
    """Writes a page to `target`: `title` as text, `about` and `sections` as HTML."""
    page = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
<p>{about}</p>
{"".join(sections)}
</body>
</html>
"""
    # A name may hold halves of surrogate pairs, which UTF-8 has no bytes for.
    target.write_text(page, encoding="utf-8", errors="backslashreplace")


def section(heading: str, meaning: str, *content: str) -> str:
    """A section of the page; empty where `content` is."""
    inside = "\n".join(part for part in content if part)
    return f"<section>\n<h2>{heading}</h2>\n<p>{meaning}</p>\n{inside}\n</section>\n" if inside else ""


def side_by_side(figures: list[str]) -> str:
    """Figures in a row, where the page is wide enough."""
    return f'<div class="plots">{"".join(figures)}</div>' if figures else ""


def figure(image: str, caption: str) -> str:
    """An `img` element with words below it."""
    return f"<figure>{image}<figcaption>{caption}</figcaption></figure>"
