"""This machine: Beam's in-process runner.

`DirectRunner` is a switch that runs Prism where it can download it and this runner where it cannot; a
run should not change its engine with the weather. One bundle in one thread is enough, because the
child processes of the reading step use all cores.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

IN_PROCESS: Final = "FnApiRunner"


def local_options(beam_args: Sequence[str]) -> dict[str, Any]:
    """Beam's options for a run here, or none where `beam_args` names a runner."""
    if any(arg == "--runner" or arg.startswith("--runner=") for arg in beam_args):
        return {}
    return {"runner": IN_PROCESS}
