"""k8s/: every file of values renders, alone or beside the one that it names, and every object is one."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
VALUES = sorted(path.stem for path in (K8S / "values").glob("*.yaml"))
# What a file says of itself: "beside kind.yaml".
BESIDE = {
    name: re.findall(r"beside (\w+)\.yaml", (K8S / f"values/{name}.yaml").read_text(encoding="utf-8").split("\n\n")[0])
    for name in VALUES
}
OBJECTS = sorted(path.relative_to(ROOT) for path in [*(K8S / "gpu").glob("*.yaml"), K8S / "observability/tempo.yaml"])
# The oldest and the newest that the chart supports.
KUBERNETES = ("1.30", "1.37")


def test_there_is_a_file_for_every_kind_of_cluster() -> None:
    assert {"kind", "minikube", "gpu", "keda", "fake", "observability", "development"} == set(VALUES)


@pytest.fixture
def rendered(run):
    def render(*names: str) -> list[dict[str, Any]]:
        values = [f"--values=k8s/values/{name}.yaml" for name in names]
        apis = [f"--api-versions={api}" for api in ("monitoring.coreos.com/v1", "keda.sh/v1alpha1")]
        text = run("helm", "template", "kubespeech", "charts/kubespeech", *apis, *values)
        return [each for each in yaml.safe_load_all(text) if each]

    return render


@pytest.mark.parametrize("name", VALUES)
def test_a_file_of_values_renders_beside_those_that_it_names(name, rendered) -> None:
    objects = rendered(*BESIDE[name], name)

    assert {each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"} == {
        f"kubespeech-{component}" for component in ("gateway", "asr", "tts")
    }


def test_gpu_and_keda_fit_each_other(rendered) -> None:
    objects = rendered("gpu", "keda")

    (scaled,) = [each for each in objects if each["kind"] == "ScaledObject"]
    assert scaled["spec"]["scaleTargetRef"]["name"] == "kubespeech-asr"
    (asr,) = [each for each in objects if (each["kind"], each["metadata"]["name"]) == ("Deployment", "kubespeech-asr")]
    assert asr["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == 1


def test_images_that_were_built_here_come_from_no_registry(rendered) -> None:
    images = {
        container["image"]
        for each in rendered("kind")
        if each["kind"] == "Deployment"
        for container in each["spec"]["template"]["spec"]["containers"]
    }

    assert images == {"speech-gateway:dev", "speech-asr:dev", "speech-tts:dev"}


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("path", OBJECTS, ids=str)
def test_an_object_has_no_field_that_kubernetes_does_not_know(path, kubernetes, run, tmp_path) -> None:
    for number, each in enumerate(yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8"))):
        if each["kind"] == "Deployment":
            _labelled(each)
        file = tmp_path / f"{number}.yaml"
        file.write_text(yaml.safe_dump(each), encoding="utf-8")
        run("kubernetes-validate", "--strict", "-k", kubernetes, str(file))


def _labelled(deployment: dict[str, Any]) -> None:
    """As the kustomization does."""
    labels = {"app.kubernetes.io/name": "tempo"}
    deployment["spec"]["selector"] = {"matchLabels": labels}
    deployment["spec"]["template"]["metadata"] = {"labels": labels}


def test_the_kustomization_names_what_is_there() -> None:
    folder = K8S / "observability"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
    files = [name.partition("=")[2] for each in kustomization["configMapGenerator"] for name in each["files"]]

    assert all((folder / name).is_file() for name in [*kustomization["resources"], *files])


def test_the_image_of_the_check_is_that_of_the_chart() -> None:
    chart = yaml.safe_load((ROOT / "charts/kubespeech/Chart.yaml").read_text(encoding="utf-8"))
    check = yaml.safe_load((K8S / "gpu/check.yaml").read_text(encoding="utf-8"))

    (container,) = check["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"ghcr.io/kubespeech/speech-asr:{chart['appVersion']}-cuda"


def test_the_ports_of_an_ingress_lead_into_kind() -> None:
    kind = yaml.safe_load((K8S / "kind.yaml").read_text(encoding="utf-8"))

    (node,) = kind["nodes"]
    assert {port["containerPort"]: port["hostPort"] for port in node["extraPortMappings"]} == {80: 8080, 443: 8443}
    assert {port["listenAddress"] for port in node["extraPortMappings"]} == {"127.0.0.1"}
