"""LiteRT's interpreter, which imports in a fifth of a second where TensorFlow takes five."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ai_edge_litert.interpreter import Interpreter, SignatureRunner


def load_runner(path: str, threads: int = 1) -> SignatureRunner:
    """The one signature of the `.tflite` file at `path`.

    It has one set of tensors, so one call at a time. Raises ValueError or RuntimeError for another file.
    """
    with _silent_stderr():
        interpreter = Interpreter(model_path=path, num_threads=threads)
        interpreter.allocate_tensors()
        return interpreter.get_signature_runner()


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """LiteRT's native code announces its delegate on stderr and has no switch for it."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
