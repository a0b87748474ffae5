"""`import headcount` in a notebook, in a folder that has its own `models`."""

import os
import shutil
from pathlib import Path

import pytest

nbclient = pytest.importorskip("nbclient", reason="no nbclient: install headcount[test]")
nbformat = pytest.importorskip("nbformat")
pytest.importorskip("ipykernel", reason="no ipykernel: install headcount[test]")

ROOT = Path(__file__).parents[1]
CELLS = (
    "import headcount\nfrom headcount.beam_pipeline import progress\nprogress.BAR_SECONDS = 0.05",
    'result = headcount.run("photos", "out", attributes=["age", "gender"], processes=1)',
    'result.faces.groupby("age_group", observed=True).size()',
    'headcount.read("out").photos',
    'headcount.look("photos/IMG_20200102_030405.webp")',
    'headcount.run("photo", "out")',
)


@pytest.fixture(scope="module")
def outputs(album, tmp_path_factory):
    """What each cell shows."""
    folder = tmp_path_factory.mktemp("notebook")
    shutil.copytree(album, folder / "photos")
    (folder / "models").mkdir()
    (folder / "models" / "__init__.py").write_text("raise ImportError('the wrong package')")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    client = nbclient.NotebookClient(
        notebook, resources={"metadata": {"path": str(folder)}}, kernel_name="python3", allow_errors=True
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "PYTHONPATH", os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        )
        client.execute()
    return [cell.outputs for cell in notebook.cells]


def texts(cell) -> str:
    return "".join(output.get("text", "") for output in cell)


def test_a_run_shows_a_bar(outputs):
    assert "error" not in {output.output_type for output in outputs[1]}
    assert "%|" in texts(outputs[1])


def test_a_run_shows_nothing_else(outputs):
    """Beam would warn of what it lacks to be interactive, and make the page load scripts from elsewhere."""
    assert {(output.output_type, output.get("name")) for output in outputs[1]} == {("stream", "stdout")}


def test_tables_are_shown(outputs):
    assert "adult" in outputs[2][0].data["text/plain"]
    assert "<table" in outputs[3][0].data["text/html"]


def test_a_picture_is_shown(outputs):
    (shown,) = outputs[4]
    assert shown.data["text/html"].startswith("<img")
    assert "image/png" in shown.data


def test_an_error_is_ours(outputs):
    (error,) = outputs[5]
    assert error.ename == "UsageError"
    assert "matches nothing" in error.evalue
