"""The house as a whole: which package may import which."""

import ast
import re
import subprocess
import sys
from collections import Counter
from graphlib import TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
ORDER = ("schemas", "models", "transforms", "reports", "runners", "beam_pipeline", "headcount")
"""Folders of the top level; each may import those before it, and reports no transforms."""
FILES = {path: path.parent.relative_to(ROOT) for name in ORDER for path in (ROOT / name).rglob("*.py")}


def module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("headcount", *(part for part in parts if part not in ("headcount", "__init__"))))


def imported(path: Path) -> set[str]:
    """The modules of ours that a file imports, but for the package itself, which imports none when it is."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names & {module(other) for other in FILES} - {"headcount"}


def test_imports_go_one_way():
    """Between the rooms, at the top level and inside of it: no circle, and no arrow back up."""
    rooms = {module(path): room for path, room in FILES.items()}
    arrows: dict[Path, set[Path]] = {}
    for path, room in FILES.items():
        others = {rooms[name] for name in imported(path)} - {room}
        arrows.setdefault(room, set()).update(others)
        for other in others:
            assert ORDER.index(other.parts[0]) <= ORDER.index(room.parts[0]), path
    assert list(TopologicalSorter(arrows).static_order())


def test_rooms_and_files_are_small():
    counts = Counter(room for path, room in FILES.items() if path.name != "__init__.py")
    # A file for each table and each word of the schemas.
    assert [room for room, count in counts.items() if count > 13 and room.name != "schemas"] == []
    assert [path for path in FILES if len(path.read_text().splitlines()) > 400] == []


def test_child_processes_do_not_import_beam_or_tensorflow():
    heavy = "{'apache_beam', 'tensorflow', 'keras'}"
    code = f"import sys, headcount.transforms.photo.reader_pool; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def asked_for(package):
    """Which versions of `package` setup.py asks for."""
    (words,) = re.findall(rf'"{package}([<>=][^";]*)"', (ROOT / "setup.py").read_text())
    return SpecifierSet(words)


@pytest.mark.skipif(version("pandas") not in asked_for("pandas"), reason="another pandas than setup.py's")
def test_beam_works_in_notebooks_with_the_pandas_that_is_asked_for():
    """There it imports this for each pipeline."""
    code = "import apache_beam.dataframe.frames"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
