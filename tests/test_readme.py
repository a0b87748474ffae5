"""The queries of the README and of the pages for families and cafes, run, and links followed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
QUERIES = [
    query
    for page in ("README.md", "docs/album.md", "docs/cafe.md")
    for query in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
]


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_run_and_print(query, finished, tmp_path, monkeypatch, capsys):
    output, _ = finished
    for name in ("out", "cafe"):
        (tmp_path / name).symlink_to(output)
    monkeypatch.chdir(tmp_path)
    exec(query, {})
    assert capsys.readouterr().out.strip()


def test_there_are_queries():
    assert len(QUERIES) >= 8


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


def test_every_promise_names_tests_that_are_there():
    named = re.findall(r"`(tests/[\w/.]*)`", (ROOT / "docs" / "promises.md").read_text())
    assert len(named) > 50
    assert [test for test in named if not (ROOT / test).exists()] == []


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) < 150
