import os
from pathlib import Path

from speech_core.service.cpus import available_cpus


def test_a_quota_of_cgroup_v2_counts_rounded_up(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("50000 100000\n")

    assert available_cpus(tmp_path) == 1


def test_a_quota_of_cgroup_v1_counts(tmp_path: Path) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cfs_quota_us").write_text("")
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text("100000\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")

    assert available_cpus(tmp_path) == 1


def test_without_a_quota_the_affinity_counts(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")

    assert available_cpus(tmp_path) == len(os.sched_getaffinity(0))


def test_without_a_quota_the_pods_request_counts(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")

    assert available_cpus(tmp_path, requested=1) == 1
    assert available_cpus(tmp_path, requested=1000) == len(os.sched_getaffinity(0))


def test_a_quota_goes_before_the_request(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(f"{os.cpu_count()}00000 100000\n")

    assert available_cpus(tmp_path, requested=1) == len(os.sched_getaffinity(0))


def test_a_request_that_was_not_made_says_nothing(tmp_path: Path) -> None:
    assert available_cpus(tmp_path, requested=0) == len(os.sched_getaffinity(0))
