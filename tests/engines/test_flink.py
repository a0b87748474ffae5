"""Whole runs on a real Flink cluster: two task managers, a worker each."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import psutil
import pytest

from headcount.beam_pipeline.run import run
from headcount.beam_pipeline.settings import Settings
from headcount.schemas.files import LISTED
from headcount.schemas.tables import TABLES
from headcount.transforms.photo.child import BOOT
from tests.command import start
from tests.embedded import embed
from tests.engines.flink_cluster import TASK_MANAGERS, FlinkCluster, missing
from tests.tables import key

READS_FOR = 0.5
"""Seconds of computing after which a child process has begun to read photos."""


@pytest.fixture(scope="module")
def cluster(s3, tmp_path_factory):
    """Its workers inherit the address of the bucket."""
    if why := missing():
        pytest.skip(why)
    with FlinkCluster(tmp_path_factory.mktemp("flink")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def expected(data, tmp_path_factory):
    output = tmp_path_factory.mktemp("in-process")
    run(Settings(input=(str(data / "album"),), output=str(output), processes=2))
    return rows(output)


@pytest.fixture(scope="module")
def finished(cluster, data, tmp_path_factory):
    """The output of a run of the album on Flink, and the job."""
    output = tmp_path_factory.mktemp("on-flink")
    run_album(cluster, data, output)
    return output, newest_job(cluster)


def run_album(cluster, data, output):
    settings = Settings(input=(str(data / "album"),), output=str(output), processes=1)
    return run(settings, cluster.flags)


def rows(output):
    tables = {name: pd.read_parquet(output / name) for name in TABLES}
    tables["faces"]["ages"] = tables["faces"].p_age.map(tuple)
    return {name: key(table) for name, table in tables.items()}


def file_count(tables):
    return sum(LISTED not in row for row in tables["files"])


def newest_job(cluster):
    return max(cluster.ask("jobs/overview")["jobs"], key=lambda job: job["start-time"])["jid"]


def reading_tasks(cluster, job):
    """The parallel tasks of the reading step: on which task manager, which attempt, number of files given."""
    steps = cluster.ask(f"jobs/{job}")["vertices"]
    (reading,) = (step for step in steps if "SeePhotos" in step["name"] and "Write photos" in step["name"])
    tasks = cluster.ask(f"jobs/{job}/vertices/{reading['id']}")["subtasks"]
    return [(task["taskmanager-id"], task["attempt"], task["metrics"]["read-records"]) for task in tasks]


def test_flink_gives_the_rows_of_the_in_process_runner(finished, expected):
    output, _ = finished
    for name, table in rows(output).items():
        assert table == expected[name], name


def test_both_task_managers_read_photos(cluster, finished, expected):
    managers, _, files = zip(*reading_tasks(cluster, finished[1]), strict=True)
    assert len(set(managers)) == TASK_MANAGERS
    assert sum(files) == file_count(expected)
    assert min(files) >= 0.4 * sum(files)


def test_a_second_run_reads_nothing_and_keeps_everything(cluster, data, finished, expected):
    output, _ = finished
    manifest = run_album(cluster, data, output)
    assert manifest.kept == file_count(expected)
    assert {files for _, _, files in reading_tasks(cluster, newest_job(cluster))} == {0}
    assert rows(output) == expected


def test_a_bucket_on_both_ends(cluster, s3, album, tmp_path):
    place = s3.upload(album, tmp_path.name)
    settings = Settings(input=(place,), output=f"{place}/out", processes=1)
    manifest = run(settings, cluster.flags)
    assert (manifest.rows["photos"], manifest.rows["failures"]) == (4, 2)


def test_read_faces_in_a_pipeline_of_others(cluster, album, tmp_path):
    assert embed([album], tmp_path / "there", cluster.flags) == embed([album], tmp_path / "here")


def test_a_killed_worker_costs_no_row(cluster, data, expected, tmp_path):
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(run_album, cluster, data, tmp_path)
        worker_that_reads(cluster, running).kill()
        running.result()
    assert max(attempt for _, attempt, _ in reading_tasks(cluster, newest_job(cluster))) >= 1
    assert rows(tmp_path) == expected


def test_after_ctrl_c_the_job_cannot_publish(cluster, data, tmp_path):
    process = start(data / "album", tmp_path, *cluster.flags)
    with ThreadPoolExecutor(1) as threads:
        ended = threads.submit(process.communicate)
        worker_that_reads(cluster, ended)
        process.send_signal(signal.SIGINT)
        _, error = ended.result(timeout=60)
    assert process.returncode == 130, error
    job = newest_job(cluster)
    while "does not hold" not in str(cluster.ask(f"jobs/{job}/exceptions")):
        time.sleep(0.5)
    cluster.cancel(job)
    assert not (tmp_path / "manifest.json").exists()


def worker_that_reads(cluster, running):
    """A worker process that has a child process at work on photos."""
    managers = [psutil.Process(pid) for name, pid in cluster.pids.items() if name.startswith("task-manager")]
    while not running.done():
        for process in [child for manager in managers for child in manager.children(recursive=True)]:
            try:
                server, worker = process.parents()[:2]
                if BOOT in server.cmdline() and sum(process.cpu_times()[:2]) > READS_FOR:
                    return worker
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.05)
    return pytest.fail("the run ended before a worker read photos")
