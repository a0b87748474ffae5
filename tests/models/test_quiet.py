import logging
import os
import subprocess
import sys
import threading
import warnings
from contextlib import contextmanager
from functools import partial

import pytest

from headcount.models.litert import load_runner
from headcount.models.quiet import WhileAny, silent_log
from headcount.models.shipped import DEFAULT_MODEL, SHIPPED


def test_the_first_of_several_threads_enters_and_the_last_leaves():
    events, others = [], threading.Barrier(2, timeout=60)

    @contextmanager
    def context():
        events.append("in")
        yield
        events.append("out")

    shared = WhileAny(context)

    def use(leaves_first):
        with shared:
            others.wait()
            if not leaves_first:
                others.wait()
        if leaves_first:
            assert events == ["in"]
            others.wait()

    threads = [threading.Thread(target=use, args=(first,)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert events == ["in", "out"]


def test_what_is_switched_off_is_on_again_after_an_error():
    def fail():
        with shared, others:
            raise ValueError("on purpose")

    shared = WhileAny(partial(warnings.catch_warnings, action="ignore"))
    others = WhileAny(partial(silent_log, "some.library"))
    before = list(warnings.filters)
    with pytest.raises(ValueError, match="on purpose"):
        fail()
    assert warnings.filters == before
    assert logging.getLogger("some.library").level == logging.NOTSET


def test_models_that_load_at_once_leave_standard_error_as_it_was(capfd):
    threads = [threading.Thread(target=load_runner, args=(SHIPPED[DEFAULT_MODEL],)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_a_process_without_standard_error_may_be_silenced():
    code = (
        "import os; from headcount.models.quiet import SILENT_STDERR; os.close(2)\n"
        "with SILENT_STDERR:\n    pass"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


GLOBALS = """
import cv2, logging, os, pillow_heif, PIL.Image, signal, sys, warnings
def state():
    logs = {name: log.level for name, log in logging.root.manager.loggerDict.items() if hasattr(log, "level")}
    return [
        PIL.Image.MAX_IMAGE_PIXELS, pillow_heif.options.DECODE_THREADS, cv2.getNumThreads(), dict(os.environ),
        {name: level for name, level in logs.items() if level}, logging.root.level, logging.root.handlers[:],
        sys.excepthook, signal.getsignal(signal.SIGINT), list(warnings.filters), os.getcwd(), sys.path[:],
    ]
before = state()
import headcount.beam_pipeline.commands.main, headcount.transforms.photo.reader
from headcount.models.attributes import load_attribute_model
from headcount.models.detectors import load_detector
assert state() == before, (before, state())
"""


def test_importing_the_package_changes_nothing_global():
    subprocess.run([sys.executable, "-c", GLOBALS], check=True)
