"""A release from its first minute to its last: installed with no values, tried, upgraded under load, and gone."""

import httpx
import pytest

from .cluster import FULLNAME, RELEASE, healthy, until
from .conftest import CLIP, FAKES, Namespace, Refused

# SIGTERM is held back for longer than the gateway takes to see that an address is gone.
PAIRS = {
    "gateway": {"replicas": 2, "drain": {"preStopSeconds": 8}},
    # An HPA has owned the replicas of asr since the installation.
    "asr": {"autoscaling": {"type": "hpa", "minReplicas": 2, "maxReplicas": 2}, "drain": {"preStopSeconds": 8}},
    "tts": {"replicas": 2, "drain": {"preStopSeconds": 8}},
}
TEXT = "The weather is fine today."


@pytest.fixture(scope="module")
def installed(namespace: Namespace) -> Namespace:
    """Nothing but the images is said: the weights are downloaded by each pod."""
    namespace.install()
    return namespace


def test_with_no_values_it_becomes_ready_and_answers_by_port_forward(installed: Namespace) -> None:
    with installed.forwarded() as url:
        health = until("it is healthy", lambda: healthy(url), seconds=30)
        spoken = httpx.post(f"{url}/api/tts", json={"text": TEXT, "format": "wav"}, timeout=60)
        heard = httpx.post(f"{url}/api/stt/bytes", content=spoken.content, timeout=60)
        clip = httpx.post(f"{url}/api/stt/bytes", content=CLIP.read_bytes(), timeout=60)

    assert health["upstreams"].keys() == {"asr", "tts"}
    assert "weather" in heard.json()["text"]
    assert "predecessors" in clip.json()["text"].lower()


def test_what_was_said_to_type_next_is_said(installed: Namespace) -> None:
    notes = installed.helm("get", "notes", RELEASE)

    assert f"port-forward service/{FULLNAME}-gateway 8000:8000" in notes


def test_helm_test_speaks_and_hears(installed: Namespace) -> None:
    said = installed.helm("test", RELEASE, "--timeout", "3m")

    assert said.count("Phase:          Succeeded") == 2, said
    assert installed.pods("test") == []


def test_pods_run_with_nothing_that_they_do_not_need(installed: Namespace) -> None:
    token = "import os; print(os.path.exists('/var/run/secrets/kubernetes.io'))"
    for component in ("gateway", "asr", "tts"):
        (pod,) = installed.ready_pods(component)
        python = ("exec", pod["metadata"]["name"], "-c", component, "--", "python", "-c")

        assert installed.kubectl(*python, token).strip() == "False"
        with pytest.raises(Refused, match="Read-only file system"):
            installed.kubectl(*python, "open('/opt/here', 'w')")


@pytest.fixture(scope="module")
def rolled(installed: Namespace) -> Namespace:
    """The same release with quick engines and two gateways, so that many requests meet a rollout."""
    installed.install(FAKES, PAIRS)
    return installed


def names(namespace: Namespace) -> set[str]:
    """Of all pods that serve and stay."""
    return {pod["metadata"]["name"] for name in ("gateway", "asr", "tts") for pod in namespace.ready_pods(name)}


def test_an_upgrade_and_a_rollback_lose_no_request(rolled: Namespace) -> None:
    """All three roll, twice, while requests and sockets keep coming."""
    changed = {
        "gateway": {"config": {"max_sockets": 500}},
        "asr": {"config": {"beam_size": 1}},
        "tts": {"config": {"queued_utterances": 8}},
    }
    before = names(rolled)
    with rolled.load(callers=6, kinds="speak,recognize,socket") as requests:
        until("requests are answered", lambda: len(requests()) > 20, seconds=60)
        rolled.install(FAKES, PAIRS, changed)
        until("the old pods are gone", lambda: len(rolled.pods("gateway")) == 2, seconds=60)
        after = names(rolled)
        rolled.helm("rollback", RELEASE, "--wait", "--timeout", "4m")
        until("the old pods are gone", lambda: len(rolled.pods("gateway")) == 2, seconds=60)
        counted = len(requests())
        until("requests are answered", lambda: len(requests()) > counted + 20, seconds=60)
        answered = requests()

    assert not before & after
    assert [each for each in answered if each["outcome"] != "ok"] == []
    assert {each["kind"] for each in answered} == {"speak", "recognize", "socket"}


def test_after_an_uninstall_nothing_is_left(rolled: Namespace) -> None:
    kinds = "all,configmaps,secrets,serviceaccounts,pdb,ingresses,networkpolicies,endpointslices"
    rolled.uninstall()

    def left() -> list[str]:
        items = rolled.get(kinds)["items"]
        return [
            f"{each['kind']}/{each['metadata']['name']}"
            for each in items
            if each["metadata"]["name"] not in ("kube-root-ca.crt", "default")
        ]

    until("all of it is gone", lambda: not left(), seconds=60)
