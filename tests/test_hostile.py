"""Names, files and moments that try: nothing is lost, nothing is written where it should not be."""

import os
import random
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from PIL import Image

from benchmarks.multiply import with_comment
from headcount.beam_pipeline.commands.main import main
from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.beam_pipeline.show import failures
from headcount.beam_pipeline.text import printable
from headcount.schemas.tables import TABLES
from headcount.transforms.collection.output import read_manifest
from tests.command import start

NAMES = [
    b"new\nline.jpg",
    b"quote'\".jpg",
    b"a=1.jpg",
    b"50%25.jpg",
    "\N{GRINNING FACE}.jpg".encode(),
    b"\xff\xfe latin.jpg",
    b"=cmd|' C calc'!A1.jpg",
    b"<script>alert(1)<script>.jpg",
    b"\x1b[2Jclear.jpg",
    b"a..%2f..%2fetc.jpg",
    b"-rf.jpg",
    b"$(touch x).jpg",
]


def tables_of(output: Path) -> dict[str, pd.DataFrame]:
    return {name: pd.read_parquet(output / name) for name in TABLES}


def rows(output: Path) -> dict[str, list]:
    """All rows in an order of their own, without the fields of a run."""
    plain = {name: table.drop(columns="p_age", errors="ignore") for name, table in tables_of(output).items()}
    return {name: sorted(map(repr, table.itertuples(index=False))) for name, table in plain.items()}


@pytest.fixture
def odd_names(tmp_path, portrait):
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        path = os.path.join(os.fsencode(folder), name)
        with open(path, "wb") as file:
            Image.fromarray(portrait[: 200 + number, :300]).save(file, "JPEG")
    return folder


def test_every_odd_name_has_its_row_and_writes_nothing_elsewhere(odd_names, tmp_path):
    before = set(tmp_path.iterdir())
    run(Settings(input=(str(odd_names),), output=str(tmp_path / "out")))
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out"}
    tables = tables_of(tmp_path / "out")
    assert len(tables["photos"]) == len(NAMES)
    assert not len(tables["failures"])
    assert f"{odd_names}/%FF%FE latin.jpg" in set(tables["photos"].uri)
    assert f"{odd_names}/new\nline.jpg" in set(tables["photos"].uri)
    assert tables["footfall"].faces.sum() == len(tables["faces"]) > 0
    assert sorted(path.name for path in (tmp_path / "out" / "current").iterdir()) == sorted(
        [*TABLES, "manifest.json"]
    )


def test_names_do_not_steer_the_terminal(album, tmp_path, capsys):
    shutil.copy(album / "no face.png", tmp_path)
    (tmp_path / "\x1b[2J\n.jpg").write_text("no picture")
    output = tmp_path / "out"
    assert main(["run", "--input", str(tmp_path), "--output", str(output), "--processes=1"]) == 0
    assert main(["show", str(output), "--failures"]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert "\\x1b[2J\\n.jpg" in text
    assert main(["look", str(tmp_path / "\x1b[2J\n.jpg")]) == 2
    assert "\x1b" not in capsys.readouterr().err
    assert printable("a\x07é\N{GRINNING FACE}") == "a\\x07é\N{GRINNING FACE}"


def test_failures_are_grouped_with_some_examples(finished):
    output, _ = finished
    text = failures(str(output))
    assert "1  not_an_image (decode): The name says photo, the content does not." in text
    assert "text.jpg  begins with" in text


def test_what_cannot_be_listed_or_opened_is_a_failure(tmp_path, album):
    photos = tmp_path / "photos"
    photos.mkdir()
    os.symlink(tmp_path / "nowhere.jpg", photos / "dangling.jpg")
    os.symlink(photos / "loop.jpg", photos / "loop.jpg")
    (photos / "good.jpg").write_bytes((album / "2019" / "turned.jpg").read_bytes())
    manifest = run(Settings(input=(str(photos),), output=str(photos / "out"), processes=1))
    assert manifest.failures == {"unreadable": 2}
    assert manifest.rows["photos"] == 1
    again = run(Settings(input=(str(photos),), output=str(photos / "out"), processes=1))
    assert (again.failures, again.kept) == ({"unreadable": 2}, 1)


def test_a_sidecar_that_cannot_be_read_leaves_its_photo_with_a_lesser_failure(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    names = ("dangling", "looping", "pipe", "endless")
    for number, name in enumerate(names):
        Image.linear_gradient("L").rotate(90 * number).save(photos / f"{name}.png")
    os.symlink(tmp_path / "nowhere", photos / "dangling.png.xmp")
    os.symlink(photos / "looping.xmp", photos / "looping.xmp")
    os.mkfifo(photos / "pipe.png.json")
    os.symlink("/dev/zero", photos / "endless.png.json")
    manifest = run(Settings(input=(str(photos),), output=str(tmp_path / "out"), processes=1))
    assert manifest.rows["photos"] == len(names)
    failures = tables_of(tmp_path / "out")["failures"]
    lesser = failures[failures.code == "unreadable_sidecar"].uri
    assert sorted(lesser) == sorted(f"{photos}/{name}.png" for name in names)


def test_a_run_killed_at_any_moment_leaves_the_last_one_whole(album, finished, tmp_path):
    """Twenty runs are killed at random moments; what is seen is always a whole run."""
    undisturbed = rows(finished[0])
    output = tmp_path / "out"
    began = time.monotonic()
    process = start(album, output)
    process.communicate()
    seconds = time.monotonic() - began
    assert rows(output) == undisturbed
    moments = random.Random(1)
    for _ in range(20):
        # The same threshold, given and not given, makes each run read everything again.
        given = read_manifest(str(output)).settings["min_score"]
        process = start(album, output, *([] if given else ["--min_score=0.65"]))
        time.sleep(moments.uniform(0, 1.1 * seconds))
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        process.communicate()
        assert rows(output) == undisturbed
        assert not psutil.wait_procs(children, timeout=20)[1], "child processes must end with their parent"
    given = read_manifest(str(output)).settings["min_score"]
    process = start(album, output, *([] if given else ["--min_score=0.65"]))
    process.communicate()
    assert process.returncode == 0
    assert rows(output) == undisturbed
    assert len(list((output / "runs").iterdir())) == 1


def test_ctrl_c_stops_with_a_word(album, tmp_path):
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    picture = (album / "2019" / "turned.jpg").read_bytes()
    for number in range(400):
        (photos / f"{number}.jpg").write_bytes(with_comment(picture, str(number)))
    process = start(photos, output)
    while not psutil.Process(process.pid).children(recursive=True)[1:]:
        time.sleep(0.1)
    time.sleep(2)
    children = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    try:
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130, error
    assert not psutil.wait_procs(children, timeout=20)[1]
    assert "interrupted; the output is still that of the last complete run" in error
    assert not (output / "current").exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs the right to mount")
def test_a_full_disk_fails_the_run_and_keeps_the_last_one(album, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        output = disk / "out"
        run(Settings(input=(str(album),), output=str(output), processes=1))
        before = rows(output)
        free = os.statvfs(disk)
        (disk / "ballast").write_bytes(bytes(free.f_bavail * free.f_bsize - 8192))
        process = start(album, output, "--min_score=0.65")
        _, error = process.communicate()
        assert process.returncode == 1
        assert "No space left on device" in error
        assert "Traceback" not in error
        assert rows(output) == before
    finally:
        subprocess.run(["umount", str(disk)], check=True)
