"""What `helm install` tells its user to type: everything that it names is there."""

import re
import subprocess

import pytest

from speech_core.testing.needed import program

from .conftest import CHART, SCENARIOS, Render


def notes(scenario: str, *settings: str) -> str:
    """Of Helm 4, which asks no cluster for them."""
    command = [program("helm"), "install", "speech", str(CHART), "--namespace", "voices", "--dry-run=client"]
    command += ["--values", str(CHART / f"ci/{scenario}-values.yaml")]
    for setting in settings:
        command += ["--set", setting]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return ran.stdout.partition("\nNOTES:\n")[2]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_object_that_the_notes_name_is_rendered(render: Render, scenario: str) -> None:
    rendered = render(scenario=scenario)
    there = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in rendered.objects}
    text = notes(scenario)

    named = set(re.findall(r"\b(?:deployment|service)/\S+", text))
    assert len(named) == 4
    assert named <= there
    (port,) = re.findall(r"port-forward service/\S+ 8000:(\d+)", text)
    assert int(port) in [each["port"] for each in rendered.find("Service", "-gateway")["spec"]["ports"]]


def test_the_notes_say_where_the_way_in_is() -> None:
    assert "https://speech.example.com" in notes("ingress")
    assert "at the Gateway traefik, speech.example.com" in notes("httproute")
    assert "It answers at" not in notes("default")


def test_the_notes_ask_for_keys_until_there_are_some() -> None:
    assert "set auth.existingSecret" in notes("default")
    assert "set auth.existingSecret" not in notes("keys")
    assert "Bearer $KEY" in notes("keys")


def test_a_port_of_ones_own_is_the_one_that_is_forwarded() -> None:
    assert "port-forward service/speech-kubespeech-gateway 8000:80\n" in notes("default", "gateway.service.port=80")
