import http.server
import socket
import threading
from contextlib import closing

import pytest

from headcount.beam_pipeline.commands.main import main
from headcount.runners import engines
from headcount.runners.engines import check_answers, engine_options, root_cause
from headcount.schemas.errors import PoolError, UsageError


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(engines, "SECONDS", 0.2)


def nobody() -> str:
    """An address where nobody listens."""
    with closing(socket.socket()) as one:
        one.bind(("localhost", 0))
        return f"localhost:{one.getsockname()[1]}"


@pytest.fixture
def silent():
    """An address where connections are taken and nothing is ever said."""
    with closing(socket.create_server(("localhost", 0))) as server:
        yield f"localhost:{server.getsockname()[1]}"


ENGINES = [
    ("--runner=PortableRunner", "job_endpoint"),
    ("--runner=FlinkRunner", "job_endpoint"),
    ("--runner=FlinkRunner", "flink_master"),
]


@pytest.mark.parametrize(("runner", "name"), ENGINES)
def test_an_engine_that_is_not_there_is_one_line_and_no_work(quick, album, tmp_path, capsys, runner, name):
    flag = f"--{name}={nobody()}"
    argv = ["run", "--input", str(album), "--output", str(tmp_path / "out"), runner, flag]
    assert main(argv) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith(f"headcount run: {flag.replace('=', ' ')}: no engine answers there (")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("runner", "name"), ENGINES)
def test_an_engine_that_says_nothing_is_named_too(quick, silent, runner, name):
    with pytest.raises(UsageError, match=f"--{name} {silent}: no engine answers there"):
        check_answers(engine_options([runner, f"--{name}={silent}"]))


def test_seconds_are_few():
    assert engines.SECONDS < 5


def test_an_engine_that_answers_is_let_be():
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/v1/config" else 404)
            self.end_headers()

        def log_message(self, *words):
            pass

    with http.server.ThreadingHTTPServer(("localhost", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        master = f"localhost:{server.server_port}"
        check_answers(engine_options(["--runner=FlinkRunner", f"--flink_master={master}"]))
        check_answers(engine_options(["--runner=FlinkRunner", f"--flink_master=http://{master}"]))
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("master", ["[local]", "[auto]"])
def test_an_engine_that_beam_starts_itself_is_not_asked(master):
    check_answers(engine_options(["--runner=FlinkRunner", f"--flink_master={master}"]))
    check_answers(engine_options([]))


def test_a_prism_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UsageError, match=f"--prism_location {tmp_path}/prism: nothing is there"):
        check_answers(engine_options(["--runner=PrismRunner", f"--prism_location={tmp_path}/prism"]))


def test_the_portable_runner_needs_an_address():
    with pytest.raises(UsageError, match="PortableRunner also needs --job_endpoint"):
        engine_options(["--runner=PortableRunner"])


STEP = "[while running 'ReadPhotos/ParDo(_ReadPhotosDoFn)/ParDo(_ReadPhotosDoFn)']"
TRACE = """Pipeline failed in state FAILED: bundle inst002 stage-004 failed:Traceback (most recent call last):
  File "apache_beam/runners/common.py", line 1569, in apache_beam.runners.common.DoFnRunner
    raise {0}
             ^^^^^^
{0}: what went wrong

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/sdk_worker.py", line 310, in _execute
    response = task()
RuntimeError: something else {1}
"""


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device"), "OSError: [Errno 28] No space left on device"),
        (PoolError(f"they cannot start {STEP}"), "they cannot start"),
        (RuntimeError("first\nsecond"), "RuntimeError: first"),
        (KeyError(), "KeyError: "),
        (RuntimeError(TRACE.format("headcount.schemas.errors.PoolError", STEP)), "what went wrong"),
        (RuntimeError(TRACE.format("OSError", STEP)), "OSError: what went wrong"),
        (RuntimeError(TRACE.format("botocore.exceptions.ClientError", STEP)), "ClientError: what went wrong"),
    ],
)
def test_what_went_wrong_is_one_line(error, line):
    assert root_cause(error) == line


def test_the_first_of_a_chain_of_errors_is_what_went_wrong():
    error = RuntimeError("the step")
    error.__cause__ = OSError("the disk")
    assert root_cause(error) == "OSError: the disk"
