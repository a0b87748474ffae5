"""What the benchmarks compute from what they measure; nothing here is about time."""

import importlib
import math
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import peer
from benchmarks.multiply import multiply
from benchmarks.peers import Speed, Truth, lies_on, overlaps, row
from benchmarks.resources import Usage, run_measured
from benchmarks.stages import KERNELS, READER, READER_SEAMS, Stages, timers
from benchmarks.tables import print_table
from benchmarks.whole import CORES, Whole
from headcount.models.framing import Box
from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.photo.reader import PhotoReader

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SCRIPTS = sorted(path.stem for path in BENCHMARKS.glob("*.py") if "def main(" in path.read_text())
FACE = Box(100, 100, 200, 200)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_says_what_it_does(script, capsys):
    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"benchmarks.{script}").main(["--help"])
    assert ended.value.code == 0
    assert "usage: " in capsys.readouterr().out


def test_copies_show_the_same_picture_and_are_no_duplicates(tmp_path, portrait):
    sources = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for number, source in enumerate(sources):
        Image.fromarray(portrait[number:64]).save(source)
    copies = multiply(sources, tmp_path / "many", 5)
    assert [source.name for source in copies.values()] == ["a.jpg", "b.jpg", "a.jpg", "b.jpg", "a.jpg"]
    assert len({copy.read_bytes() for copy in copies}) == 5
    for number, (copy, source) in enumerate(copies.items()):
        picture = Image.open(copy)
        assert picture.info["comment"] == f"photo {number}".encode()
        assert np.array_equal(np.asarray(picture), np.asarray(Image.open(source)))


def test_timers_reach_every_stage_of_the_reader_and_leave_it_as_it_was(tmp_path, portrait, reading):
    path = tmp_path / "photo.jpg"
    Image.fromarray(portrait).save(path)
    before = [getattr(module, name) for _, module, name in READER_SEAMS]
    seconds = defaultdict(float)
    with timers(READER_SEAMS, seconds):
        result = PhotoReader(reading).read(FoundFile(str(path), str(tmp_path), path.stat().st_size, None))
    assert len(result.faces) == 1
    assert [*seconds, "describe", "write"] == list(KERNELS)
    assert [getattr(module, name) for _, module, name in READER_SEAMS] == before


def test_the_sum_is_of_the_kernels_alone():
    stages = Stages(1, 12, 4, 8, dict.fromkeys(KERNELS, 2.0) | {READER: 100.0})
    assert stages.total == 2 * len(KERNELS)


def test_a_run_is_held_against_its_kernels_on_all_cores():
    usage = Usage(wall=14.0, processor=21.0, peak=0, status=0)
    run = Whole("", photos=1000, faces=0, before=9.0 * CORES, after=11.0 * CORES, start_up=2.0, usage=usage)
    assert run.floor == pytest.approx(10)
    assert run.ratio == pytest.approx(1.4)
    assert run.ratio_started == pytest.approx(1.2)
    assert usage.cores == pytest.approx(1.5)


def test_the_status_of_a_measured_command_is_kept():
    assert run_measured([sys.executable, "-c", "raise SystemExit(3)"], quiet=True).status == 3


@pytest.mark.parametrize(
    ("found", "overlap", "on_it"),
    [
        (Box(110, 110, 210, 210), True, True),
        (Box(0, 0, 300, 300), False, True),
        (Box(190, 100, 290, 200), False, False),
    ],
)
def test_a_match_is_a_large_overlap_or_a_centre(found, overlap, on_it):
    assert overlaps(found, FACE) is overlap
    assert lies_on(found, FACE) is on_it


def test_recall_is_over_the_photos_that_were_looked_at():
    boxes = {Path("a"): [FACE, Box(0, 0, 50, 50)], Path("not looked at"): [FACE]}
    truth = Truth(boxes, dict.fromkeys(boxes, 1000), overlaps)
    found = {Path("a"): [FACE, FACE], Path("no face in it"): [FACE]}
    assert truth.recall(found) == truth.recall(found, 0.05) == 0.5
    assert truth.recall(found, 0.06) == truth.recall(found, 0.1) == 1
    assert math.isnan(truth.recall({}))


def test_a_peer_is_compared_by_photos_a_second():
    truth = Truth({Path("a"): [FACE]}, {Path("a"): 10_000}, overlaps)
    headcount = Speed(2.0, None, {Path(name): [] for name in "abcd"})
    slower = Speed(4.0, 1.0, {Path("a"): [FACE], Path("b"): []})
    assert row("peer", slower, truth, headcount) == [
        "peer",
        "2",
        "0.50",
        "0.50",
        "1.000",
        "nan",
        "1.0",
        "4.0",
    ]
    assert row("Headcount", headcount, truth, headcount)[6:] == ["in its rate", "1.0"]


def test_the_first_photo_of_a_peer_belongs_to_its_loading():
    seen = []
    answer = peer.measure(lambda: lambda path: seen.append(path) or [(0, 0, 1, 1)], ["a", "b"])
    assert seen == ["a", "a", "b"]
    assert answer["boxes"] == {"a": [(0, 0, 1, 1)], "b": [(0, 0, 1, 1)]}


def test_tables_are_markdown(capsys):
    print_table(["a", "b"], [[1, 2], ["c", "d"]])
    assert capsys.readouterr().out == "| a | b |\n|---|---|\n| 1 | 2 |\n| c | d |\n"
