import os
import shutil
import threading
import time
from concurrent.futures import Future
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from headcount.beam_pipeline import download, look
from headcount.beam_pipeline.commands.main import main
from headcount.beam_pipeline.look import draw_faces, see
from headcount.beam_pipeline.settings import Seeing
from headcount.schemas.errors import PoolError, UsageError
from headcount.schemas.faces import Face
from headcount.schemas.failures import CODES
from headcount.transforms.photo.child_processes import ChildDiedError


def test_look_draws_boxes_and_prints_a_table(album, tmp_path, capsys):
    target = tmp_path / "seen.png"
    assert main(["look", str(album / "2019" / "turned.jpg"), "--output", str(target)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "400x512, taken 2019-03-04 10:11:12 (original), Maker, 1 faces"
    assert lines[1].split()[:3] == ["size", "score", "age"]
    assert lines[2].split()[0] == "1"
    seen = np.asarray(Image.open(target))
    assert seen.shape == (512, 400, 3)
    assert (seen == (255, 212, 0)).all(axis=2).sum() > 200


def test_the_line_and_the_number_grow_with_the_face():
    def yellow(size):
        box = {"left": 50, "top": 50, "right": 50 + size, "bottom": 50 + size}
        face = Face(face_id="a", photo_id="a", uri="a", **box, score=1, sharpness=1, brightness=1)
        drawn = np.asarray(draw_faces(np.zeros((900, 900, 3), np.uint8), [face], (1.0, 1.0)))
        return (drawn == (255, 212, 0)).all(axis=2)

    assert yellow(40)[70, 50:54].sum() == 1
    assert yellow(400)[300, 50:70].sum() == 10


@pytest.fixture
def served(album):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=album)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_what_dates_a_photo_in_a_run_dates_it_here(album, tmp_path):
    folder = tmp_path / "2017-05-06 picnic"
    folder.mkdir()
    shutil.copy(album / "no face.png", folder / "a.png")
    assert see(str(folder / "a.png"), Seeing()).photo.taken_at == datetime(2017, 5, 6)
    (folder / "a.png.json").write_text('{"photoTakenTime": {"timestamp": "1500000000"}}')
    photo = see(str(folder / "a.png"), Seeing()).photo
    assert (photo.taken_at, photo.date_source) == (datetime(2017, 7, 14, 2, 40), "takeout")
    undated = Path(shutil.copy(album / "no face.png", tmp_path / "undated.png"))
    os.utime(undated, (1e9, 1e9))
    assert see(str(undated), Seeing(use_mtime=True)).photo.date_source == "mtime"


def test_nothing_is_overwritten_unless_it_is_named(album, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    photo = tmp_path / "a.png"
    shutil.copy(album / "no face.png", photo)
    for name in ("a-faces.jpg", "a-faces-2.jpg"):
        assert main(["look", "a.png"]) == 0
        assert f"boxes drawn in {name}" in capsys.readouterr().out
        assert (tmp_path / name).exists()
    assert main(["look", "a.png", "--output", "a-faces.jpg"]) == 0
    before = photo.read_bytes()
    assert main(["look", "a.png", "--output", str(photo)]) == 2
    assert "is the picture itself; give another name" in capsys.readouterr().err
    assert photo.read_bytes() == before


def test_a_picture_has_the_time_of_a_photo_and_no_more(album, capsys):
    assert main(["look", str(album / "2019" / "turned.jpg"), "--photo_timeout", "0.001"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("turned.jpg: Reading took longer than --photo_timeout seconds. (0.001 s)")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ChildDiedError(-11), "The decoder crashed on this file. (exit code -11)"),
        (MemoryError(), CODES["out_of_memory"]),
        (PoolError("no child can start"), "no child can start"),
        (RuntimeError("KeyError('x')"), "please report the detail. (KeyError('x'))"),
    ],
)
def test_what_befalls_the_child_is_one_line(album, monkeypatch, capsys, error, words):
    class Pool:
        def __init__(self, *args):
            pass

        def submit(self, file):
            future = Future()
            future.set_exception(error)
            return future

        def stop(self):
            pass

    monkeypatch.setattr(look, "ChildPool", Pool)
    assert main(["look", str(album / "no face.png")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_download_is_bounded_in_bytes_and_time(served, monkeypatch, capsys):
    address = f"{served}/2019/turned.jpg"
    monkeypatch.setattr(download, "MOST_BYTES", 1000)
    assert main(["look", address]) == 2
    assert "is larger than 0 MB" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr(time, "monotonic", iter([0, 100, 200, 300, 400]).__next__)
    with pytest.raises(UsageError, match="takes longer than 60 s"), download.downloaded(address, 60):
        pass


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("http://a/b/IMG_20200102.jpg?x=1", "IMG_20200102.jpg"),
        ("http://a/my%20photo.jpg", "my photo.jpg"),
        ("http://a/..", "photo"),
        ("http://a/x%00%2F..%2F..%2Fy.jpg", "y.jpg"),
        ("http://a", "photo"),
        (f"http://a/{'x' * 300}.jpg", "photo"),
    ],
)
def test_a_download_has_the_name_that_its_address_ends_in(address, name):
    assert download.name_of(address) == name


def test_look_takes_an_address(served, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["look", f"{served}/2019/turned.jpg"]) == 0
    assert (tmp_path / "turned-faces.jpg").exists()
    assert "boxes drawn in turned-faces.jpg" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("photo", "words"),
    [
        ("{album}/none.jpg", "is no file"),
        ("{album}/text.jpg", "The name says photo, the content does not."),
        ("{album}/notes.csv", "not a picture that Headcount reads"),
        ("{album}/../list.txt", "not a picture"),
        ("ftp://127.0.0.1/a.jpg", "http or https"),
        ("{served}/none.jpg", "cannot be fetched"),
        ("http://", "cannot be fetched"),
        ("http://[", "cannot be fetched"),
        ("http://a:b/c.jpg", "cannot be fetched"),
        ("http://a b/c.jpg", "cannot be fetched"),
        ("http://127.0.0.1:9/ü.jpg", "cannot be fetched"),
        ("gs://bucket/a.jpg", "http or https"),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(album, served, photo, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (album.parent / "list.txt").write_text("none.jpg\n")
    assert main(["look", photo.format(album=album, served=served)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize("flags", [("--attributes", "agee"), ("--min_face", "2"), ("--detector", "har")])
def test_options_are_checked_as_in_a_run(album, flags, capsys):
    assert main(["look", str(album / "no face.png"), *flags]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{flags[0]} {flags[1]}: " in line


def test_a_copy_that_cannot_be_written_is_one_line(album, capsys):
    assert main(["look", str(album / "no face.png"), "--output", "/none/a.jpg"]) == 2
    assert "--output /none/a.jpg cannot be written" in capsys.readouterr().err
