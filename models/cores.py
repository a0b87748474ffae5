"""How many processor cores this process may use, which is what threads and child processes are counted by."""

from __future__ import annotations

import math
import os
from pathlib import Path


def usable_cores(root: Path = Path("/")) -> int:
    """The cores that the system lets this process use, or fewer where its container may take less of them.

    `root` is where `proc` and `sys` are.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([cores, *(math.ceil(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> list[float]:
    """What Linux's control groups, in both their versions, let this process and those around it take."""
    quotas = []
    try:
        groups = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # No Linux.
        return []
    for line in groups:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            top = root / "sys/fs/cgroup"
        elif "cpu" in controllers.split(","):
            top = root / "sys/fs/cgroup/cpu"
        else:
            continue
        # In a container its own group is mounted at the top, whatever it is called outside.
        inner = top / group.lstrip("/")
        for folder in {top, *(one for one in (inner, *inner.parents) if top in one.parents)}:
            quotas += _quota(folder)
    return quotas


def _quota(folder: Path) -> list[float]:
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text().split()
        else:
            quota = (folder / "cpu.cfs_quota_us").read_text()
            period = (folder / "cpu.cfs_period_us").read_text()
        return [int(quota) / int(period)] if int(quota) > 0 else []
    except (OSError, ValueError, ZeroDivisionError):  # "max", or nothing is said here.
        return []
