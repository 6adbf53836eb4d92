"""How many cores this process may really use."""

import os
from collections.abc import Mapping
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")
# Whole cores that a pod has asked for, which nothing inside its container shows.
_REQUEST = "CPU_REQUEST"


def available_cpus(cgroup: Path = _CGROUP, environment: Mapping[str, str] = os.environ) -> int:  # noqa: TID251 - below settings
    """
    Whole cores of the cgroup's CPU quota (rounded up), else of the pod's request, else of the scheduler's affinity.

    Reads `cpu.max` (cgroup v2) or `cpu.cfs_quota_us` and `cpu.cfs_period_us` (v1) of *cgroup*, and `CPU_REQUEST`.
    """
    allowed = len(os.sched_getaffinity(0))
    quota = _quota_v2(cgroup / "cpu.max") or _quota_v1(cgroup / "cpu")
    if quota is not None:
        return max(1, min(allowed, -(-quota[0] // quota[1])))
    request = environment.get(_REQUEST, "")
    return min(allowed, int(request)) if request.isdecimal() and int(request) else allowed


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
