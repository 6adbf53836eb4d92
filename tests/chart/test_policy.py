"""Every scenario against the schemas of the oldest and the newest Kubernetes, and against checkov's policies."""

import json
import subprocess
from pathlib import Path

import pytest

from speech_core.testing.needed import program

from .conftest import SCENARIOS, Render

# Where a policy is not ours, and why.
EXCEPTIONS = {
    "CKV_K8S_8": "a pod of `helm test` runs once, it has nothing to probe; every other pod has probes",
    "CKV_K8S_9": "the same",
    "CKV_K8S_11": "a CPU limit throttles the gateway's one event loop in bursts; the engines have one",
    "CKV_K8S_15": "IfNotPresent: a tag of ours never moves, and an image that was loaded into a node stays usable",
    "CKV_K8S_35": "the server key of the HMACs is a setting, and secrets come in by the environment",
    "CKV_K8S_40": "no user is fixed, so that OpenShift's random one works; the image's own is 65532",
    "CKV_K8S_43": "the digest is the user's to set: image.digest",
    "CKV2_K8S_6": "policies are the user's to turn on: networkPolicy.enabled; a pod of `helm test` has none",
}


@pytest.fixture
def written(render: Render, tmp_path: Path) -> list[str]:
    """All scenarios as files."""
    for scenario in SCENARIOS:
        (tmp_path / f"{scenario}.yaml").write_text(render(scenario=scenario).text, encoding="utf-8")
    return [str(path) for path in sorted(tmp_path.iterdir())]


@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_every_field_is_one_that_kubernetes_knows(written: list[str], version: str) -> None:
    command = [program("kubernetes-validate"), "--strict", "--no-warn", "-k", version, *written]

    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.timeout(300)
def test_policies_hold_but_for_the_exceptions_and_every_exception_is_needed(written: list[str]) -> None:
    command = [program("checkov"), "--framework", "kubernetes", "--skip-download", "--output", "json", "--quiet"]
    for path in written:
        command += ["--file", path]

    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    failed = {each["check_id"] for each in json.loads(ran.stdout)["results"]["failed_checks"]}

    assert failed == EXCEPTIONS.keys()
