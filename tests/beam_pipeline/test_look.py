import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image

from headcount.beam_pipeline.command import main
from headcount.beam_pipeline.look import draw_faces
from headcount.schemas.faces import Face


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
        drawn = np.asarray(draw_faces(np.zeros((900, 900, 3), np.uint8), [face], 1.0))
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
        ("ftp://127.0.0.1/a.jpg", "http or https"),
        ("{served}/none.jpg", "cannot be fetched"),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(album, served, photo, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["look", photo.format(album=album, served=served)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_a_copy_that_cannot_be_written_is_one_line(album, capsys):
    assert main(["look", str(album / "no face.png"), "--output", "/none/a.jpg"]) == 2
    assert "--output /none/a.jpg cannot be written" in capsys.readouterr().err
