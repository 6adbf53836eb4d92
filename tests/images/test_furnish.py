"""k8s/furnish and all scripts: what is installed is pinned, with files that are there, and on kind alone."""

import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(
    path.relative_to(ROOT) for path in [*(ROOT / ".ci").iterdir(), ROOT / "k8s/furnish", ROOT / "tests/e2e/run"]
)
# In the places of kubectl and helm: says where it is, and writes down what it is told.
RECORDER = """#!/bin/sh
[ "$1" = config ] && { echo "$CONTEXT"; exit; }
echo "$(basename "$0") $*" >> "$SAID"
"""
Furnish = Callable[..., tuple[int, list[str]]]


@pytest.fixture
def furnish(tmp_path: Path) -> Furnish:
    """The exit status, and the commands that were called."""
    for name in ("kubectl", "helm"):
        (tmp_path / name).write_text(RECORDER, encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    said = tmp_path / "said"

    def call(*parts: str, context: str = "kind-kubespeech") -> tuple[int, list[str]]:
        said.write_text("", encoding="utf-8")
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SAID": str(said), "CONTEXT": context}
        ran = subprocess.run(
            [ROOT / "k8s/furnish", *parts], env=environment, capture_output=True, check=False, timeout=30
        )
        return ran.returncode, said.read_text(encoding="utf-8").splitlines()

    return call


@pytest.mark.parametrize("path", SCRIPTS, ids=str)
def test_shellcheck_finds_nothing(path: Path, run) -> None:
    assert run("shellcheck", str(path)) == ""


def test_everything_that_is_installed_has_a_version_and_files_that_are_there(furnish: Furnish) -> None:
    status, commands = furnish()

    assert status == 0
    charts = [command for command in commands if command.startswith("helm ")]
    assert len(charts) == 4
    assert all(re.search(r" --version \d+\.\d+\.\d+ ", command) for command in charts), charts
    for command in commands:
        for url in re.findall(r"https://github\S+", command):
            assert re.search(r"/v\d+\.\d+\.\d+/", url), command
        for file in re.findall(r"--(?:values|kustomize) (\S+)", command):
            assert (ROOT / "k8s" / file).exists(), command


def test_a_part_that_is_named_comes_alone(furnish: Furnish) -> None:
    status, (command,) = furnish("keda")

    assert status == 0
    assert " keda " in command
    assert furnish("kedda") == (1, [])


def test_a_cluster_that_is_not_kinds_is_left_alone(furnish: Furnish) -> None:
    assert furnish(context="production") == (1, [])


def test_prometheus_has_one_address(furnish: Furnish) -> None:
    """The operator's chart makes it of the release's name and its own, cut at 26 letters."""
    _, commands = furnish("observability")
    (release,) = re.findall(r"--install (\S+)", commands[0])
    keda = yaml.safe_load((ROOT / "k8s/values/keda.yaml").read_text(encoding="utf-8"))

    address = f"http://{f'{release}-kube-prometheus-stack'[:26]}-prometheus.monitoring:9090"
    assert keda["asr"]["autoscaling"]["keda"]["serverAddress"] == address
    assert f"export E2E_PROMETHEUS={address}\n" in (ROOT / ".ci/cluster").read_text(encoding="utf-8")
