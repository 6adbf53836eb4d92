"""A closed network: weights imported into a claim, nothing let out, and policies that let in only who is meant."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from .cluster import CONTAINER_SECURITY, POD_SECURITY, image_of, run, until
from .conftest import SOON, Make, Namespace, Values

MODELS = ["whisper-base", "en_US-joe-medium"]
# Whether each address takes a connection within three seconds; what is cut times out.
REACHES = """
import socket, sys
for target in sys.argv[1:]:
    host, port = target.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print(target, "reached")
    except OSError as error:
        print(target, type(error).__name__)
"""
SERVES = "import http.server; http.server.HTTPServer(('', 8080), http.server.SimpleHTTPRequestHandler).serve_forever()"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The models as somebody with internet exports them."""
    path = tmp_path_factory.mktemp("export") / "models.tar"
    root = os.environ.get("E2E_MODELS") or str(tmp_path_factory.mktemp("models"))
    for verb in (["fetch", *MODELS], ["export", str(path), *MODELS]):
        command = [sys.executable, "-m", "speech_core.models", "--root", root, *verb]
        subprocess.run(command, check=True, timeout=300, capture_output=True)
    return path


@pytest.fixture(scope="module")
def closed(make_namespace: Make, archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Namespace:
    """The models are imported as docs/kubernetes.md tells it, in a namespace that nothing gets out of."""
    namespace = make_namespace()
    namespace.apply(
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {"name": "nothing-out"},
            "spec": {
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "kubespeech"}},
                "policyTypes": ["Egress"],
            },
        }
    )
    _claim(namespace, tmp_path_factory.mktemp("claim"))
    container = {
        "name": "models",
        "image": image_of("asr"),
        "command": ["sleep", "infinity"],
        "env": [{"name": "MODELS_DIR", "value": "/models"}],
        "securityContext": CONTAINER_SECURITY,
        "volumeMounts": [{"name": "models", "mountPath": "/models"}],
    }
    volumes = [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}]
    spec = {"containers": [container], "volumes": volumes, "securityContext": POD_SECURITY}
    namespace.apply({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "models"}, "spec": spec})
    namespace.kubectl("wait", "pod/models", "--for=condition=Ready", "--timeout=90s", seconds=100)
    namespace.kubectl("cp", str(archive), "models:/tmp/models.tar", seconds=200)
    said = namespace.kubectl(
        "exec", "models", "--", "python", "-m", "speech_core.models", "import", "/tmp/models.tar", seconds=120
    )
    assert set(said.split()) == set(MODELS)
    namespace.kubectl("delete", "pod", "models", "--grace-period", "1")
    model = {"model": {"source": "pvc", "existingClaim": "models"}, **SOON}
    monitoring = [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": f"{namespace.name}-prometheus"}}}
    ]
    namespace.install(
        {"asr": model, "tts": model, "gateway": SOON},
        {"networkPolicy": {"enabled": True, "prometheus": monitoring}},
        {"metrics": {"serviceMonitor": {"enabled": "E2E_PROMETHEUS" in os.environ, "interval": "2s"}}},
    )
    return namespace


def _claim(namespace: Namespace, folder: Path) -> None:
    """On a folder of the node where that is this machine, else by the cluster's provisioner."""
    spec: dict = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "2Gi"}}}
    if os.environ.get("E2E_MODELS"):
        folder.chmod(0o777)
        volume = {
            "capacity": {"storage": "2Gi"},
            "accessModes": ["ReadWriteOnce"],
            "hostPath": {"path": str(folder), "type": "Directory"},
            "claimRef": {"namespace": namespace.name, "name": "models"},
        }
        metadata = {"name": namespace.name}
        namespace.apply({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": volume})
        spec["storageClassName"] = ""
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "models"}, "spec": spec}
    namespace.apply(claim)


def reached(namespace: Namespace, name: str, *targets: str) -> Values:
    namespace.python(name, REACHES, *targets)
    return dict(line.split(" ", 1) for line in namespace.said(name).splitlines())


def test_without_a_way_out_the_whole_becomes_ready_and_works(closed: Namespace) -> None:
    with closed.load(callers=3, kinds="speak,recognize,socket") as requests:
        ok = until("each kind is answered", _each_kind_ok(requests), seconds=60)

    assert ok


def _each_kind_ok(requests: Callable) -> Callable[[], bool]:
    """The gateway may look for both services for some seconds."""
    kinds = {"speak", "recognize", "socket"}
    return lambda: {each["kind"] for each in requests() if each["outcome"] == "ok"} == kinds


def test_another_pod_reaches_the_gateway_and_neither_asr_nor_tts(closed: Namespace) -> None:
    pods = {name: closed.ready_pods(name)[0]["status"]["podIP"] for name in ("gateway", "asr", "tts")}
    doors = {"gateway": 8000, "asr": 8081, "tts": 8082}

    found = reached(closed, "stranger", *(f"{pods[name]}:{port}" for name, port in doors.items()))
    metrics = reached(closed, "curious", *(f"{address}:9090" for address in pods.values()))

    assert found[f"{pods['gateway']}:8000"] == "reached"
    assert {found[f"{pods['asr']}:8081"], found[f"{pods['tts']}:8082"]} == {"TimeoutError"}
    assert set(metrics.values()) == {"TimeoutError"}


def test_prometheus_reaches_the_metrics_of_all(closed: Namespace, make_namespace: Make) -> None:
    monitoring = make_namespace("-prometheus")
    addresses = [closed.ready_pods(name)[0]["status"]["podIP"] for name in ("gateway", "asr", "tts")]

    found = reached(monitoring, "prometheus", *(f"{address}:9090" for address in addresses))

    assert set(found.values()) == {"reached"}


def test_prometheus_has_scraped_all_three(closed: Namespace) -> None:
    url = os.environ.get("E2E_PROMETHEUS_FROM_HERE")
    if not url:
        pytest.skip("E2E_PROMETHEUS_FROM_HERE names no Prometheus")

    def services() -> bool:
        query = f'speech_capacity{{namespace="{closed.name}",release="speech"}}'
        answer = httpx.get(f"{url}/api/v1/query", params={"query": query}, timeout=10).json()
        return {each["metric"]["service"] for each in answer["data"]["result"]} == {"gateway", "asr", "tts"}

    assert until("all three are scraped", services, seconds=60)


def test_no_pod_of_ours_reaches_what_it_does_not_need(closed: Namespace) -> None:
    """The same address that a pod without a policy reaches."""
    closed.python("outside", SERVES)
    closed.kubectl("wait", "pod/outside", "--for=condition=Ready", "--timeout=60s", seconds=70)
    outside = f"{closed.get('pod', 'outside')['status']['podIP']}:8080"

    without = until("it answers", lambda: _reaches_once(closed, outside), seconds=30)
    for component in ("gateway", "asr", "tts"):
        name = closed.ready_pods(component)[0]["metadata"]["name"]
        said = closed.kubectl("exec", name, "-c", component, "--", "python", "-c", REACHES, outside)
        found = dict(line.split(" ", 1) for line in said.splitlines())
        assert found[outside] == "TimeoutError", component

    assert without


def _reaches_once(namespace: Namespace, target: str) -> bool:
    run("kubectl", "--namespace", namespace.name, "delete", "pod", "free", "--ignore-not-found", "--grace-period", "1")
    return reached(namespace, "free", target)[target] == "reached"
