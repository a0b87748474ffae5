"""What `pip install` brings, in a fresh environment: one package, whatever lies in the user's folder."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("beam_pipeline", "models", "reports", "runners", "schemas", "transforms")
SCRIPT = """
import headcount
result = headcount.run("photos", "out", attributes=["age", "gender"], processes=1)
print(result.faces.groupby("age_group", observed=True).size().sum(), "faces")
print(len(headcount.read("out").photos), "photos")
seen = headcount.look("photos/IMG_20200102_030405.webp")
print(len(seen.faces), seen.picture.shape)
"""
SAYS = ["2 faces", "4 photos", "1 (512, 512, 3)"]


def pip(*words: str) -> None:
    done = subprocess.run([sys.executable, "-m", "pip", "-q", *words], capture_output=True, text=True)
    if "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("setuptools to build with cannot be had here")
    assert done.returncode == 0, done.stderr


def fresh(folder: Path) -> Path:
    """An environment with what Headcount needs and without Headcount; gives its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    site = subprocess.check_output(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    ).strip()
    # Python does not process the .pth files of a path that a .pth file adds, such as an editable Headcount.
    needs = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (Path(site) / "needs.pth").write_text("\n".join(needs))
    return python


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The files of a clone that the package is made of."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("headcount", *ROOMS):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.keras"))
    for name in ("setup.py", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(source))
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The Python of an environment with the wheel."""
    python = fresh(tmp_path_factory.mktemp("installed") / "venv")
    pip("--python", str(python), "install", "--no-deps", str(wheel))
    return python


@pytest.fixture
def folder(album, tmp_path) -> Path:
    """A folder of the user's with photos, and packages of the names of our rooms."""
    shutil.copytree(album, tmp_path / "photos")
    for room in ROOMS:
        (tmp_path / room).mkdir()
        (tmp_path / room / "__init__.py").write_text("raise ImportError('the wrong package')")
    return tmp_path


def run(command: list[str | Path], folder: Path) -> list[str]:
    """The lines that a command prints in the user's folder."""
    env = {"PATH": "/usr/bin:/bin", "HOME": str(folder)}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_wheel_holds_one_package(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"headcount"}
    for name in ("py.typed", "models/weights/attributes.tflite", "models/weights/detector.tflite"):
        assert f"headcount/{name}" in names
    assert not [name for name in names if "/tests/" in name or "/benchmarks/" in name]


def test_one_name_can_be_imported(installed, tmp_path):
    code = (
        "import pkgutil, sysconfig; site = sysconfig.get_path('purelib');"
        "print(*(found.name for found in pkgutil.iter_modules([site])))"
    )
    assert run([installed, "-c", code], tmp_path) == ["headcount"]


def test_a_script(installed, folder):
    (folder / "script.py").write_text(SCRIPT)
    assert run([installed, "script.py"], folder) == SAYS


def test_python_c(installed, folder):
    assert run([installed, "-c", SCRIPT], folder) == SAYS


def test_the_command(installed, folder):
    (folder / "headcount.py").write_text("raise ImportError('the wrong module')")
    lines = run(
        [installed.with_name("headcount"), "run", "--input=photos", "--output=out", "--processes=1"], folder
    )
    assert lines[0].startswith("4 photos")


def test_python_m(installed, folder):
    run_it = ["headcount", "run", "--input=photos", "--output=out", "--processes=1"]
    assert run([installed, "-m", *run_it], folder)[0].startswith("4 photos")
    # Python itself takes a headcount.py of the folder for the package, unless it is told not to look there.
    (folder / "headcount.py").write_text("raise ImportError('the wrong module')")
    assert run([installed, "-P", "-m", *run_it], folder)[0].startswith("4 photos")


def test_an_editable_install(source, folder, tmp_path_factory):
    python = fresh(tmp_path_factory.mktemp("editable") / "venv")
    pip("--python", str(python), "install", "--no-deps", "--editable", str(source))
    assert run([python, "-c", SCRIPT], folder) == SAYS
    where = "import headcount.models.attributes as room; print(room.__file__)"
    assert run([python, "-c", where], folder) == [str(source / "models" / "attributes.py")]


def test_types_are_seen(installed, tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(
        "import headcount\n"
        "reveal_type(headcount.read('out').manifest.rows)\n"
        "reveal_type(headcount.look('a.jpg'))\n"
        "headcount.runn('photos', 'out')\n"
    )
    (package,) = installed.parents[1].glob("lib/*/site-packages/headcount")
    # Without the packages that ours needs, which take mypy a minute.
    command = [sys.executable, "-m", "mypy", "--no-site-packages", "--ignore-missing-imports", "script.py"]
    env = {**os.environ, "MYPYPATH": str(package.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert [line for line in done.stdout.splitlines() if line.startswith("script.py")] == [
        'script.py:2: note: Revealed type is "dict[str, int]"',
        'script.py:3: note: Revealed type is "headcount.results.Look"',
        'script.py:4: error: Module has no attribute "runn"  [attr-defined]',
    ]
