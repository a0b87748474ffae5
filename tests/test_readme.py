"""The README's words, run."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
QUERIES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
def test_the_queries_run_and_print(query, finished, tmp_path, monkeypatch, capsys):
    output, _ = finished
    (tmp_path / "out").symlink_to(output)
    monkeypatch.chdir(tmp_path)
    exec(query, {})
    assert capsys.readouterr().out.strip()


def test_there_are_queries():
    assert len(QUERIES) >= 5


def test_every_link_leads_somewhere():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).parents[1] / target).exists(), target
