"""What the API server says to every scenario, and `helm install` to values that are wrong: before anything is made."""

import subprocess

import pytest
import yaml

from .cluster import CHART, RELEASE
from .conftest import Namespace, Refused

SCENARIOS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_api_server_takes_every_object(namespace: Namespace, scenario: str) -> None:
    values = str(CHART / f"ci/{scenario}-values.yaml")
    rendered = namespace.helm("template", RELEASE, str(CHART), "--values", values)
    expected = [each for each in yaml.safe_load_all(rendered) if each]

    said = namespace.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "--warnings-as-errors", "--filename", "-", stdin=rendered
    )

    assert said.count("(server dry run)") == len(expected)


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("asr.config.seatz=3", "seatz"),
        ("asr.replicas=two", "replicas"),
        (
            "asr.autoscaling.targetDemand=128,asr.autoscaling.metric=demand",
            "asr.autoscaling.targetDemand (128) must be below",
        ),
        ("asr.autoscaling.keda.serverAddress=http://prometheus:9090", "an HPA and KEDA would fight"),
        ("asr.model.source=pvc", "asr.model.existingClaim"),
        ("asr.gpu.enabled=true", "asr.autoscaling.metric cpu says nothing on a GPU"),
    ],
)
def test_a_wrong_value_is_refused_and_nothing_is_installed(namespace: Namespace, setting: str, sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        namespace.helm("install", RELEASE, str(CHART), "--set", setting)

    assert sentence in str(refused.value)
    assert namespace.get("deployments,secrets")["items"] == []


def test_a_pod_with_a_folder_of_the_node_is_refused_where_pods_are_restricted(namespace: Namespace) -> None:
    """What docs/kubernetes.md says of `hostPath`; the deployment is made, its pods are not."""
    rendered = namespace.helm(
        "template", RELEASE, str(CHART), "--set", "asr.model.source=hostPath,asr.model.hostPath=/srv/models"
    )
    command = ["kubectl", "--namespace", namespace.name, "apply", "--dry-run=server", "--filename", "-"]

    ran = subprocess.run(command, input=rendered, capture_output=True, text=True, check=False, timeout=60)

    assert 'volume "models" uses restricted volume type "hostPath"' in ran.stderr
