"""What must hold of every object of every scenario."""

import importlib.metadata
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from speech_core.testing.needed import program

from .conftest import CHART, SCENARIOS, Render

HELMS = ["helm", "helm3"]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_helm_finds_nothing_to_say(scenario: str, helm: str) -> None:
    values = CHART / f"ci/{scenario}-values.yaml"
    command = [program(helm), "lint", "--strict", str(CHART), "--values", str(values)]

    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_two_versions_of_helm_render_the_same(render: Render, scenario: str) -> None:
    old, new = render(scenario=scenario, helm="helm3"), render(scenario=scenario)

    def by_kind_and_name(rendered):
        return sorted(rendered.objects, key=lambda each: (each["kind"], each["metadata"]["name"]))

    assert by_kind_and_name(old) == by_kind_and_name(new)


def test_two_renders_are_the_same_to_the_byte() -> None:
    command = [program("helm"), "template", "speech", str(CHART), "--values", str(CHART / "ci/monitoring-values.yaml")]

    first, second = (subprocess.run(command, capture_output=True, check=True, timeout=60).stdout for _ in range(2))

    assert first == second


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_no_two_objects_share_a_name_and_all_are_the_releases(render: Render, scenario: str) -> None:
    objects = render(scenario=scenario).objects
    counted = Counter((each["kind"], each["metadata"]["name"]) for each in objects)

    assert [key for key, times in counted.items() if times > 1] == []
    for each in objects:
        assert each["metadata"]["namespace"] == "voices"
        assert each["metadata"]["labels"]["app.kubernetes.io/instance"] == "speech"
        assert each["metadata"]["name"].startswith("speech-kubespeech")


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_pod_is_allowed_where_pods_are_restricted(render: Render, scenario: str) -> None:
    rendered = render(scenario=scenario)
    specs = [each["spec"]["template"]["spec"] for each in rendered.of("Deployment")]
    specs += [each["spec"] for each in rendered.of("Pod")]

    assert len(specs) == 5
    for spec in specs:
        assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
        assert spec["automountServiceAccountToken"] is False
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_selector_finds_pods_and_survives_an_upgrade(render: Render, scenario: str) -> None:
    rendered = render(scenario=scenario)
    pods = [each["spec"]["template"]["metadata"]["labels"] for each in rendered.of("Deployment")]
    selectors = [each["spec"]["selector"]["matchLabels"] for each in rendered.of("Deployment")]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in rendered.of("PodDisruptionBudget")]
    selectors += [each["spec"]["podSelector"]["matchLabels"] for each in rendered.of("NetworkPolicy")]
    selectors += [each["spec"]["selector"] for each in rendered.of("Service")]

    for selector in selectors:
        assert sum(selector.items() <= labels.items() for labels in pods) == 1
        assert selector.keys() == {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_volume_is_mounted_and_every_mount_has_its_volume(render: Render, scenario: str) -> None:
    for deployment in render(scenario=scenario).of("Deployment"):
        spec = deployment["spec"]["template"]["spec"]
        containers = [*spec["containers"], *spec.get("initContainers", [])]
        mounted = {mount["name"] for container in containers for mount in container["volumeMounts"]}

        assert mounted == {volume["name"] for volume in spec["volumes"]}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_replicas_are_said_only_where_nothing_scales_them(render: Render, scenario: str) -> None:
    rendered = render(scenario=scenario)
    scaled = [each["spec"]["scaleTargetRef"]["name"] for each in rendered.of("HorizontalPodAutoscaler")]
    scaled += [each["spec"]["scaleTargetRef"]["name"] for each in rendered.of("ScaledObject")]

    for deployment in rendered.of("Deployment"):
        assert ("replicas" in deployment["spec"]) != (deployment["metadata"]["name"] in scaled)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_a_pod_ends_before_it_is_killed(render: Render, scenario: str) -> None:
    rendered = render(scenario=scenario)
    for component in ("gateway", "asr", "tts"):
        spec = rendered.find("Deployment", f"-{component}")["spec"]["template"]["spec"]
        held_back_seconds = rendered.container(component)["lifecycle"]["preStop"]["sleep"]["seconds"]
        grace_seconds = float(rendered.environment(component)[f"{component.upper()}_GRACE_SECONDS"])

        assert held_back_seconds + grace_seconds < spec["terminationGracePeriodSeconds"]


def test_the_chart_is_of_the_services_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))

    for name in ("speech-gateway", "speech-asr", "speech-tts"):
        assert importlib.metadata.version(name) == chart["appVersion"] == chart["version"]


def test_a_scenario_is_there_for_everything_that_the_documentation_names() -> None:
    text = Path(CHART / "../../docs/kubernetes.md").read_text(encoding="utf-8")

    assert [name for name in SCENARIOS if f"ci/{name}-values.yaml" not in text] == []
