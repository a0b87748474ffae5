"""The house as a whole: which package may import which."""

import ast
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "schemas": set(),
    "models": {"schemas"},
    "transforms": {"schemas", "models"},
    "reports": {"schemas", "models"},
    "runners": {"schemas", "transforms"},
    "beam_pipeline": {"schemas", "models", "transforms", "reports", "runners"},
}


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[1] for name in names if name.startswith("headcount.")}


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package):
    for path in (ROOT / package).rglob("*.py"):
        assert imported(path) <= MAY_IMPORT[package] | {package}, path


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
