"""What breaks and what its owner sees of it; meanwhile the pods that were there keep serving."""

import json
from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from .cluster import FULLNAME, until
from .conftest import FAKES, Namespace, Refused, Values

PAIR: Values = {"tts": {"replicas": 2, "drain": {"preStopSeconds": 6}}}
Requests = Callable[[], Sequence[Values]]


@pytest.fixture(scope="module")
def whole(namespace: Namespace) -> Generator[Requests]:
    """A release that works, and callers who never stop."""
    namespace.install(FAKES, PAIR)
    with namespace.load(callers=3, kinds="speak,recognize,socket") as requests:
        until(
            "each kind is answered",
            lambda: len({e["kind"] for e in requests() if e["outcome"] == "ok"}) == 3,
            seconds=60,
        )
        yield requests


@pytest.fixture
def serving(namespace: Namespace, whole: Requests) -> Generator[None]:
    """Every request during the test is answered; afterwards the release is whole again."""
    before = len(whole())
    yield
    until("requests came", lambda: len(whole()) > before + 10, seconds=30)
    during = whole()[before:]
    assert [each for each in during if each["outcome"] != "ok"] == []
    namespace.install(FAKES, PAIR)


def state(namespace: Namespace, component: str, look: Callable[[Any], Any]) -> Any:
    """The first of what *look* finds in the states of a component's containers, init containers included."""

    def found() -> Any:
        for pod in namespace.pods(component):
            status = pod["status"]
            for container in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
                for one in (container.get("lastState", {}), container.get("state", {})):
                    if seen := look(one):
                        return seen
        return None

    return until(f"a state of {component}", found, seconds=90)


@pytest.mark.usefixtures("serving")
def test_a_pod_that_takes_too_much_memory_says_so(namespace: Namespace) -> None:
    small = {"requests": {"memory": "24Mi"}, "limits": {"memory": "24Mi"}}
    namespace.install(FAKES, PAIR, {"asr": {"resources": small}}, wait=False)

    reason = state(namespace, "asr", lambda one: one.get("terminated", {}).get("reason") == "OOMKilled")

    assert reason
    assert len(namespace.ready_pods("asr")) == 1


@pytest.mark.usefixtures("serving")
def test_an_engine_that_cannot_be_loaded_says_why(namespace: Namespace) -> None:
    namespace.install(FAKES, PAIR, {"asr": {"config": {"engine": "whisperer"}}}, wait=False)

    message = state(namespace, "asr", lambda one: one.get("terminated", {}).get("message"))
    waiting = state(namespace, "asr", lambda one: one.get("waiting", {}).get("reason") == "CrashLoopBackOff")

    assert "error: the engine whisperer cannot be loaded" in message
    assert waiting
    assert len(namespace.ready_pods("asr")) == 1


@pytest.mark.usefixtures("serving")
def test_a_model_that_does_not_fit_into_the_volume_says_so(namespace: Namespace) -> None:
    file = {"url": "http://models.invalid/huge", "sha256": "0" * 64, "size_bytes": 10**15}
    huge = {"huge": {"kind": "asr", "files": {"model.bin": file}}}
    namespace.install(FAKES, PAIR, {"modelCatalog": huge, "asr": {"model": {"names": ["huge"]}}}, wait=False)

    message = state(namespace, "asr", lambda one: one.get("terminated", {}).get("message"))

    assert "error: too little disk for huge: 2000000000 MB needed in /models" in message
    assert len(namespace.ready_pods("asr")) == 1


@pytest.mark.usefixtures("serving")
def test_a_model_that_cannot_be_fetched_says_so(namespace: Namespace) -> None:
    missing = {
        "model": {"names": ["openai-whisper-base"]},
        "extraEnv": [{"name": "HTTPS_PROXY", "value": "http://127.0.0.1:9"}],
    }
    namespace.install(FAKES, PAIR, {"asr": missing}, wait=False)

    message = state(namespace, "asr", lambda one: one.get("terminated", {}).get("message"))

    assert "error: base.pt cannot be fetched: https://" in message


@pytest.mark.usefixtures("serving")
def test_a_registry_that_does_not_answer_says_so(namespace: Namespace) -> None:
    namespace.install(FAKES, PAIR, {"tts": {"image": {"repository": "127.0.0.1:9/speech-tts"}}}, wait=False)

    waiting = state(
        namespace, "tts", lambda one: one.get("waiting", {}).get("reason") in ("ErrImagePull", "ImagePullBackOff")
    )

    assert waiting
    assert "connection refused" in namespace.events()
    assert len(namespace.ready_pods("tts")) == 2


@pytest.mark.usefixtures("serving")
def test_one_pod_of_a_service_is_evicted_at_a_time_and_no_request_is_lost(namespace: Namespace) -> None:
    names = [pod["metadata"]["name"] for pod in namespace.ready_pods("tts")]

    def evict(name: str) -> None:
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": name, "namespace": namespace.name},
        }
        path = f"/api/v1/namespaces/{namespace.name}/pods/{name}/eviction"
        namespace.kubectl("create", "--raw", path, "--filename", "-", stdin=json.dumps(eviction))

    evict(names[0])
    with pytest.raises(Refused, match="disruption budget"):
        evict(names[1])

    namespace.kubectl("wait", f"pod/{names[0]}", "--for=delete", "--timeout=60s", seconds=70)
    namespace.kubectl("rollout", "status", f"deployment/{FULLNAME}-tts", "--timeout=60s", seconds=70)
    assert names[1] in [pod["metadata"]["name"] for pod in namespace.ready_pods("tts")]
