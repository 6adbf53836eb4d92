"""GPUs as the scheduler sees them: what there is none of is waited for, what there is is never exceeded."""

import json
from collections.abc import Generator

import pytest

from .cluster import FULLNAME, run, until
from .conftest import FAKES, IMAGES, Namespace, Values

TAINT = "nvidia.com/gpu=present:NoSchedule"
# No device is behind these GPUs: the engine is told to use the CPU.
ON_GPUS: Values = {
    "asr": {
        "gpu": {"enabled": True},
        "image": {"tag": IMAGES["image"]["tag"]},
        "config": {"device": "cpu"},
    }
}


@pytest.fixture(scope="module")
def nodes() -> list[Values]:

    return json.loads(run("kubectl", "get", "nodes", "--output", "json"))["items"]


@pytest.fixture(scope="module")
def gpus(nodes: list[Values]) -> int:
    return sum(int(node["status"]["allocatable"].get("nvidia.com/gpu", 0)) for node in nodes)


@pytest.mark.parametrize(
    ("selector", "sentence"),
    [
        ({}, "didn't match Pod's node affinity/selector"),
        ({"nvidia.com/gpu.present": None}, "Insufficient nvidia.com/gpu"),
    ],
)
def test_without_a_gpu_the_pod_waits_and_says_for_what(
    namespace: Namespace, gpus: int, selector: Values, sentence: str
) -> None:
    if gpus:
        pytest.skip("the cluster has GPUs")
    namespace.install(FAKES, ON_GPUS, {"asr": {"gpu": {"nodeSelector": selector}}}, wait=False)

    until("the pod waits", lambda: sentence in namespace.events(), seconds=60)

    assert namespace.ready_pods("asr") == []
    namespace.rolled_out("tts", "gateway")
    namespace.uninstall()


@pytest.fixture
def tainted(nodes: list[Values], gpus: int) -> Generator[None]:
    if gpus < 2:
        pytest.skip("the cluster has less than two GPUs")
    names = [node["metadata"]["name"] for node in nodes if "nvidia.com/gpu" in node["status"]["allocatable"]]
    run("kubectl", "taint", "nodes", *names, TAINT, "--overwrite")
    yield
    run("kubectl", "taint", "nodes", *names, f"{TAINT}-")


def test_pods_get_a_device_each_and_never_more_than_there_are(namespace: Namespace, gpus: int, tainted: None) -> None:
    """Also where the taint keeps others away: tts and the gateway stay out when the node is the only one."""
    namespace.install(FAKES, ON_GPUS, {"asr": {"replicas": gpus + 1}}, wait=False)

    ready = until("all devices are used", lambda: len(namespace.ready_pods("asr")) == gpus, seconds=90)
    event = until("one pod waits", lambda: "Insufficient nvidia.com/gpu" in namespace.events(), seconds=60)
    (waiting,) = [pod for pod in namespace.pods("asr") if pod["status"]["phase"] == "Pending"]
    devices = [
        namespace.kubectl("exec", pod["metadata"]["name"], "-c", "asr", "--", "python", "-c", _DEVICE).strip()
        for pod in namespace.ready_pods("asr")
    ]

    assert ready
    assert event
    assert waiting
    assert len(set(devices)) == gpus
    assert all(devices)


_DEVICE = "import os; print(os.environ.get('NVIDIA_VISIBLE_DEVICES', ''))"


def test_a_rollout_needs_no_spare_device(namespace: Namespace, gpus: int) -> None:
    if gpus < 2:
        pytest.skip("the cluster has less than two GPUs")
    namespace.install(FAKES, ON_GPUS, {"asr": {"replicas": gpus}})
    before = {pod["metadata"]["name"] for pod in namespace.ready_pods("asr")}

    namespace.install(FAKES, ON_GPUS, {"asr": {"replicas": gpus, "config": {"beam_size": 1}}}, wait=False)
    fewest = gpus

    def rolled() -> bool:
        nonlocal fewest
        ready = {pod["metadata"]["name"] for pod in namespace.ready_pods("asr")}
        fewest = min(fewest, len(ready))
        return len(ready) == gpus and not ready & before

    until("all pods are new", rolled, seconds=120)
    namespace.kubectl("rollout", "status", f"deployment/{FULLNAME}-asr", "--timeout=30s")
    assert fewest == gpus - 1
