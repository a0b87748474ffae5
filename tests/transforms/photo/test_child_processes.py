import operator
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

import headcount
from headcount.schemas.errors import PoolError
from headcount.transforms.photo import child_processes
from headcount.transforms.photo.child_processes import ChildDiedError, ChildPool, prepare

WAYS = [pytest.param(True, marks=pytest.mark.skipif(sys.platform != "linux", reason="forks")), False]


@pytest.fixture(params=WAYS, ids=["forks", "spawns"])
def start(request, monkeypatch):
    """Makes a pool whose children call a function, on the way of Linux and on that of others."""
    monkeypatch.setattr(child_processes, "FORKS", request.param)
    pools = []

    def start(function, processes=1, seconds=60.0):
        pools.append(ChildPool(processes, partial(partial, function), seconds))
        return pools[-1]

    yield start
    for pool in pools:
        pool.stop()


def test_answers_come_from_other_processes_until_the_pool_is_closed(start):
    pool = start(os.getpid, processes=2)
    numbers = {pool.submit().result() for _ in range(8)}
    assert os.getpid() not in numbers
    last = pool.submit()
    pool.close()
    assert last.done()
    assert not any(psutil.pid_exists(number) for number in numbers)


def test_a_time_limit_for_all_sockets_of_the_process_is_not_the_pools():
    """Beam sets one where it finds Google's credentials."""
    code = """
import os, socket, time
from functools import partial
from headcount.transforms.photo.child_processes import ChildPool
socket.setdefaulttimeout(60)
for _ in range(2):
    print(ChildPool(1, partial(partial, os.getpid), 60.0).submit().result() != os.getpid())
    time.sleep(0.2)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout.split(), done.stderr) == (["True", "True"], "")


def test_what_is_raised_in_a_child_is_told_and_the_child_goes_on(start):
    pool = start(int)
    first = pool.submit("1", "x")
    with pytest.raises(RuntimeError, match="TypeError"):
        first.result()
    assert pool.submit("2").result() == 2


def test_a_child_that_dies_costs_one_answer(start):
    pool = start(operator.call)
    number = pool.submit(os.getpid).result()
    died, goes_on = pool.submit(os._exit, 3), pool.submit(os.getpid)
    with pytest.raises(ChildDiedError, match="exit code 3"):
        died.result()
    assert goes_on.result() != number


def test_a_child_over_its_time_costs_one_answer(start):
    pool = start(time.sleep, seconds=0.5)
    late, goes_on = pool.submit(600), pool.submit(0)
    with pytest.raises(TimeoutError):
        late.result()
    assert goes_on.result() is None


def test_a_child_that_has_no_memory_costs_one_answer(start):
    pool = start(bytearray)
    much, goes_on = pool.submit(2**60), pool.submit(3)
    with pytest.raises(MemoryError):
        much.result()
    assert goes_on.result() == bytearray(3)


def test_what_libraries_print_is_no_answer(start):
    pool = start(os.write)
    assert pool.submit(1, b"a word").result() == 6


def test_stopping_does_not_wait(start):
    pool = start(time.sleep)
    pool.submit(600)
    later = pool.submit(600)
    pool.stop()
    assert later.cancelled()


@pytest.mark.parametrize(
    ("begin", "why"),
    [
        (partial(int, "x"), "ValueError"),
        (partial(bytearray, 2**60), "out of memory; close other programs, or give fewer --processes"),
        (partial(os._exit, 3), "it ended with status 3"),
        (partial(os.abort), "it ended with status -6"),
        (partial(__import__, "no_such_module"), "No module named 'no_such_module'"),
    ],
)
def test_children_that_cannot_start_say_why_in_one_line(start, begin, why):
    pool = ChildPool(2, begin, 60)
    try:
        for answer in [pool.submit() for _ in range(3)]:
            with pytest.raises(PoolError) as error:
                answer.result()
            assert str(error.value).startswith("the processes that read photos cannot start: ")
            assert why in str(error.value)
            assert len(str(error.value).splitlines()) == 1
    finally:
        pool.stop()


def test_a_system_that_starts_no_process_is_named(start, monkeypatch):
    monkeypatch.setattr(child_processes, "_the_server", None)
    monkeypatch.setattr(sys, "executable", "/no/such/python")
    prepare()
    with pytest.raises(PoolError, match="No such file or directory: '/no/such/python'"):
        start(int).submit().result()


def test_a_pool_that_has_worked_tries_again_to_start_a_child(start, monkeypatch):
    monkeypatch.setattr(child_processes, "RETRY_SECONDS", (0.01, 0.01))
    pool = start(operator.call)
    pool.submit(int).result()
    real, tries = child_processes._Child, []

    def rarely():
        tries.append(1)
        if len(tries) < 3:
            raise BlockingIOError("Resource temporarily unavailable")
        return real()

    monkeypatch.setattr(child_processes, "_Child", rarely)
    pool.submit(os._exit, 1).exception()
    assert pool.submit(int).result() == 0
    assert len(tries) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_another_server_follows_one_that_was_killed(start, monkeypatch):
    monkeypatch.setattr(child_processes, "FORKS", True)
    monkeypatch.setattr(child_processes, "RETRY_SECONDS", (0.01,))
    pool = start(operator.call)
    pool.submit(int).result()
    child_processes._the_server.process.kill()
    child_processes._the_server.process.wait()
    with pytest.raises(ChildDiedError):
        pool.submit(os._exit, 1).result()
    assert pool.submit(int).result() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_a_fork_has_what_it_needs_when_it_starts():
    pool = ChildPool(1, partial(partial, eval), 60)
    try:
        assert pool.submit("'headcount.transforms.photo.reader' in __import__('sys').modules").result()
    finally:
        pool.stop()


PROGRAM = """
from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings

rows = run(Settings(input=({photo!r},), output="out", processes=1)).rows
print(rows["photos"], rows["failures"])
"""
WRONG = "raise SystemExit('the wrong one')"


@pytest.fixture
def folder(tmp_path):
    """A working folder with modules of the user's own that have the names of our rooms."""
    for name in ("models", "transforms"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(WRONG)
    (tmp_path / "schemas.py").write_text(WRONG)
    return tmp_path


def program(album):
    return PROGRAM.format(photo=str(album / "2019" / "turned.jpg"))


def output_of(folder, *argv, **more):
    package = Path(headcount.__file__).parents[1]
    env = {**os.environ, "PYTHONPATH": str(package)}
    done = subprocess.run(
        [sys.executable, *argv], cwd=folder, env=env, capture_output=True, text=True, timeout=300, **more
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_script_needs_no_main_guard(folder, album):
    (folder / "script.py").write_text(program(album))
    assert output_of(folder, "script.py") == ["1", "0"]


def test_a_program_may_come_from_standard_input(folder, album):
    assert output_of(folder, "-", input=program(album)) == ["1", "0"]


def test_a_program_may_be_an_argument(folder, album):
    assert output_of(folder, "-c", program(album)) == ["1", "0"]


def test_a_program_may_be_a_notebook(folder, album):
    """Its main module has no file, and it is run by another that has its name."""
    notebook = f"import sys, types; sys.modules['__main__'] = types.ModuleType('__main__')\n{program(album)}"
    assert output_of(folder, "-c", notebook) == ["1", "0"]


def test_modules_of_the_folder_are_not_imported_in_children(folder, album):
    """Those that Python would prefer there, to a library or to the whole of Headcount."""
    for name in ("headcount", "cv2", "random", "pickle", "socket", "pyarrow"):
        (folder / f"{name}.py").write_text(WRONG)
    assert output_of(folder, "-P", "-c", program(album)) == ["1", "0"]
