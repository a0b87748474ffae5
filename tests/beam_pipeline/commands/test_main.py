import os
import re
import subprocess
import sys

import pytest

from headcount.beam_pipeline.commands import COMMANDS
from headcount.beam_pipeline.commands.generate import ROOT, TABLE, options_page
from headcount.beam_pipeline.commands.main import main
from headcount.beam_pipeline.settings import Settings
from headcount.models.detectors import DETECTORS


def failed(capsys, *argv):
    """The one line that a usage error prints."""
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith(f"headcount {argv[0]}: " if argv and argv[0] in COMMANDS else "headcount: ")
    return line


def help_of(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    return capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
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
        "import sys; from headcount.beam_pipeline.commands.main import make_parsers;"
        "[parser.format_help() for parser in make_parsers()[1].values()];"
        "print({'apache_beam', 'cv2', 'numpy', 'pyarrow', 'tensorflow', 'tqdm'} & set(sys.modules))"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


def test_the_page_of_options_is_that_of_the_commands():
    text = (ROOT / TABLE).read_text()
    assert text == options_page(), "python -m headcount.beam_pipeline.commands.generate writes it again"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "give a command: run, look,"),
        (["rnu"], "unknown command rnu; did you mean run?"),
        (["photos"], "unknown command photos; see headcount --help"),
        (["--versoin"], "--versoin; see headcount --help"),
        (["run"], "--input is missing; give a folder"),
        (["run", "--input", "a"], "--output is missing; give a folder"),
        (["run", "--outptu", "a", "--input", "b"], "unknown option --outptu; did you mean --output?"),
        (["run", "--inputs", "a", "--output", "b"], "unknown option --inputs; did you mean --input?"),
        (["run", "--out", "a"], "unknown option --out; did you mean"),
        (["run", "--render_outptu", "a"], "did you mean --render_output?"),
        (["run", "--input"], "--input: expected one argument"),
        (["run", "photos", "out"], "did you mean headcount run --input photos --output out?"),
        (["run", "my photos"], "did you mean headcount run --input 'my photos' --output out?"),
        (["run", "a", "b", "--output", "o"], "headcount run --input a --input b --output o?"),
        (["run", "--input", "a", "b"], "headcount run --input a --output b?"),
        (["run", "--input", "1", "2", "3", "4", "5"], "2 and 3 more belong to no flag; put quotes around"),
        (["look", "--detectr", "haar"], "unknown option --detectr; did you mean --detector?"),
        (["look"], "PHOTO is missing; give a picture"),
        (["look", "a.jpg", "b.jpg"], "b.jpg belongs to no flag; see headcount look --help"),
        (["show", "--failurs"], "unknown option --failurs; did you mean --failures?"),
        (["evaluate", "--dat", "a"], "unknown option --dat; did you mean --data?"),
        (["evaluate", "--output", "a"], "--data is missing"),
        (["train", "--epochs", "many"], "--epochs: invalid int value: 'many'"),
    ],
)
def test_what_is_unknown_is_named_before_what_is_missing(capsys, argv, words):
    assert words in failed(capsys, *argv)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--input", "{tmp}/none"], "{tmp}/none matches nothing; {tmp} is the nearest folder"),
        (["--input", "{tmp}/none/*.jpg"], "matches nothing"),
        (["--output", "{album}/text.jpg"], "is a file; give a folder"),
        (["--output", "{album}"], "holds something else"),
        (["--output", "/proc/headcount"], "cannot be written"),
        (["--output", "{tmp}/\udcff"], "/%FF is not UTF-8; give another folder"),
        (["--detector", "headcont"], "did you mean headcount?"),
        (["--detector", "yunet"], "yunet"),
        (["--attributes", "age,weight"], "--attributes weight: choose from age, gender, mood"),
        (["--attribute_model", "{tmp}/none.tflite"], "not found: {tmp}/none.tflite"),
        (["--attribute_model", "{album}/text.jpg"], "cannot be loaded"),
        (["--min_face", "0"], "--min_face 0: give a share of the longer side"),
        (["--min_face", "nan"], "--min_face nan: give"),
        (["--max_failures", "few"], "--max_failures few: give a number of failures, at least 0"),
        (["--min_score", "1.5"], "at most 1"),
        (["--photo_timeout", "0"], "seconds, over 0"),
        (["--max_pixels", "0"], "at least 1"),
        (["--detectr", "haar"], "unknown option --detectr; did you mean --detector?"),
        (["--runer=PrismRunner"], "did you mean --runner?"),
        (["stray.jpg"], "stray.jpg belongs to no flag"),
    ],
)
def test_bad_arguments_are_one_line_with_the_value_and_the_next_step(capsys, album, tmp_path, argv, words):
    argv = [arg.format(tmp=tmp_path, album=album) for arg in argv]
    given = ["--input", str(album)] if "--input" not in argv else []
    given += ["--output", str(tmp_path / "out")] if "--output" not in argv else []
    assert words.format(tmp=tmp_path, album=album) in failed(capsys, "run", *given, *argv)
    assert not (tmp_path / "out" / "runs").exists()


def test_a_flag_of_beam_is_passed_on(album, tmp_path, capsys):
    argv = ["run", "--input", str(album / "no face.png"), "--output", str(tmp_path), "--direct_num_workers=1"]
    assert main([*argv, "--processes=1"]) == 0
    assert "1 photos" in capsys.readouterr().out


def test_the_graph_is_drawn(album, tmp_path, capsys):
    argv = ["run", "--input", str(album / "no face.png"), "--output", str(tmp_path / "out"), "--processes=1"]
    assert main([*argv, f"--render_output={tmp_path / 'graph.dot'}"]) == 0
    assert "MatchPhotos" in (tmp_path / "graph.dot").read_text()
    capsys.readouterr()


def test_a_graph_that_cannot_be_drawn_is_one_line(album, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    argv = ["run", "--input", str(album), "--output", str(tmp_path / "out"), "--render_output=graph.svg"]
    assert "--render_output graph.svg needs Graphviz" in failed(capsys, *argv)


def test_too_many_failures_are_exit_status_1_with_the_tables_written(album, tmp_path, capsys):
    places = ["--input", str(album / "text.jpg"), "--input", str(album / "no face.png")]
    argv = ["run", *places, "--output", str(tmp_path), "--processes=1"]
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
    code = f"import sys; from headcount.beam_pipeline.commands.main import main; sys.exit(main({argv!r}))"
    ended = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (ended.returncode, ended.stderr) == (1, b"")
