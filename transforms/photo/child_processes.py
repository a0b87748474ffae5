"""Child processes as their parent sees them: how they start, are asked and end.

On Linux they are forks of a server that imports what they need once, for all of them, while the program that
wants them does other things. Elsewhere system libraries do not bear a fork, and each imports for itself.
Neither imports anything of the caller's (see `child`).
"""

from __future__ import annotations

import atexit
import os
import pickle
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, BinaryIO, Final, cast

import headcount
from headcount.schemas.errors import PoolError
from headcount.transforms.photo.child import BOOT, DONE, FORK, MEMORY

FORKS: Final = sys.platform == "linux"

START_SECONDS: Final = 300.0
"""A child that is not ready by then never will be."""

RETRY_SECONDS: Final = (1.0, 4.0, 16.0)
"""When another child is tried in a pool that has had some: memory may be short for a moment."""


class ChildDiedError(Exception):
    """A child ended while it was asked; `code` is its exit status, or minus the number of a signal."""

    def __init__(self, code: int) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def prepare() -> None:
    """Starts the server, if there is one, before the first child is wanted."""
    if FORKS:
        with suppress(OSError):  # Whoever wants a child will hear of it.
            _server()


class ChildPool:
    """Child processes, each with a thread of this process, that answer requests; started when first wanted.

    `begin()` makes in the child the function that its requests are the arguments of.
    """

    def __init__(self, processes: int, begin: Callable[[], Callable[..., Any]], seconds: float) -> None:
        self._begin, self._seconds = begin, seconds
        self._given: queue.SimpleQueue[tuple[tuple[Any, ...], Future[Any]] | None] = queue.SimpleQueue()
        self._children: set[_Child] = set()
        self._lock = threading.Lock()
        self._has_started = False
        self._is_stopped = threading.Event()
        # Daemons: a program that ends does not wait for photos that nobody wants any more.
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(processes)]
        for thread in self._threads:
            thread.start()

    def submit(self, *request: Any) -> Future[Any]:
        """Asks a child, in its turn. The future raises TimeoutError, MemoryError or ChildDiedError, or
        RuntimeError for what else was raised in the child; PoolError where no child can start.
        """
        future: Future[Any] = Future()
        self._given.put((request, future))
        return future

    def close(self) -> None:
        """Waits for all answers, and ends the children."""
        for _ in self._threads:
            self._given.put(None)
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        """Ends the children at once, and what was submitted with them."""
        with self._lock:
            self._is_stopped.set()
            for child in self._children:
                child.kill()
        self.close()

    def _serve(self) -> None:
        child: _Child | None = None
        while given := self._given.get():
            request, future = given
            if self._is_stopped.is_set():
                future.cancel()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                child = child or self._start()
                future.set_result(child.ask(request, self._seconds))
            except BaseException as error:
                future.set_exception(error)
            if child and child.has_ended:
                self._end(child)
                child = None
        if child:
            self._end(child)

    def _start(self) -> _Child:
        for wait in RETRY_SECONDS:
            try:
                return self._try_to_start()
            except PoolError:
                if not self._has_started or self._is_stopped.wait(wait):
                    raise
        return self._try_to_start()

    def _try_to_start(self) -> _Child:
        child: _Child | None = None
        try:
            child = _Child()
            with self._lock:
                self._children.add(child)
                if self._is_stopped.is_set():
                    child.kill()
            child.ask((self._begin, self._seconds), START_SECONDS)
        except Exception as error:
            if child:
                self._end(child)
            raise PoolError(f"the processes that read photos cannot start: {_reason(error)}") from None
        self._has_started = True
        return child

    def _end(self, child: _Child) -> None:
        with self._lock:
            self._children.discard(child)
        if not child.has_ended:
            child.end()


def _reason(error: Exception) -> str:
    short = "; close other programs, or give fewer --processes"
    if isinstance(error, MemoryError):
        return f"out of memory{short}"
    if isinstance(error, TimeoutError):
        return f"the first was not ready after {START_SECONDS:g} s"
    if isinstance(error, ChildDiedError):
        if error.code == -9:  # SIGKILL, which not every system has
            return f"killed, as systems do that are out of memory{short}"
        return f"it ended with status {error.code}"
    return str(error)


class _Child:
    """A process that one thread asks."""

    def __init__(self) -> None:
        """Raises OSError."""
        self._process: subprocess.Popen[bytes] | _Fork
        self._requests, self._answers, self._process = _fork() if FORKS else _spawn()
        self._lock = threading.RLock()
        self._is_asked = self._is_late = self.has_ended = False

    def ask(self, request: object, seconds: float) -> Any:
        """The answer to `request`. Raises TimeoutError, MemoryError and ChildDiedError, after which the child
        has ended, and RuntimeError for what else was raised there.
        """
        self._is_asked = True
        timer = threading.Timer(seconds, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            kind, answer = self._exchange(request)
        finally:
            timer.cancel()
            with self._lock:
                self._is_asked = False
        if self._is_late or kind in (None, MEMORY):
            code = self.end()
            if self._is_late:
                raise TimeoutError
            raise MemoryError if kind == MEMORY else ChildDiedError(code)
        if kind != DONE:
            raise RuntimeError(answer)
        return answer

    def _exchange(self, request: object) -> tuple[str | None, Any]:
        try:
            pickle.dump(request, self._requests, pickle.HIGHEST_PROTOCOL)
            self._requests.flush()
            return pickle.load(self._answers)
        except (OSError, EOFError, pickle.UnpicklingError):  # It is no more, or not whole.
            return None, None

    def _end_late(self) -> None:
        with self._lock:
            if self._is_asked:
                self._is_late = True
                self.kill()

    def kill(self) -> None:
        """Ends the process; whoever asks it learns of it."""
        with self._lock, suppress(ProcessLookupError):
            if not self.has_ended:
                self._process.kill()

    def end(self) -> int:
        """Ends the process if it has not ended, and gives its exit code."""
        with self._lock:
            self.kill()
            self.has_ended = True
        for pipe in (self._requests, self._answers):
            with suppress(OSError):
                pipe.close()
        return self._process.wait()


class _Fork:
    """What `subprocess.Popen` is for a process of our own, for one of the server's."""

    def __init__(self, server: _Server, pid: int) -> None:
        self._server = server
        self.pid = pid

    def kill(self) -> None:
        """Until it is waited for, its number is no other's."""
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> int:
        """Its exit code, 255 where nobody knows."""
        try:
            return self._server.ask(b"%d" % self.pid)
        except OSError:
            return 255


class _Server:
    """The process that forks; see `child.serve`."""

    def __init__(self) -> None:
        """Raises OSError."""
        self.owner = os.getpid()
        self._lock = threading.Lock()
        self._socket, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
        for end in (self._socket, theirs):
            end.settimeout(None)  # Whatever the process set for all sockets, as Beam does for Google's.
        with theirs:
            try:
                self.process = _popen("serve", theirs.fileno(), subprocess.DEVNULL)
            except OSError:
                self._socket.close()
                raise
        atexit.register(self.end)

    def end(self) -> None:
        """Its children end with the pipes to them."""
        if self.owner == os.getpid():
            self._socket.close()
            self.process.kill()
            self.process.wait()

    def ask(self, message: bytes, pipes: tuple[int, ...] = ()) -> int:
        """Its answer; raises OSError."""
        with self._lock:
            socket.send_fds(self._socket, [message], pipes)
            answer = self._socket.recv(32)
        if not answer:
            raise ChildProcessError("the process that starts them has ended")
        return int(answer)


_the_server: _Server | None = None
_starting = threading.Lock()


def _server() -> _Server:
    """The one of this process, started again after its end; raises OSError."""
    global _the_server
    with _starting:
        server = _the_server
        if server and server.owner == os.getpid() and server.process.poll() is None:
            return server
        if server:
            server.end()
        _the_server = _Server()
        return _the_server


def _fork() -> tuple[BinaryIO, BinaryIO, _Fork]:
    server = _server()
    theirs, requests = os.pipe()
    answers, to_us = os.pipe()
    ours = os.fdopen(requests, "wb"), os.fdopen(answers, "rb")
    try:
        number = server.ask(FORK, (theirs, to_us))
        if number < 0:
            raise OSError(-number, os.strerror(-number))
        return *ours, _Fork(server, number)
    except OSError:
        for pipe in ours:
            pipe.close()
        raise
    finally:
        os.close(theirs)
        os.close(to_us)


def _spawn() -> tuple[BinaryIO, BinaryIO, subprocess.Popen[bytes]]:
    process = _popen("work", subprocess.PIPE, subprocess.PIPE)
    return cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout), process


def _popen(role: str, stdin: int, stdout: int) -> subprocess.Popen[bytes]:
    # In a group of its own, so that Ctrl-C on the terminal is its parent's alone.
    group = None if os.name == "nt" else 0
    return subprocess.Popen(_command(role), stdin=stdin, stdout=stdout, process_group=group)


def _command(role: str) -> list[str]:
    """Where the parent finds its libraries the child must; but not in the program's folder."""
    try:
        here = os.getcwd()
    except OSError:
        here = ""  # It was deleted.
    program = getattr(sys.modules["__main__"], "__file__", None)
    its_folder = program and os.path.dirname(os.path.realpath(program))
    more = [folder for folder in sys.path if folder != its_folder]
    return [sys.executable, "-P", "-c", BOOT, headcount.__file__, role, here, *more]
