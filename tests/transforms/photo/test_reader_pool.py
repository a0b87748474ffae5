import os
import signal
import sys
import threading
import time
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path

import pytest

from headcount.transforms.collection.found_file import FoundFile
from headcount.transforms.photo import reader_pool
from headcount.transforms.photo.reader import Fetched
from headcount.transforms.photo.reader_pool import PoolSettings, ReaderPool


@pytest.fixture
def stuck(tmp_path):
    """A file that never ends to open: a pipe that nobody writes to."""
    os.mkfifo(tmp_path / "stuck.jpg")
    return FoundFile(str(tmp_path / "stuck.jpg"), str(tmp_path), 0, 0.0)


@pytest.fixture
def good(album):
    path = album / "2019" / "turned.jpg"
    return FoundFile(str(path), str(album), path.stat().st_size, 0.0)


def test_a_photo_over_its_time_is_lost_alone(reading, stuck, good):
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=3))
    try:
        futures = [(file, pool.submit(file)) for file in (good, stuck, good)]
        results = [pool.result(file, future) for file, future in futures]
    finally:
        pool.release()
    assert [result.photo is not None for result in results] == [True, False, True]
    assert results[1].failures[0].code == "timeout"


def test_a_child_that_is_killed_loses_one_photo_and_is_replaced(reading, stuck, good):
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        assert pool.result(good, pool.submit(good)).photo
        lost, next_one = pool.submit(stuck), pool.submit(good)
        (child,) = active_children()
        while not lost.running():
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        assert pool.result(stuck, lost).failures[0].code == "decoder_died"
        assert pool.result(good, next_one).photo
    finally:
        pool.release()


def test_photos_in_buckets_are_fetched_side_by_side(reading, good, monkeypatch):
    """With one child: a fetch that waits for four others would never end if they came one after another."""
    together = threading.Barrier(4, timeout=60)
    content = Path(good.path).read_bytes()

    def fetch(file):
        together.wait()
        return Fetched(content, {})

    monkeypatch.setattr(reader_pool, "fetch", fetch)
    files = [replace(good, path=f"gs://bucket/{number}.jpg") for number in range(4)]
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        futures = [(file, pool.submit(file)) for file in files]
        results = [pool.result(file, future) for file, future in futures]
    finally:
        pool.release()
    assert [result.photo.uri for result in results] == [file.uri for file in files]


def test_a_photo_that_cannot_be_fetched_is_lost_alone(reading, good, monkeypatch):
    def fetch(file):
        if file.path.endswith("gone.jpg"):
            raise FileNotFoundError(file.path)
        return Fetched(Path(good.path).read_bytes(), {})

    monkeypatch.setattr(reader_pool, "fetch", fetch)
    files = [replace(good, path=f"gs://bucket/{name}.jpg") for name in ("gone", "here")]
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        gone, here = (pool.result(file, pool.submit(file)) for file in files)
    finally:
        pool.release()
    assert (gone.photo, gone.failures[0].code) == (None, "unreadable")
    assert here.photo


@pytest.mark.skipif(sys.platform != "linux", reason="the limit holds on Linux alone")
def test_a_photo_over_its_memory_is_lost_alone(reading, good, tmp_path):
    """Two gigabytes that begin like a photo, as recovery tools leave them; the file takes no disk."""
    path = tmp_path / "huge.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    os.truncate(path, 2 * 2**30)
    huge = FoundFile(str(path), str(tmp_path), path.stat().st_size, 0.0)
    pool = ReaderPool.acquire(replace(reading, max_pixels=10**6), PoolSettings(processes=1, photo_timeout=60))
    try:
        futures = [(file, pool.submit(file)) for file in (good, huge, good)]
        results = [pool.result(file, future) for file, future in futures]
    finally:
        pool.release()
    assert [result.photo is not None for result in results] == [True, False, True]
    (lost,) = results[1].failures
    assert (lost.stage, lost.code, lost.detail) == ("read", "out_of_memory", "")


def test_users_with_equal_settings_share_a_pool_that_ends_with_the_last(reading):
    settings = PoolSettings(processes=1, photo_timeout=60)
    first, second = (ReaderPool.acquire(reading, settings) for _ in range(2))
    assert first is second
    first.release()
    assert ReaderPool.acquire(reading, settings) is second
    second.release()
    second.release()
    assert not active_children()


def test_a_pool_that_rested_has_no_children_and_reads_on(reading, good):
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        given = pool.submit(good)
        ReaderPool.rest()
        assert not active_children()
        assert pool.result(good, given).photo
        assert pool.result(good, pool.submit(good)).photo
    finally:
        pool.release()
