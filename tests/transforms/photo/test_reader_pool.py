import io
import os
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from headcount.schemas.errors import PhotoError, PoolError
from headcount.schemas.failures import MACHINE_CODES
from headcount.transforms.collection.found_file import LARGEST_PHOTO, FoundFile
from headcount.transforms.photo import reader, reader_pool
from headcount.transforms.photo.child import BOOT
from headcount.transforms.photo.file_types import HEAD_BYTES
from headcount.transforms.photo.reader import Fetched
from headcount.transforms.photo.reader_pool import PoolSettings, ReaderPool, Share, memory_limit


def children():
    """The child processes of all pools."""
    ours = [one for one in psutil.Process().children(recursive=True) if BOOT in one.cmdline()]
    return [one for one in ours if not (one.ppid() == os.getpid() and "serve" in one.cmdline())]


@pytest.fixture
def good(album):
    path = album / "2019" / "turned.jpg"
    return FoundFile(str(path), str(album), path.stat().st_size, 0.0)


def stop_child(pool, good):
    """Has the only child of `pool` stand still, as a decoder does that does not come back."""
    assert pool.result(good, pool.submit(good)).photo
    (child,) = children()
    child.suspend()
    return child


def test_a_photo_over_its_time_is_lost_alone(reading, good):
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=3))
    try:
        stop_child(pool, good)
        lost, next_one = pool.submit(good), pool.submit(good)
        (failure,) = pool.result(good, lost).failures
        assert (failure.code, failure.detail) == ("timeout", "3 s")
        assert pool.result(good, next_one).photo
    finally:
        pool.release()


def test_a_child_that_is_killed_loses_one_photo_and_is_replaced(reading, good):
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        child = stop_child(pool, good)
        lost, next_one = pool.submit(good), pool.submit(good)
        while not lost.running():
            time.sleep(0.01)
        child.kill()
        (failure,) = pool.result(good, lost).failures
        assert (failure.code, failure.detail) == ("decoder_died", "exit code -9")
        assert pool.result(good, next_one).photo
    finally:
        pool.release()


@pytest.mark.parametrize("code", ["timeout", "decoder_died", "out_of_memory", "internal_error"])
def test_what_befalls_a_child_is_of_the_machine(code):
    assert code in MACHINE_CODES


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
    """As many bytes as a photo may have, which begin like one, as recovery tools leave them."""
    path = tmp_path / "huge.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF\0")
    os.truncate(path, LARGEST_PHOTO)  # It takes no disk.
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


def test_the_memory_limit_is_what_was_measured_and_little_more(reading):
    """2 GB for the 100 megapixels of these settings, half a gigabyte for the file."""
    assert 2.5e9 < memory_limit(reading) < 4e9
    assert memory_limit(replace(reading, max_pixels=2 * reading.max_pixels)) - memory_limit(reading) == 2e9


@pytest.mark.skipif(sys.platform != "linux", reason="the limit holds on Linux alone")
def test_a_child_may_take_its_memory_limit_and_no_more(reading):
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        pool._ask(None, None).exception()
        (child,) = children()
        limit, _ = child.rlimit(psutil.RLIMIT_DATA)
    finally:
        pool.release()
    assert memory_limit(reading) < limit < memory_limit(reading) + 10**9


def test_a_pool_whose_children_cannot_start_says_so_and_judges_no_photo(reading, good, monkeypatch):
    monkeypatch.setattr(reader_pool, "start_reader", int)
    pool = ReaderPool.acquire(reading, PoolSettings(processes=2, photo_timeout=60))
    try:
        for future in [pool.submit(good) for _ in range(3)]:
            with pytest.raises(PoolError, match=r"cannot start: TypeError\(.int\(\) argument must be"):
                pool.result(good, future)
    finally:
        pool.release()
    assert not children()


def test_photos_of_buckets_are_fetched_only_as_far_as_they_fit_into_memory(reading, good, monkeypatch):
    """Two of four fit: the others are not asked for before one of those has been read."""
    content = Path(good.path).read_bytes()
    monkeypatch.setattr(reader_pool, "FETCHED_BYTES", 2 * len(content))
    held, most = [], []

    class Counting(ReaderPool):
        def _ask(self, file, fetched):
            future = super()._ask(file, fetched)
            future.add_done_callback(lambda _: held.remove(file.path))
            return future

    def fetch(file):
        held.append(file.path)
        most.append(len(held))
        return Fetched(content, {})

    monkeypatch.setattr(reader_pool, "fetch", fetch)
    files = [replace(good, path=f"gs://bucket/{number}.jpg") for number in range(6)]
    pool = Counting.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        futures = [(file, pool.submit(file)) for file in files]
        assert all(pool.result(file, future).photo for file, future in futures)
    finally:
        pool.release()
    assert max(most) <= 2


def test_a_share_is_waited_for_and_more_than_the_whole_is_alone():
    share, order = Share(10), []

    def take(name, part):
        with share.taking(part):
            order.append(name)

    with share.taking(8):
        waiting = threading.Thread(target=take, args=("large", 99))
        waiting.start()
        take("small", 2)
    waiting.join()
    assert order == ["small", "large"]


@pytest.mark.parametrize("place", ["gs://bucket/", "/folder/"])
def test_a_file_that_is_listed_larger_than_any_photo_is_refused_without_reading_it(
    reading, good, monkeypatch, place
):
    content = Path(good.path).read_bytes()
    read = []

    class Opened(io.BytesIO):
        def read(self, count=-1):
            read.append(count)
            return super().read(count)

    monkeypatch.setattr(reader, "open_file", lambda path: Opened(content))
    large = replace(good, path=f"{place}a.jpg", size=LARGEST_PHOTO + 1)
    with pytest.raises(PhotoError, match="too_large: 1073741825 bytes"):
        reader.fetch(large)
    assert read == [HEAD_BYTES]
    assert reader.PhotoReader(reading).read(large).failures[0].code == "too_large"
    # What is no photo is skipped, however large.
    monkeypatch.setattr(reader, "open_file", lambda path: Opened(b"\0\0\0 ftypmp42"))
    film = replace(good, path=f"{place}a.mp4", size=LARGEST_PHOTO + 1)
    assert not reader.PhotoReader(reading).read(film).failures


def test_users_with_equal_settings_share_a_pool_that_ends_with_the_last(reading):
    settings = PoolSettings(processes=1, photo_timeout=60)
    first, second = (ReaderPool.acquire(reading, settings) for _ in range(2))
    assert first is second
    first.release()
    assert ReaderPool.acquire(reading, settings) is second
    second.release()
    second.release()
    assert not children()


def test_a_pool_that_rested_has_no_children_and_reads_on(reading, good):
    pool = ReaderPool.acquire(reading, PoolSettings(processes=1, photo_timeout=60))
    try:
        given = pool.submit(good)
        ReaderPool.rest()
        assert not children()
        assert pool.result(good, given).photo
        assert pool.result(good, pool.submit(good)).photo
    finally:
        pool.release()
