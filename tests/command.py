"""The command in a process of its own, to be interrupted or killed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
CODE = "import sys; from headcount.beam_pipeline.commands.main import main; sys.exit(main(sys.argv[1:]))"


def start(photos: Path, output: Path, *flags: str) -> subprocess.Popen[str]:
    """`headcount run` with one child process that reads."""
    places = ["--input", str(photos), "--output", str(output)]
    command = [sys.executable, "-c", CODE, "run", *places, "--processes=1", *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT)
