"""How the processes that read photos start.

On Linux they are forks of a server that imports what they need once, for all of them, while the program that
wants them does other things. Elsewhere system libraries do not bear a fork, and each imports for itself.
"""

from __future__ import annotations

import sys
from multiprocessing import forkserver, get_context
from multiprocessing.context import BaseContext
from typing import Final

_FORKS: Final = sys.platform == "linux"


def child_context() -> BaseContext:
    """The context of `multiprocessing` in which children start."""
    context = get_context("forkserver" if _FORKS else "spawn")
    if _FORKS:
        context.set_forkserver_preload(["headcount.transforms.photo.reader_pool"])
    return context


def prepare() -> None:
    """Starts the server, if there is one, before the first child is wanted."""
    child_context()
    if _FORKS:
        forkserver.ensure_running()
