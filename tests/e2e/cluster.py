"""A namespace of the cluster under test, by kubectl and Helm: what is there is read as JSON, every wait is bounded."""

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import httpx
import yaml

T = TypeVar("T")
Values = Mapping[str, Any]

CHART = Path(__file__).parents[2] / "charts/kubespeech"
RELEASE = "speech"
FULLNAME = "speech-kubespeech"
# Restricted Pod Security for pods of the tests' own.
POD_SECURITY = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
CONTAINER_SECURITY = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


class Refused(AssertionError):
    """A command ended with an error; the message is what it said."""


def run(*command: str, stdin: str | None = None, seconds: float = 60) -> str:
    ran = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=seconds)
    if ran.returncode != 0:
        raise Refused(f"{' '.join(command[:6])}: {ran.stderr}{ran.stdout}")
    return ran.stdout


def until(what: str, look: Callable[[], T | None], *, seconds: float, every_seconds: float = 0.5) -> T:
    """The first thing that *look* gives and that is not nothing."""
    end, nap = time.monotonic() + seconds, Event()
    while time.monotonic() < end:
        if found := look():
            return found
        nap.wait(every_seconds)
    raise AssertionError(f"not within {seconds} s: {what}")


def healthy(url: str) -> Any:
    """What the gateway says of itself once it sees both services, which is some seconds after they are ready."""
    answer = httpx.get(f"{url}/health", timeout=30)
    return answer.json() if answer.status_code == 200 else None


def image_of(component: str) -> str:
    registry = os.environ.get("E2E_REGISTRY", "")
    tag = os.environ.get("E2E_TAG", "dev")
    return f"{registry}{'/' if registry else ''}speech-{component}:{tag}"


def merged(*many: Values) -> dict[str, Any]:
    """Values over values, map by map."""
    result: dict[str, Any] = {}
    for values in many:
        for key, value in values.items():
            old = result.get(key)
            result[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace and the release in it."""

    name: str
    base: Values

    def kubectl(self, *arguments: str, stdin: str | None = None, seconds: float = 60) -> str:
        return run("kubectl", "--namespace", self.name, *arguments, stdin=stdin, seconds=seconds)

    def helm(self, *arguments: str, stdin: str | None = None, seconds: float = 420) -> str:
        return run("helm", "--namespace", self.name, *arguments, stdin=stdin, seconds=seconds)

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "--output", "json"))

    def apply(self, *objects: Values) -> None:
        self.kubectl("apply", "--filename", "-", stdin=yaml.safe_dump_all(objects))

    def install(self, *values: Values, wait: bool = True) -> None:
        """Install or upgrade to exactly these values over the images."""
        text = yaml.safe_dump(merged(self.base, *values))
        waiting = ("--wait", "--timeout", "6m") if wait else ()
        self.helm("upgrade", "--install", RELEASE, str(CHART), "--values", "-", *waiting, stdin=text)

    def uninstall(self) -> None:
        self.helm("uninstall", RELEASE, "--wait", "--timeout", "3m")

    def pods(self, component: str) -> Sequence[Values]:
        return self.get("pods", "--selector", f"app.kubernetes.io/component={component}")["items"]

    def ready_pods(self, component: str) -> Sequence[Values]:
        return [
            pod
            for pod in self.pods(component)
            if "deletionTimestamp" not in pod["metadata"]
            and any(
                each["type"] == "Ready" and each["status"] == "True" for each in pod["status"].get("conditions", [])
            )
        ]

    def rolled_out(self, *components: str, seconds: float = 240) -> None:
        for component in components:
            target = f"deployment/{FULLNAME}-{component}"
            self.kubectl("rollout", "status", target, f"--timeout={seconds:.0f}s", seconds=seconds + 10)

    def events(self, kind: str = "Pod") -> str:
        """What a user sees in `kubectl describe`, newest last."""
        items = self.get("events", "--field-selector", f"involvedObject.kind={kind}")["items"]
        return "\n".join(f"{each['reason']}: {each['message']}" for each in items)

    @contextmanager
    def forwarded(self) -> Generator[str]:
        """The address at which the gateway answers on this machine; it stays with one pod."""
        command = ["kubectl", "--namespace", self.name, "port-forward", f"service/{FULLNAME}-gateway", ":8000"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                found = re.search(r"127\.0\.0\.1:(\d+)", line)
                assert found, line + process.stdout.read()
                yield f"http://127.0.0.1:{found[1]}"
            finally:
                process.terminate()

    def python(self, name: str, script: str, *arguments: str, component: str = "gateway") -> None:
        """A pod that runs *script* once with the image of *component*; not waited for."""
        container = {
            "name": "python",
            "image": image_of(component),
            "imagePullPolicy": "IfNotPresent",
            "command": ["python", "-u", "-c", script, *arguments],
            "securityContext": CONTAINER_SECURITY,
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        }
        spec = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": POD_SECURITY,
            "containers": [container],
            # A ConfigMap of the pod's name, where there is one.
            "volumes": [{"name": "data", "configMap": {"name": name, "optional": True}}],
        }
        metadata = {"name": name, "labels": {"app": name}}
        self.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})

    def logs(self, name: str) -> str:
        return self.kubectl("logs", name)

    @contextmanager
    def load(self, *, callers: int, kinds: str) -> Generator[Callable[[], Sequence[Values]]]:
        """Callers in a pod while the block runs; yields what became of their requests so far."""
        script = (Path(__file__).parent / "load.py").read_text(encoding="utf-8")
        self.python("load", script, f"http://{FULLNAME}-gateway:8000", str(callers), kinds)
        try:
            self.kubectl("wait", "pod/load", "--for=condition=Ready", "--timeout=60s", seconds=70)
            yield lambda: [json.loads(line) for line in self.logs("load").splitlines()]
        finally:
            self.kubectl("delete", "pod", "load", "--grace-period", "5", "--timeout", "30s")

    def said(self, name: str, *, seconds: float = 60) -> str:
        """What a pod that runs once has said when it is over."""

        def phase() -> str | None:
            found = self.get("pod", name)["status"]["phase"]
            return found if found in ("Succeeded", "Failed") else None

        until(f"{name} is over", phase, seconds=seconds)
        return self.logs(name)
