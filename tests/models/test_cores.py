import os

import pytest

from headcount.models.cores import usable_cores


@pytest.fixture
def eight(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda number: set(range(8)), raising=False)


def files(root, **contents):
    for name, content in contents.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")


def test_the_cores_that_this_process_may_run_on(tmp_path, eight):
    assert usable_cores(tmp_path) == 8


def test_where_the_system_does_not_say_all_cores_count(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores(tmp_path) == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cores(tmp_path) == 1


@pytest.mark.parametrize(
    ("quota", "count"),
    [("max 100000", 8), ("250000 100000", 3), ("50000 100000", 1), ("1600000 100000", 8), ("?", 8)],
)
def test_a_container_may_take_less(tmp_path, eight, quota, count):
    (tmp_path / "sys/fs/cgroup").mkdir(parents=True)
    (tmp_path / "sys/fs/cgroup/cpu.max").write_text(quota + "\n")
    files(tmp_path, proc__self__cgroup="0::/")
    assert usable_cores(tmp_path) == count


def test_the_tightest_of_the_groups_around_a_process_counts(tmp_path, eight):
    files(tmp_path, proc__self__cgroup="0::/user.slice/app.scope")
    group = tmp_path / "sys/fs/cgroup/user.slice/app.scope"
    group.mkdir(parents=True)
    (group / "cpu.max").write_text("400000 100000\n")
    assert usable_cores(tmp_path) == 4
    (group.parent / "cpu.max").write_text("200000 100000\n")
    assert usable_cores(tmp_path) == 2


@pytest.mark.parametrize(("quota", "count"), [("-1", 8), ("150000", 2)])
@pytest.mark.parametrize("folder", ["cpu", "cpu/docker/1234"])
def test_control_groups_of_the_first_version(tmp_path, eight, quota, count, folder):
    files(tmp_path, proc__self__cgroup="4:memory:/docker/1234\n2:cpu,cpuacct:/docker/1234")
    group = tmp_path / "sys/fs/cgroup" / folder
    group.mkdir(parents=True)
    (group / "cpu.cfs_quota_us").write_text(quota + "\n")
    (group / "cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path) == count
