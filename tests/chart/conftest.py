"""The chart as Helm renders it: with every Helm that is here, once for each set of values."""

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from speech_core.testing.needed import program

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/kubespeech"
SCENARIOS = sorted(path.name.removesuffix("-values.yaml") for path in (CHART / "ci").glob("*-values.yaml"))
_LONGEST_SECONDS = 60
Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """Objects by kind and name, and what Helm said when it refused."""

    text: str
    error: str
    objects: Sequence[Object] = field(default=())

    def find(self, kind: str, name: str = "") -> Object:
        (found,) = [each for each in self.of(kind) if not name or each["metadata"]["name"].endswith(name)]
        return found

    def of(self, kind: str) -> Sequence[Object]:
        return [each for each in self.objects if each["kind"] == kind]

    def container(self, component: str) -> Object:
        (container,) = self.find("Deployment", f"-{component}")["spec"]["template"]["spec"]["containers"]
        return container

    def environment(self, component: str) -> Mapping[str, str]:
        return {each["name"]: each.get("value", "") for each in self.container(component)["env"]}


Render = Callable[..., Rendered]


@cache
def _render(helm: str, scenario: str, settings: tuple[str, ...], kubernetes: str) -> Rendered:
    command = [helm, "template", "speech", str(CHART), "--kube-version", kubernetes, "--namespace", "voices"]
    command += ["--values", str(CHART / f"ci/{scenario}-values.yaml")]
    for setting in settings:
        command += ["--set-json", setting]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LONGEST_SECONDS)
    loaded = tuple(each for each in yaml.load_all(ran.stdout, yaml.CSafeLoader) if each) if ran.returncode == 0 else ()
    return Rendered(ran.stdout, ran.stderr, loaded)


@pytest.fixture
def render(request: pytest.FixtureRequest) -> Render:
    """Render with JSON settings over a scenario; fails where Helm refuses, unless *refused* is asked for."""

    def rendered(*settings: str, scenario: str = "default", refused: bool = False, helm: str = "helm") -> Rendered:
        answer = _render(program(helm), scenario, settings, "1.34.0")
        assert bool(answer.error) == refused, answer.error or "Helm took it"
        return answer

    return rendered
