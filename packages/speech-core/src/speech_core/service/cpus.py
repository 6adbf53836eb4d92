"""How many cores this process may really use."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def available_cpus(cgroup: Path = _CGROUP, *, requested: int = 0) -> int:
    """
    Whole cores of the cgroup's CPU quota (rounded up), else those *requested*, else of the scheduler's affinity.

    Reads `cpu.max` (cgroup v2) or `cpu.cfs_quota_us` and `cpu.cfs_period_us` (v1) of *cgroup*.
    """
    allowed = len(os.sched_getaffinity(0))
    quota = _quota_v2(cgroup / "cpu.max") or _quota_v1(cgroup / "cpu")
    if quota is not None:
        return max(1, min(allowed, -(-quota[0] // quota[1])))
    return min(allowed, requested) if requested else allowed


def _quota_v2(path: Path) -> tuple[int, int] | None:
    try:
        quota, period = path.read_text(encoding="ascii").split()
        return int(quota), int(period)
    except (OSError, ValueError):
        return None  # no such file, or "max": no quota


def _quota_v1(folder: Path) -> tuple[int, int] | None:
    try:
        quota = int((folder / "cpu.cfs_quota_us").read_text(encoding="ascii"))
        period = int((folder / "cpu.cfs_period_us").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return (quota, period) if quota > 0 else None
