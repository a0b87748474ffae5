"""Every command of the README and the pages in docs/, run as it stands there, but for places.

A place that is read is made before: a folder, glob, list or bucket holds the small album of the tests, that
of an evaluation folders with labels, or boxes.csv where the command speaks of it. Absolute places and buckets
lie elsewhere than they say. What cannot run here is named in NOT_RUN with its reason.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from headcount.beam_pipeline.commands import COMMANDS, load_command
from headcount.beam_pipeline.commands.main import main, parse
from tests.buckets import Store

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "models" / "weights"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"^```(?:bash|sh|shell|console)\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`((?:\.venv/bin/)?headcount (?:run|look|show|evaluate|train)\s[^`]+)`")
HERE_DOCUMENT = re.compile(r"<<-?'?(\w+)'?\n.*?^\1$", re.DOTALL | re.MULTILINE)

NOT_RUN = {
    r"(python\S* -m venv|\S*pip) .*": ".ci/run and the Dockerfile install in fresh environments",
    r"(\S*/)?python -m pytest.*": "this is it",
    r"\.ci/run": "it runs this",
    r"(gcloud|docker|bq|gsutil|aws) .*": "needs a project and its account",
    r"(export|cat|cd|for|do|done|git|\w+=)\b.*": "of the shell; Headcount is not in it",
    r"go install .*": ".ci/run runs it",
    r"python -m tests\.engines\.flink_cluster .*": "tests/engines/test_flink.py starts a cluster",
    r"python -m benchmarks\..*": "takes minutes; tests/test_benchmarks.py runs them in small",
    r".*headcount run .*--runner=DataflowRunner.*": "needs a project; see tests/engines/test_dataflow.py",
    r".* ([A-Z]{3,}|\.\.\.)( .*)?": "says only what kind of place comes there",
    r".*headcount train .*": "takes hours; see tests/models/attribute_training",
    r".*headcount look https?://.*": "needs the network; see tests/beam_pipeline/test_look.py",
}
"""Pattern of a whole command, and why it is not run here."""


@dataclass(frozen=True)
class Command:
    page: str
    line: str

    @property
    def why_not(self) -> str | None:
        return next((why for pattern, why in NOT_RUN.items() if re.fullmatch(pattern, self.line)), None)


def commands(page: Path) -> list[Command]:
    """In the order of the page; a line of several is several."""
    text = page.read_text()
    found = []
    for match in re.finditer(f"{BLOCK.pattern}|{INLINE.pattern}", text, re.DOTALL | re.MULTILINE):
        block = HERE_DOCUMENT.sub("", match[1] or " ".join(match[2].split()))
        for line in re.sub(r"\s*\\\n\s*", " ", block).splitlines():
            parts = (part.strip().removeprefix("$ ") for part in line.split(" && "))
            found += [Command(page.name, part) for part in parts if part and not part.startswith("#")]
    return [
        one for one in found if "..." not in one.line.split(" #")[0] or not one.line.startswith("headcount")
    ]


class World:
    """A folder in which commands find what they read."""

    def __init__(self, folder: Path, album: Path, finished: Path, store: Store) -> None:
        self.folder, self._album, self._finished, self._store = folder, album, finished, store

    def place(self, word: str) -> str:
        """Where `word`, a place of a command, lies here."""
        if word.startswith("gs://"):
            return f"{self._store.url}/{self.folder.name}/{word.removeprefix('gs://')}"
        return str(self.folder / word.lstrip("/")) if word.startswith("/") else os.path.expanduser(word)

    def make_photos(self, place: str) -> None:
        """Something to read at the place of an --input."""
        if place.startswith("gs://"):
            self._store.upload(self._album, place.removeprefix(f"{self._store.url}/").split("/*")[0])
            return
        path = Path(place.replace("*", "01"))
        if path.suffix == ".txt":
            path.write_text(f"{self._album / '2019' / 'turned.jpg'}\n")
        elif path.suffix and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self._album / "2019" / "turned.jpg", path)
        elif not path.exists():
            shutil.copytree(self._album, path)
            shutil.copy(self._album / "2019" / "turned.jpg", path / "private.jpg")

    def make_output(self, place: str) -> None:
        """A finished run at the place of an output that is only read."""
        if place.startswith("gs://"):
            plain = self.folder / "without links"
            shutil.copytree(self._finished, plain)
            self._store.upload(plain, place.removeprefix(f"{self._store.url}/"))
        elif not Path(place).exists():
            shutil.copytree(self._finished, place, symlinks=True)

    def make_labelled(self, place: str, boxes: bool) -> None:
        """Labelled pictures at the place of a --data."""
        folder = Path(place)
        if folder.exists():
            return
        portrait = self._album / "IMG_20200102_030405.webp"
        if boxes:
            folder.mkdir()
            Image.open(portrait).save(folder / "a.jpg")
            (folder / "boxes.csv").write_text("path,left,top,right,bottom\na.jpg,178,63,267,174\n")
        else:
            for labels in ("female/30-39", "happy"):
                (folder / labels).mkdir(parents=True)
                Image.open(portrait).save(folder / labels / "a.jpg")

    def make_model(self, place: str) -> None:
        """A model of one's own: the shipped one under another name."""
        for ending in (".tflite", ".json"):
            shutil.copy(WEIGHTS / f"attributes{ending}", Path(place).with_suffix(ending))

    def argv(self, line: str) -> list[str]:
        """The arguments of a command in `line`, for this world."""
        words = [os.path.expandvars(word) for word in shlex.split(line, comments=True)[1:]]
        words = words[: next((at for at, word in enumerate(words) if re.fullmatch(r"\d?[|><]+", word)), None)]
        (command, *words), argv = words, []
        for number, word in enumerate(words):
            before = words[number - 1] if number else ""
            if before in ("--input", "--output", "--data", "--forget", "--cache") or (
                not word.startswith("-") and not before.startswith("-")
            ):
                word = self.place(word)
            if before == "--input" or (command == "look" and number == 0 and not word.startswith("-")):
                self.make_photos(word)
            elif before == "--data":
                self.make_labelled(word, boxes="boxes.csv" in line)
            elif before == "--attribute_model" and word.endswith(".tflite"):
                self.make_model(word)
            elif command == "show" and number == 0:
                self.make_output(word)
            argv.append(word)
        return [command, *argv]


@pytest.fixture
def world(tmp_path, album, finished, gs, monkeypatch):
    output, _ = finished
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    if (prism := shutil.which("prism") or Path("~/go/bin/prism").expanduser()) and Path(prism).exists():
        (tmp_path / "home" / "go" / "bin").mkdir(parents=True)
        (tmp_path / "home" / "go" / "bin" / "prism").symlink_to(prism)
    return World(tmp_path, album, output, gs)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run(page, world, capsys):
    for command in commands(page):
        if command.why_not:
            continue
        program = command.line.split()[0]
        assert program.removeprefix(".venv/bin/") == "headcount", f"{command}: say in NOT_RUN why not"
        if "--runner=PrismRunner" in command.line and not Path("~/go/bin/prism").expanduser().exists():
            continue
        if " evaluate " in command.line:
            pytest.importorskip("matplotlib")
        try:
            status = main(world.argv(command.line))
        except SystemExit as end:  # --help
            status = end.code
        assert not status, f"{command}: status {status}: {capsys.readouterr().err}"


def examples(name: str) -> list[str]:
    """Those in the help of a command, without what follows in brackets."""
    lines = (line.strip() for line in load_command(name).EXAMPLES.splitlines())
    return [re.sub(r"\s{2,}\(.*\)$", "", line) for line in lines if line.startswith("headcount ")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_examples_that_are_understood(name):
    assert examples(name)
    for line in examples(name):
        assert parse(shlex.split(line)[1:]).command == name


@pytest.mark.parametrize("line", [line for name in COMMANDS for line in examples(name)])
def test_the_examples_of_the_help_run(line, world, capsys):
    if re.search(r"yunet|fer2013|\.parquet|boxes\.csv| train |https:", line):
        pytest.skip("needs a file or a network that is not here; it was parsed")
    if " evaluate " in line:
        pytest.importorskip("matplotlib")
    assert main(world.argv(line)) == 0, capsys.readouterr().err


def test_commands_are_found_in_blocks_and_in_words(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "Then `headcount show\nout`, not `headcount` or `--help`:\n\n```bash\n# a comment\n"
        "headcount run --input a \\\n    --output b && headcount show b  # the totals\n"
        "cat > c <<END\nheadcount\nEND\n```\n"
    )
    assert [command.line for command in commands(page)] == [
        "headcount show out",
        "headcount run --input a --output b",
        "headcount show b  # the totals",
        "cat > c",
    ]


def test_there_are_commands():
    found = [command for page in PAGES for command in commands(page)]
    assert sum(not command.why_not for command in found) >= 5
    assert any("headcount run" in command.line for command in found)
