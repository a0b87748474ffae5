"""Runs that are started from a notebook."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    return "ipykernel.zmqshell" in sys.modules


@contextmanager
def quiet_beam() -> Iterator[None]:
    """Keeps back what Beam shows to whoever builds pipelines in a notebook or a script.

    In a notebook it prepares its interactive runner for every pipeline: a warning of what that lacks, cell
    numbers in the labels, and scripts that the page loads from other servers. And RunInference warns of a
    package that only models under PyTorch need.
    """
    from apache_beam import pipeline

    def keep(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("Resource module is not available")

    patched = {"alter_label_if_ipython": lambda transform, value: None, "is_in_ipython": lambda: False}
    before = {name: getattr(pipeline, name) for name in patched}
    vars(pipeline).update(patched)
    logging.getLogger().addFilter(keep)
    try:
        yield
    finally:
        logging.getLogger().removeFilter(keep)
        vars(pipeline).update(before)
