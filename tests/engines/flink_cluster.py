"""A Flink cluster on this machine: a job manager, two task managers, Beam's job server.

    python -m tests.engines.flink_cluster install    fetch the jars that pom.xml names, 120 MB
    python -m tests.engines.flink_cluster start      prints the flags for `headcount run`
    python -m tests.engines.flink_cluster stop

Needs Java 17, and Maven to install. Everything listens on the loopback interface only. The jars, and the
configuration and logs of what `start` started, are in HEADCOUNT_FLINK, default ~/.cache/headcount/flink.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

import psutil

HOME: Final = Path(os.environ.get("HEADCOUNT_FLINK", Path.home() / ".cache" / "headcount" / "flink"))
JARS: Final = HOME / "jars"
STARTED: Final = HOME / "started"
REPOSITORY: Final = Path(__file__).parents[2]

TASK_MANAGERS: Final = 2
START_SECONDS: Final = 300
STOP_SECONDS: Final = 20

FLINK: Final = {
    "rest.address": "localhost",
    "rest.bind-address": "localhost",
    "jobmanager.rpc.address": "localhost",
    "jobmanager.bind-host": "localhost",
    "taskmanager.host": "localhost",
    "taskmanager.bind-host": "localhost",
    "taskmanager.numberOfTaskSlots": 1,
    "parallelism.default": TASK_MANAGERS,
    # What Flink's own shell scripts work out from the size of the process.
    "taskmanager.cpu.cores": 1,
    "taskmanager.memory.framework.heap.size": "128m",
    "taskmanager.memory.framework.off-heap.size": "128m",
    "taskmanager.memory.task.heap.size": "256m",
    "taskmanager.memory.task.off-heap.size": "0m",
    "taskmanager.memory.network.min": "64m",
    "taskmanager.memory.network.max": "64m",
    # A graph with sinks of Beam has many shuffles at once, each of which wants 512 buffers by default.
    "taskmanager.network.sort-shuffle.min-buffers": "64",
    "taskmanager.memory.managed.size": "128m",
    "taskmanager.memory.jvm-metaspace.size": "256m",
    "taskmanager.memory.jvm-overhead.min": "192m",
    "taskmanager.memory.jvm-overhead.max": "192m",
    # Without a strategy the first lost worker ends a batch job. This one outlasts the time that it takes to
    # notice a killed task manager and to start another.
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": 10,
    "restart-strategy.fixed-delay.delay": "2 s",
    # Milliseconds.
    "heartbeat.interval": 2000,
    "heartbeat.timeout": 15000,
    # A job brings the jars that every process has already; with copies of their classes for each job the
    # metaspace would fill.
    "classloader.resolve-order": "parent-first",
}
"""Flink's configuration, but for the ports."""

OPENED: Final = [
    *("java.io", "java.lang", "java.lang.reflect", "java.net", "java.nio", "java.text", "java.time"),
    *("java.util", "java.util.concurrent", "java.util.concurrent.atomic", "java.util.concurrent.locks"),
    "sun.nio.ch",
]
"""Packages of Java that Flink's serializers look into, from the configuration that comes with Flink 1.19."""

JAVA: Final = [
    "java",
    *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in OPENED),
    # Short-lived processes: little compilation, one thread to collect garbage.
    "-XX:TieredStopAtLevel=1",
    "-XX:+UseSerialGC",
]

LOG4J: Final = """rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %-5p %c{1} - %m%n
"""

JOB_MANAGER: Final = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER: Final = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
JOB_SERVER: Final = "org.apache.beam.runners.flink.FlinkJobServerDriver"
NOT_FOR_JOBS: Final = ("flink-rpc-akka-loader-", "flink-shaded-zookeeper-")
"""Jars that only the cluster needs: every job carries the class path of the job server to the cluster."""


def missing() -> str | None:
    """What keeps a cluster from starting here, in one line, or None."""
    if not shutil.which("java"):
        return "no java on the PATH: install Java 17"
    if not any(JARS.glob("beam-runners-flink-*.jar")):
        return f"no jars in {JARS}: run python -m tests.engines.flink_cluster install"
    return None


def install() -> None:
    """Fetches the jars; raises CalledProcessError where Maven does not."""
    pom = Path(__file__).with_name("pom.xml")
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
    new = HOME / "jars.new"  # All of the jars are there, or none.
    shutil.rmtree(new, ignore_errors=True)
    subprocess.run([*command, f"-DoutputDirectory={new}"], check=True)
    shutil.rmtree(JARS, ignore_errors=True)
    new.rename(JARS)


class FlinkCluster:
    """Processes that end with the `with` block. `folder` gets configuration, temporary files and logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._rest, self._rpc, self._jobs, self._artifacts = _free_ports(4)

    @property
    def pids(self) -> dict[str, int]:
        """Process numbers: `job-manager`, `task-manager-0` and so on, `job-server`."""
        return {name: process.pid for name, process in self._processes.items()}

    @property
    def flags(self) -> list[str]:
        """For `headcount run`."""
        return [
            "--runner=PortableRunner",
            f"--job_endpoint=localhost:{self._jobs}",
            # Not a worker pool: one that two task managers share takes their workers for the same.
            "--environment_type=PROCESS",
            f"--environment_options=process_command={self.folder / 'worker'}",
            f"--parallelism={TASK_MANAGERS}",
        ]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts everything and waits for it; raises RuntimeError with the name of a log."""
        self._configure()
        self._start_java("job-manager", 512, JOB_MANAGER, ["--configDir", str(self.folder)])
        for number in range(TASK_MANAGERS):
            self.start_task_manager(number)
        server = {
            "flink-master": f"localhost:{self._rest}",
            "job-host": "localhost",
            "job-port": self._jobs,
            "artifact-port": self._artifacts,
            "expansion-port": 0,
            "artifacts-dir": self.folder / "tmp",
        }
        arguments = [f"--{name}={value}" for name, value in server.items()]
        self._start_java("job-server", 384, JOB_SERVER, arguments, leave_out=NOT_FOR_JOBS)
        self._wait("job-server", lambda: _listens(self._jobs))
        self._wait("job-manager", lambda: self.ask("overview") is not None)
        for number in range(TASK_MANAGERS):
            self.wait_for_task_manager(number)

    def start_task_manager(self, number: int) -> None:
        """Starts a task manager, also again after it was killed."""
        arguments = ["--configDir", str(self.folder), f"-Dtaskmanager.resource-id={_task_manager(number)}"]
        self._start_java(_task_manager(number), 384, TASK_MANAGER, arguments)

    def wait_for_task_manager(self, number: int) -> None:
        """Until the job manager knows it; raises RuntimeError with the name of its log."""
        name = _task_manager(number)
        self._wait(name, lambda: name in [one["id"] for one in self.ask("taskmanagers")["taskmanagers"]])

    def ask(self, path: str) -> Any:
        """The job manager's answer from its REST interface, or None where nobody answers."""
        try:
            with urllib.request.urlopen(f"http://localhost:{self._rest}/{path}", timeout=30) as answer:
                return json.load(answer)
        except OSError:
            return None

    def cancel(self, job: str) -> None:
        """Asks the job manager to end a job."""
        request = urllib.request.Request(f"http://localhost:{self._rest}/jobs/{job}", method="PATCH")
        urllib.request.urlopen(request, timeout=30).close()

    def stop(self) -> None:
        """Ends every process, and those that they started."""
        stop(self.pids.values(), self.folder)
        for process in self._processes.values():
            process.wait()

    def _configure(self) -> None:
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        ports = {"rest.port": self._rest, "jobmanager.rpc.port": self._rpc}
        config: Mapping[str, object] = {**FLINK, **ports, "io.tmp.dirs": self.folder / "tmp"}
        lines = (f"{key}: {value}\n" for key, value in config.items())
        (self.folder / "config.yaml").write_text("".join(lines), encoding="utf-8")
        (self.folder / "log4j2.properties").write_text(LOG4J, encoding="utf-8")
        worker = self.folder / "worker"
        command = f'exec {sys.executable} -m tests.engines.flink_worker "$@" >>{self.folder}/workers.log 2>&1'
        worker.write_text(f"#!/bin/sh\n{command}\n")
        worker.chmod(0o755)

    def _start_java(
        self, name: str, megabytes: int, main: str, arguments: Sequence[str], leave_out: tuple[str, ...] = ()
    ) -> None:
        jars = [str(jar) for jar in sorted(JARS.glob("*.jar")) if not jar.name.startswith(leave_out or "-")]
        options = [
            f"-Xmx{megabytes}m",
            f"-Djava.io.tmpdir={self.folder / 'tmp'}",
            f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}",
        ]
        self._start(name, [*JAVA, *options, "-cp", os.pathsep.join(jars), main, *arguments])

    def _start(self, name: str, command: Sequence[str]) -> None:
        with open(self.folder / f"{name}.log", "ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait(self, name: str, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not ready():
            if time.monotonic() > deadline or not _is_alive(self.pids[name], self.folder):
                raise RuntimeError(f"the {name} did not start; see {self.folder / name}.log")
            time.sleep(0.5)


def stop(pids: Iterable[int], folder: Path) -> None:
    """Ends the groups of those processes that still work in `folder`: a number may be another's by now."""
    groups = [pid for pid in pids if _is_alive(pid, folder)]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)
        if number == signal.SIGTERM:
            psutil.wait_procs([psutil.Process(pid) for pid in groups if psutil.pid_exists(pid)], STOP_SECONDS)


def _is_alive(pid: int, folder: Path) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.cwd() == os.path.realpath(folder)
    except psutil.Error:
        return False


def _task_manager(number: int) -> str:
    return f"task-manager-{number}"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("localhost", 0))
        return [one.getsockname()[1] for one in sockets]


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("localhost", port)) == 0


def main(command: str) -> None:
    """`install`, `start` or `stop`."""
    pids = STARTED / "pids.json"
    if command == "install":
        install()
    elif command == "start":
        if why := missing():
            raise SystemExit(why)
        cluster = FlinkCluster(STARTED)
        try:
            cluster.start()
        except BaseException:
            cluster.stop()
            raise
        pids.write_text(json.dumps(cluster.pids))
        print("headcount run --processes 1", *cluster.flags, "--input ... --output ...")
    elif command == "stop":
        if pids.exists():
            stop(json.loads(pids.read_text()).values(), STARTED)
            pids.unlink()
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:2] or [""])
