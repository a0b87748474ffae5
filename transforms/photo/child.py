"""What runs in a child process: it is given a function once, and then answers requests with it.

Its entry point is `BOOT` and not the caller's program. So a script needs no main guard, Python may come from
standard input, and modules of the caller's that are named like ours or like a library's are not imported.
Here only the standard library is imported, so that whatever else cannot be is an answer, not a traceback.
"""

from __future__ import annotations

import errno
import os
import pickle
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

BOOT: Final = """\
import importlib.util, os, sys
package, role, here, *more = sys.argv[1:]
sys.path = [one for one in dict.fromkeys([*sys.path, *more]) if one not in ("", here)]
folders = [os.path.dirname(package)]
spec = importlib.util.spec_from_file_location("headcount", package, submodule_search_locations=folders)
sys.modules["headcount"] = module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
from headcount.transforms.photo import child
getattr(child, role)()
"""
"""Program of a child, for `python -P -c`. Its arguments are the file of the package `headcount` that its
parent has, `serve` or `work`, the working folder, which must not be searched, and the folders that must."""

PRELOAD: Final = "headcount.transforms.photo.reader_pool"
"""What is imported before a child is wanted."""

FORK: Final = b"fork"
"""What asks the server for a child."""

DONE, MEMORY, ERROR = "done", "memory", "error"
"""Kinds of answers: the result, None, or what was raised as text. After MEMORY the child ends."""

_REQUESTS, _ANSWERS = 0, 1
"""The descriptors of a child's pipes when it begins."""

SPARE_SECONDS: Final = 60
"""A child whose parent does not end it in time, because it is no more, ends itself this much later."""


def serve() -> None:
    """Forks a child for each FORK that comes with two pipes over the socket on descriptor 0, and answers with
    its number, or minus that of an error. For a number it waits for that child, and answers how it ended.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(BaseException):  # A child that cannot import it says why.
        __import__(PRELOAD)
    with socket.socket(fileno=0) as control:
        while True:
            message, pipes, _, _ = socket.recv_fds(control, 32, 2)
            if not message:
                return
            if message == FORK:
                answer = _fork(pipes)
            else:
                _, status = os.waitpid(int(message), 0)
                answer = os.waitstatus_to_exitcode(status)
            control.send(b"%d" % answer)


def _fork(pipes: list[int]) -> int:
    try:
        number = os.fork() if len(pipes) == 2 else -errno.EMFILE
    except OSError as error:
        number = -(error.errno or errno.EAGAIN)
    if number == 0:
        with suppress(BaseException):
            for pipe, its in zip(pipes, (_REQUESTS, _ANSWERS), strict=True):
                os.dup2(pipe, its)  # The first closes the server's socket here.
                os.close(pipe)
            work()
        os._exit(1)
    for pipe in pipes:
        os.close(pipe)
    return number


def work() -> None:
    """Answers the requests that come on descriptor 0, on descriptor 1, until there are no more.

    The first is a function that makes the one for all others, and the seconds that each of them may take.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests, answers = os.fdopen(os.dup(_REQUESTS), "rb"), os.fdopen(os.dup(_ANSWERS), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), _ANSWERS)  # Libraries print.
    function: Callable[..., Any] | None = None
    seconds = 0.0
    kind: str = DONE
    while kind != MEMORY:
        try:
            request = pickle.load(requests)
            if function is None:
                begin, seconds = request
                function, result = begin(), None
            else:
                _end_after(seconds + SPARE_SECONDS)
                result = function(*request)
                _end_after(0)
            answer = pickle.dumps((DONE, result), pickle.HIGHEST_PROTOCOL)
        except EOFError:
            break
        except MemoryError:
            kind, answer = MEMORY, pickle.dumps((MEMORY, None))
        except BaseException as error:
            answer = pickle.dumps((ERROR, repr(error)))
        try:
            answers.write(answer)
            answers.flush()
        except OSError:  # Nobody waits for it any more.
            break
    os._exit(0)


def _end_after(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)
